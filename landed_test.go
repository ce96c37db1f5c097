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
)

// setCookie puts a cookie into the browser, or takes it out with the value "".
func (b *browser) setCookie(name, value, path string) {
	cookie := &http.Cookie{Name: name, Value: value, Path: path, Secure: true}
	if value == "" {
		cookie.MaxAge = -1
	}
	b.jar.SetCookies(parse(b.app.t, appURL+path), []*http.Cookie{cookie})
}

// goesRound goes from a guarded page to the provider, which knows the user, and back, and returns the first answer that is
// no redirect to the provider; ok tells that the round was finished.
func (b *browser) goesRound(page string) (last reply, ok bool) {
	b.app.t.Helper()
	denied := b.navigate(page)
	if !strings.HasPrefix(denied.location(), "/auth/signin?") {
		return denied, false
	}
	started := b.navigate(denied.location())
	if started.StatusCode != http.StatusFound {
		return started, false
	}
	callback, err := b.app.op.Approve(started.location(), "alice")
	if err != nil {
		b.app.t.Fatal(err)
	}
	last = b.navigate(callback)
	return last, last.location() == page
}

// TestSessionCookieThatDoesNotComeBack ends in a page with a way on, and a reason in the log, and not in a loop.
func TestSessionCookieThatDoesNotComeBack(t *testing.T) {
	const name = "__Host-ginoidc"
	for _, tt := range []struct {
		name   string
		spoil  func(*browser) // what becomes of the cookies after each sign-in
		rounds int            // until the page comes
		reason string
	}{
		{"none", func(b *browser) { b.setCookie(name, "", "/") }, 1, "none came (cookie __Host-ginoidc, path /, app URL https://app.example.com, host of the request app.example.com)"},
		{"one that does not open", func(b *browser) { b.setCookie(name, "garbage", "/") }, 2, "the one that came opens no session"},
		{"two that do not open", func(b *browser) { b.setCookie(name, "garbage", "/"); b.setCookie(name, "older", "/auth/signin") }, 2, "of 2 that came none opens a session"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := newApp(t)
			b := a.browser()
			for i := range tt.rounds {
				if r, ok := b.goesRound("/me?tab=1"); !ok {
					t.Fatalf("round %d ends with %d %s", i+1, r.StatusCode, r.body)
				}
				tt.spoil(b)
			}
			r, _ := b.goesRound("/me?tab=1")
			if r.StatusCode != http.StatusBadRequest || !strings.Contains(r.body, "did not send this site&#39;s cookie back") || !strings.Contains(r.body, `href="/auth/signin?return_to=%2Fme%3Ftab%3D1"`) {
				t.Fatalf("%d %s", r.StatusCode, r.body)
			}
			if log := a.logs.String(); !strings.Contains(log, "level=WARN") || !strings.Contains(log, "code=cookie_missing") || strings.Count(log, tt.reason) != tt.rounds {
				t.Errorf("log %s", log)
			}
			if n := a.op.Count(fakeop.Token); n != tt.rounds {
				t.Errorf("%d sign-ins", n)
			}
			b.setCookie(name, "", "/") // the user does as the page says
			b.setCookie(name, "", "/auth/signin")
			if r := b.navigate(b.start("/auth/signin?return_to=%2Fme%3Ftab%3D1", "alice")); r.location() != "/me?tab=1" || b.whoami() != "alice" {
				t.Errorf("the page's link: %d to %q", r.StatusCode, r.location())
			}
		})
	}
}

