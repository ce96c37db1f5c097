package house_test

import (
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestCases: every case that a test names is in the catalogue. With -v it prints a table by group of what is named.
func TestCases(t *testing.T) {
	groups, err := catalogue()
	if err != nil {
		t.Fatal(err)
	}
	named := namedCases(t)
	for _, g := range groups {
		var missing []int
		for _, n := range g.cases {
			if _, ok := named[n]; !ok {
				missing = append(missing, n)
			}
			delete(named, n)
		}
		t.Logf("%s %-32s %2d cases, %2d named; not: %v", g.letter, g.title, len(g.cases), len(g.cases)-len(missing), missing)
	}
	for n, file := range named { // what no group has claimed
		t.Errorf("%s names case %d, which is not in the catalogue", file, n)
	}
}

// namedCases returns the cases that tests of all modules name, each with one file that does.
func namedCases(t *testing.T) map[int]string {
	t.Helper()
	named := map[int]string{}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".git"):
			return filepath.SkipDir
		case strings.HasSuffix(path, "_test.go"):
			numbers, err := scan(readFile(t, path))
			for _, n := range numbers {
				named[n] = path
			}
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return named
}

// scan returns the cases named in the line comments of a file.
func scan(source string) ([]int, error) {
	list := regexp.MustCompile(`\b[Cc]ases? (\d+(?:(?:, | and |, and |-|–)\d+)*)`)
	var all []int
	for line := range strings.Lines(source) {
		_, comment, _ := strings.Cut(line, "//")
		for _, match := range list.FindAllStringSubmatch(comment, -1) {
			found, err := numbers(match[1])
			if err != nil {
				return nil, err
			}
			all = append(all, found...)
		}
	}
	return all, nil
}

func TestScan(t *testing.T) {
	tests := []struct {
		line string // with CASE for the word itself: this file is scanned too
		want []int
	}{
		{`{"x"}, // CASE 30`, []int{30}},
		{"\t// CASEs 29, 31 and 33-35: they share a reason", []int{29, 31, 33, 34, 35}},
		{"// CASEs 1–3", []int{1, 2, 3}},
		{"// mends it (CASE 7), see RFC 9110", []int{7}},
		{"// CASE 8, and what looks alike, CASE 9.", []int{8, 9}},
		{"// in this CASE, 200 is right", nil},
		{"// in CASE of doubt", nil},
		{"CASE 30:", nil},
	}
	for _, test := range tests {
		line := strings.ReplaceAll(test.line, "CASE", "case")
		got, err := scan(line)
		if err != nil || !slices.Equal(got, test.want) {
			t.Errorf("scan(%q) = %v, %v; want %v", line, got, err, test.want)
		}
	}
}

func TestCatalogue(t *testing.T) {
	groups, err := catalogue()
	if err != nil {
		t.Fatal(err)
	}
	var all []int
	for _, g := range groups {
		all = append(all, g.cases...)
	}
	if len(all) != 250 || !slices.IsSorted(all) || len(slices.Compact(slices.Clone(all))) != len(all) {
		t.Errorf("%d cases, want 250, each once and in order: %v", len(all), all)
	}
}
