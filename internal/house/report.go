package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// report prints the figures of the repository as it is and those of the last runs. It writes the latter to the pages
// that quote them if save is set.
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
	fmt.Printf("attacks and faults with tests: %s\nrows of OWASP ASVS 5.0 that are met: %s\n%s\n",
		covered, required, counts)
	for _, q := range quotations() {
		text, err := q.text()
		if err != nil {
			return err
		}
		fmt.Printf("\n%s, %s:\n%s", q.page, q.name, text)
	}
	for _, page := range []string{"docs/performance.md", "docs/performance-growth.md"} { // written by the module bench
		text, err := os.ReadFile(page)
		if err != nil {
			return err
		}
		fmt.Printf("\n%s:\n\n%s", page, text)
	}
	if save {
		return quoteFigures()
	}
	return nil
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
