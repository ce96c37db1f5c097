package ginoidc_test

import (
	"html/template"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// TestOwnTemplate: an app shows every page by a template of its own, which gets everything that the plugin's page has.
func TestOwnTemplate(t *testing.T) {
	const alice = "Signed in as Alice Archer (alice@example.com)"
	var got []ginoidc.Page
	a := several(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.Pages = ginoidc.Pages{AppName: "Acme", Logo: "/logo.svg", Show: func(c *gin.Context, p *ginoidc.Page) {
			got = append(got, *p)
			c.HTML(p.Status, "own", p)
		}}
	})
	a.Engine.SetHTMLTemplate(template.Must(template.New("own").Parse(`<h1>own: {{.Title}}</h1>`)))
	a.Engine.GET("/boss", a.Auth.RequireGroups("boss"), a.Protected)
	b := a.Browser()
	b.MustSignInAt("two", "alice")
	boss := "/auth/signin?prompt=login&return_to=%2Fboss"
	for _, tt := range []struct {
		path string
		want ginoidc.Page
	}{
		{"/boss", ginoidc.Page{
			Kind: ginoidc.PageError, Status: 403, Code: "forbidden", Title: "No access",
			Message: "You do not have access to this resource.",
			Link:    ginoidc.PageLink{URL: boss, Text: "Sign in as someone else"},
			Back:    ginoidc.PageLink{URL: "/", Text: "Back to Acme"}, SignedInAs: alice,
		}},
		{"/auth/signout", ginoidc.Page{
			Kind: ginoidc.PageSignOut, Status: 200, Title: "Sign out?", Message: "Do you want to sign out of this site?",
			Form: &ginoidc.PageForm{Action: "/auth/signout", Button: "Sign out"},
			Back: ginoidc.PageLink{URL: "/", Text: "Stay signed in"}, SignedInAs: alice,
		}},
		{"/auth/signed-out", ginoidc.Page{
			Kind: ginoidc.PageStillSignedIn, Status: 200, Title: "Still signed in",
			Message: "This page was not opened by a sign-out here.",
			Link:    ginoidc.PageLink{URL: "/", Text: "Continue"}, SignedInAs: alice,
		}},
		{"/auth/signin?return_to=/me", ginoidc.Page{
			Kind: ginoidc.PageSignIn, Status: 200, Title: "Sign in", LastUsed: "Last used",
			Choices: []ginoidc.ProviderChoice{
				{Name: "one", Label: "one", URL: "/auth/signin?provider=one&return_to=%2Fme"},
				{Name: "two", Label: "two", URL: "/auth/signin?provider=two&return_to=%2Fme", Last: true},
			},
			Back: ginoidc.PageLink{URL: "/", Text: "Back to Acme"},
		}},
	} {
		got = nil
		r := b.Navigate(tt.path)
		if len(got) != 1 || r.Body != "<h1>own: "+tt.want.Title+"</h1>" || r.StatusCode != tt.want.Status {
			t.Fatalf("%s: %d %s, %d pages", tt.path, r.StatusCode, r.Body, len(got))
		}
		tt.want.Lang, tt.want.Direction, tt.want.AppName, tt.want.Logo = "en", "ltr", "Acme", "/logo.svg"
		if u := got[0].User; (u == nil) != (tt.want.SignedInAs == "") || u != nil && u.Subject != "alice" {
			t.Errorf("%s: user %v", tt.path, u)
		}
		got[0].User = nil
		if !reflect.DeepEqual(got[0], tt.want) {
			t.Errorf("%s:\n%+v, want\n%+v", tt.path, got[0], tt.want)
		}
		if h := r.Header; !strings.Contains(h.Get("Content-Security-Policy"), "frame-ancestors 'none'") ||
			!strings.Contains(h.Get("Cache-Control"), "no-store") || h.Get("Content-Language") != "en" {
			t.Errorf("%s: headers %v", tt.path, h)
		}
	}
}

// TestPageLanguages: a page is in the language that the link asks for, or that the user has chosen in the app, or that
// the browser prefers. Responses for programs are in English.
func TestPageLanguages(t *testing.T) {
	chosen := ""
	a := several(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.Pages.Texts = map[string]map[string]string{
			"en": {"signed_out.title": "Gone"}, "nl": {"signed_out.title": "Afgemeld", "sign_in.title": "Aanmelden"},
		}
		c.Pages.Language = func(*gin.Context) string { return chosen }
	})
	if logs := a.Logs.String(); !strings.Contains(logs, "language=nl") || strings.Contains(logs, "language=en") {
		t.Errorf("log %s", logs)
	}
	for _, tt := range []struct{ path, chosen, accept, lang, title string }{
		{"/auth/signed-out", "", "", "en", "Gone"},
		{"/auth/signed-out", "", "de-AT,en;q=0.5", "de", "Abgemeldet"},
		{"/auth/signed-out", "nl", "de", "nl", "Afgemeld"},
		{"/auth/signed-out", "fr", "de", "de", "Abgemeldet"},
		{"/auth/signed-out?ui_locales=nl", "", "de", "de", "Abgemeldet"},
		{"/auth/signin?ui_locales=fr+nl", "de", "de", "nl", "Aanmelden"},
		{"/auth/signin?ui_locales=fr", "", "de", "de", "Anmelden"},
		{"/auth/callback/one?error=x", "", "de", "de", "Problem bei der Anmeldung"},
		{"/me", "", "de", "de", "Sie sind nicht angemeldet"},
	} {
		chosen = tt.chosen
		method := http.MethodGet
		if tt.path == "/me" { // a form
			method = http.MethodPost
		}
		r := a.Browser().Do(method, tt.path, nil, append(testapp.Navigation(), "Accept-Language", tt.accept)...)
		if !strings.Contains(r.Body, `<html lang="`+tt.lang+`" `) || !strings.Contains(r.Body, "<h1>"+tt.title+"</h1>") ||
			r.Header.Get("Content-Language") != tt.lang || !slices.Contains(r.Header["Vary"], "Accept-Language") {
			t.Errorf("%+v: %v %s", tt, r.Header, r.Body)
		}
	}
	r := a.Browser().Do("GET", "/me", nil, "Sec-Fetch-Mode", "cors", "Accept-Language", "de")
	if r.JSON(t)["message"] != "Please sign in." || r.Header.Get("Content-Language") != "" {
		t.Errorf("to a program: %v %s", r.Header, r.Body)
	}
}

