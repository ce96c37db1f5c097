// Command house produces the figures of the documentation:
//
//	go run ./internal/house mutate [-save] [-own] [package...]    remove checks one by one: does a test fail?
//	go run ./internal/house rows [file...]                        do the tests of a row fail without its file's checks?
//	go run ./internal/house cover [-save]                         what the tests of the plugin do not reach
//	go run ./internal/house fuzz [-save] [-time 5m] [package...]  run each fuzz target for a while
//	go run ./internal/house keep                                  keep the figures in the output of tests, from stdin
//	go run ./internal/house report [-save]                        print the figures that the documentation quotes
//
// With -save they are kept in the repository.
//
// Its tests check the repository itself: the imports, the list of exported names, the language of comments, that the
// pages say what the code does, and that every attack they list has its test.
package main

import (
	"flag"
	"fmt"
	"os"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	command := ""
	if len(args) > 0 {
		command, args = args[0], args[1:]
	}
	flags := flag.NewFlagSet(command, flag.ContinueOnError)
	save := flags.Bool("save", false, "keep the figures in the repository")
	again := flags.Bool("again", false, "mutate only makes changes that its last run has not noticed")
	own := flags.Bool("own", false, "mutate only runs the tests of the package that it changes")
	each := flags.Duration("time", time.Minute, "how long fuzz runs each target")
	if err := flags.Parse(args); err != nil {
		return err
	}
	switch command {
	case "mutate":
		return mutate(flags.Args(), *save, *own, *again)
	case "rows":
		return proveRows(flags.Args())
	case "cover":
		return cover(*save)
	case "fuzz":
		return fuzz(*each, flags.Args(), *save)
	case "keep":
		return keep(os.Stdin)
	case "report":
		return report(*save)
	}
	return fmt.Errorf("%q is none of mutate, rows, cover, fuzz, keep and report", command)
}
