package ginoidc_test

import (
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// TestCallbackOfAnotherInstance: an attempt that one process started can be completed by another with the same secrets.
// While that process has no metadata of the provider, the attempt is not used, and a reload completes it. Case 294.
func TestCallbackOfAnotherInstance(t *testing.T) {
	first := testapp.New(t)
	down := true
	second := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.Providers[0].Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
			if down {
				return nil, errors.New("no route to host")
			}
			return first.OP.Transport().RoundTrip(r)
		})
	})
	b := first.Browser()
	callback := b.Start("/auth/signin?return_to=/app", "alice")
	there := second.Browser()
	there.Jar = b.Jar
	if r := there.Navigate(callback); r.StatusCode != 503 || r.Header.Get("Set-Cookie") != "" {
		t.Errorf("provider unknown: %d %v", r.StatusCode, r.Header)
	}
	down = false
	time.Sleep(300 * time.Millisecond) // the first pause after a failure
	if r := there.Navigate(callback); r.Location() != "/app" || there.WhoAmI() != "alice" {
		t.Errorf("reload: %d %s", r.StatusCode, r.Body)
	}
}

// TestRefusalSpendsNothing: anyone can forge an error response, so none takes up room in the table of used attempts.
func TestRefusalSpendsNothing(t *testing.T) {
	a := testapp.New(t)
	b := a.Browser()
	callback := b.Start("/auth/signin", "alice")
	kept := b.Twin()
	refused := strings.Replace(callback, "code=", "error=access_denied&x=", 1)
	if r := b.Navigate(refused); r.StatusCode != http.StatusUnauthorized || len(b.Cookies()) != 0 {
		t.Errorf("refused: %d, cookies %q", r.StatusCode, b.Cookies())
	}
	if r := kept.Navigate(callback); r.StatusCode != http.StatusSeeOther || kept.WhoAmI() != "alice" {
		t.Errorf("with the cookie put back: %d", r.StatusCode)
	}
}

// TestSignInEnds: a sign-in returns to acceptable targets only, and with the required headers. Cases 12, 51 and 155.
func TestSignInEnds(t *testing.T) {
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.ReturnOrigins = []string{"https://shop.example.net:8443"}
	})
	for returnTo, want := range map[string]string{
		"":                                   "/",
		"/app?tab=1&x=a%20b#top":             "/app?tab=1&x=a%20b#top",
		"/a&scope=admin":                     "/a&scope=admin",
		testapp.URL + "/home":                testapp.URL + "/home",
		"https://shop.example.net:8443/cart": "https://shop.example.net:8443/cart",
		"https://shop.example.net/":          "/",
		"//evil.example":                     "/",
		"/\\evil.example":                    "/",
		"/./\\evil.example":                  "/", // case 155
		"/auth/signout":                      "/",
		"/" + strings.Repeat("a", 3000):      "/", // case 15
	} {
		b := a.Browser()
		callback := b.Start("/auth/signin?return_to="+url.QueryEscape(returnTo), "alice")
		for _, name := range b.Cookies() {
			if !strings.HasPrefix(name, "__Host-ginoidc.") {
				t.Errorf("cookie %s before the callback", name)
			}
		}
		r := b.Do("GET", callback, nil, append([]string{"Referer", "https://evil.example/", "Origin", "https://evil.example"},
			testapp.Navigation()...)...) // case 156
		if r.StatusCode != http.StatusSeeOther || r.Location() != want {
			t.Errorf("return_to %.40q: %d to %q, want %q", returnTo, r.StatusCode, r.Location(), want)
		}
		if h := r.Header; h.Get("Cache-Control") != "no-store" || h.Get("Referrer-Policy") != "no-referrer" ||
			h.Get("X-Frame-Options") != "DENY" {
			t.Errorf("headers %v", h)
		}
		if names := b.Cookies(); len(names) != 1 || names[0] != "__Host-ginoidc" || b.WhoAmI() != "alice" {
			t.Errorf("after the sign-in: cookies %v, user %q", names, b.WhoAmI())
		}
		for _, line := range r.Header["Set-Cookie"] {
			if c, _ := http.ParseSetCookie(line); c.Name == "__Host-ginoidc" &&
				(c.Path != "/" || c.Domain != "" || c.MaxAge != 43200 || !c.HttpOnly || !c.Secure ||
					c.SameSite != http.SameSiteLaxMode) { // it must stay Lax (case 147)
				t.Errorf("session cookie: %s", line[strings.Index(line, ";"):])
			}
			if len(line) > 4096 {
				t.Errorf("a cookie of %d bytes", len(line))
			}
		}
	}
}

// TestAliasHost: a callback under another host name of the app finds no cookie, and the log has that name. Case 50.
func TestAliasHost(t *testing.T) {
	a := testapp.New(t)
	b := a.Browser()
	callback := b.Start("/auth/signin", "alice")
	for _, alias := range []string{"https://alias.example.com", "http://app.example.com"} {
		if r := b.Navigate(strings.Replace(callback, testapp.URL, alias, 1)); r.StatusCode != 400 ||
			!strings.Contains(r.Body, "cookie was lost") {
			t.Errorf("%s: %d %s", alias, r.StatusCode, r.Body)
		}
	}
	logged := regexp.MustCompile(`code=attempt_missing request_id=\w+ host=alias\.example\.com `)
	if out := a.Logs.String(); !logged.MatchString(out) || a.OP.Count(fakeop.Token) != 0 {
		t.Errorf("log %s", out)
	}
}
