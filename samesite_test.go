package ginoidc_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// strictly is an app whose session cookie is SameSite=Strict.
func strictly(c *ginoidc.Config, _ *fakeop.Config) { c.SameSite = ginoidc.SameSiteStrict }

// fromElsewhere opens a page of the app as a link of another site does, or a redirect of the provider: without the
// cookies that are SameSite=Strict.
func fromElsewhere(b *testapp.Browser, target string) testapp.Reply {
	b.App.T.Helper()
	lax := b.App.Browser()
	u := testapp.ParseURL(b.App.T, testapp.URL+"/auth/signin")
	for _, c := range b.Jar.Cookies(u) {
		if c.Name != "__Host-ginoidc" && !strings.HasSuffix(c.Name, ".landed") {
			lax.SetCookie(c.Name, c.Value, "/")
		}
	}
	r := lax.Do(http.MethodGet, target, nil, "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document",
		"Sec-Fetch-Site", "cross-site", "Accept", "text/html")
	b.Jar.SetCookies(u, r.Cookies())
	return r
}

// goesTo returns the address that a page of the plugin opens by itself, or "".
func goesTo(r testapp.Reply) string {
	_, address, _ := strings.Cut(r.Header.Get("Refresh"), "0;url=")
	return address
}

// TestStrictCookie: the cookies of the session are Strict, those of an attempt have to come with the provider's
// redirect. The callback responds with a page that opens the return target, as a navigation of the app
// (case 147).
func TestStrictCookie(t *testing.T) {
	for _, mode := range []string{"query", "form_post"} {
		a := testapp.New(t, strictly, func(c *ginoidc.Config, _ *fakeop.Config) { c.Providers[0].ResponseMode = mode })
		b := a.Browser()
		started := b.Navigate("/auth/signin?return_to=/me?x=1%26y")
		for _, line := range started.Header["Set-Cookie"] {
			if strings.Contains(line, "SameSite=Strict") {
				t.Errorf("%s: the callback would come without %s", mode, line)
			}
		}
		callback, err := a.OP.Approve(started.Location(), "alice")
		if err != nil {
			t.Fatal(err)
		}
		r := b.Callback(callback)
		if r.StatusCode != http.StatusOK || goesTo(r) != "/me?x=1&y" || r.Header.Get("Cache-Control") != "no-store" ||
			r.Location() != "" || !strings.Contains(r.Body, `href="/me?x=1&amp;y"`) {
			t.Errorf("%s: callback: %d %v %s", mode, r.StatusCode, r.Header, r.Body)
		}
		strict := 0
		for _, c := range r.Cookies() {
			own := c.Name == "__Host-ginoidc" || c.Name == "__Secure-ginoidc.landed"
			if own != (c.SameSite == http.SameSiteStrictMode) {
				t.Errorf("%s: %s", mode, c)
			} else if own {
				strict++
			}
		}
		if who := b.WhoAmI(); strict != 2 || who != "alice" {
			t.Errorf("%s: signed in as %q, %d cookies are strict", mode, who, strict)
		}
	}
}

// TestStrictSignIn: a sign-in that another site begins, by a link to a guarded page, still replaces the session that
// the browser has, because the route is opened again with its cookie.
func TestStrictSignIn(t *testing.T) {
	a := testapp.New(t, strictly)
	b := a.Browser()
	b.Callback(b.Start("/auth/signin", "alice"))
	before := b.Twin()
	denied := fromElsewhere(b, "/me")
	signIn := denied.Location()
	if denied.StatusCode != http.StatusFound || !strings.HasPrefix(signIn, "/auth/signin?") {
		t.Fatalf("%d to %s", denied.StatusCode, signIn)
	}
	r := fromElsewhere(b, signIn)
	if r.StatusCode != http.StatusOK || goesTo(r) != signIn || len(r.Cookies()) != 0 {
		t.Fatalf("%d, goes to %q, cookies %v", r.StatusCode, goesTo(r), r.Cookies())
	}
	callback, err := a.OP.Approve(b.Navigate(signIn).Location(), "bob")
	if err != nil {
		t.Fatal(err)
	}
	if r := fromElsewhere(b, callback); goesTo(r) != "/me" || b.WhoAmI() != "bob" {
		t.Errorf("callback: %d, goes to %q, signed in as %q", r.StatusCode, goesTo(r), b.WhoAmI())
	}
	if who := before.WhoAmI(); who != "" {
		t.Errorf("a copy of the replaced session is signed in as %q", who)
	}
}

