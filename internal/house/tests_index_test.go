package main_test

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// testIndex has the files of all tests by their names.
type testIndex map[string][]string

// indexTests reads the tests of all Go modules.
func indexTests(t *testing.T) testIndex {
	t.Helper()
	index := testIndex{}
	declaration := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(\w+ \*testing\.[TF]\)`)
	for _, file := range goFiles(t) {
		if strings.HasSuffix(file, "_test.go") {
			for _, m := range declaration.FindAllStringSubmatch(readFile(t, file), -1) {
				index[m[1]] = append(index[m[1]], file)
			}
		}
	}
	return index
}

// find returns the file of a test as the pages name it: with its directory, or without if it is in the root package or
// the name occurs once. So a test can move to another room, and the pages stay true.
func (index testIndex) find(test string) (string, error) {
	dir, name := "", test
	if i := strings.LastIndex(test, "."); i >= 0 {
		dir, name = test[:i], test[i+1:]
	}
	files := index[name]
	for _, file := range files {
		if at := path.Dir(file); at == dir || at == "." && dir == "" {
			return file, nil
		}
	}
	if dir == "" && len(files) == 1 {
		return files[0], nil
	}
	return "", fmt.Errorf("no test %s, only %q", test, files)
}

func TestFindTest(t *testing.T) {
	index := testIndex{
		"TestA": {"a_test.go", "internal/x/a_test.go"}, "TestB": {"internal/x/b_test.go"},
		"TestC": {"internal/x/c_test.go", "internal/y/c_test.go"},
	}
	for test, want := range map[string]string{
		"TestA": "a_test.go", "internal/x.TestA": "internal/x/a_test.go", "internal/y.TestA": "",
		"TestB": "internal/x/b_test.go", "internal/x.TestB": "internal/x/b_test.go", "internal/y.TestB": "",
		"TestC": "", "internal/y.TestC": "internal/y/c_test.go", "TestD": "",
	} {
		if got, err := index.find(test); got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v; want %q", test, got, err, want)
		}
	}
}

// tableRows returns the cells of the rows of a table below a heading, without the first two lines.
func tableRows(page, heading string) (rows [][]string) {
	_, section, _ := strings.Cut(page, "\n"+heading+"\n")
	section, _, _ = strings.Cut(section, "\n## ")
	for line := range strings.Lines(section) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "|") {
			cells := strings.Split(strings.Trim(line, "|"), "|")
			for i := range cells {
				cells[i] = strings.TrimSpace(cells[i])
			}
			rows = append(rows, cells)
		}
	}
	return rows[min(2, len(rows)):]
}

// quotedIn returns what a cell has between backquotes.
func quotedIn(cell string) (names []string) {
	for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cell, -1) {
		names = append(names, m[1])
	}
	return slices.Clip(names)
}
