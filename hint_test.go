package ginoidc_test

import (
	"bytes"
	"cmp"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/cookie"
	"github.com/gin-contrib/sessions/memstore"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// TestKeepIDTokenAuto: the ID token is kept where it costs nothing but room that is there, and a sign-in never fails for it.
func TestKeepIDTokenAuto(t *testing.T) {
	for _, tt := range []struct {
		name   string
		store  sessions.Store
		keep   string
		groups int
		hint   bool
		chunks int // cookies of the session
	}{
		{"sealed cookies", nil, "", 0, true, 1},
		{"sealed cookies, many groups", nil, "", 100, false, 1},
		{"sealed cookies, always", nil, "always", 100, true, 3},
		{"sealed cookies, never", nil, "never", 0, false, 1},
		{"a store on a server", memstore.NewStore([]byte(testapp.CookieSecret)), "", 100, true, 1},
		{"gin-contrib's cookies", cookie.NewStore([]byte(testapp.CookieSecret)), "", 0, true, 1},
		{"gin-contrib's cookies, nearly full", cookie.NewStore([]byte(testapp.CookieSecret)), "", 60, false, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var log bytes.Buffer
			a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
				c.KeepIDToken, c.Store, c.SkipUserInfo = tt.keep, tt.store, true
				c.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
			})
			a.OP.OnIDToken(func(claims map[string]any) {
				groups := []string{"staff"}
				for i := range tt.groups {
					groups = append(groups, fmt.Sprintf("a-group-of-many-%04d", i))
				}
				claims["groups"] = groups
			})
			b := a.Browser()
			b.MustSignIn("alice")
			chunks := 0
			for _, name := range b.Cookies() {
				if strings.HasPrefix(name, "__Host-ginoidc") && !strings.HasSuffix(name, ".landed") {
					chunks++
				}
			}
			if chunks != tt.chunks || b.WhoAmI() != "alice" {
				t.Errorf("%d cookies %v, and %q is signed in", chunks, b.Cookies(), b.WhoAmI())
			}
			hint := testapp.ParseURL(t, b.Do("POST", "/auth/signout", nil).Location()).Query().Get("id_token_hint")
			if (hint != "") != tt.hint {
				t.Errorf("hint of %d bytes, want one: %t", len(hint), tt.hint)
			}
			if said := strings.Contains(log.String(), "no room for the ID token"); said != (!tt.hint && tt.keep == "") {
				t.Errorf("log %s", log.String())
			}
		})
	}
}

// TestUpdateDropsTheHint where the session would otherwise need another cookie, and keeps it where there is room.
func TestUpdateDropsTheHint(t *testing.T) {
	full := map[string]int{"sealed cookies": 2300, "cookie": 1200, "filesystem": 1200} // its files have a limit as well
	for kind, store := range testapp.Stores(t) {
		for _, size := range []int{10, cmp.Or(full[kind], 5000)} {
			a := updatable(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.Store = store })
			b := a.Browser()
			b.MustSignIn("alice")
			before := len(b.Cookies())
			name := strings.Repeat("n", size)
			if r := b.Do("POST", "/name?is="+name, nil); r.StatusCode != 200 || data(b) != "alice "+name+" [admin]" || len(b.Cookies()) != before {
				t.Errorf("%s, %d more bytes: %d %s, %v", kind, size, r.StatusCode, r.Body, b.Cookies())
			}
			hint := testapp.ParseURL(t, b.Do("POST", "/auth/signout", nil).Location()).Query().Get("id_token_hint")
			if want := size == 10 || full[kind] == 0; (hint != "") != want {
				t.Errorf("%s, %d more bytes: a hint of %d bytes, want one: %t", kind, size, len(hint), want)
			}
		}
	}
}
