package main

import (
	"os"
	"regexp"
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
}

// TestEquivalents: each reason is that of a change that mutate makes to the code as it is.
func TestEquivalents(t *testing.T) {
	t.Chdir(root)
	known, err := readEquivalents()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range secured() {
		b := &build{work: t.TempDir()}
		if err := b.instrument(s.dir); err != nil {
			t.Fatal(err)
		}
		for _, m := range b.mutants {
			delete(known, m.key())
		}
	}
	for key := range known {
		t.Errorf("%s: there is no such change: %s", equivalentsFile, key)
	}
}

// TestFiguresAreKept: a page has measured times and memory only between the marks of a quotation, where no hand types
// them. docs/performance.md and docs/performance-growth.md are written as a whole, and the sizes in docs/attacks.md are
// those of attacks.
func TestFiguresAreKept(t *testing.T) {
	t.Chdir(root)
	quoted := regexp.MustCompile(`(?s)<!-- figures of .*?` + regexp.QuoteMeta(end))
	measured := regexp.MustCompile(`\d ?(?:ns|µs|ms|MB|GB)\b|\d times as (?:long|fast)|\d bytes each`)
	for name, page := range documents(t) {
		if strings.HasPrefix(name, "docs/performance") || name == "docs/attacks.md" {
			continue
		}
		page = quoted.ReplaceAllString(page, "")
		for _, b := range blocks(name, page) {
			page = strings.Replace(page, b.text, "", 1)
		}
		for line := range strings.Lines(page) {
			if found := measured.FindString(line); found != "" {
				t.Errorf("%s: %q is measured; let a test log it, and quote it: %s", name, found, line)
			}
		}
	}
}

// TestGrouped: numbers are readable, and identifiers stay what they are.
func TestGrouped(t *testing.T) {
	for text, want := range map[string]string{
		"1234567 of 999 in 20s": "1,234,567 of 999 in 20 s", "2.71828 at 60000ms": "2.71828 at 60,000 ms", "1.5µs": "1.5 µs",
		"oidcc-client-3rd-party": "oidcc-client-3rd-party", "1000 sessions": "1,000 sessions",
	} {
		if got := grouped(text); got != want {
			t.Errorf("grouped(%q) = %q, want %q", text, got, want)
		}
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
