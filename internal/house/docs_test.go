package main

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// documents are the pages that people read.
func documents(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	eachFile(t, ".md", func(name string) { found[name] = readFile(t, name) })
	return found
}

// block is a fenced block of a page.
type block struct {
	file, kind, text string
	line             int // of its first line
}

// blocks returns the blocks of a page whose kind is one of kinds, or all if there are no kinds.
func blocks(file, page string, kinds ...string) []block {
	var found []block
	var open *block
	for i, line := range strings.SplitAfter(page, "\n") {
		kind, fence := strings.CutPrefix(strings.TrimSpace(line), "```")
		switch {
		case fence && open == nil:
			open = &block{file: file, kind: kind, line: i + 2}
		case fence:
			if len(kinds) == 0 || slices.Contains(kinds, open.kind) {
				found = append(found, *open)
			}
			open = nil
		case open != nil:
			open.text += line
		}
	}
	return found
}

// TestReadme: README fits on one or two screens, its program is short, and a fresh machine needs two commands. The
// limits are stated in docs/architecture.md.
func TestReadme(t *testing.T) {
	t.Chdir(root)
	page := readFile(t, "README.md")
	if n := strings.Count(page, "\n"); n > 120 {
		t.Errorf("README has %d lines", n)
	}
	programs := blocks("README.md", page, "go")
	if len(programs) != 1 || !strings.HasPrefix(programs[0].text, "package main\n") ||
		strings.Count(programs[0].text, "\n") > 25 {
		t.Fatalf("README has not one complete program of at most 25 lines: %v", programs)
	}
	var commands []string
	for _, b := range blocks("README.md", page) {
		if b.kind != "go" {
			commands = append(commands, strings.Split(strings.TrimSpace(b.text), "\n")...)
		}
	}
	want := []string{"go run ./example", "go test ./..."}
	if !slices.Equal(commands, want) {
		t.Errorf("commands %q, want %q", commands, want)
	}
	goCommand := regexp.MustCompile(`\bgo (run|test|get|install|mod|build|vet) [^\n` + "`" + `]*`)
	for _, command := range goCommand.FindAllString(page, -1) {
		if !slices.Contains(want, command) {
			t.Errorf("a further command: %s", command)
		}
	}
	_, body, _ := strings.Cut(programs[0].text, "\n)\n\n")
	untilGuard, _, guarded := strings.Cut(body, ".Require")
	measured := fmt.Sprintf("%d lines from after the imports to a guarded group", 1+strings.Count(untilGuard, "\n"))
	if !guarded || !strings.Contains(readFile(t, "docs/architecture.md"), measured) {
		t.Errorf("docs/architecture.md does not say %q", measured)
	}
}

// maxPage is how many lines a page may have, so that readers find what they came for.
const maxPage = 250

// TestPageLength: no page is longer than maxPage. The catalogue of attacks is a list to look things up in.
func TestPageLength(t *testing.T) {
	t.Chdir(root)
	for name, page := range documents(t) {
		lines := strings.Count(page, "\n")
		if lines > maxPage && strings.HasPrefix(name, "docs/") && name != "docs/attacks.md" {
			t.Errorf("%s has %d lines, more than %d: split it", name, lines, maxPage)
		}
	}
}

// TestIndex: the README of each directory of docs leads to all of its pages.
func TestIndex(t *testing.T) {
	t.Chdir(root)
	pages := documents(t)
	for name := range pages {
		dir, page := path.Split(name)
		if strings.HasPrefix(name, "docs/") && page != "README.md" && !strings.Contains(pages[dir+"README.md"], "]("+page) {
			t.Errorf("no index leads to %s", name)
		}
	}
}