// TestNobodyMissesTheCookie: a sign-in soon after another is an ordinary one wherever the cookie is not missing without
// the app's doing.
func TestNobodyMissesTheCookie(t *testing.T) {
	const name = "__Host-ginoidc"
	logoutToken := func(b *browser) {
		token, err := b.app.op.LogoutToken("alice", "", nil)
		if err != nil {
			b.app.t.Fatal(err)
		}
		if r := b.do("POST", "/auth/backchannel-logout", strings.NewReader("logout_token="+token), "Content-Type", "application/x-www-form-urlencoded"); r.StatusCode != http.StatusOK {
			b.app.t.Fatalf("logout token: %d %s", r.StatusCode, r.body)
		}
	}
	for what, then := range map[string]func(*browser){
		"still signed in": func(*browser) {},
		"signed out":      func(b *browser) { b.do("POST", "/auth/signout", nil) },
		"signed out on an instance that shares nothing": func(b *browser) {
			other := newApp(b.app.t).browser()
			other.jar = b.jar
			other.do("POST", "/auth/signout", nil)
		},
		"ended by the app":              func(b *browser) { b.do("POST", "/destroy", nil) },
		"ended by the provider":         logoutToken,
		"ended, and its cookie deleted": func(b *browser) { logoutToken(b); b.setCookie(name, "", "/") },
		"ended from elsewhere": func(b *browser) {
			if err := b.app.auth.SignOutEverywhere(b.app.t.Context(), "alice"); err != nil {
				b.app.t.Error(err)
			}
			b.setCookie(name, "", "/")
		},
		"a minute later":    func(b *browser) { time.Sleep(time.Minute); b.setCookie(name, "", "/") },
		"idle for too long": func(b *browser) { time.Sleep(30 * time.Second) },
		"a mark made up": func(b *browser) {
			b.setCookie(name, "", "/")
			b.setCookie("__Secure-ginoidc.landed", "x", "/auth/signin")
		},
		"all cookies deleted": func(b *browser) { b.jar = b.app.browser().jar },
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newApp(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.SessionIdle = 30 * time.Second })
				a.engine.POST("/destroy", func(c *gin.Context) {
					if err := a.auth.Destroy(c); err != nil {
						t.Error(err)
					}
				})
				b := a.browser()
				b.mustSignIn("alice")
				then(b)
				b.mustSignIn("alice")
				if strings.Contains(a.logs.String(), "did not come back") {
					t.Errorf("log %s", a.logs)
				}
			})
		})
	}
}

// TestLandedCookie goes to the sign-in route alone, for a minute, and names nobody.
func TestLandedCookie(t *testing.T) {
	for _, tt := range []struct{ appURL, want string }{
		{"https://app.example.com", "__Secure-ginoidc.landed=…; Path=/auth/signin; Max-Age=60; HttpOnly; Secure; SameSite=Lax"},
		{"https://example.com/app", "__Secure-ginoidc.landed=…; Path=/app/auth/signin; Max-Age=60; HttpOnly; Secure; SameSite=Lax"},
		{"http://localhost:8080", "ginoidc.landed=…; Path=/auth/signin; Max-Age=60; HttpOnly; SameSite=Lax"},
	} {
		a := newApp(t, func(c *ginoidc.Config, _ *fakeop.Config) {
			c.AppURL, c.Store = tt.appURL, memstore.NewStore([]byte(secret))
		})
		b := a.browser()
		started := b.navigate("/auth/signin")
		callback, err := a.op.Approve(started.location(), "alice")
		if err != nil {
			t.Fatal(err)
		}
		attempt := started.Cookies()[0]
		r := a.browser().do("GET", "/auth/callback?"+parse(t, callback).RawQuery, nil, append(navigation(), "Cookie", attempt.Name+"="+attempt.Value)...)
		i := slices.IndexFunc(r.Cookies(), func(c *http.Cookie) bool { return strings.HasSuffix(c.Name, ".landed") })
		if r.StatusCode != http.StatusSeeOther || i < 0 {
			t.Fatalf("%s: %d, cookies %q", tt.appURL, r.StatusCode, r.Header["Set-Cookie"])
		}
		landed := r.Cookies()[i]
		if got := strings.Replace(landed.Raw, landed.Value, "…", 1); got != tt.want || strings.Contains(landed.Value, "alice") {
			t.Errorf("%s: %s", tt.appURL, got)
		}
	}
	b := newApp(t).browser()
	if r := b.navigate(strings.Replace(b.start("/auth/signin", "alice"), "code=", "error=access_denied&x=", 1)); strings.Contains(strings.Join(r.Header["Set-Cookie"], ""), ".landed=") {
		t.Errorf("a sign-in that failed: %q", r.Header["Set-Cookie"])
	}
}
