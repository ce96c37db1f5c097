package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// group is one chapter of the project's catalogue of attacks and faults. Its cases are numbers that never change their
// meaning, with gaps.
type group struct {
	letter, title string
	cases         []int
}

// catalogue returns the groups with their cases.
func catalogue() ([]group, error) {
	rows := []struct{ letter, title, cases string }{
		{"A", "Authorization request", "1-2 4-7 9-12 14-17 19"},
		{"B", "Callback", "20-22 24-27 29-32 34-37 39-42 44-47 49-51"},
		{"C", "Token response", "52 54-57 59-62 64-67 69-72 74"},
		{"D", "ID token", "75-77 79-82 84-87 89-92 94-97 99-102"},
		{"E", "UserInfo", "104-107 109-110"},
		{"F", "Discovery and JWKS", "111-112 114-117 119-122 124-127"},
		{"G", "Session cookie and session life", "129-132 134-137 139-142 144-147 149-152"},
		{"H", "Return target", "154-157 159-160"},
		{"I", "Sign-out", "161-162 164-167 169-172 174-177 179-182 184-187 189-191"},
		{"J", "Authorization checks", "192 194-197 199-202 204-207 209-212 214-217 219-220"},
		{"K", "Reverse proxy", "221-222 224-227 229-231"},
		{"L", "Provider faults", "232 234-237 239-242 244-245"},
		{"M", "Session store faults", "246-247 249-252 254-255"},
		{"N", "Keys and rotation", "256-257 259-262"},
		{"O", "Time", "264-266"},
		{"P", "Concurrency", "267 269-272 274-276"},
		{"Q", "Resource limits", "277 279-282 284-287 289"},
		{"R", "Restart and shutdown", "290-292 294-297"},
		{"S", "Logs, errors, telemetry", "299-302 304"},
		{"T", "Configuration", "305-307 309-312"},
		{"U", "Several providers", "322-332"},
		{"V", "Security events", "333-339"},
		{"W", "Re-checks", "340-346"},
		{"X", "Access tokens and other credentials of API clients", "370-386"},
	}
	groups := make([]group, 0, len(rows))
	for _, row := range rows {
		cases, err := numbers(row.cases)
		if err != nil {
			return nil, err
		}
		groups = append(groups, group{row.letter, row.title, cases})
	}
	return groups, nil
}

// numbers reads a list like "1-3 7, 9 and 11–13".
func numbers(list string) ([]int, error) {
	var all []int
	list = strings.ReplaceAll(list, "–", "-")
	for _, field := range strings.FieldsFunc(list, func(r rune) bool { return r != '-' && (r < '0' || r > '9') }) {
		from, to, isRange := strings.Cut(field, "-")
		if !isRange {
			to = from
		}
		first, err := strconv.Atoi(from)
		if err != nil {
			return nil, fmt.Errorf("case list %q: %w", list, err)
		}
		last, err := strconv.Atoi(to)
		if err != nil {
			return nil, fmt.Errorf("case list %q: %w", list, err)
		}
		for n := first; n <= last; n++ {
			all = append(all, n)
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
		{"// one CASE\n// 30, and CASEs 31,\n\t// 33.", []int{30, 31, 33}},
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
	if len(all) != 292 || !slices.IsSorted(all) || len(slices.Compact(slices.Clone(all))) != len(all) {
		t.Errorf("%d cases, want 292, each once and in order: %v", len(all), all)
	}
}
