package pages_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chromedp/cdproto/network"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/e2e/browser"
)

// TestStrict: with SameSite=Strict, a sign-in ends on the page where it began, signed in, although the provider is
// another site. Links of other sites to public pages arrive signed out, those to guarded pages lead through a sign-in,
// and nothing that another site begins carries the session cookie.
func TestStrict(t *testing.T) {
	chromium := browser.Start(t)
	for _, mode := range []string{ginoidc.ResponseModeQuery, ginoidc.ResponseModeFormPost} {
		for name, at := range map[string]struct{ scheme, base string }{
			"http": {"http", ""}, "https": {"https", ""}, "base path": {"https", "/shop"},
		} {
			if mode == ginoidc.ResponseModeFormPost && at.scheme == "http" {
				continue // its attempt cookies are Secure
			}
			t.Run(mode+", "+name, func(t *testing.T) {
				var replaced atomic.Int32
				a := startApp(t, at.scheme, at.base, func(c *ginoidc.Config) {
					c.SameSite, c.Providers[0].ResponseMode = ginoidc.SameSiteStrict, mode
					c.OnSessionEnd = func(_ context.Context, e ginoidc.SessionEnd) {
						if e.Reason == ginoidc.EndedByNewSignIn {
							replaced.Add(1)
						}
					}
				})
				a.routes.GET("/one", a.auth.RequireAuth(), a.show)
				strictly(a, chromium.Profile(t))
				if n := replaced.Load(); n != 1 {
					t.Errorf("the second sign-in replaced %d sessions, want 1", n)
				}
			})
		}
	}
}

func strictly(a *app, tab *browser.Tab) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `<title>Elsewhere</title><a href="%[1]s/one?x=1">guarded</a> <a href="%[1]s/">public</a>`, a.url)
	}))
	defer elsewhere.Close()

	signIn := func(target string) { // at the provider's page
		a.Helper()
		tab.Await("the provider", func(p browser.Page) bool { return !strings.HasPrefix(p.URL, a.url) })
		tab.Click("alice")
		page := tab.Await("the page", func(p browser.Page) bool { return strings.HasPrefix(p.URL, a.url+"/one") })
		if page.URL != a.url+target || !strings.Contains(page.Text, "Alice") {
			a.Errorf("after the sign-in: %+v", page)
		}
	}
	tab.Open(a.url + "/one")
	signIn("/one")
	for _, c := range tab.Cookies("localhost") {
		if strings.HasSuffix(c.Name, "ginoidc") && c.SameSite != network.CookieSameSiteStrict {
			a.Errorf("the cookie %s is %q", c.Name, c.SameSite)
		}
	}
	if page := tab.Open(a.url + "/"); !strings.Contains(page.Text, "Alice") { // typed into the address bar
		a.Errorf("opened by the user: %+v", page)
	}

	tab.Open(elsewhere.URL)
	if page := tab.Click("public"); !strings.Contains(page.Text, "nobody") {
		a.Errorf("the link to a public page: %+v", page)
	}
	tab.Open(elsewhere.URL)
	tab.Click("guarded")
	signIn("/one?x=1")

	for page, ok := tab.Back(); ok; page, ok = tab.Back() { // the history holds no authorization code
		if strings.HasPrefix(page.URL, a.url) && strings.Contains(page.URL, "code=") {
			a.Errorf("the back button leads to %s", page.URL)
		}
	}
}
