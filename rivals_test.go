package ginoidc_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-contrib/sessions/memstore"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
)

// withCookies sends a request with these Cookie lines and returns who is signed in, "" for nobody.
func (a *app) withCookies(lines ...string) string {
	r := httptest.NewRequest(http.MethodGet, appURL+"/me", nil)
	r.Header["Cookie"] = lines
	w := httptest.NewRecorder()
	a.engine.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		return ""
	}
	sub, _ := reply{w.Result(), w.Body.String()}.json(a.t)["sub"].(string)
	return sub
}

// TestSeveralSessionCookies: of several cookies of the session's name the one that opens counts, with a session in sealed
// cookies, one or many, and with one on a server. If several hold a session nobody is signed in, and a line in the log says
// so; a new sign-in, or a sign-out, ends them all, so nobody goes round in circles. Case 131.
func TestSeveralSessionCookies(t *testing.T) {
	groups := make([]string, 300)
	for i := range groups {
		groups[i] = fmt.Sprintf("group-%016d", i*7919)
	}
	for name, change := range map[string]func(*ginoidc.Config, *fakeop.Config){
		"sealed": func(*ginoidc.Config, *fakeop.Config) {},
		"sealed in parts": func(_ *ginoidc.Config, op *fakeop.Config) {
			op.Users = []fakeop.User{{Subject: "alice", Groups: groups}, {Subject: "bob", Groups: groups}}
		},
		"on a server": func(c *ginoidc.Config, _ *fakeop.Config) { c.Store = memstore.NewStore([]byte(secret)) },
	} {
		t.Run(name, func(t *testing.T) {
			a := newApp(t, change)
			alice, bob, ended := a.browser(), a.browser(), a.browser()
			for who, b := range map[string]*browser{"alice": alice, "bob": bob} {
				b.mustSignIn(who)
			}
			ended.mustSignIn("bob")
			stale := ended.cookieHeader()
			if err := a.auth.SignOutEverywhere(t.Context(), "bob"); err != nil {
				t.Fatal(err)
			}
			bob = a.browser()
			bob.mustSignIn("bob")
			ofAlice, ofBob := alice.cookieHeader(), bob.cookieHeader()
			for _, tt := range []struct {
				name, want string
				lines      []string
			}{
				{"one", "alice", []string{ofAlice}},
				{"another that does not open", "alice", []string{"__Host-ginoidc=x", ofAlice}},
				{"the same, the other way round", "alice", []string{ofAlice, "__Host-ginoidc=x; __Host-ginoidc.1=y"}},
				{"twice", "alice", []string{ofAlice + "; " + ofAlice}},
				{"one that was ended", "alice", []string{stale, ofAlice}},
				{"only one that was ended, twice", "", []string{stale, stale}},
				{"two sessions", "", []string{ofAlice, ofBob}},
				{"four cookies that do not open", "alice", []string{"__Host-ginoidc=1; __Host-ginoidc=2; __Host-ginoidc=3; __Host-ginoidc=4", ofAlice}},
			} {
				a.logs.Reset()
				if got := a.withCookies(tt.lines...); got != tt.want {
					t.Errorf("%s: %q is signed in, want %q", tt.name, got, tt.want)
				}
				if n := strings.Count(a.logs.String(), "several sessions"); (n == 1) != (tt.name == "two sessions") {
					t.Errorf("%s: log %s", tt.name, a.logs)
				}
			}

			// A sign-in with both, and then all three.
			both := a.browser()
			callback := both.start("/auth/signin", "alice")
			r := httptest.NewRequest(http.MethodGet, callback, nil)
			r.Header["Cookie"] = []string{ofAlice, ofBob, both.cookieHeader()}
			w := httptest.NewRecorder()
			a.engine.ServeHTTP(w, r)
			both.jar.SetCookies(parse(t, appURL), w.Result().Cookies())
			if w.Code != http.StatusSeeOther || a.withCookies(ofAlice, ofBob, both.cookieHeader()) != "alice" {
				t.Errorf("after a sign-in with both: %d, %q", w.Code, a.withCookies(ofAlice, ofBob, both.cookieHeader()))
			}
			if who := a.withCookies(ofAlice) + a.withCookies(ofBob); who != "" {
				t.Errorf("the sessions before live on: %q", who)
			}

			// A sign-out with two.
			alice.mustSignIn("alice")
			ofAlice, ofBoth := alice.cookieHeader(), both.cookieHeader()
			r = httptest.NewRequest(http.MethodPost, "/auth/signout", nil)
			r.Header["Cookie"] = []string{ofAlice, ofBoth}
			w = httptest.NewRecorder()
			a.engine.ServeHTTP(w, r)
			if who := a.withCookies(ofAlice) + a.withCookies(ofBoth); w.Code != http.StatusSeeOther || who != "" {
				t.Errorf("after a sign-out with two: %d, %q", w.Code, who)
			}
		})
	}
}

// TestNestedBasePaths: an app below another one's base path gets the cookies of both, with secrets of its own and with the
// same ones.
func TestNestedBasePaths(t *testing.T) {
	for name, innerSecret := range map[string]string{"other secrets": "q7Yc2WmZ5xKt9RvB4nLs8JdPf3HgTa6E", "the same secrets": secret} {
		t.Run(name, func(t *testing.T) {
			outer := newApp(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.AppURL = appURL + "/app" })
			inner := newApp(t, func(c *ginoidc.Config, op *fakeop.Config) {
				c.AppURL, c.ClientID, op.ClientID, c.CookieSecrets = appURL+"/app/sub", "inner", "inner", []string{innerSecret}
			})
			b := outer.browser() // one browser, whose cookies both get; a proxy takes the base paths off
			visit := func(a *app, base, path string) reply {
				b.app = a
				r := httptest.NewRequest(http.MethodGet, appURL+path, nil)
				for _, c := range b.jar.Cookies(parse(t, appURL+base+path)) {
					r.AddCookie(c)
				}
				for i, h := 0, navigation(); i < len(h); i += 2 {
					r.Header.Set(h[i], h[i+1])
				}
				w := httptest.NewRecorder()
				a.engine.ServeHTTP(w, r)
				b.jar.SetCookies(r.URL, w.Result().Cookies())
				return reply{w.Result(), w.Body.String()}
			}
			signIn := func(a *app, base, subject string) {
				callback, err := a.op.Approve(visit(a, base, "/auth/signin").location(), subject)
				if err != nil {
					t.Fatal(err)
				}
				if r := visit(a, base, strings.TrimPrefix(callback, appURL+base)); r.StatusCode != http.StatusSeeOther {
					t.Fatalf("callback: %d %s", r.StatusCode, r.body)
				}
			}
			who := func(a *app, base string) any {
				r := visit(a, base, "/me")
				if r.StatusCode != http.StatusOK {
					return r.StatusCode
				}
				return r.json(t)["sub"]
			}
			signIn(outer, "/app", "alice")
			if got := who(inner, "/app/sub"); got != http.StatusFound {
				t.Errorf("the outer app's session in the inner one: %v", got)
			}
			signIn(inner, "/app/sub", "bob")
			if in, out := who(inner, "/app/sub"), who(outer, "/app"); in != "bob" || out != "alice" {
				t.Errorf("inner %v, outer %v", in, out)
			}
			signIn(outer, "/app", "carol")
			if in, out := who(inner, "/app/sub"), who(outer, "/app"); in != "bob" || out != "carol" {
				t.Errorf("inner %v, outer %v", in, out)
			}
		})
	}
}
