package ginoidc_test

import (
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// TestBearerChallenges: a request without credentials gets the challenges of all schemes that the app accepts, and a
// provider that is down does not refuse a token.
func TestBearerChallenges(t *testing.T) {
	a := newAPI(t)
	r := a.Browser().Fetch("/me")
	challenges := r.Header["Www-Authenticate"]
	if r.StatusCode != 401 || len(challenges) != 2 || challenges[1] != `Bearer realm="https://app.example.com"` {
		t.Errorf("%d %q", r.StatusCode, challenges)
	}
	if r := a.Browser().Navigate("/me"); r.StatusCode != http.StatusFound {
		t.Errorf("a page: %d", r.StatusCode)
	}
	var lines []string // of a log handler that asks for the user while the token is being checked
	down := newAPI(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.Logger = slog.New(asking{&lines}) })
	token, err := down.OP.AccessToken("alice", api)
	if err != nil {
		t.Fatal(err)
	}
	down.OP.Intercept(fakeop.JWKS, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	r = down.Browser().Do(http.MethodGet, "/me", nil, "Authorization", "Bearer "+token)
	if r.StatusCode != http.StatusServiceUnavailable || r.Header.Get("Retry-After") == "" || len(lines) == 0 {
		t.Errorf("provider away: %d %s", r.StatusCode, r.Body)
	}
	off := testapp.New(t)
	if r := off.Browser().Do(http.MethodGet, "/me", nil, "Authorization", "Bearer "+token); r.StatusCode != 401 ||
		strings.Contains(r.Header.Get("Www-Authenticate"), "Bearer") {
		t.Errorf("without an audience: %d %q", r.StatusCode, r.Header["Www-Authenticate"])
	}
}