// TestLanguageOfProvider: a sign-in asks for the language that the user has chosen in the app, unless the configuration
// or the link asks for another one.
func TestLanguageOfProvider(t *testing.T) {
	for _, tt := range []struct{ configured, link, chosen, want string }{
		{"", "", "de-AT", "de-AT"}, {"", "", "", ""}, {"", "fr", "de", "fr"}, {"it", "fr", "de", "it"},
		{"", "", "de\r\n", ""}, // what is not fit for a parameter
	} {
		a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
			c.Pages.Language = func(*gin.Context) string { return tt.chosen }
			if tt.configured != "" {
				c.Providers[0].SignInParameters = url.Values{"ui_locales": {tt.configured}}
			}
		})
		path := "/auth/signin"
		if tt.link != "" {
			path += "?ui_locales=" + tt.link
		}
		sent := testapp.ParseURL(t, a.Browser().Navigate(path).Location()).Query()
		if got := sent.Get("ui_locales"); got != tt.want || sent.Has("ui_locales") != (tt.want != "") {
			t.Errorf("%+v: ui_locales %q", tt, got)
		}
	}
}

// TestShowNothing: if the app writes nothing, the plugin's page is sent.
func TestShowNothing(t *testing.T) {
	calls := 0
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.Pages.Show = func(c *gin.Context, p *ginoidc.Page) {
			calls++
			c.Header("Content-Security-Policy", "script-src 'unsafe-inline'")
		}
	})
	r := a.Browser().Navigate("/auth/signout")
	if calls != 1 || r.StatusCode != http.StatusOK || !strings.Contains(r.Body, "<h1>Sign out?</h1>") ||
		strings.Contains(r.Body, "Stay signed in") || // nobody is
		!strings.HasPrefix(r.Header.Get("Content-Security-Policy"), "default-src 'none'") ||
		r.Header.Get("Referrer-Policy") != "same-origin" {
		t.Errorf("%d calls, %d %v %s", calls, r.StatusCode, r.Header, r.Body)
	}
	if r := a.Browser().Fetch("/me"); r.StatusCode != http.StatusUnauthorized || calls != 1 {
		t.Errorf("to a program: %d, %d calls", r.StatusCode, calls)
	}
}

// TestWhoIsSignedIn: pages name the user as far as the provider does, and never by a subject, and keep names that look
// like HTML as they are.
func TestWhoIsSignedIn(t *testing.T) {
	for _, tt := range []struct{ name, preferred, email, want string }{
		{"Bo", "", "", "Signed in as Bo<"}, {"Bo", "b", "b@x.example", "Signed in as Bo (b@x.example)<"},
		{"", "bo", "", "Signed in as bo<"}, {"", "", "b@x.example", "Signed in as b@x.example<"},
		{"b@x.example", "", "b@x.example", "Signed in as b@x.example<"}, {"", "", "", ""},
		{"<b>Bo</b>", "", "", "Signed in as &lt;b&gt;Bo&lt;/b&gt;<"},
	} {
		a := testapp.New(t)
		a.OP.OnIDToken(func(claims map[string]any) {
			claims["name"], claims["preferred_username"], claims["email"] = tt.name, tt.preferred, tt.email
		})
		a.OP.OnUserInfo(func(claims map[string]any) {
			claims["name"], claims["preferred_username"], claims["email"] = tt.name, tt.preferred, tt.email
		})
		b := a.Browser()
		b.MustSignIn("alice")
		body := b.Navigate("/auth/signout").Body
		if !strings.Contains(body, tt.want) || strings.Contains(body, "Signed in") != (tt.want != "") {
			t.Errorf("%+v: %s", tt, body)
		}
		if strings.Contains(body, "alice") {
			t.Errorf("%+v: the page has the subject: %s", tt, body)
		}
	}
}

// TestQuestionChangesNothing: the page that asks before a sign-out names the user, but does not renew the session: any
// site can make a browser ask for it.
func TestQuestionChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := testapp.New(t).Browser()
		b.MustSignIn("alice")
		time.Sleep(7 * time.Hour) // past half of the idle limit
		r := b.Navigate("/auth/signout")
		if !strings.Contains(r.Body, "Signed in as Alice Archer") || r.Header.Get("Set-Cookie") != "" {
			t.Errorf("%v %s", r.Header, r.Body)
		}
	})
}

// TestPageTexts: a translator gets all texts of a language that the plugin has, and may change them.
func TestPageTexts(t *testing.T) {
	english, german := ginoidc.PageTexts("en"), ginoidc.PageTexts("de")
	for key, text := range english {
		if text == "" || german[key] == "" {
			t.Errorf("%s is %q and %q", key, text, german[key])
		}
	}
	english["forbidden.title"] = "Changed"
	if got := ginoidc.PageTexts("en")["forbidden.title"]; len(english) < 50 || got != "No access" {
		t.Errorf("%d texts, one is %q", len(english), got)
	}
	if got := ginoidc.PageTexts("xx"); got != nil {
		t.Errorf("a language that does not exist has %d texts", len(got))
	}
}
