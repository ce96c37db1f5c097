package doctor_test

import (
	"context"
	"errors"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/doctor"
)

// TestApp: what is said of the app itself.
func TestApp(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*doctor.App)
		want   []string
	}{
		"nothing":         {func(*doctor.App) {}, nil},
		"below a path":    {func(a *doctor.App) { a.CookieName, a.Path = "__Secure-ginoidc", "/shop" }, nil},
		"in cookies":      {func(a *doctor.App) { a.InCookies, a.OwnState, a.Policy = true, false, "" }, nil},
		"posted by https": {func(a *doctor.App) { a.PostsBack = true }, nil},
		"plain http": {func(a *doctor.App) { a.URL, a.CookieName = "http://localhost:8080", "ginoidc" },
			[]string{"warning cookies_insecure set <AppURL>"}},
		"posted by http": {func(a *doctor.App) { a.URL, a.PostsBack = "http://localhost:8080", true },
			[]string{"warning cookies_insecure", "warning cookies_posted https"}},
		"no store": {func(a *doctor.App) { a.StoreError = errors.New("connection refused") },
			[]string{"error store_unavailable the Store"}},
		"no state": {func(a *doctor.App) { a.StateError = errors.New("connection refused") },
			[]string{"error state_unavailable the State"}},
		"less state": {func(a *doctor.App) { a.Unsupported = []string{"Lease"} },
			[]string{"warning state_incomplete SharedState"}},
		"evicts": {func(a *doctor.App) { a.Policy = "volatile-lru" }, []string{"error eviction_policy noeviction"}},
		"may evict": {func(a *doctor.App) { a.Policy, a.PolicyErr = "", errors.New("not allowed") },
			[]string{"warning eviction_unknown noeviction"}},
	} {
		a := doctor.App{
			URL: "https://app.example", CookieName: "__Host-ginoidc", Path: "/", SameSite: "lax", OwnState: true,
			Policy: "noeviction", Setting: func(field string) string { return "<" + field + ">" },
		}
		tt.change(&a)
		compare(t, name, a.Findings(), tt.want)
	}
}

// redis is a store in a Redis.
type redis struct {
	policy string
	err    error
}

func (r redis) MaxMemoryPolicy(context.Context) (string, error) { return r.policy, r.err }

// TestPolicy: of several stores, one that forgets is the answer.
func TestPolicy(t *testing.T) {
	denied := errors.New("not allowed")
	safe, unsafe, unknown := redis{policy: "noeviction"}, redis{policy: "allkeys-lru"}, redis{err: denied}
	for _, tt := range []struct {
		stores []any
		want   string
		err    error
	}{
		{nil, "", nil},
		{[]any{nil, "no Redis"}, "", nil},
		{[]any{nil, safe}, "noeviction", nil},
		{[]any{safe, unsafe}, "allkeys-lru", nil},
		{[]any{unsafe, safe}, "allkeys-lru", nil},
		{[]any{safe, unknown}, "", denied},
		{[]any{unknown, safe}, "noeviction", nil},
	} {
		if got, err := doctor.Policy(t.Context(), tt.stores...); got != tt.want || err != tt.err {
			t.Errorf("%v: %q, %v", tt.stores, got, err)
		}
	}
}
