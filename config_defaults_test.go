package ginoidc_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// TestLaterChanges: lists and parameters of a Config are copied, so that later changes to them have no effect.
func TestLaterChanges(t *testing.T) {
	audiences, parameters := []string{"other"}, url.Values{"audience": {"api"}}
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.Providers[0].TrustedAudiences, c.Providers[0].SignInParameters = audiences, parameters
	})
	a.OP.OnIDToken(func(claims map[string]any) { claims["aud"], claims["azp"] = []string{"app", "other"}, "app" })
	audiences[0], parameters["audience"][0] = "changed", "changed"
	b := a.Browser()
	if location := b.Navigate("/auth/signin").Location(); !strings.Contains(location, "audience=api") {
		t.Errorf("the sign-in asks for %s", location)
	}
	b.MustSignIn("alice")
}

// TestCallersKeepTheirSlices: later changes to slices that the caller passed affect neither a guard nor the
// configuration.
func TestCallersKeepTheirSlices(t *testing.T) {
	groups, all, classes := []string{"admin"}, []string{"admin", "staff"}, []string{"gold"}
	scopes, claims, origins := []string{"openid", "email"}, []string{"sub"}, []string{"https://shop.example.net"}
	algs, audiences, params := []string{"ES256"}, []string{"project"}, url.Values{"audience": {"api"}}
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.Providers[0].Scopes, c.UserInfoClaims, c.ReturnOrigins = scopes, claims, origins
		p := &c.Providers[0]
		p.SigningAlgs, p.TrustedAudiences, p.SignInParameters = algs, audiences, params
	})
	a.Engine.GET("/any", a.Auth.RequireGroups(groups...), a.Protected)
	a.Engine.GET("/all", a.Auth.RequireAllGroups(all...), a.Protected)
	a.Engine.GET("/class", a.Auth.RequireACR(classes...), a.Protected)
	a.OP.OnIDToken(func(c map[string]any) { c["acr"], c["aud"], c["azp"] = "gold", []string{"app", "project"}, "app" })
	for _, list := range [][]string{groups, all, classes, scopes, claims, origins, algs, audiences, params["audience"]} {
		for i := range list {
			list[i] = "changed"
		}
	}
	b := a.Browser()
	sent := b.Navigate("/auth/signin").Location()
	if q := testapp.ParseURL(t, sent).Query(); q.Get("scope") != "openid email" || q.Get("audience") != "api" {
		t.Errorf("sign-in: %s", sent)
	}
	if r := b.Navigate(b.Start("/auth/signin?return_to=https://shop.example.net/cart",
		"alice")); r.Location() != "https://shop.example.net/cart" {
		t.Errorf("callback: %d to %q\n%s", r.StatusCode, r.Location(), a.Logs)
	}
	for _, path := range []string{"/any", "/all", "/class"} {
		if r := b.Fetch(path); r.StatusCode != http.StatusOK {
			t.Errorf("%s: %d", path, r.StatusCode)
		}
	}
	if r := b.Fetch("/auth/userinfo"); r.Body != `{"sub":"alice"}` {
		t.Errorf("userinfo: %s", r.Body)
	}
}
