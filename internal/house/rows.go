package main

import (
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// row is a row of a table that says which tests fail without what its files do.
type row struct {
	name         string
	files, tests []string
}

// readRows returns the rows of docs/security.md and docs/attacks.md that name files and tests: their last two cells.
func readRows() (rows []row, err error) {
	for _, page := range []string{securityPage, "docs/attacks.md"} {
		text, err := os.ReadFile(page)
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(text)) {
			cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
			if n := len(cells); n >= 4 && strings.HasPrefix(line, "|") {
				r := row{page + ", " + strings.TrimSpace(cells[0]), quotedIn(cells[n-2]), quotedIn(cells[n-1])}
				if len(r.files) > 0 && len(r.tests) > 0 {
					rows = append(rows, r)
				}
			}
		}
	}
	return rows, nil
}

// proveRows looks for a change to each file of each row that one of the row's tests notices, and prints the rows
// without one: then the test does not depend on the file. names limits it to some files.
func proveRows(names []string) error {
	rows, err := readRows()
	if err != nil {
		return err
	}
	index, err := readTests()
	if err != nil {
		return err
	}
	byDir := map[string][]string{} // files of rows by their directories
	for _, r := range rows {
		for _, file := range r.files {
			if dir := path.Dir(file); len(names) == 0 || slices.Contains(names, file) {
				byDir[dir] = append(byDir[dir], file)
			}
		}
	}
	proven, all := 0, 0
	for _, dir := range slices.Sorted(maps.Keys(byDir)) {
		p, err := newProof(dir, index)
		if err != nil {
			return fmt.Errorf("%s: %w", dir, err)
		}
		for _, r := range rows {
			for _, file := range r.files {
				if !slices.Contains(byDir[dir], file) {
					continue
				}
				noticed, err := p.noticed(r, file)
				if err != nil {
					return fmt.Errorf("%s: %s: %w", r.name, file, err)
				}
				if all++; noticed {
					proven++
				} else {
					fmt.Printf("not proven: %s: %s by %s\n", r.name, file, strings.Join(r.tests, ", "))
				}
			}
		}
		_ = os.RemoveAll(p.build.work)
	}
	fmt.Printf("%d of %d files of rows: a test of the row fails when something in the file is changed\n", proven, all)
	return nil
}

// proof tries changes to the files of one package.
type proof struct {
	build  *build
	index  testIndex
	suites map[string]*suite // by directory, with the tests measured so far
}

func newProof(dir string, index testIndex) (*proof, error) {
	work, err := os.MkdirTemp("", "rows")
	if err != nil {
		return nil, err
	}
	p := &proof{&build{work: work}, index, map[string]*suite{}}
	return p, p.build.instrument(filepath.FromSlash(dir))
}

// enough is how many changes are tried with one test: the first ones are usually noticed.
const enough = 50

// noticed reports whether one of the tests of a row fails with one of the changes to the file. Tests next to the file
// come first.
func (p *proof) noticed(r row, file string) (bool, error) {
	var near, far []string
	for _, name := range r.tests {
		found, err := p.index.find(name)
		if err != nil {
			return false, err
		}
		name = name[strings.LastIndex(name, ".")+1:]
		switch dir := path.Dir(found); {
		case dir == path.Dir(file):
			near = append(near, dir+" "+name)
		case !strings.HasPrefix(dir, "e2e"): // those need more than Go
			far = append(far, dir+" "+name)
		}
	}
	for _, place := range append(near, far...) {
		dir, name, _ := strings.Cut(place, " ")
		s, t, err := p.test(dir, name)
		if err != nil {
			return false, err
		}
		reached := slices.DeleteFunc(slices.Clone(p.build.mutants), func(m mutant) bool {
			return m.file != file || !t.reaches[m.id]
		})
		for _, m := range reached[:min(enough, len(reached))] {
			if left, err := s.run([]mutant{m}); err != nil || len(left) == 0 {
				return true, err
			}
		}
	}
	return false, nil
}

// test returns a measured test, and its suite with this test alone.
func (p *proof) test(dir, name string) (*suite, test, error) {
	s := p.suites[dir]
	if s == nil {
		var err error
		if s, err = p.build.compile(filepath.FromSlash(dir), fmt.Sprintf("tests%d", len(p.suites))); err != nil {
			return nil, test{}, err
		}
		p.suites[dir] = s
	}
	i := slices.IndexFunc(s.tests, func(t test) bool { return t.name == name })
	if i < 0 {
		t, _, err := s.measure(test{name: name})
		if err != nil {
			return nil, test{}, err
		}
		s.tests, i = append(s.tests, t), len(s.tests)
	}
	alone := *s
	alone.tests = s.tests[i : i+1]
	return &alone, s.tests[i], nil
}
