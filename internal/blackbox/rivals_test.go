package blackbox_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-contrib/sessions/memstore"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// TestSeveralSessionCookies: of several cookies with the name of the session cookie, the one that opens counts, whether
// sessions are in sealed cookies, one or several, or on a server. If more than one opens, nobody is signed in and the
// log says so. A new sign-in or a sign-out ends all of them, so there is no loop. Case 131.
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
		"on a server": func(c *ginoidc.Config,
			_ *fakeop.Config) {
			c.Store = memstore.NewStore([]byte(testapp.CookieSecret))
		},
	} {
		t.Run(name, func(t *testing.T) {
			outage := testapp.NewOutage()
			a := testapp.New(t, change, func(c *ginoidc.Config, _ *fakeop.Config) { c.State = outage })
			alice, bob, ended := a.Browser(), a.Browser(), a.Browser()
			for who, b := range map[string]*testapp.Browser{"alice": alice, "bob": bob} {
				b.MustSignIn(who)
			}
			ended.MustSignIn("bob")
			stale := ended.CookieHeader()
			if err := a.Auth.EndUserSessions(t.Context(), "bob"); err != nil {
				t.Fatal(err)
			}
			bob = a.Browser()
			bob.MustSignIn("bob")
			ofAlice, ofBob := alice.CookieHeader(), bob.CookieHeader()
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
				{"four cookies that do not open", "alice",
					[]string{"__Host-ginoidc=1; __Host-ginoidc=2; __Host-ginoidc=3; __Host-ginoidc=4", ofAlice}},
			} {
				a.Logs.Reset()
				if got := a.WhoIs(tt.lines...); got != tt.want {
					t.Errorf("%s: %q is signed in, want %q", tt.name, got, tt.want)
				}
				if n := strings.Count(a.Logs.String(), "several sessions"); (n == 1) != (tt.name == "two sessions") {
					t.Errorf("%s: log %s", tt.name, a.Logs)
				}
			}

			// Which of them counts is unknown while the state does not respond.
			outage.Begin(1)
			r := httptest.NewRequest(http.MethodGet, "/me", nil)
			r.Header["Cookie"] = []string{ofAlice, ofBob}
			w := httptest.NewRecorder()
			if a.Engine.ServeHTTP(w, r); w.Code != http.StatusServiceUnavailable {
				t.Errorf("during an outage: %d", w.Code)
			}
			outage.End()

			// A sign-in with both cookies, and then all three.
			both := a.Browser()
			callback := both.Start("/auth/signin", "alice")
			r = httptest.NewRequest(http.MethodGet, callback, nil)
			r.Header["Cookie"] = []string{ofAlice, ofBob, both.CookieHeader()}
			w = httptest.NewRecorder()
			a.Engine.ServeHTTP(w, r)
			both.Jar.SetCookies(testapp.ParseURL(t, testapp.URL), w.Result().Cookies())
			if w.Code != http.StatusSeeOther || a.WhoIs(ofAlice, ofBob, both.CookieHeader()) != "alice" {
				t.Errorf("after a sign-in with both: %d, %q", w.Code, a.WhoIs(ofAlice, ofBob, both.CookieHeader()))
			}
			if who := a.WhoIs(ofAlice) + a.WhoIs(ofBob); who != "" {
				t.Errorf("the sessions before live on: %q", who)
			}

			// A sign-out with two cookies.
			alice.MustSignIn("alice")
			ofAlice, ofBoth := alice.CookieHeader(), both.CookieHeader()
			r = httptest.NewRequest(http.MethodPost, "/auth/signout", nil)
			r.Header["Cookie"] = []string{ofAlice, ofBoth}
			w = httptest.NewRecorder()
			a.Logs.Reset()
			a.Engine.ServeHTTP(w, r)
			if n := strings.Count(a.Logs.String(), "several sessions"); n != 1 {
				t.Errorf("a sign-out with two logs them %d times: %s", n, a.Logs)
			}
			if who := a.WhoIs(ofAlice) + a.WhoIs(ofBoth); w.Code != http.StatusSeeOther || who != "" {
				t.Errorf("after a sign-out with two: %d, %q", w.Code, who)
			}
		})
	}
}

// TestNestedBasePaths: an app below the base path of another one gets the cookies of both, with its own secrets or the
// same ones.
func TestNestedBasePaths(t *testing.T) {
	for name, innerSecret := range map[string]string{"other secrets": "q7Yc2WmZ5xKt9RvB4nLs8JdPf3HgTa6E",
		"the same secrets": testapp.CookieSecret} {
		t.Run(name, func(t *testing.T) {
			outer := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.AppURL = testapp.URL + "/app" })
			inner := testapp.New(t, func(c *ginoidc.Config, op *fakeop.Config) {
				c.AppURL, c.CookieSecrets = testapp.URL+"/app/sub", []string{innerSecret}
				c.Providers[0].ClientID, op.ClientID = "inner", "inner"
			})
			b := outer.Browser() // one browser for both apps; a proxy strips the base paths
			visit := func(a *testapp.App, base, path string) testapp.Reply {
				b.App = a
				r := httptest.NewRequest(http.MethodGet, testapp.URL+path, nil)
				for _, c := range b.Jar.Cookies(testapp.ParseURL(t, testapp.URL+base+path)) {
					r.AddCookie(c)
				}
				for i, h := 0, testapp.Navigation(); i < len(h); i += 2 {
					r.Header.Set(h[i], h[i+1])
				}
				w := httptest.NewRecorder()
				a.Engine.ServeHTTP(w, r)
				b.Jar.SetCookies(r.URL, w.Result().Cookies())
				return testapp.Reply{Response: w.Result(), Body: w.Body.String()}
			}
			signIn := func(a *testapp.App, base, subject string) {
				callback, err := a.OP.Approve(visit(a, base, "/auth/signin").Location(), subject)
				if err != nil {
					t.Fatal(err)
				}
				if r := visit(a, base, strings.TrimPrefix(callback, testapp.URL+base)); r.StatusCode != http.StatusSeeOther {
					t.Fatalf("callback: %d %s", r.StatusCode, r.Body)
				}
			}
			who := func(a *testapp.App, base string) any {
				r := visit(a, base, "/me")
				if r.StatusCode != http.StatusOK {
					return r.StatusCode
				}
				return r.JSON(t)["sub"]
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
