package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"log/slog"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/events"
	"github.com/seed-d65cea4d/ginoidc/internal/pages"
)

// TestQuotedLogs: the log lines and messages that pages quote are those of the code.
func TestQuotedLogs(t *testing.T) {
	t.Chdir(root)
	code := readCode(t)
	codes := codesOf(t)
	lines := 0
	for file, page := range documents(t) {
		for _, b := range blocks(file, page, "log") {
			for line := range strings.Lines(b.text) {
				lines++
				for _, problem := range code.problems(strings.TrimSpace(line), codes) {
					t.Errorf("%s:%d: %s", file, b.line, problem)
				}
			}
		}
		if !strings.Contains(file, "troubleshooting") {
			continue
		}
		for _, m := range regexp.MustCompile(`(?m)^> (.*)$`).FindAllStringSubmatch(page, -1) {
			if !code.says(m[1]) {
				t.Errorf("%s: no page says %q", file, m[1])
			}
		}
		named := regexp.MustCompile("(?i)\\b(?:code|reason)s? `(\\w+)`(?: or `(\\w+)`)?")
		for _, m := range named.FindAllStringSubmatch(page, -1) {
			for _, name := range m[1:] {
				if name != "" && !slices.Contains(codes, name) {
					t.Errorf("%s: docs/errors.md has no code or reason %q", file, name)
				}
			}
		}
	}
	if lines < 15 {
		t.Errorf("%d lines of logs found", lines)
	}
}

// codesOf returns the codes and reasons of docs/errors.md, which TestErrorsAreDocumented compares with the code.
func codesOf(t *testing.T) (codes []string) {
	t.Helper()
	for _, m := range regexp.MustCompile("`([a-z_0-9]+)`").FindAllStringSubmatch(readFile(t, "docs/errors.md"), -1) {
		codes = append(codes, m[1])
	}
	return codes
}

// quotable is what the code can write into a log or on a page.
type quotable struct {
	texts   map[string]bool       // the strings of the code
	formats []*regexp.Regexp      // those with verbs of fmt
	levels  map[string]slog.Level // of what the package that talks to the provider reports
}

// readCode reads the strings of the plugin, and the texts of its pages, without those of tests, tools and examples.
func readCode(t *testing.T) quotable {
	t.Helper()
	found := quotable{texts: map[string]bool{}, levels: map[string]slog.Level{}}
	for _, text := range pages.Texts(pages.English) {
		found.texts[text] = true
	}
	verb := regexp.MustCompile(`%[+#]?[a-z]`)
	eachFile(t, ".go", func(name string) {
		top, _, _ := strings.Cut(name, "/")
		switch {
		case strings.HasSuffix(name, "_test.go"), slices.Contains([]string{"e2e", "bench", "example", "examples"}, top),
			path.Dir(name) == "internal/house":
			return
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if lit, ok := n.(*ast.CompositeLit); ok {
				found.addLevel(lit)
			}
			expr, ok := n.(ast.Expr)
			if !ok {
				return true
			}
			text, ok := constant(expr)
			if ok {
				found.texts[text] = true
			}
			if literal := verb.ReplaceAllString(text, ""); ok && literal != text && len(literal) > 10 {
				pattern := verb.ReplaceAllString(regexp.QuoteMeta(text), ".+")
				found.formats = append(found.formats, regexp.MustCompile(pattern))
			}
			return !ok
		})
	})
	return found
}

// addLevel adds an Event with constant Level and Text.
func (q quotable) addLevel(lit *ast.CompositeLit) {
	var level ast.Expr
	text := ""
	for _, element := range lit.Elts {
		if pair, ok := element.(*ast.KeyValueExpr); ok {
			switch key, _ := pair.Key.(*ast.Ident); {
			case key == nil:
			case key.Name == "Level":
				level = pair.Value
			case key.Name == "Text":
				text, _ = constant(pair.Value)
			}
		}
	}
	if selected, ok := level.(*ast.SelectorExpr); ok && text != "" {
		var value slog.Level
		if value.UnmarshalText([]byte(strings.TrimPrefix(selected.Sel.Name, "Level"))) == nil {
			q.levels[text] = value
		}
	}
}

// constant returns the value of a string literal, or of literals that are added.
func constant(expr ast.Expr) (string, bool) {
	switch e := expr.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		return text, err == nil && e.Kind == token.STRING
	case *ast.BinaryExpr:
		left, ok := constant(e.X)
		right, also := constant(e.Y)
		return left + right, ok && also && e.Op == token.ADD
	}
	return "", false
}

// says reports whether some string of the code has this text in it.
func (q quotable) says(text string) bool {
	for constant := range q.texts {
		if strings.Contains(constant, text) {
			return true
		}
	}
	return slices.ContainsFunc(q.formats, func(format *regexp.Regexp) bool { return format.MatchString(text) })
}

var (
	attribute = regexp.MustCompile(`(\w+)=("(?:[^"\\]|\\.)*"|\[[^]]*\]|\S+)`)
	setting   = regexp.MustCompile(`^OIDC_\w+ \(\S+\)$`) // with which a ConfigError begins
)

// problems returns what a line of a log has that the code cannot write. An ellipsis stands for anything.
func (q quotable) problems(line string, codes []string) (found []string) {
	if !strings.Contains(line, "msg=") { // an error as it is printed
		return q.missing(line)
	}
	values := map[string]string{}
	for _, m := range attribute.FindAllStringSubmatch(line, -1) {
		values[m[1]] = strings.Trim(m[2], `"`)
		if key := m[1]; key != "level" && key != "msg" && !q.texts[key] {
			found = append(found, "no log line has the key "+key)
		}
	}
	text := strings.TrimPrefix(values["msg"], "ginoidc: ")
	var level slog.Level
	if err := level.UnmarshalText([]byte(values["level"])); err != nil {
		found = append(found, err.Error())
	}
	if want, ok := q.levels[text]; ok && want != level {
		found = append(found, text+" has the level "+want.String())
	}
	if want, ok := events.Kind(text).Level(); ok && want != level {
		found = append(found, text+" has the level "+want.String())
	}
	if !q.texts[text] && !q.texts["ginoidc: "+text] {
		found = append(found, "no log line has the message "+strconv.Quote(text))
	}
	if code := values["code"]; code != "" && !slices.Contains(codes, code) {
		found = append(found, "docs/errors.md has no code "+code)
	}
	return append(found, q.missing(values["error"])...)
}

// missing returns the parts of an error, between colons and ellipses, that the code cannot write.
func (q quotable) missing(err string) (found []string) {
	for _, shown := range strings.Split(err, "…") {
		for _, part := range strings.FieldsFunc(strings.ReplaceAll(shown, ": ", "\x00"), func(r rune) bool {
			return r == 0 || r == ';'
		}) {
			if part = strings.TrimSpace(part); len(part) > 2 && !setting.MatchString(part) && !q.says(part) {
				found = append(found, "no error says "+strconv.Quote(part))
			}
		}
	}
	return found
}
