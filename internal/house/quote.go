package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"
)

// quotation is a place in a page with figures of the last runs, between two marks.
type quotation struct {
	page, name string
	figures    func() (string, error)
}

const (
	figuresPage  = "docs/verification.md"
	securityPage = "docs/security.md"
)

func quotations() []quotation {
	return []quotation{
		{figuresPage, "changes", mutationFigures},
		{"docs/coverage.md", "coverage", coverageFigures},
		{"docs/coverage.md", "reasons", reasonFigures},
		{figuresPage, "steps", sentences("steps")},
		{figuresPage, "fuzzing", fuzzFigures},
		{figuresPage, "return targets", sentences("fuzzed")},
		{figuresPage, "timing", table("timing", "secret", "guesses of each kind", "Welch's t")},
		{figuresPage, "load", sentences("load")},
		{figuresPage, "soak", sentences("soak")},
		{"docs/conformance.md", "conformance", table("conformance", "plan", "modules", "as expected", "passed", "skipped",
			"to be reviewed")},
		{"docs/stores.md", "sizes", table("sizes", "groups", "each 12 bytes", "each 36 bytes (a UUID)")},
		{"docs/stores.md", "memory", table("memory", "what", "bytes in this process")},
		{"docs/stores.md", "Redis", table("redis", "what", "bytes in Redis")},
		{"docs/database.md", "a million sessions", table("million", "store", "sessions", "bytes a session, with indexes",
			"guarded request", "with one session")},
		{"docs/database.md", "removals", sentences("removals")},
		{"docs/rechecks.md", "cost", sentences("rechecks")},
		{"docs/rechecks.md", "Keycloak", table("keycloak", "change at Keycloak", "credential", "status", "effective after")},
		{"docs/rechecks.md", "instances", table("rechecked", "on", "times", "checks", "all requests answered within")},
		{"docs/rechecks.md", "outages", table("graced", "on", "served for", "served again after")},
		{"docs/scaling.md", "kills", table("kills", "on", "kills of each process", "requests served", "unavailable",
			"sessions lost", "crossed", "sign-outs acknowledged", "resurrected")},
		{"docs/scaling.md", "growth", growthFigures},
		{"docs/scaling.md", "regions", sentences("regions")},
	}
}

const end = "<!-- end of figures -->\n"

func (q quotation) begin() string {
	return "<!-- figures of " + q.name + ", by go run ./internal/house report -save -->\n"
}

// text returns what stands between the marks.
func (q quotation) text() (string, error) {
	figures, err := q.figures()
	return "\n" + grouped(figures) + "\n", err
}

// grouped writes the thousands of integers with commas, and units apart from their numbers.
func grouped(text string) string {
	text = regexp.MustCompile(`(\d)(ns|µs|ms|s)\b`).ReplaceAllString(text, "$1 $2")
	return regexp.MustCompile(`[\d.]*\d{4,}`).ReplaceAllStringFunc(text, func(number string) string {
		if strings.Contains(number, ".") {
			return number
		}
		for i := len(number) - 3; i > 0; i -= 3 {
			number = number[:i] + "," + number[i:]
		}
		return number
	})
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
