package main

import "testing"

// TestReadRows: all rows of both pages are found, each with what TestAttacks and TestSecurityRows check.
func TestReadRows(t *testing.T) {
	t.Chdir(root)
	rows, err := readRows()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, r := range rows {
		if seen[r.name] {
			t.Errorf("%s is there twice", r.name)
		}
		seen[r.name] = true
	}
	for _, name := range []string{"docs/attacks.md, 30", "docs/security.md, 3.3.4", "docs/security.md, 4.11"} {
		if !seen[name] {
			t.Errorf("%s is not found among %d rows", name, len(rows))
		}
	}
	if len(rows) < 300 {
		t.Errorf("%d rows", len(rows))
	}
}