// TestStrictReopens: routes of the plugin whose response depends on the session are opened again with its cookie, and
// only once. With SameSite=Lax, the cookie comes at once.
func TestStrictReopens(t *testing.T) {
	for _, strict := range []bool{true, false} {
		a := testapp.New(t, func(c *ginoidc.Config, op *fakeop.Config) {
			if strict {
				strictly(c, op)
			}
		})
		a.Engine.GET("/news", a.Auth.SilentSignIn(), a.Public)
		b := a.Browser()
		callback := b.Start("/auth/signin", "alice")
		b.Callback(callback)
		for _, target := range []string{callback, "/auth/signed-out", "/auth/signin?return_to=%2Fme"} {
			r := fromElsewhere(b, target)
			if again := strings.HasSuffix(target, goesTo(r)) && goesTo(r) != ""; again != strict {
				t.Errorf("strict %v: %s: %d, goes to %q", strict, target, r.StatusCode, goesTo(r))
			}
			if r := b.Navigate(target); goesTo(r) == target {
				t.Errorf("strict %v: %s leads to itself", strict, target)
			}
		}
		if r := b.Navigate(callback); strict && goesTo(r) != "/" || !strict && r.Location() != "/" {
			t.Errorf("strict %v: the callback again: %d %s", strict, r.StatusCode, r.Body)
		}
		if r := b.Navigate("/auth/signed-out"); !strings.Contains(r.Body, "Still signed in") {
			t.Errorf("strict %v: %s", strict, r.Body)
		}
		// Nobody knows yet whether the user is signed in, so the page begins no sign-in.
		if r := fromElsewhere(b, "/news"); (r.StatusCode == http.StatusOK) != strict {
			t.Errorf("strict %v: the public page: %d", strict, r.StatusCode)
		}
	}
}

// TestStrictSilently: a silent sign-in ends on the same page, signed in or not.
func TestStrictSilently(t *testing.T) {
	a := testapp.New(t, strictly)
	a.Engine.GET("/news", a.Auth.SilentSignIn(), a.Public)
	b := a.Browser()
	callback, err := a.OP.Deny(b.Navigate("/news").Location(), "login_required")
	if err != nil {
		t.Fatal(err)
	}
	if r := fromElsewhere(b, callback); r.StatusCode != http.StatusOK || goesTo(r) != "/news" {
		t.Errorf("%d, goes to %q", r.StatusCode, goesTo(r))
	}
	if r := b.Navigate("/news"); r.StatusCode != http.StatusOK {
		t.Errorf("%d", r.StatusCode)
	}
}

// TestStrictLandingKeepsTheCode: the page after the callback does not leave the authorization code in the history, and
// loads nothing that could learn it.
func TestStrictLandingKeepsTheCode(t *testing.T) {
	a := testapp.New(t, strictly)
	b := a.Browser()
	r := b.Callback(b.Start("/auth/signin", "alice"))
	if !strings.Contains(r.Body, "history.replaceState") || r.Header.Get("Referrer-Policy") != "no-referrer" ||
		!strings.Contains(r.Header.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Errorf("%v %s", r.Header, r.Body)
	}
}

// TestLaxIsTheDefault: without the setting every cookie is Lax, and the callback redirects.
func TestLaxIsTheDefault(t *testing.T) {
	for _, set := range []string{"", ginoidc.SameSiteLax} {
		a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.SameSite = set })
		b := a.Browser()
		r := b.SignIn("alice")
		for _, c := range r.Cookies() {
			if c.SameSite != http.SameSiteLaxMode {
				t.Errorf("%q: %s", set, c)
			}
		}
		if r.StatusCode != http.StatusSeeOther || len(r.Cookies()) == 0 {
			t.Errorf("%q: %d", set, r.StatusCode)
		}
	}
	c := validConfig()
	c.SameSite = "none"
	checkProblems(t, c, []string{"SameSite "})
}

// TestStrictForms: a third party that posts a form to the sign-in route is not sent there again, because a page cannot
// post by itself without a script.
func TestStrictForms(t *testing.T) {
	a := testapp.New(t, strictly, func(c *ginoidc.Config, _ *fakeop.Config) { c.Providers[0].InitiateLogin = true })
	form := strings.NewReader("iss=" + testapp.Issuer)
	r := a.Browser().Do(http.MethodPost, "/auth/signin", form, testapp.CrossSiteForm()...)
	if r.StatusCode != http.StatusFound {
		t.Errorf("%d %s", r.StatusCode, r.Body)
	}
	w := httptest.NewRecorder()
	a.Engine.ServeHTTP(w, httptest.NewRequest(http.MethodGet, testapp.URL+"/auth/signin", nil)) // no Fetch Metadata
	if w.Code != http.StatusFound {
		t.Errorf("without Fetch Metadata: %d", w.Code)
	}
}
