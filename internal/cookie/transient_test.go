package cookie_test

import (
	"slices"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/cookie"
)

// TestTransient: only what makes a browser keep a cookie is left out, and deletions stay.
func TestTransient(t *testing.T) {
	const deletion = "a=; Path=/; Expires=Thu, 01 Jan 1970 00:00:01 GMT; Max-Age=0; HttpOnly"
	got := cookie.Transient([]string{
		"a=Max-Age=1; Path=/; Expires=Sat, 28 Nov 2026 10:00:00 GMT; Max-Age=600; HttpOnly; SameSite=Lax", deletion, "b=1",
	})
	want := []string{"a=Max-Age=1; Path=/; HttpOnly; SameSite=Lax", deletion, "b=1"}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}
