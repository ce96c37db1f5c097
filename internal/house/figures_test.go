package main

import (
	"os"
	"strings"
	"testing"
)

// TestFigures: the pages quote the figures of the last runs.
func TestFigures(t *testing.T) {
	t.Chdir("../..")
	for _, q := range quotations() {
		page, err := os.ReadFile(q.page)
		if err != nil {
			t.Fatal(err)
		}
		want, err := q.in(string(page))
		if err != nil {
			t.Error(err)
		} else if want != string(page) {
			t.Errorf("%s: run go run ./internal/house report -save; the figures of %s are old", q.page, q.name)
		}
	}
	if _, err := readEquivalents(); err != nil {
		t.Error(err)
	}
}

// TestReadFigures: figures are found in the output of tests.
func TestReadFigures(t *testing.T) {
	got, err := readFigures(strings.NewReader("=== RUN\n    x_test.go:12: figure load: 7 sign-ins \n--- PASS: TestX\n"),
		`\bfigure (\w+): (.*\S)`)
	if err != nil || len(got) != 1 || got[0] != (figure{"load", "7 sign-ins"}) {
		t.Errorf("%q %v", got, err)
	}
}
