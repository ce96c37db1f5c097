package main

import (
	"slices"
	"strings"
	"testing"
)

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
		got, err := scan(strings.NewReader(line))
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
