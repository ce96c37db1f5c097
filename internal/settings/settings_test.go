package settings_test

import (
	"strings"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/settings"
)

func TestCheckText(t *testing.T) {
	for _, test := range []struct{ text, problem string }{
		{"", ""}, {"a b", ""}, {`a"b`, ""}, {`"ab`, ""}, {"'a\"", ""}, {"ä", ""}, {`"`, ""},
		{"a\n", "has a control or invisible character"}, {"a\x00b", "has a control or invisible character"},
		{"a\u200bb", "has a control or invisible character"}, {"\ufeffa", "has a control or invisible character"},
		{" a", "has a blank at its beginning or end"}, {"a\u00a0", "has a blank at its beginning or end"},
		{`"a"`, "is in quotes"}, {"'a'", "is in quotes"}, {"``", "is in quotes"}, {"\u201ca\u201d", "is in quotes"},
		{"\u2018a\u2019", "is in quotes"},
	} {
		problem, fix := settings.CheckText(test.text)
		if problem != test.problem || (fix == "") != (problem == "") {
			t.Errorf("%q: %q, fix %q; want %q", test.text, problem, fix, test.problem)
		}
	}
}

func TestCheckSecret(t *testing.T) {
	for _, test := range []struct{ secret, problem string }{
		{"Zk3v9QmX7rT1pLw8sYb2Nc5HdGf0UjAe", ""},
		{"Zk3v9QmX7rT1pLw8sYb2Nc5HdGf0UjA", "has 31 bytes instead of at least 32"},
		{strings.Repeat("correcthorse", 3), "repeats itself"},
		{strings.Repeat("abcdefghijklm", 3)[:35], "repeats itself"}, // the last repetition is cut
		{strings.Repeat("\x00", 32), "repeats itself"},
		{"aabbabababbbaabababbabaabbabcbabab", "has no variety"},
		{"aabbababcdefgaabababbabaabbabcbabab", "has no variety"}, {"aabbababcdefghaabababbabaabbabcbabab", ""},
	} {
		if problem := settings.CheckSecret(test.secret, 32); problem != test.problem {
			t.Errorf("%q: %q, want %q", test.secret, problem, test.problem)
		}
	}
}

func TestNames(t *testing.T) {
	for name, want := range map[string]bool{
		"a": true, "shop-2_x": true, strings.Repeat("a", 64): true, strings.Repeat("a", 65): false, "": false,
		"__Host-a": false, "-a": false, "a b": false, "a=": false, "ä": false, "a\n": false,
	} {
		if settings.IsCookieName(name) != want {
			t.Errorf("%q is a cookie name: %v", name, !want)
		}
	}
	for scope, want := range map[string]bool{
		"openid": true, "https://api.example/read": true, "!#[]~": true, "": false, "a b": false, `a"b`: false, `a\b`: false,
		"a\n": false, "ä": false,
	} {
		if settings.IsScopeToken(scope) != want {
			t.Errorf("%q is a scope: %v", scope, !want)
		}
	}
	for name, want := range map[string]bool{
		"Client-Cert": true, "X_1": true, "": false, "a b": false, "a:": false, "a\n": false, "ä": false,
	} {
		if settings.IsFieldName(name) != want {
			t.Errorf("%q is the name of a header: %v", name, !want)
		}
	}
}

// TestSigningAlgs: neither list has an algorithm that anyone but the provider could sign with.
func TestSigningAlgs(t *testing.T) {
	for _, algs := range [][]string{settings.SigningAlgs(), settings.FAPI2Algs()} {
		for _, alg := range algs {
			if alg == "none" || strings.HasPrefix(alg, "HS") {
				t.Errorf("%s is accepted", alg)
			}
		}
		if len(algs) == 0 {
			t.Error("no algorithm is accepted")
		}
	}
}
