package provider_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

// FuzzCheckProof: no text makes CheckProof panic, and none is accepted that was not signed with the key of the token.
func FuzzCheckProof(f *testing.F) {
	p := provider.New(provider.Config{Issuer: "https://idp.example", ClientID: "app", ClockTolerance: time.Minute})
	of := provider.ProvenRequest{
		Method: "GET", URL: "https://app.example.com/me", AccessToken: "token", JKT: strings.Repeat("A", 43),
	}
	f.Add("")
	f.Add("a.b.c")
	f.Add("eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7fX0.e30.AA")
	f.Add("eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwiY3J2IjoiUC0yNTYiLCJ4IjoiIiwieSI6IiJ9fQ" +
		".e30.AA")
	f.Fuzz(func(t *testing.T, proof string) {
		if _, _, err := p.CheckProof(proof, of); !errors.Is(err, provider.ErrBadProof) {
			t.Errorf("%q: %v", proof, err)
		}
	})
}
