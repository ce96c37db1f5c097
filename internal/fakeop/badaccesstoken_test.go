package fakeop_test

import (
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
)

// What is wrong with a token is wrong with it alone: all others are signed as they should be.
func TestBadAccessTokens(t *testing.T) {
	forged := map[string]bool{
		"jwk of a stranger": true, "jku of a stranger": true, "x5u of a stranger": true, "x5c of a stranger": true,
		"alg none": true, "alg None": true, "HS256 by public key": true, "stranger's key": true, "no signature": true,
		"alg twice": true, "critical header": true, "unencoded payload": true,
	}
	for _, alg := range []string{"RS256", "ES256", "EdDSA"} {
		a := newApp(t, fakeop.Config{SigningAlg: alg})
		tokens, err := a.idp.BadAccessTokens("alice", api)
		if err != nil {
			t.Fatal(err)
		}
		for name, token := range tokens {
			if len(token) > 1<<20 && name == "1 MB" {
				continue
			}
			if _, ok := a.signedPayload(token); ok == forged[name] {
				t.Errorf("%s, %s: signed %t", alg, name, ok)
			}
		}
		for name := range forged {
			if tokens[name] == "" {
				t.Errorf("no token %q", name)
			}
		}
		if len(tokens) < 36 {
			t.Errorf("%d tokens", len(tokens))
		}
	}
	a := newApp(t, fakeop.Config{})
	if _, err := a.idp.BadAccessTokens("mallory", api); err == nil {
		t.Error("tokens for nobody")
	}
	token, err := a.idp.JWT(map[string]any{"typ": "x", "kid": nil}, map[string]any{"sub": "alice"})
	if err != nil {
		t.Fatal(err)
	}
	header, claims := part(t, token, 0), part(t, token, 1)
	if header["alg"] != "RS256" || header["typ"] != "x" || len(header) != 2 ||
		claims["sub"] != "alice" || len(claims) != 1 {
		t.Errorf("%v %v", header, claims)
	}
}
