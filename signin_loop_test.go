package ginoidc_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-contrib/sessions/memstore"
	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// goesRound goes from a guarded page to the provider, where the user is signed in, and back. It returns the first
// response that is not a redirect to the provider; ok reports whether the round was completed.
func goesRound(b *testapp.Browser, page string) (last testapp.Reply, ok bool) {
	b.App.T.Helper()
	denied := b.Navigate(page)
	if !strings.HasPrefix(denied.Location(), "/auth/signin?") {
		return denied, false
	}
	started := b.Navigate(denied.Location())
	if started.StatusCode != http.StatusFound {
		return started, false
	}
	callback, err := b.App.OP.Approve(started.Location(), "alice")
	if err != nil {
		b.App.T.Fatal(err)
	}
	last = b.Navigate(callback)
	return last, last.Location() == page
}

// TestSessionCookieThatDoesNotComeBack: a browser without the session cookie gets a page with a link, and the log has
// the cause. There is no loop.
func TestSessionCookieThatDoesNotComeBack(t *testing.T) {
	const name = "__Host-ginoidc"
	for _, tt := range []struct {
		name   string
		spoil  func(*testapp.Browser) // changes the cookies after each sign-in
		rounds int                    // sign-ins until the page
		reason string
	}{
		{"none", func(b *testapp.Browser) { b.SetCookie(name, "", "/") }, 1,
			"none came (cookie __Host-ginoidc, path /, app URL https://app.example.com, host of the request app.example.com)"},
		{"one that does not open", func(b *testapp.Browser) { b.SetCookie(name, "garbage", "/") }, 2,
			"the one that came opens no session"},
		{"two that do not open", func(b *testapp.Browser) {
			b.SetCookie(name, "garbage", "/")
			b.SetCookie(name, "older", "/auth/signin")
		}, 2, "of 2 that came none opens a session"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := testapp.New(t)
			b := a.Browser()
			for i := range tt.rounds {
				if r, ok := goesRound(b, "/me?tab=1"); !ok {
					t.Fatalf("round %d ends with %d %s", i+1, r.StatusCode, r.Body)
				}
				tt.spoil(b)
			}
			r, _ := goesRound(b, "/me?tab=1")
			if r.StatusCode != http.StatusBadRequest || !strings.Contains(r.Body, "did not send this site&#39;s cookie back") ||
				!strings.Contains(r.Body, `href="/auth/signin?return_to=%2Fme%3Ftab%3D1"`) {
				t.Fatalf("%d %s", r.StatusCode, r.Body)
			}
			if log := a.Logs.String(); !strings.Contains(log, "level=WARN") || !strings.Contains(log, "code=cookie_missing") ||
				strings.Count(log, tt.reason) != tt.rounds {
				t.Errorf("log %s", log)
			}
			if n := a.OP.Count(fakeop.Token); n != tt.rounds {
				t.Errorf("%d sign-ins", n)
			}
			b.SetCookie(name, "", "/") // the user follows the advice of the page
			b.SetCookie(name, "", "/auth/signin")
			if r := b.Navigate(b.Start("/auth/signin?return_to=%2Fme%3Ftab%3D1", "alice")); r.Location() != "/me?tab=1" ||
				b.WhoAmI() != "alice" {
				t.Errorf("the page's link: %d to %q", r.StatusCode, r.Location())
			}
		})
	}
}

