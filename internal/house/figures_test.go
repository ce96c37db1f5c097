package main

import (
	"os"
	"strings"
	"testing"
)

// TestFigures: the page quotes the figures of the last runs.
func TestFigures(t *testing.T) {
	t.Chdir("../..")
	want, err := quotedFigures()
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(figuresPage)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), figuresBegin+want+figuresEnd) {
		t.Errorf("%s: run go run ./internal/house report -save; it lacks\n%s", figuresPage, want)
	}
	if _, err := readEquivalents(); err != nil {
		t.Error(err)
	}
}
