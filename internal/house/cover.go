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
// that they do not. It fails if the reason is not known why one of them is not reached.
func cover(save bool) error {
	blocks, err := profile()
	if err != nil {
		return err
	}
	packages, missed := map[string]coverage{}, map[string]int{}
	for _, place := range slices.Sorted(maps.Keys(blocks)) {
		b := blocks[place]
		dir := path.Dir(place)
		if forTests.MatchString(dir) || b.statements == 0 {
			continue
		}
		c := packages[dir]
		c.statements += b.statements
		c.covered += b.covered
		if packages[dir] = c; b.covered > 0 {
			continue
		}
		name, err := functionAt(place)
		if err != nil {
			return err
		}
		missed[dir+" "+name]++
		fmt.Println("not reached:", place, name)
	}
	var lines, functions bytes.Buffer
	for _, dir := range slices.Sorted(maps.Keys(packages)) {
		fmt.Fprintln(&lines, dir, packages[dir].statements, packages[dir].covered)
		fmt.Printf("%s: %s\n", dir, packages[dir])
	}
	for _, name := range slices.Sorted(maps.Keys(missed)) {
		fmt.Fprintln(&functions, name, missed[name])
	}
	if save {
		if err := errors.Join(os.WriteFile(coverageFile, lines.Bytes(), 0o644),
			os.WriteFile(uncoveredFile, functions.Bytes(), 0o644)); err != nil {
			return err
		}
	}
	if err := checkReasons(missed); err != nil || !save {
		return err
	}
	return quoteFigures()
}

// profile runs the tests and returns what they reach.
func profile() (map[string]coverage, error) {
	work, err := os.MkdirTemp("", "cover")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(work) }()
	file := filepath.Join(work, "profile")
	command := exec.Command("go", "test", "-coverpkg=./...", "-coverprofile", file, "./...")
	if out, err := command.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, out)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return readProfile(string(text))
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
	packages, err := readCoverage()
	if err != nil {
		return "", err
	}
	var all coverage
	var table strings.Builder
	table.WriteString("| package | statements | reached |\n| --- | --- | --- |\n")
	for _, p := range packages {
		all.statements, all.covered = all.statements+p.statements, all.covered+p.covered
		if p.covered < p.statements {
			fmt.Fprintf(&table, "| `%s` | %d | %.1f %% |\n", p.dir, p.statements,
				100*float64(p.covered)/float64(max(1, p.statements)))
		}
	}
	return fmt.Sprintf("The tests reach %s. These packages are not reached as a whole:\n\n%s", all, &table), nil
}

// measured is the coverage of a package.
type measured struct {
	dir string
	coverage
}

// readCoverage returns the figures of the last run.
func readCoverage() (packages []measured, err error) {
	text, err := os.ReadFile(coverageFile)
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(text)) {
		var p measured
		if _, err := fmt.Sscan(line, &p.dir, &p.statements, &p.covered); err != nil {
			return nil, fmt.Errorf("%s: %q: %w", coverageFile, line, err)
		}
		packages = append(packages, p)
	}
	return packages, nil
}