// TestNobodyMissesTheCookie: a sign-in soon after another is an ordinary one if the app itself ended the session.
func TestNobodyMissesTheCookie(t *testing.T) {
	const name = "__Host-ginoidc"
	logoutToken := func(b *testapp.Browser) {
		token, err := b.App.OP.LogoutToken("alice", "", nil)
		if err != nil {
			b.App.T.Fatal(err)
		}
		if r := b.Do("POST", "/auth/backchannel-logout", strings.NewReader("logout_token="+token), "Content-Type",
			"application/x-www-form-urlencoded"); r.StatusCode != http.StatusOK {
			b.App.T.Fatalf("logout token: %d %s", r.StatusCode, r.Body)
		}
	}
	for what, then := range map[string]func(*testapp.Browser){
		"still signed in": func(*testapp.Browser) {},
		"signed out":      func(b *testapp.Browser) { b.Do("POST", "/auth/signout", nil) },
		"signed out on an instance that shares nothing": func(b *testapp.Browser) {
			other := testapp.New(b.App.T).Browser()
			other.Jar = b.Jar
			other.Do("POST", "/auth/signout", nil)
		},
		"ended by the app":              func(b *testapp.Browser) { b.Do("POST", "/destroy", nil) },
		"ended by the provider":         logoutToken,
		"ended, and its cookie deleted": func(b *testapp.Browser) { logoutToken(b); b.SetCookie(name, "", "/") },
		"ended from elsewhere": func(b *testapp.Browser) {
			if err := b.App.Auth.EndUserSessions(b.App.T.Context(), "alice"); err != nil {
				b.App.T.Error(err)
			}
			b.SetCookie(name, "", "/")
		},
		"a minute later":    func(b *testapp.Browser) { time.Sleep(time.Minute); b.SetCookie(name, "", "/") },
		"idle for too long": func(b *testapp.Browser) { time.Sleep(30 * time.Second) },
		"a mark made up": func(b *testapp.Browser) {
			b.SetCookie(name, "", "/")
			b.SetCookie("__Secure-ginoidc.landed", "x", "/auth/signin")
		},
		"all cookies deleted": func(b *testapp.Browser) { b.Jar = b.App.Browser().Jar },
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.SessionIdle = 30 * time.Second })
				a.Engine.POST("/destroy", func(c *gin.Context) {
					if err := a.Auth.EndSession(c); err != nil {
						t.Error(err)
					}
				})
				b := a.Browser()
				b.MustSignIn("alice")
				then(b)
				b.MustSignIn("alice")
				if strings.Contains(a.Logs.String(), "did not come back") {
					t.Errorf("log %s", a.Logs)
				}
			})
		})
	}
}

// TestLandedCookie: the cookie is sent to the sign-in route only, lasts for a minute and does not reveal the user.
func TestLandedCookie(t *testing.T) {
	for _, tt := range []struct{ appURL, want string }{
		{"https://app.example.com",
			"__Secure-ginoidc.landed=…; Path=/auth/signin; Max-Age=60; HttpOnly; Secure; SameSite=Lax"},
		{"https://example.com/app",
			"__Secure-ginoidc.landed=…; Path=/app/auth/signin; Max-Age=60; HttpOnly; Secure; SameSite=Lax"},
		{"http://localhost:8080", "ginoidc.landed=…; Path=/auth/signin; Max-Age=60; HttpOnly; SameSite=Lax"},
	} {
		a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
			c.AppURL, c.Store = tt.appURL, memstore.NewStore([]byte(testapp.CookieSecret))
		})
		b := a.Browser()
		started := b.Navigate("/auth/signin")
		callback, err := a.OP.Approve(started.Location(), "alice")
		if err != nil {
			t.Fatal(err)
		}
		attempt := started.Cookies()[0]
		r := a.Browser().Do("GET", "/auth/callback?"+testapp.ParseURL(t, callback).RawQuery, nil,
			append(testapp.Navigation(), "Cookie", attempt.Name+"="+attempt.Value)...)
		i := slices.IndexFunc(r.Cookies(), func(c *http.Cookie) bool { return strings.HasSuffix(c.Name, ".landed") })
		if r.StatusCode != http.StatusSeeOther || i < 0 {
			t.Fatalf("%s: %d, cookies %q", tt.appURL, r.StatusCode, r.Header["Set-Cookie"])
		}
		landed := r.Cookies()[i]
		if got := strings.Replace(landed.Raw, landed.Value, "…", 1); got != tt.want ||
			strings.Contains(landed.Value, "alice") {
			t.Errorf("%s: %s", tt.appURL, got)
		}
	}
	b := testapp.New(t).Browser()
	if r := b.Navigate(strings.Replace(b.Start("/auth/signin", "alice"), "code=", "error=access_denied&x=",
		1)); strings.Contains(strings.Join(r.Header["Set-Cookie"], ""), ".landed=") {
		t.Errorf("a sign-in that failed: %q", r.Header["Set-Cookie"])
	}
}
