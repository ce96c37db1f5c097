package main

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

const (
	module = "github.com/seed-d65cea4d/ginoidc/"

	// coverageFile has a line for each package: directory, statements, covered statements.
	coverageFile = "internal/house/figures/coverage.txt"
)

// coverage counts statements.
type coverage struct{ statements, covered int }

func (c coverage) String() string {
	return fmt.Sprintf("%.1f %%, %d of %d statements", 100*float64(c.covered)/float64(max(1, c.statements)), c.covered,
		c.statements)
}

// forTests matches the packages that only tests and this project use.
var forTests = regexp.MustCompile(`^(internal/(fakeop|faults|testapp|house|limit|timing|session/sessiontest)|cmd/.*)$`)

// cover runs the tests of the plugin, and prints how many statements of each package they reach, and where those are
// that they do not.
func cover(save bool) error {
	work, err := os.MkdirTemp("", "cover")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(work) }()
	profile := filepath.Join(work, "profile")
	command := exec.Command("go", "test", "-coverpkg=./...", "-coverprofile", profile, "./...")
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	text, err := os.ReadFile(profile)
	if err != nil {
		return err
	}
	blocks, err := readProfile(string(text))
	if err != nil {
		return err
	}
	packages := map[string]coverage{}
	for _, place := range slices.Sorted(maps.Keys(blocks)) {
		b := blocks[place]
		dir := path.Dir(place)
		if forTests.MatchString(dir) {
			continue
		}
		c := packages[dir]
		c.statements += b.statements
		c.covered += b.covered
		if packages[dir] = c; b.covered == 0 {
			fmt.Println("not reached:", place)
		}
	}
	var lines bytes.Buffer
	for _, dir := range slices.Sorted(maps.Keys(packages)) {
		fmt.Fprintln(&lines, dir, packages[dir].statements, packages[dir].covered)
		fmt.Printf("%s: %s\n", dir, packages[dir])
	}
	if !save {
		return nil
	}
	if err := os.WriteFile(coverageFile, lines.Bytes(), 0o644); err != nil {
		return err
	}
	return quoteFigures()
}

// readProfile returns the blocks of a profile by their places, such as "auth.go:12.3,15.4". Every test binary has its
// own line for a block.
func readProfile(text string) (map[string]coverage, error) {
	blocks := map[string]coverage{}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "mode: ") {
			continue
		}
		var place string
		var statements, count int
		if _, err := fmt.Sscan(line, &place, &statements, &count); err != nil {
			return nil, fmt.Errorf("%q: %w", line, err)
		}
		place = strings.TrimPrefix(place, module)
		b := blocks[place]
		if b.statements = statements; count > 0 {
			b.covered = statements
		}
		blocks[place] = b
	}
	return blocks, nil
}

// coverageFigures returns the figures as the documentation has them.
func coverageFigures() (string, error) {
	all, err := readCoverage()
	if err != nil || all.statements == 0 {
		return "", err
	}
	return fmt.Sprintf("The tests reach %s.\n", all), nil
}

// readCoverage returns the figures of the last run, all packages together.
func readCoverage() (all coverage, err error) {
	text, err := os.ReadFile(coverageFile)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return all, err
	}
	for line := range strings.Lines(string(text)) {
		var dir string
		var c coverage
		if _, err := fmt.Sscan(line, &dir, &c.statements, &c.covered); err != nil {
			return all, fmt.Errorf("%s: %q: %w", coverageFile, line, err)
		}
		all.statements, all.covered = all.statements+c.statements, all.covered+c.covered
	}
	return all, nil
}
