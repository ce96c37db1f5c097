package main

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// secured lists the packages that decide who is signed in and what a user may do, and those whose tests are run, in
// this order, when their own tests do not notice a change.
func secured() []target {
	list := strings.Fields
	return []target{
		{"internal/seal", list("internal/attempt internal/session")},
		{"internal/returnto", list("internal/attempt .")},
		{"internal/claims", list(".")},
		{"internal/cookie", list("internal/session cookiestore internal/attempt .")},
		{"internal/revocation", list(".")},
		{"internal/web", list(". internal/authresponse")},
		{"internal/provider", list(". internal/blackbox")},
		{"internal/attempt", list(".")},
		{"internal/session", list("cookiestore .")},
		{"internal/wire", list("internal/session internal/attempt internal/provider")},
		{"internal/authresponse", list(".")},
		{"internal/refresh", list(".")},
		{"internal/marker", list(".")},
		{"internal/clientcert", list(".")},
		{"internal/dpopnonce", list(".")},
		{"internal/sealed", list(".")},
		{"internal/shared", list(". internal/refresh")},
		{"internal/origin", list("internal/provider .")},
		{"internal/directory", list(".")},
		{"internal/flight", list(". internal/provider")},
		{"internal/recheck", list(".")},
		{"internal/lograte", list("internal/blackbox")},
		{"internal/state", list("redisstate .")},
		{"internal/settings", list(".")},
		{"internal/guard", list(".")},
		{"internal/update", list(".")},
		{"internal/roster", list(".")},
		{"internal/bearer", list(".")},
		{"internal/exchange", list(".")},
		{"internal/signin", list(".")},
		{"internal/signals", list(".")},
		{"internal/reply", list(".")},
		{"internal/outcome", list(".")},
		{"internal/relyingparty", list(".")},
		{"internal/throttle", list(".")},
		{"internal/limit", list(".")},
		{"cookiestore", list("internal/session .")},
		{"memorystore", list("internal/session")},
		{"redisstate", nil},
		{"sqlstate", nil},
		{".", list("internal/blackbox internal/revocation ginoidctest")},
	}
}

type target struct {
	dir    string
	others []string
}

// mutate changes the named packages or files, or all secured packages, check by check, and prints which changes no test
// notices. The figures of whole packages are kept if save is set. With own, only the tests of the package itself run.
// With again, only the changes that the last run has not noticed are made once more.
func mutate(names []string, save, own, again bool) error {
	known, err := readEquivalents()
	if err != nil {
		return err
	}
	for _, t := range secured() {
		files := slices.DeleteFunc(slices.Clone(names), func(name string) bool {
			return !strings.HasSuffix(name, ".go") || path.Dir(name) != t.dir
		})
		whole := len(names) == 0 || slices.Contains(names, t.dir)
		if !whole && len(files) == 0 {
			continue
		}
		if whole {
			files = nil
		}
		if own {
			t.others = nil
		}
		run := func() (mutation, error) { return mutatePackage(t, files, known) }
		if again {
			run = func() (mutation, error) { return mutateAgain(t, known) }
		}
		m, err := run()
		if err != nil {
			return fmt.Errorf("%s: %w", t.dir, err)
		}
		fmt.Println(m)
		if save && whole {
			if err := saveMutation(m); err != nil {
				return err
			}
		}
	}
	if save {
		return quoteFigures()
	}
	return nil
}

// mutation is what came of the mutants of one package.
type mutation struct {
	dir                     string
	made, killed, explained int
	survivors               []mutant
}

func (m mutation) String() string {
	return fmt.Sprintf("%s: %d of %d killed, %d without effect, %d survived",
		m.dir, m.killed, m.made, m.explained, len(m.survivors))
}

// mutatePackage changes the files of a package, or all of them.
func mutatePackage(t target, files []string, known equivalents) (mutation, error) {
	work, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return mutation{}, err
	}
	defer func() { _ = os.RemoveAll(work) }()
	b := &build{work: work}
	if err := b.instrument(t.dir); err != nil {
		return mutation{}, err
	}
	left := slices.DeleteFunc(b.mutants, func(m mutant) bool { return len(files) > 0 && !slices.Contains(files, m.file) })
	return b.notice(t, left, known)
}

// mutateAgain makes those changes to a package that the last run has not noticed.
func mutateAgain(t target, known equivalents) (mutation, error) {
	work, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return mutation{}, err
	}
	defer func() { _ = os.RemoveAll(work) }()
	b := &build{work: work}
	if err := b.instrument(t.dir); err != nil {
		return mutation{}, err
	}
	all, err := readMutations()
	if err != nil {
		return mutation{}, err
	}
	i := slices.IndexFunc(all, func(m mutation) bool { return m.dir == t.dir })
	if i < 0 || all[i].made != len(b.mutants) {
		return mutation{}, errors.New("the package has changed since the last run, or there was none")
	}
	keys, err := readSurvivors()
	if err != nil {
		return mutation{}, err
	}
	left := slices.DeleteFunc(b.mutants, func(m mutant) bool { return !slices.Contains(keys, m.key()) })
	again, err := b.notice(t, left, known)
	again.made = all[i].made
	again.killed += all[i].killed
	again.explained += all[i].explained
	return again, err
}

// notice runs the tests with each of the mutants.
func (b *build) notice(t target, left []mutant, known equivalents) (mutation, error) {
	result := mutation{dir: t.dir, made: len(left)}
	for _, dir := range append([]string{t.dir}, t.others...) {
		if left = known.without(left, &result.explained); len(left) == 0 {
			break
		}
		suite, err := b.suite(dir)
		if err != nil {
			return mutation{}, fmt.Errorf("tests of %s: %w", dir, err)
		}
		before := len(left)
		if left, err = suite.run(left); err != nil {
			return mutation{}, fmt.Errorf("tests of %s: %w", dir, err)
		}
		fmt.Printf("  %s: tests of %s noticed %d of %d\n", t.dir, dir, before-len(left), before)
	}
	for _, m := range left {
		fmt.Printf("  survived, line %d: %s\n", m.line, m.key())
	}
	result.survivors = left
	result.killed = result.made - result.explained - len(left)
	return result, nil
}

// equivalents are the mutants that change nothing that a test could notice, with the reason.
type equivalents map[string]string

const equivalentsFile = "internal/house/equivalents.txt"

// readEquivalents reads lines like "internal/seal/seal.go Open: always true: k.header == x # why". Lines that begin
// with # are comments.
func readEquivalents() (equivalents, error) {
	text, err := os.ReadFile(filepath.FromSlash(equivalentsFile))
	if err != nil {
		return nil, err
	}
	known := equivalents{}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		key, reason, ok := strings.Cut(line, " # ")
		if !ok {
			return nil, fmt.Errorf("%s: no reason: %s", equivalentsFile, line)
		}
		known[key] = reason
	}
	return known, nil
}

// without returns the mutants that are not listed, and counts the others.
func (known equivalents) without(mutants []mutant, listed *int) []mutant {
	return slices.DeleteFunc(slices.Clone(mutants), func(m mutant) bool {
		_, ok := known[m.key()]
		if ok {
			*listed++
		}
		return ok
	})
}
