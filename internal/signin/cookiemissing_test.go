package signin_test

import (
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/signin"
)

// TestLoops: without a cookie another sign-in would end the same way. A cookie that opens no session gets a second try.
func TestLoops(t *testing.T) {
	for came, want := range []bool{true, false, false} {
		e := &signin.CookieMissingError{Came: came}
		if e.Loops(false) != want || !e.Loops(true) {
			t.Errorf("%d cookies: %t, and %t the second time", came, e.Loops(false), e.Loops(true))
		}
	}
}
