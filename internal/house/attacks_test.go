package main

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// attack is a row of docs/attacks.md.
type attack struct {
	group           string
	n               int
	attack, stopped string
	files, tests    []string
	uncovered       bool
}

// attacks reads the rows of docs/attacks.md.
func attacks(t *testing.T) []attack {
	t.Helper()
	heading := regexp.MustCompile(`^## ([A-Z]\. .*)`)
	row := regexp.MustCompile(`^\| (\d+) \|(.*)\|(.*)\|(.*)\|(.*)\|$`)
	var all []attack
	var group string
	for line := range strings.Lines(readFile(t, "docs/attacks.md")) {
		line = strings.TrimSpace(line)
		if m := heading.FindStringSubmatch(line); m != nil {
			group = m[1]
		}
		m := row.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		n, err := strconv.Atoi(m[1])
		if err != nil {
			t.Fatal(err)
		}
		a := attack{n: n, attack: strings.TrimSpace(m[2]), stopped: strings.TrimSpace(m[3]), group: group}
		a.uncovered = strings.HasPrefix(a.stopped, "Not covered: ")
		a.files, a.tests = quotedIn(m[4]), quotedIn(m[5])
		all = append(all, a)
	}
	return all
}

// TestAttacks compares docs/attacks.md with the catalogue and the code: every case has one row, in its group and in
// order; every number in the code or tests has a row; the files and tests that a row names exist, and its tests name
// the case.
func TestAttacks(t *testing.T) {
	t.Chdir(root)
	rows := attacks(t)
	checkGroups(t, rows)
	named := namedCases(t)
	index := indexTests(t)
	for _, a := range rows {
		covered := len(a.files) > 0 && len(a.tests) > 0
		if a.attack == "" || a.stopped == "" || covered == a.uncovered {
			t.Errorf("case %d: the row is incomplete: %+v", a.n, a)
		}
		if _, ok := named[a.n]; ok == a.uncovered {
			t.Errorf("case %d: named in %v, and its row says %q", a.n, named[a.n], a.stopped)
		}
		checkSources(t, fmt.Sprint("case ", a.n), a.files)
		for _, test := range a.tests {
			if file, err := index.find(test); err != nil {
				t.Errorf("case %d: %v", a.n, err)
			} else if !slices.Contains(named[a.n], file) {
				t.Errorf("case %d: %s does not name it", a.n, file)
			}
		}
		delete(named, a.n)
	}
	for n, files := range named {
		t.Errorf("case %d is named in %v and has no row", n, files)
	}
}

// checkGroups compares the numbers of the rows with the catalogue.
func checkGroups(t *testing.T, rows []attack) {
	t.Helper()
	groups, err := catalogue()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string][]int{}
	for _, a := range rows {
		found[a.group] = append(found[a.group], a.n)
	}
	for _, g := range groups {
		if title := g.letter + ". " + g.title; !slices.Equal(found[title], g.cases) {
			t.Errorf("docs/attacks.md: group %q has the cases %v, want %v", title, found[title], g.cases)
		}
		delete(found, g.letter+". "+g.title)
	}
	for title := range found {
		t.Errorf("docs/attacks.md: group %q is not in the catalogue", title)
	}
}

// namedCases returns the cases that comments of all Go modules name, each with the files that do.
func namedCases(t *testing.T) map[int][]string {
	t.Helper()
	named := map[int][]string{}
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".git"):
			return filepath.SkipDir
		case strings.HasSuffix(name, ".go"):
			found, err := scan(readFile(t, name))
			for _, n := range found {
				named[n] = append(named[n], filepath.ToSlash(name))
			}
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return named
}

// caseList matches how comments name cases.
func caseList() *regexp.Regexp {
	return regexp.MustCompile(`\b[Cc]ases? (\d+(?:(?:, | and |, and |-|–)\d+)*)`)
}

// scan returns the cases named in the line comments of a file. A list may continue on the next line.
func scan(source string) ([]int, error) {
	var all []int
	for line := range strings.Lines(regexp.MustCompile(`\n[ \t]*// ?`).ReplaceAllString(source, " // ")) {
		_, comment, _ := strings.Cut(line, "//")
		comment = strings.ReplaceAll(comment, " // ", " ")
		for _, match := range caseList().FindAllStringSubmatch(comment, -1) {
			found, err := numbers(match[1])
			if err != nil {
				return nil, err
			}
			all = append(all, found...)
		}
	}
	return all, nil
}
