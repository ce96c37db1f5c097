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

// conformanceFigures returns the results of the conformance suite: for each plan how many modules it has, how many came
// out as expected, and how many the suite says that it passed, skipped and leaves to a review.
func conformanceFigures() (string, error) {
	all, err := keptFigures()
	var table strings.Builder
	table.WriteString("| plan | modules | as expected | passed | skipped | to be reviewed |\n" +
		"| --- | --- | --- | --- | --- | --- |\n")
	for _, f := range all {
		if f.name == "conformance" {
			table.WriteString("| `" + strings.Replace(strings.ReplaceAll(f.text, " ", " | "), " |", "` |", 1) + " |\n")
		}
	}
	return table.String(), err
}
