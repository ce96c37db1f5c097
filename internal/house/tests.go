package main

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// testIndex has the files of all tests by their names.
type testIndex map[string][]string

// readTests reads the tests of all Go modules.
func readTests() (testIndex, error) {
	index := testIndex{}
	declaration := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(\w+ \*testing\.[TF]\)`)
	err := filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == "node_modules" || entry.Name() == ".git"):
			return filepath.SkipDir
		case !strings.HasSuffix(name, "_test.go"):
			return nil
		}
		source, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		for _, m := range declaration.FindAllStringSubmatch(string(source), -1) {
			index[m[1]] = append(index[m[1]], filepath.ToSlash(name))
		}
		return nil
	})
	return index, err
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
