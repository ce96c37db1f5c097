// Command ginoidc helps to set an app up at its provider, and to develop it without one.
//
//	go run github.com/seed-d65cea4d/ginoidc/cmd/ginoidc@latest doctor
//
// says what works between the app and its provider, and what to change. dev-provider runs a provider for development,
// secret and key make what an app needs, and keys prints the public JWK set of the app's private keys. Exit status 1:
// the command failed, or doctor found an error; 2: the usage was wrong.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// Exit statuses.
const (
	exitOK = iota
	exitFailed
	exitMisuse
)

const usage = `usage:
  ginoidc doctor [FLAGS]                          check the configuration against its providers
  ginoidc dev-provider [FLAGS]                    run a provider without passwords, for development
  ginoidc secret                                  make a cookie secret
  ginoidc key [-alg ALG] [-kid ID] FILE           make a private key, and print its public JWK set
  ginoidc keys [-alg ALG] [-kid ID] FILE...       print the public JWK set of private keys
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run runs one command until it is done, or until ctx is, and returns the exit status.
func run(ctx context.Context, args []string, out, errOut io.Writer) int {
	commands := map[string]func(args []string) int{
		"doctor":       func(args []string) int { return doctor(ctx, args, out, errOut) },
		"dev-provider": func(args []string) int { return devProvider(ctx, args, out, errOut) },
		"secret":       func(args []string) int { return secret(args, out, errOut) },
		"key":          func(args []string) int { return key(args, out, errOut) },
		"keys":         func(args []string) int { return keys(args, out, errOut) },
	}
	switch {
	case len(args) > 0 && commands[args[0]] != nil:
		return commands[args[0]](args[1:])
	case len(args) == 1 && (args[0] == "help" || args[0] == "-h" || args[0] == "--help"):
		fmt.Fprint(out, usage)
		return exitOK
	case len(args) > 0:
		fmt.Fprintf(errOut, "ginoidc: there is no command %q\n", args[0])
	}
	fmt.Fprint(errOut, usage)
	return exitMisuse
}

// newFlags returns the flags of a command. Its messages go to errOut.
func newFlags(command string, errOut io.Writer) *flag.FlagSet {
	flags := flag.NewFlagSet("ginoidc "+command, flag.ContinueOnError)
	flags.SetOutput(errOut)
	flags.Usage = func() {
		fmt.Fprint(errOut, usage)
		flags.PrintDefaults()
	}
	return flags
}

// parse reads flags, and returns false and the exit status if there is nothing else to do.
func parse(flags *flag.FlagSet, args []string) (status int, ok bool) {
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return exitOK, false
	case err != nil:
		return exitMisuse, false
	}
	return exitOK, true
}

// parseAlone is parse for a command that takes flags and nothing else.
func parseAlone(flags *flag.FlagSet, args []string) (status int, ok bool) {
	status, ok = parse(flags, args)
	if ok && flags.NArg() > 0 {
		fmt.Fprintf(flags.Output(), "%s: %q is no flag\n", flags.Name(), flags.Arg(0))
		flags.Usage()
		return exitMisuse, false
	}
	return status, ok
}
