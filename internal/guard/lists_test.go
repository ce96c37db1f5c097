package guard_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/guard"
)

// TestLists: which lists a guard can decide by. An empty one, as after a missing variable, is none of them. Case
// 194.
func TestLists(t *testing.T) {
	for _, test := range []struct {
		name  string
		check func([]string) error
		list  []string
		want  string // "": accepted
	}{
		{"groups", guard.CheckGroups, []string{"admin", "two words"}, ""},
		{"groups", guard.CheckGroups, nil, "needs at least one group"},
		{"groups", guard.CheckGroups, []string{"admin", ""}, "was given an empty group"},
		{"groups", guard.CheckGroups, []string{" \t"}, "was given an empty group"},
		{"scopes", guard.CheckScopes, []string{"read:things"}, ""},
		{"scopes", guard.CheckScopes, nil, "needs scopes that are single words"},
		{"scopes", guard.CheckScopes, []string{"a", "b c"}, "needs scopes that are single words"},
		{"scopes", guard.CheckScopes, []string{`a"`}, "needs scopes that are single words"},
		{"ACR", guard.CheckACR, []string{"urn:mfa", "urn:phr"}, ""},
		{"ACR", guard.CheckACR, nil, "needs values that are single words"},
		{"ACR", guard.CheckACR, []string{""}, "needs values that are single words"},
		{"ACR", guard.CheckACR, []string{strings.Repeat("a", 256)}, ""},
		{"ACR", guard.CheckACR, []string{strings.Repeat("a", 257)}, "was given too many values"},
		{"AMR", guard.CheckAMR, []string{"hwk"}, ""},
		{"AMR", guard.CheckAMR, nil, "needs authentication methods"},
		{"AMR", guard.CheckAMR, []string{"hwk", ""}, "needs authentication methods"},
	} {
		got := ""
		if err := test.check(test.list); err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%s %q: %q", test.name, test.list, got)
		}
	}
}

// TestDomains: domains are compared in one form, and one that no address can have is refused.
func TestDomains(t *testing.T) {
	if got, err := guard.Domains([]string{"Shop.Example", "b.example"}); err != nil ||
		!slices.Equal(got, []string{"shop.example", "b.example"}) {
		t.Error(got, err)
	}
	for _, refused := range [][]string{nil, {"a.example", "@b.example"}, {""}, {"not a domain"}} {
		if got, err := guard.Domains(refused); err == nil {
			t.Errorf("%q: %q", refused, got)
		}
	}
}

// TestLabel: the name of a guard says what it requires.
func TestLabel(t *testing.T) {
	if got := guard.Label("RequireGroups", "admin", "audit"); got != "RequireGroups(admin, audit)" {
		t.Error(got)
	}
}
