package main

import (
	"bufio"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

const maxColumns = 120 // a tab counts as one

// words are phrases that confuse readers of Go's own documentation, with what to write instead.
var words = map[string]*regexp.Regexp{
	"no longer":               regexp.MustCompile(`\bno more\b( than)?`),
	"the user who, anyone":    regexp.MustCompile(`(?i)\bwho(m?)ever\b`),
	"tolerate, accept":        regexp.MustCompile(`(?i)\bputs? up with\b`),
	"fix":                     regexp.MustCompile(`(?i)\bmend(s|ed|ing)?\b`),
	"reports whether":         regexp.MustCompile(`(?i)\b(tells?|told) (whether|that)\b`),
	"in addition to, next to": regexp.MustCompile(`(?i)\bbesides?\b`),
	"belongs in":              regexp.MustCompile(`(?i)\bbelongs? into\b`),
}

// TestLines: no line of Go is longer than maxColumns.
func TestLines(t *testing.T) {
	t.Chdir(root)
	for _, name := range goFiles(t) {
		file, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(file)
		for n := 1; lines.Scan(); n++ {
			if columns := utf8.RuneCount(lines.Bytes()); columns > maxColumns {
				t.Errorf("%s:%d has %d columns, at most %d are wanted", name, n, columns, maxColumns)
			}
		}
		if err := lines.Err(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		_ = file.Close()
	}
}

// TestWords: no comment has one of words.
func TestWords(t *testing.T) {
	t.Chdir(root)
	for _, name := range goFiles(t) {
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, name, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, group := range file.Comments {
			for found, better := range wordsIn(group.Text()) {
				t.Errorf("%s: the comment says %q; write %q", files.Position(group.Pos()), found, better)
			}
		}
	}
}

// TestWordsOfPages: no page has one of words, except in code.
func TestWordsOfPages(t *testing.T) {
	t.Chdir(root)
	code := regexp.MustCompile("(?s)```.*?```|`[^`\n]*`")
	for name, page := range documents(t) {
		for found, better := range wordsIn(code.ReplaceAllString(page, "code")) {
			t.Errorf("%s says %q; write %q", name, found, better)
		}
	}
}

// wordsIn returns which of words a text has, and what to write instead.
func wordsIn(text string) map[string]string {
	found := map[string]string{}
	text = strings.Join(strings.Fields(text), " ") // a phrase may be wrapped
	for better, word := range words {
		if match := word.FindString(text); match != "" && !strings.HasSuffix(match, " than") {
			found[match] = better
		}
	}
	return found
}

// goFiles returns the Go files of all modules of the repository.
func goFiles(t *testing.T) (names []string) {
	t.Helper()
	err := filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == "node_modules" || len(name) > 1 && strings.HasPrefix(entry.Name(), ".")):
			return filepath.SkipDir
		case strings.HasSuffix(name, ".go"):
			names = append(names, name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(names) < 100 {
		t.Fatalf("%d Go files found", len(names))
	}
	return names
}
