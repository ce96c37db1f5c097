package main

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// mutationFile has a line for each package: directory, mutants made, killed, without effect.
const mutationFile = "internal/house/figures/mutation.txt"

// saveMutation replaces the line of a package.
func saveMutation(m mutation) error {
	all, err := readMutations()
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(old mutation) bool { return old.dir == m.dir })
	var text strings.Builder
	for _, m := range append(all, m) {
		fmt.Fprintln(&text, m.dir, m.made, m.killed, m.explained)
	}
	lines := strings.SplitAfter(text.String(), "\n")
	slices.Sort(lines)
	if err := os.MkdirAll(filepath.Dir(mutationFile), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(mutationFile, []byte(strings.Join(lines, "")), 0o644); err != nil {
		return err
	}
	return saveSurvivors(m)
}

// survivorsFile has the changes that no test noticed in the last run of their package.
const survivorsFile = "internal/house/figures/survivors.txt"

// saveSurvivors replaces the survivors of a package.
func saveSurvivors(m mutation) error {
	keys, err := readSurvivors()
	if err != nil {
		return err
	}
	keys = slices.DeleteFunc(keys, func(key string) bool {
		file, _, _ := strings.Cut(key, " ")
		return path.Dir(file) == m.dir
	})
	for _, survivor := range m.survivors {
		keys = append(keys, survivor.key())
	}
	slices.Sort(keys)
	return os.WriteFile(survivorsFile, []byte(strings.Join(append(keys, ""), "\n")), 0o644)
}

func readSurvivors() ([]string, error) {
	text, err := os.ReadFile(survivorsFile)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	return slices.DeleteFunc(strings.Split(string(text), "\n"), func(line string) bool { return line == "" }), nil
}

// readMutations returns the figures of the last run of each package.
func readMutations() (all []mutation, err error) {
	text, err := os.ReadFile(mutationFile)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(text)) {
		var m mutation
		if _, err := fmt.Sscan(line, &m.dir, &m.made, &m.killed, &m.explained); err != nil {
			return nil, fmt.Errorf("%s: %q: %w", mutationFile, line, err)
		}
		all = append(all, m)
	}
	return all, nil
}

// mutationFigures returns the figures as the documentation has them.
func mutationFigures() (string, error) {
	all, err := readMutations()
	if err != nil {
		return "", err
	}
	var table strings.Builder
	table.WriteString("| package | changes | noticed | without effect | not noticed |\n| --- | --- | --- | --- | --- |\n")
	sum := mutation{}
	row := func(name string, m mutation) {
		fmt.Fprintf(&table, "| %s | %d | %d | %d | %d |\n", name, m.made, m.killed, m.explained,
			m.made-m.killed-m.explained)
	}
	for _, m := range all {
		name := "`" + m.dir + "`"
		if m.dir == "." {
			name = "the root"
		}
		row(name, m)
		sum.made, sum.killed, sum.explained = sum.made+m.made, sum.killed+m.killed, sum.explained+m.explained
	}
	row("together", sum)
	return table.String(), nil
}
