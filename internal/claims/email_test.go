package claims_test

import (
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
