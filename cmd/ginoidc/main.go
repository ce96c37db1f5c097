// Command ginoidc helps to register an app at its provider.
//
//	go run github.com/seed-d65cea4d/ginoidc/cmd/ginoidc keys client.pem
//
// prints the public JWK set of the app's private keys. Exit status 1: a key cannot be read or made; 2: the usage was
// wrong.
package main

import (
	"fmt"
	"io"
	"os"
)

// Exit statuses.
const (
	exitOK = iota
	exitFailed
	exitMisuse
)

const usage = `usage:
  ginoidc keys [-alg ALG] [-kid ID] FILE...       print the public JWK set of private keys
  ginoidc keys -new [-alg ALG] [-kid ID] FILE     make a private key first
`

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run runs one command and returns the exit status.
func run(args []string, out, errOut io.Writer) int {
	switch {
	case len(args) > 0 && args[0] == "keys":
		return keys(args[1:], out, errOut)
	case len(args) == 1 && (args[0] == "help" || args[0] == "-h" || args[0] == "--help"):
		fmt.Fprint(out, usage)
		return exitOK
	case len(args) > 0:
		fmt.Fprintf(errOut, "ginoidc: there is no command %q\n", args[0])
	}
	fmt.Fprint(errOut, usage)
	return exitMisuse
}
