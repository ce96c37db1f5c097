package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
)

// testFigures has a line for each figure that a test has logged: "name: text".
const testFigures = "internal/house/figures/tests.txt"

// keep reads the output of tests, and replaces the figures of each name that is in it. A test logs them as lines like
// "figure load: 20,000 sign-ins".
func keep(output io.Reader) error {
	logged, err := readFigures(output, `\bfigure (\w+): (.*\S)`)
	if err != nil {
		return err
	}
	if len(logged) == 0 {
		return errors.New("there is no figure in the output; is -v missing?")
	}
	kept, err := keptFigures()
	if err != nil {
		return err
	}
	kept = slices.DeleteFunc(kept, func(old figure) bool {
		return slices.ContainsFunc(logged, func(f figure) bool { return f.name == old.name })
	})
	kept = append(kept, logged...)
	slices.SortStableFunc(kept, func(a, b figure) int { return strings.Compare(a.name, b.name) })
	var text strings.Builder
	for _, f := range kept {
		fmt.Fprintf(&text, "%s: %s\n", f.name, f.text)
	}
	if err := os.WriteFile(testFigures, []byte(text.String()), 0o644); err != nil {
		return err
	}
	return quoteFigures()
}

type figure struct{ name, text string }

func keptFigures() ([]figure, error) {
	file, err := os.Open(testFigures)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return readFigures(file, `^(\w+): (.*\S)`)
}

// readFigures returns the matches of a pattern with a name and a text, line by line.
func readFigures(r io.Reader, pattern string) (all []figure, err error) {
	line := regexp.MustCompile(pattern)
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		if m := line.FindStringSubmatch(lines.Text()); m != nil {
			all = append(all, figure{m[1], m[2]})
		}
	}
	return all, lines.Err()
}

// sentences returns what tests have logged under a name as the documentation has it: a list.
func sentences(name string) func() (string, error) {
	return func() (string, error) {
		all, err := keptFigures()
		var list strings.Builder
		for _, f := range all {
			if f.name == name {
				fmt.Fprintf(&list, "- %s\n", f.text)
			}
		}
		return list.String(), err
	}
}

// table returns what tests have logged under a name as rows of a table: lines like "figure sizes: none | 231 | 1".
func table(name string, columns ...string) func() (string, error) {
	return func() (string, error) {
		all, err := keptFigures()
		rows := []string{strings.Join(columns, " | "), strings.Repeat("--- | ", len(columns)-1) + "---"}
		for _, f := range all {
			if f.name != name {
				continue
			}
			if strings.Count(f.text, " | ") != len(columns)-1 {
				return "", fmt.Errorf("%s: a row of %s has not %d columns: %s", testFigures, name, len(columns), f.text)
			}
			rows = append(rows, f.text)
		}
		return "| " + strings.Join(rows, " |\n| ") + " |\n", err
	}
}

// cells returns the cells of the rows that tests have logged under a name.
func cells(name string) (rows [][]string, err error) {
	all, err := keptFigures()
	for _, f := range all {
		if f.name == name {
			rows = append(rows, strings.Split(f.text, " | "))
		}
	}
	return rows, err
}
