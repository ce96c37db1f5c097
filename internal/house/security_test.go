package main

import (
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestRequirements: docs/security.md has one row for each requirement of OWASP ASVS 5.0 that concerns the plugin.
func TestRequirements(t *testing.T) {
	t.Chdir(root)
	const wanted = "3.3.1-3.3.5 3.4.3-3.4.6 3.5.1-3.5.3 3.7.2 6.8.1-6.8.4 7.1.1-7.1.3 7.2.1-7.2.4 7.3.1-7.3.2 " +
		"7.4.1-7.4.3 7.4.5 7.5.1-7.5.3 7.6.1-7.6.2 8.2 8.3.1-8.3.3 9.1.1-9.1.3 9.2.1-9.2.4 10.1.1-10.1.2 " +
		"10.2.1-10.2.3 10.3.1-10.3.5 10.5.1-10.5.5 11.3 11.4 12.1-12.3 13.2 13.3 16.2 16.3.1-16.3.4 16.4.1 16.5.1-16.5.4"
	checkNumbers(t, "## OWASP ASVS 5.0", wanted)
}

// TestPractice: docs/security.md has one row for each section of RFC 9700 that concerns a client or a resource server,
// and rows for a backend for frontend.
func TestPractice(t *testing.T) {
	t.Chdir(root)
	checkNumbers(t, "## OAuth 2.0 security (RFC 9700)", "2.1 2.1.1 2.1.2 2.2.1 2.2.2 2.3-2.6 4.1-4.17")
	if n := len(tableRows(readFile(t, securityPage), "## OAuth 2.0 for browser-based applications")); n < 9 {
		t.Errorf("%d rows on browser-based applications", n)
	}
}

// checkNumbers compares the first column of a table with the numbers wanted.
func checkNumbers(t *testing.T, heading, wanted string) {
	t.Helper()
	want, found := sections(t, wanted), []string{}
	for _, row := range tableRows(readFile(t, securityPage), heading) {
		found = append(found, sections(t, row[0])...)
	}
	for _, number := range want {
		i := slices.Index(found, number)
		if i < 0 {
			t.Errorf("%s: there is no row %s", heading, number)
			continue
		}
		found = slices.Delete(found, i, i+1)
	}
	if len(found) > 0 {
		t.Errorf("%s: superfluous or repeated: %q", heading, found)
	}
}

// sections reads a list of section numbers like "3.3.1, 3.4.3–3.4.6".
func sections(t *testing.T, list string) (all []string) {
	t.Helper()
	for _, field := range strings.FieldsFunc(list, func(r rune) bool { return r == ' ' || r == ',' }) {
		first, last, isRange := strings.Cut(strings.ReplaceAll(field, "–", "-"), "-")
		if !isRange {
			last = first
		}
		chapter, from := splitSection(t, first)
		other, to := splitSection(t, last)
		if chapter != other || from > to {
			t.Fatalf("%q is not a range of sections", field)
		}
		for n := from; n <= to; n++ {
			all = append(all, chapter+strconv.Itoa(n))
		}
	}
	return all
}

// splitSection returns "3.4." and 6 of "3.4.6".
func splitSection(t *testing.T, section string) (chapter string, n int) {
	t.Helper()
	m := regexp.MustCompile(`^((?:\d+\.)+)(\d+)$`).FindStringSubmatch(section)
	if m == nil {
		t.Fatalf("%q is not the number of a section", section)
	}
	n, err := strconv.Atoi(m[2])
	if err != nil {
		t.Fatal(err)
	}
	return m[1], n
}

// TestSecurityRows: each row of docs/security.md names source files and tests that exist, or is said to be open or the
// app's.
func TestSecurityRows(t *testing.T) {
	t.Chdir(root)
	page := readFile(t, securityPage)
	index := indexTests(t)
	for _, heading := range []string{
		"## OWASP ASVS 5.0", "## OAuth 2.0 security (RFC 9700)", "## OAuth 2.0 for browser-based applications",
	} {
		for _, row := range tableRows(page, heading) {
			n := len(row)
			if n < 4 || row[n-3] == "" {
				t.Errorf("the row is incomplete: %q", row)
				continue
			}
			files, tests := quotedIn(row[n-2]), quotedIn(row[n-1])
			open := strings.HasPrefix(row[n-3], "Open: ")
			ofApp := strings.HasPrefix(row[n-3], "the app: ") && row[n-1] == "the app" && strings.Contains(row[n-2], "](")
			if covered := len(files) > 0 && len(tests) > 0; covered == (open || ofApp) {
				t.Errorf("%s: the row is incomplete: %q", row[0], row)
			}
			checkSources(t, row[0], files)
			for _, test := range tests {
				if _, err := index.find(test); err != nil {
					t.Errorf("%s: %v", row[0], err)
				}
			}
		}
	}
}

// checkSources reports those of the files that are not source files of the repository.
func checkSources(t *testing.T, row string, files []string) {
	t.Helper()
	for _, file := range files {
		if _, err := os.Stat(file); err != nil || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			t.Errorf("%s: %s is not a source file: %v", row, file, err)
		}
	}
}