// TestChangelog: CHANGELOG.md has the form of Keep a Changelog: what is unreleased first, then each version with its
// date, the newest first, and below them the six kinds of changes, each once.
func TestChangelog(t *testing.T) {
	t.Chdir(root)
	kinds := []string{"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
	version := regexp.MustCompile(`^## \[(\d+\.\d+\.\d+)\] - (\d{4}-\d\d-\d\d)$`)
	last, seen := "9999-99-99", []string(nil)
	for i, m := range regexp.MustCompile(`(?m)^(##+) (.*)$`).FindAllStringSubmatch(readFile(t, "CHANGELOG.md"), -1) {
		switch line := m[0]; {
		case m[1] == "###":
			if !slices.Contains(kinds, m[2]) || slices.Contains(seen, m[2]) {
				t.Errorf("%s: not one of %q, or again", line, kinds)
			}
			seen = append(seen, m[2])
		case i == 0:
			if line != "## [Unreleased]" {
				t.Errorf("the first section is %s", line)
			}
		default:
			released := version.FindStringSubmatch(line)
			if released == nil || released[2] > last {
				t.Errorf("%s: not a version with its date, or newer than the one above", line)
			} else {
				last = released[2]
			}
			seen = nil
		}
	}
	if len(seen) == 0 {
		t.Error("no kinds of changes")
	}
}

// TestLinks: every relative link leads to a file and, after a #, to a heading; so do pages named in Go comments.
func TestLinks(t *testing.T) {
	t.Chdir(root)
	pages := documents(t)
	for _, pattern := range []string{"examples/*.md", "examples/*/*.md"} { // modules of their own
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		for _, name := range found {
			pages[name] = readFile(t, name)
		}
	}
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	for file, page := range pages {
		for _, m := range link.FindAllStringSubmatch(page, -1) {
			if strings.Contains(m[1], ":") {
				continue // another site
			}
			target, anchor, _ := strings.Cut(m[1], "#")
			if target = path.Join(path.Dir(file), target); strings.HasPrefix(m[1], "#") {
				target = file
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s: %s: %v", file, m[1], err)
			} else if anchor != "" && !slices.Contains(anchors(pages[target]), anchor) {
				t.Errorf("%s: %s has no heading #%s", file, target, anchor)
			}
		}
	}
	mention := regexp.MustCompile(`docs/[a-z-]+\.(md|txt)`)
	eachFile(t, ".go", func(name string) {
		for _, target := range mention.FindAllString(readFile(t, name), -1) {
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// anchors returns the names that the headings of a page have in links.
func anchors(page string) []string {
	var found []string
	for _, m := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(page, -1) {
		name := regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(m[1]), "")
		found = append(found, strings.ReplaceAll(name, " ", "-"))
	}
	return found
}

// TestRestIsDocumented: the dependencies of the project, and the misbehaviours of the test provider.
func TestRestIsDocumented(t *testing.T) {
	t.Chdir(root)
	page := readFile(t, "docs/architecture.md")
	modules := readFile(t, "go.mod") + readFile(t, "go.sum")
	for _, m := range regexp.MustCompile(`(?m)^\t?(\S+/\S+) v[0-9]`).FindAllStringSubmatch(modules, -1) {
		if name := strings.TrimPrefix(m[1], "github.com/"); !strings.Contains(page, "`"+name+"`") {
			t.Errorf("docs/architecture.md does not say what %s is for", m[1])
		}
	}
	page = readFile(t, "docs/testing.md")
	misbehaviours := regexp.MustCompile(`const \w+ Misbehaviour = "(.*)"`)
	for _, m := range misbehaviours.FindAllStringSubmatch(readFile(t, "docs/api.txt"), -1) {
		if !strings.Contains(page, "`"+m[1]+"`") {
			t.Errorf("docs/testing.md lacks the misbehaviour %s", m[1])
		}
	}
}

// TestConformanceIsDocumented: everything that docs/conformance.md names exists.
func TestConformanceIsDocumented(t *testing.T) {
	t.Chdir(root)
	said, _, _ := strings.Cut(readFile(t, "docs/conformance.md"), "## Left out")
	tests := readFile(t, "internal/blackbox/conformance_test.go")
	names := regexp.MustCompile("`((?:oidcc-client|fapi2)-[a-z0-9-]+|Test[A-Za-z]+)[/`]")
	for _, m := range names.FindAllStringSubmatch(said, -1) {
		name := m[1]
		if strings.HasPrefix(name, "Test") {
			name = "func " + name + "("
		}
		if !strings.Contains(tests, name) {
			t.Errorf("internal/blackbox/conformance_test.go lacks %s", name)
		}
	}
}

// TestIPSIEIsDocumented: the tests that docs/conformance.md names for the profile exist, and every row but the last has
// one.
func TestIPSIEIsDocumented(t *testing.T) {
	t.Chdir(root)
	_, said, _ := strings.Cut(readFile(t, "docs/conformance.md"), "## IPSIE SL1")
	index, rows, tested := indexTests(t), 0, 0
	for line := range strings.Lines(said) {
		cells := strings.Split(line, "|")
		if len(cells) != 5 || strings.Contains(line, "---") || strings.Contains(line, "| test |") {
			continue
		}
		rows++
		names := quotedIn(cells[3])
		tested += min(len(names), 1)
		for _, name := range names {
			if _, err := index.find(name); err != nil {
				t.Error(err)
			}
		}
	}
	if rows < 15 || tested != rows-1 {
		t.Errorf("%d rows, %d with a test", rows, tested)
	}
}
