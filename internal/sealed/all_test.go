package sealed_test

import (
	"strings"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/sealed"
)

// TestNewAll: what is sealed for one purpose opens for no other, and for that one with a purpose's own name alone.
func TestNewAll(t *testing.T) {
	secrets := []string{strings.Repeat("s", 32)}
	all, err := sealed.NewAll(secrets, "app")
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]*sealed.Text{
		"kept values": all.Kept, "landed": all.Recent, "sign-in parameters": all.Parameters, "DPoP nonce": all.Proofs,
	}
	for sealer, from := range texts {
		text := from.Seal("x", "place")
		for opener, to := range texts {
			if _, ok := to.Open(text, "place"); ok != (sealer == opener) {
				t.Errorf("%s opens %s: %v", opener, sealer, ok)
			}
		}
		if _, ok := newText(t, sealer, "app", secrets...).Open(text, "place"); !ok {
			t.Errorf("%s has keys of another purpose", sealer)
		}
	}
	if _, err := sealed.NewAll(nil, "app"); err == nil {
		t.Error("without a secret")
	}
}
