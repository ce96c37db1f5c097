package main

import (
	"strings"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/settings"
)

// TestSecret: each secret is another, and strong enough for a cookie secret.
func TestSecret(t *testing.T) {
	seen := map[string]bool{}
	for range 3 {
		status, out, errOut := called("secret")
		made := strings.TrimSuffix(out, "\n")
		if problem := settings.CheckSecret(made, 32); status != exitOK || errOut != "" || problem != "" || seen[made] {
			t.Errorf("%d %q %s: %s, twice: %v", status, made, errOut, problem, seen[made])
		}
		seen[made] = true
	}
	if status, out, errOut := called("secret", "x"); status != exitMisuse || out != "" ||
		!strings.Contains(errOut, `"x" is no flag`) {
		t.Errorf("%d %s%s", status, out, errOut)
	}
}
