package provider

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/timing"
)

// TestNonceTiming: the time that the claims of an ID token take does not say how much of a guessed nonce is right. The
// claims are those of a token that the provider has signed. Case 304.
func TestNonceTiming(t *testing.T) {
	p := &Provider{issuer: "https://idp.example", clientID: "app"}
	nonce := strings.Repeat("n", 8<<10) // longer than any, so that a comparison that stops early shows
	accepted := 0
	guess := func(second bool) func() {
		wrong := 0
		if second {
			wrong = len(nonce) - 1
		}
		claims := Claims{
			"iss": p.issuer, "aud": p.clientID, "sub": "alice", "iat": json.Number("1"), "exp": json.Number("2"),
			"nonce": nonce[:wrong] + "x" + nonce[wrong+1:],
		}
		check := func() error { return p.checkClaims(claims, Expect{Nonce: nonce, MaxAge: -1}) }
		if err := check(); err == nil || !strings.Contains(err.Error(), "nonce") {
			t.Fatal(err)
		}
		return func() {
			if check() == nil {
				accepted++
			}
		}
	}
	const samples = 100_000
	if value, ok := timing.Distinguishable(samples, guess); ok || accepted != 0 {
		t.Errorf("t = %.1f, %d accepted", value, accepted)
	} else {
		t.Logf("figure timing: `nonce` of an ID token | %d | %.1f", samples, value)
	}
}
