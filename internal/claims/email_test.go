package claims_test

import (
	"strings"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/claims"
)

// TestEmailDomain: what is not certainly one domain is none. Case 201.
func TestEmailDomain(t *testing.T) {
	for address, want := range map[string]string{
		"alice@corp.example": "corp.example", "Alice+x@Corp.EXAMPLE": "corp.example",
		"a@xn--exmple-cua.com": "xn--exmple-cua.com", "a@sub.corp.example": "sub.corp.example",
		"a@corp.example.": "corp.example.",
		"a@AZ.example":    "az.example", "a@b~c": "b~c", "a@corp.example,evil.example": "corp.example,evil.example",

		"a@corp.example@evil.example": "", "a@evil.example@corp.example": "", `"a@evil.example"@corp.example`: "",
		"@corp.example": "", "corp.example": "", "a@": "", "": "", "a@corp.example ": "", "a@ corp.example": "",
		"a@corp.example\x00": "", "a@corp.example\nevil": "", "a@corp.example\u200b": "", "a@\u0441orp.example": "",
		"a@corp.e\u212aample": "", "a@ex\u00e4mple.com": "",
	} {
		if got := claims.EmailDomain(address); got != want {
			t.Errorf("%q: %q, want %q", address, got, want)
		}
	}
}

// FuzzEmailDomain: a domain is all that comes after the only @, and nothing but visible ASCII.
func FuzzEmailDomain(f *testing.F) {
	f.Add("Alice@Corp.Example")
	f.Add("a@good.example@evil.example")
	f.Add("a@\u212aelvin.example")
	f.Fuzz(func(t *testing.T, address string) {
		domain := claims.EmailDomain(address)
		if domain == "" {
			return
		}
		user, rest, _ := strings.Cut(address, "@")
		if user == "" || strings.Count(address, "@") != 1 || len(domain) != len(rest) || strings.ToLower(rest) != domain ||
			strings.ContainsFunc(domain, func(r rune) bool { return r <= ' ' || r > '~' }) {
			t.Errorf("%q is at %q", address, domain)
		}
	})
}
