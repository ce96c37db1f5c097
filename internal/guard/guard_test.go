package guard_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/guard"
)

// TestDecisions: what each rule allows, and the error with which it denies.
func TestDecisions(t *testing.T) {
	groups := []string{"admin"}
	for _, test := range []struct {
		name string
		err  error
		want error // nil: allowed
		not  error // what a denial must not be, nil for any
	}{
		{"in", guard.In("any_of", groups, true), nil, nil},
		{"not in", guard.In("any_of", groups, false), guard.ErrForbidden, guard.ErrGroupsOverage},
		{"groups", guard.Groups("any_of", groups, true, false), nil, nil},
		{"no groups", guard.Groups("any_of", groups, false, false), guard.ErrForbidden, guard.ErrGroupsOverage},
		{"groups of an incomplete list", guard.Groups("any_of", groups, true, true), guard.ErrGroupsOverage, nil},
		{"an incomplete list", guard.Groups("any_of", groups, false, true), guard.ErrGroupsOverage, nil},
		{"e-mail domain", guard.EmailDomain("a@shop.example", true, []string{"b.example", "shop.example"}), nil, nil},
		{"e-mail domain, other case", guard.EmailDomain("a@SHOP.example", true, []string{"shop.example"}), nil, nil},
		{"unverified address", guard.EmailDomain("a@shop.example", false, []string{"shop.example"}),
			guard.ErrForbidden, nil},
		{"subdomain", guard.EmailDomain("a@x.shop.example", true, []string{"shop.example"}), guard.ErrForbidden, nil},
		{"no address", guard.EmailDomain("", true, []string{"shop.example"}), guard.ErrForbidden, nil},
		{"method", guard.AMR([]string{"pwd", "hwk"}, []string{"mfa", "hwk"}), nil, nil},
		{"other method", guard.AMR([]string{"pwd"}, []string{"mfa", "hwk"}), guard.ErrForbidden, nil},
		{"no method", guard.AMR(nil, []string{"mfa"}), guard.ErrForbidden, nil},
		{"scopes", guard.Scopes([]string{"a", "b", "c"}, []string{"c", "a"}), nil, nil},
		{"a scope is missing", guard.Scopes([]string{"a", "c"}, []string{"a", "b"}), guard.ErrScope, nil},
		{"no scopes", guard.Scopes(nil, []string{"a"}), guard.ErrScope, nil},
		{"person", guard.Machine(false, false), nil, nil},
		{"machine", guard.Machine(true, true), nil, nil},
		{"machine instead of a person", guard.Machine(true, false), guard.ErrForbidden, guard.ErrScope},
		{"person instead of a machine", guard.Machine(false, true), guard.ErrForbidden, guard.ErrScope},
	} {
		if !errors.Is(test.err, test.want) || test.not != nil && errors.Is(test.err, test.not) {
			t.Errorf("%s: %v", test.name, test.err)
		}
		if test.want != nil && !errors.Is(test.err, guard.ErrForbidden) {
			t.Errorf("%s: %v is no ErrForbidden", test.name, test.err)
		}
	}
}

// TestNames: the names that a guard requires are in the error for the log, and not in its text, which an app may show.
func TestNames(t *testing.T) {
	for _, err := range []error{
		guard.In("organization", []string{"acme"}, false),
		guard.Groups("organization", []string{"acme"}, true, true),
	} {
		var of *guard.NotInError
		if !errors.As(err, &of) || of.Wanted != "organization" || !slices.Equal(of.Names, []string{"acme"}) {
			t.Errorf("%+v", err)
		}
	}
	if text := guard.In("organization", []string{"acme"}, false).Error(); text != guard.ErrForbidden.Error() {
		t.Error(text)
	}
}

// TestMachine: the log says for whom the route is.
func TestMachine(t *testing.T) {
	for is, want := range map[bool]string{
		true: "the route is for people", false: "the route is for clients that act on their own behalf",
	} {
		if got := guard.Machine(is, !is).Error(); got != guard.ErrForbidden.Error()+": "+want {
			t.Error(got)
		}
	}
}

// TestForbidden: an error of the app is wrapped, and none is ErrForbidden itself.
func TestForbidden(t *testing.T) {
	own := errors.New("not your note")
	if err := guard.Forbidden(own); !errors.Is(err, guard.ErrForbidden) || !errors.Is(err, own) {
		t.Error(err)
	}
	if err := guard.Forbidden(nil); err != guard.ErrForbidden {
		t.Error(err)
	}
}

// TestScopeChallenge: the client learns which scopes to ask for.
func TestScopeChallenge(t *testing.T) {
	var of *guard.ScopeError
	if !errors.As(guard.Scopes([]string{"a"}, []string{"a", "b"}), &of) {
		t.Fatal("no ScopeError")
	}
	if got := of.Challenge(); got != `, error="insufficient_scope", scope="a b"` {
		t.Error(got)
	}
	if of.Error() != guard.ErrScope.Error() {
		t.Error(of)
	}
}
