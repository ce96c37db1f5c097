package main

import (
	"fmt"
	"os"
	"strings"
)

// quotation is a place in a page with figures of the last runs, between two marks.
type quotation struct {
	page, name string
	figures    func() (string, error)
}

const figuresPage = "docs/security.md"

func quotations() []quotation {
	return []quotation{
		{figuresPage, "changes", mutationFigures},
		{figuresPage, "coverage", coverageFigures},
		{figuresPage, "steps", sentences("steps")},
		{figuresPage, "fuzzing", fuzzFigures},
		{figuresPage, "return targets", sentences("fuzzed")},
		{figuresPage, "load", sentences("load")},
		{"docs/conformance.md", "conformance", conformanceFigures},
	}
}

const end = "<!-- end of figures -->\n"

func (q quotation) begin() string {
	return "<!-- figures of " + q.name + ", by go run ./internal/house report -save -->\n"
}

// text returns what stands between the marks.
func (q quotation) text() (string, error) {
	figures, err := q.figures()
	return "\n" + figures + "\n", err
}

// in returns the page with the figures.
func (q quotation) in(page string) (string, error) {
	before, after, ok := strings.Cut(page, q.begin())
	_, after, closed := strings.Cut(after, end)
	if !ok || !closed {
		return "", fmt.Errorf("%s has no place for figures of %s: %s", q.page, q.name, q.begin())
	}
	text, err := q.text()
	return before + q.begin() + text + end + after, err
}

// quoteFigures writes the figures of the last runs to the pages that quote them.
func quoteFigures() error {
	for _, q := range quotations() {
		page, err := os.ReadFile(q.page)
		if err != nil {
			return err
		}
		quoted, err := q.in(string(page))
		if err != nil {
			return err
		}
		if err := os.WriteFile(q.page, []byte(quoted), 0o644); err != nil {
			return err
		}
	}
	return nil
}
