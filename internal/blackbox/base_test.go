package blackbox_test

import (
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// TestWhereTheAppLives: names and paths of cookies, the redirect URI and return targets follow from AppURL and never
// from the request, whether or not a proxy strips the base path. Cases 7, 225 and 226.
func TestWhereTheAppLives(t *testing.T) {
	for _, tt := range []struct {
		name, appURL, mounted    string // mounted: the part of the base path that reaches the engine
		session, attempt         string // cookie name and path
		redirectURI, signInAgain string
	}{
		{"https", "https://app.example.com", "", "__Host-ginoidc /", "__Host-ginoidc. /",
			"https://app.example.com/auth/callback", "/auth/signin?return_to=%2Fme"},
		{"loopback", "http://localhost:8080", "", "ginoidc /", "ginoidc. /auth", "http://localhost:8080/auth/callback",
			"/auth/signin?return_to=%2Fme"},
		{"base path", "https://example.com/app/", "/app", "__Secure-ginoidc /app", "__Secure-ginoidc. /app/auth",
			"https://example.com/app/auth/callback", "/app/auth/signin?return_to=%2Fapp%2Fme"},
		{"base path taken off", "https://example.com/app", "", "__Secure-ginoidc /app", "__Secure-ginoidc. /app/auth",
			"https://example.com/app/auth/callback", "/app/auth/signin?return_to=%2Fapp%2Fme"},
		{"base path on loopback", "http://127.0.0.1:9/app", "/app", "ginoidc /app", "ginoidc. /app/auth",
			"http://127.0.0.1:9/app/auth/callback", "/app/auth/signin?return_to=%2Fapp%2Fme"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.AppURL = tt.appURL })
			a.Engine = gin.New()
			a.Engine.Use(a.Auth.ProtectAll()) // the plugin's own routes are exempt wherever they are mounted
			group := a.Engine.Group(tt.mounted)
			a.Auth.Mount(group)
			group.GET("/me", a.Auth.RequireAuth(), a.Protected)
			b := a.Browser()
			headers := append([]string{"X-Forwarded-Proto", "http", "X-Forwarded-Host", "evil.example", "X-Forwarded-Prefix",
				"/evil"}, testapp.Navigation()...) // cases 221, 224
			if r := b.Do("GET", "http://evil.example"+tt.mounted+"/me", nil, headers...); r.Location() != tt.signInAgain {
				t.Errorf("denied: %d to %q, want %q", r.StatusCode, r.Location(), tt.signInAgain)
			}
			plain, _, _ := strings.Cut(tt.signInAgain, "?")
			// case 15
			if r := b.Do("GET", tt.mounted+"/me?q="+strings.Repeat("a", 3000), nil, headers...); r.Location() != plain {
				t.Errorf("a page too long to come back to: %d to %.80q", r.StatusCode, r.Location())
			}
			r := b.Do("GET", "http://evil.example"+tt.mounted+"/auth/signin", nil, headers...)
			if got := testapp.ParseURL(t, r.Location()).Query().Get("redirect_uri"); got != tt.redirectURI {
				t.Errorf("redirect_uri %q", got)
			}
			origin := testapp.ParseURL(t, tt.appURL)
			if out := b.Do("POST", "http://internal:8080"+tt.mounted+"/auth/signout", nil, "Origin",
				origin.Scheme+"://"+origin.Host); out.StatusCode != 303 {
				t.Errorf("sign-out behind a proxy that changes Host: %d", out.StatusCode)
			}
			attempt := r.Cookies()[0]
			if name, _, _ := strings.Cut(attempt.Name, "."); name+". "+attempt.Path != tt.attempt ||
				attempt.Secure != strings.HasPrefix(tt.appURL, "https") {
				t.Errorf("attempt cookie %s", attempt)
			}
			callback, err := a.OP.Approve(r.Location(), "alice")
			if err != nil {
				t.Fatal(err)
			}
			r = b.Do("GET", tt.mounted+"/auth/callback?"+testapp.ParseURL(t, callback).RawQuery, nil,
				append([]string{"Cookie", attempt.Name + "=" + attempt.Value}, testapp.Navigation()...)...)
			var session string
			for _, c := range r.Cookies() {
				if c.Name != attempt.Name {
					session = c.Name + " " + c.Path
				}
			}
			if r.StatusCode != 303 || session != tt.session {
				t.Errorf("callback: %d %s, session cookie %q, want %q", r.StatusCode, r.Body, session, tt.session)
			}
		})
	}
}

// TestTwoPlugins: two providers in one engine keep their users apart by cookie name and route prefix.
func TestTwoPlugins(t *testing.T) {
	a := testapp.New(t)
	staff := testapp.New(t, func(c *ginoidc.Config, op *fakeop.Config) {
		c.Providers[0].Issuer, op.Issuer = "https://staff.example", "https://staff.example"
		c.CookieName, c.RoutePrefix = "staff", "/staff-auth"
	})
	staff.Auth.Mount(a.Engine)
	a.Engine.GET("/staff", staff.Auth.RequireAuth(), a.Protected)
	a.Engine.GET("/both", a.Auth.RequireAuth(), staff.Auth.RequireAuth(), a.Protected)
	b := a.Browser()
	b.MustSignIn("alice")
	if r := b.Fetch("/staff"); r.StatusCode != 401 || r.JSON(t)["sign_in_url"] != "/staff-auth/signin" {
		t.Errorf("a user of the other provider: %d %s", r.StatusCode, r.Body)
	}
	r := b.Navigate("/staff-auth/signin")
	callback, err := staff.OP.Approve(r.Location(), "bob")
	if err != nil {
		t.Fatal(err)
	}
	if r := b.Navigate(strings.Replace(callback, "/staff-auth/", "/auth/", 1)); r.Location() != "/" ||
		staff.OP.Count(fakeop.Token) != 0 { // mix-up
		t.Errorf("another provider's response: %d to %s", r.StatusCode, r.Location())
	}
	if r := b.Navigate(callback); r.StatusCode != 303 {
		t.Fatalf("callback: %d %s", r.StatusCode, r.Body)
	}
	if b.WhoAmI() != "alice" || b.Fetch("/staff").JSON(t)["sub"] != "bob" || b.Fetch("/both").JSON(t)["sub"] != "bob" {
		t.Errorf("%s, %s", b.WhoAmI(), b.Fetch("/staff").Body)
	}
}
