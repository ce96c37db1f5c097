package protocol_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/network"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/e2e/browser"
	"github.com/seed-d65cea4d/ginoidc/e2e/start"
)

// case 44: the provider's page posts the response from another site (127.0.0.1) to the app (localhost), in a browser
// that sends only SameSite=None cookies with such a request.
func TestFormPost(t *testing.T) {
	provider := start.RunOpenProvider(t, "")
	chromium := browser.Start(t)
	for _, mode := range []string{"form_post", "form_post.jwt"} {
		t.Run(mode, func(t *testing.T) {
			a := startApp(t, provider, nil, func(c *ginoidc.Config) { c.Providers[0].ResponseMode = mode })
			tab := chromium.Profile(t)
			tab.Open(a.url + "/news") // which tries to sign in without a page; the provider says no
			a.posted(t, tab, "/news", "nobody")

			tab = chromium.Profile(t)
			tab.Open(a.url + "/me")
			attempts := tab.Cookies("localhost")
			if len(attempts) != 1 || attempts[0].SameSite != network.CookieSameSiteNone || !attempts[0].Secure {
				t.Fatalf("cookies of an attempt: %+v", attempts)
			}
			tab.Click("alice")
			a.posted(t, tab, "/me", "alice")
			session := a.session(t, tab)

			// The session's cookie is not sent with the POST, and that session is replaced nevertheless.
			tab.Open(a.url + "/auth/signin?return_to=/me&prompt=login")
			tab.Click("alice")
			a.posted(t, tab, "/me", "alice")
			if status := a.statusWith(t, a.session(t, tab)); status != http.StatusOK {
				t.Errorf("the new session: %d", status)
			}
			if status := a.statusWith(t, session); status != http.StatusUnauthorized {
				t.Errorf("a copy of the first session's cookie still opens it: %d", status)
			}
		})
	}
}

// posted waits for a page of the app, which the browser reached by one POST from the provider's page.
func (a *app) posted(t *testing.T, tab *browser.Tab, path, text string) {
	t.Helper()
	tab.Await(path+" for "+text, func(p browser.Page) bool { return p.URL == a.url+path && p.Text == text })
	answer := <-a.answers
	if answer.Method != http.MethodPost || answer.URL.RawQuery != "" ||
		answer.Header.Get("Sec-Fetch-Site") != "cross-site" {
		t.Errorf("the answer came by %s %s from %q", answer.Method, answer.URL, answer.Header.Get("Sec-Fetch-Site"))
	}
	if sent := answer.Cookies(); len(sent) != 1 || !strings.HasPrefix(sent[0].Name, "ginoidc.") {
		t.Errorf("cookies of the POST: %s, want the attempt's only", sent)
	}
}

// session returns the only remaining cookie, apart from the one that checks it at the sign-in route.
func (a *app) session(t *testing.T, tab *browser.Tab) string {
	t.Helper()
	cookies := slices.DeleteFunc(tab.Cookies("localhost"), func(c *network.Cookie) bool {
		return c.Name == "ginoidc.landed" && c.Path == "/auth/signin"
	})
	if len(cookies) != 1 || cookies[0].Name != "ginoidc" || cookies[0].SameSite != network.CookieSameSiteLax {
		t.Fatalf("cookies of a session: %+v", cookies)
	}
	return cookies[0].Value
}

// statusWith requests a page with only a session's cookie.
func (a *app) statusWith(t *testing.T, session string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.url+"/me", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.AddCookie(&http.Cookie{Name: "ginoidc", Value: session})
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}
