package testapp

import (
	"log/slog"
	"maps"
	"testing"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
)

// SignedIn returns an app, and the Cookie header of a user who has signed in to it with these claims and no others. The
// session has no ID token, as if the provider had no sign-out. Nothing is logged.
func SignedIn(t testing.TB, claims map[string]any, change ...Change) (*App, string) {
	t.Helper()
	a := New(t, append([]Change{func(c *ginoidc.Config, _ *fakeop.Config) {
		c.Logger, c.KeepIDToken, c.Providers[0].SkipUserInfo = slog.New(slog.DiscardHandler), ginoidc.Never, true
	}}, change...)...)
	a.OP.OnIDToken(func(issued map[string]any) {
		for _, name := range []string{"email_verified", "organizations", "preferred_username"} {
			delete(issued, name)
		}
		maps.Copy(issued, claims)
	})
	b := a.Browser()
	b.MustSignIn("alice")
	return a, b.CookieHeader()
}
