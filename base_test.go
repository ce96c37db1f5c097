package ginoidc_test

import (
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
)

// TestWhereTheAppLives: names and paths of cookies, the redirect URI and return targets follow AppURL and nothing of
// the request, with a base path that a proxy takes off or leaves. Cases 7, 225 and 226.
func TestWhereTheAppLives(t *testing.T) {
	for _, tt := range []struct {
		name, appURL, mounted    string // mounted: what of the base path reaches the engine
		session, attempt         string // cookie name and path
		redirectURI, signInAgain string
	}{
		{"https", "https://app.example.com", "", "__Host-ginoidc /", "__Host-ginoidc. /", "https://app.example.com/auth/callback", "/auth/signin?return_to=%2Fme"},
		{"loopback", "http://localhost:8080", "", "ginoidc /", "ginoidc. /auth", "http://localhost:8080/auth/callback", "/auth/signin?return_to=%2Fme"},
		{"base path", "https://example.com/app/", "/app", "__Secure-ginoidc /app", "__Secure-ginoidc. /app/auth", "https://example.com/app/auth/callback", "/app/auth/signin?return_to=%2Fapp%2Fme"},
		{"base path taken off", "https://example.com/app", "", "__Secure-ginoidc /app", "__Secure-ginoidc. /app/auth", "https://example.com/app/auth/callback", "/app/auth/signin?return_to=%2Fapp%2Fme"},
		{"base path on loopback", "http://127.0.0.1:9/app", "/app", "ginoidc /app", "ginoidc. /app/auth", "http://127.0.0.1:9/app/auth/callback", "/app/auth/signin?return_to=%2Fapp%2Fme"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := newApp(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.AppURL = tt.appURL })
			a.engine = gin.New()
			a.engine.Use(a.auth.ProtectAll()) // the plugin's own routes stay open wherever they are mounted
			group := a.engine.Group(tt.mounted)
			a.auth.Mount(group)
			group.GET("/me", a.auth.RequireAuth(), a.protected)
			b := a.browser()
			headers := append([]string{"X-Forwarded-Proto", "http", "X-Forwarded-Host", "evil.example", "X-Forwarded-Prefix", "/evil"}, navigation()...) // cases 221, 224
			if r := b.do("GET", "http://evil.example"+tt.mounted+"/me", nil, headers...); r.location() != tt.signInAgain {
				t.Errorf("denied: %d to %q, want %q", r.StatusCode, r.location(), tt.signInAgain)
			}
			plain, _, _ := strings.Cut(tt.signInAgain, "?")
			if r := b.do("GET", tt.mounted+"/me?q="+strings.Repeat("a", 3000), nil, headers...); r.location() != plain { // case 15
				t.Errorf("a page too long to come back to: %d to %.80q", r.StatusCode, r.location())
			}
			r := b.do("GET", "http://evil.example"+tt.mounted+"/auth/signin", nil, headers...)
			if got := parse(t, r.location()).Query().Get("redirect_uri"); got != tt.redirectURI {
				t.Errorf("redirect_uri %q", got)
			}
			origin := parse(t, tt.appURL)
			if out := b.do("POST", "http://internal:8080"+tt.mounted+"/auth/signout", nil, "Origin", origin.Scheme+"://"+origin.Host); out.StatusCode != 303 {
				t.Errorf("sign-out behind a proxy that changes Host: %d", out.StatusCode)
			}
			attempt := r.Cookies()[0]
			if name, _, _ := strings.Cut(attempt.Name, "."); name+". "+attempt.Path != tt.attempt || attempt.Secure != strings.HasPrefix(tt.appURL, "https") {
				t.Errorf("attempt cookie %s", attempt)
			}
			callback, err := a.op.Approve(r.location(), "alice")
			if err != nil {
				t.Fatal(err)
			}
			r = b.do("GET", tt.mounted+"/auth/callback?"+parse(t, callback).RawQuery, nil, append([]string{"Cookie", attempt.Name + "=" + attempt.Value}, navigation()...)...)
			var session string
			for _, c := range r.Cookies() {
				if c.Name != attempt.Name {
					session = c.Name + " " + c.Path
				}
			}
			if r.StatusCode != 303 || session != tt.session {
				t.Errorf("callback: %d %s, session cookie %q, want %q", r.StatusCode, r.body, session, tt.session)
			}
		})
	}
}

// TestTwoPlugins: two providers in one engine keep their users apart by cookie name and route prefix.
func TestTwoPlugins(t *testing.T) {
	a := newApp(t)
	staff := newApp(t, func(c *ginoidc.Config, op *fakeop.Config) {
		c.Issuer, op.Issuer = "https://staff.example", "https://staff.example"
		c.CookieName, c.RoutePrefix = "staff", "/staff-auth"
	})
	staff.auth.Mount(a.engine)
	a.engine.GET("/staff", staff.auth.RequireAuth(), a.protected)
	a.engine.GET("/both", a.auth.RequireAuth(), staff.auth.RequireAuth(), a.protected)
	b := a.browser()
	b.mustSignIn("alice")
	if r := b.fetch("/staff"); r.StatusCode != 401 || r.json(t)["sign_in_url"] != "/staff-auth/signin" {
		t.Errorf("a user of the other provider: %d %s", r.StatusCode, r.body)
	}
	r := b.navigate("/staff-auth/signin")
	callback, err := staff.op.Approve(r.location(), "bob")
	if err != nil {
		t.Fatal(err)
	}
	if r := b.navigate(strings.Replace(callback, "/staff-auth/", "/auth/", 1)); r.location() != "/" || staff.op.Count(fakeop.Token) != 0 { // mix-up
		t.Errorf("another provider's response: %d to %s", r.StatusCode, r.location())
	}
	if r := b.navigate(callback); r.StatusCode != 303 {
		t.Fatalf("callback: %d %s", r.StatusCode, r.body)
	}
	if b.whoami() != "alice" || b.fetch("/staff").json(t)["sub"] != "bob" || b.fetch("/both").json(t)["sub"] != "bob" {
		t.Errorf("%s, %s", b.whoami(), b.fetch("/staff").body)
	}
}
