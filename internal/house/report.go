package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// The page that quotes the figures of the last runs, between two marks.
const (
	figuresPage  = "docs/security.md"
	figuresBegin = "<!-- figures: go run ./internal/house report -save -->\n"
	figuresEnd   = "<!-- end of figures -->\n"
)

// report prints the figures of the repository as it is and those of the last runs. It writes the latter to the page
// that quotes them if save is set.
func report(save bool) error {
	counts, err := countTests()
	if err != nil {
		return err
	}
	covered, err := countRows("docs/attacks.md", `(?m)^\| \d+ \|`, `Not covered: `)
	if err != nil {
		return err
	}
	required, err := countRows("docs/security.md", `(?m)^\| \d+\.[\d., –]+ \| [123–]+ \|`, `\| Open: `)
	if err != nil {
		return err
	}
	quoted, err := quotedFigures()
	if err != nil {
		return err
	}
	fmt.Printf("attacks and faults with tests: %s\nrows of OWASP ASVS 5.0 that are met: %s\n%s\n\n%s",
		covered, required, counts, quoted)
	if save {
		return quoteFigures()
	}
	return nil
}

// quoteFigures writes the figures of the last runs to the page that quotes them.
func quoteFigures() error {
	quoted, err := quotedFigures()
	if err != nil {
		return err
	}
	page, err := os.ReadFile(figuresPage)
	if err != nil {
		return err
	}
	before, after, ok := strings.Cut(string(page), figuresBegin)
	_, after, closed := strings.Cut(after, figuresEnd)
	if !ok || !closed {
		return fmt.Errorf("%s has no place for figures", figuresPage)
	}
	return os.WriteFile(figuresPage, []byte(before+figuresBegin+quoted+figuresEnd+after), 0o644)
}

// quotedFigures returns the figures of the last runs, as the page has them.
func quotedFigures() (string, error) {
	mutations, err := readMutations()
	if err != nil {
		return "", err
	}
	covered, err := readCoverage()
	if err != nil {
		return "", err
	}
	quoted := "\n" + mutationTable(mutations) + "\n"
	if covered.statements > 0 {
		quoted += fmt.Sprintf("The tests reach %s.\n\n", covered)
	}
	return quoted, nil
}

// countRows counts the rows of a table, and those that do not match without.
func countRows(page, row, without string) (string, error) {
	text, err := os.ReadFile(page)
	if err != nil {
		return "", err
	}
	all, met := 0, 0
	begins, missing := regexp.MustCompile(row), regexp.MustCompile(without)
	for line := range strings.Lines(string(text)) {
		if begins.MatchString(line) {
			all++
			if !missing.MatchString(line) {
				met++
			}
		}
	}
	return fmt.Sprintf("%d of %d", met, all), nil
}

// countTests counts the tests of all modules.
func countTests() (string, error) {
	tests, fuzz, examples := 0, 0, 0
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
		for _, m := range regexp.MustCompile(`(?m)^func (Test|Fuzz|Example)\w*\(`).FindAllStringSubmatch(string(source), -1) {
			switch m[1] {
			case "Test":
				tests++
			case "Fuzz":
				fuzz++
			case "Example":
				examples++
			}
		}
		return nil
	})
	return fmt.Sprintf("%d tests, %d fuzz targets, %d examples", tests, fuzz, examples), err
}
