package settings_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/settings"
)

// TestSite: routes and return targets follow from AppURL. No sign-in returns to one of the plugin's routes.
func TestSite(t *testing.T) {
	app, err := url.Parse("https://app.example/shop")
	if err != nil {
		t.Fatal(err)
	}
	a := &settings.App{RoutePrefix: "/auth", ReturnOrigins: []string{"https://other.example"}}
	paths, targets := a.Site(app)
	if paths.SignIn != "/shop/auth/signin" || targets.Origin != "https://app.example" || targets.Base != "/shop" {
		t.Errorf("%+v %+v", paths, targets)
	}
	for target, want := range map[string]bool{
		"/shop/me": true, "https://other.example/x": true, "https://evil.example/": false, "/shop/auth/signout": false,
	} {
		if targets.Accept(target) != want {
			t.Errorf("%s: accepted %t", target, !want)
		}
	}
}

// TestCheckAddress: what depends on AppURL is not reported if AppURL is wrong.
func TestCheckAddress(t *testing.T) {
	for _, tt := range []struct {
		appURL, returnTo string
		nilAuthenticator bool
		want             string
	}{
		{"https://app.example", "", false, ""},
		{"https://app.example/shop", "/shop/start", false, ""},
		{"https://app.example/shop/auth/callback", "//evil", false, "AppURL ends in the path of the plugin's routes; " +
			`set it to "https://app.example/shop", below which the plugin has its routes, or choose another RoutePrefix`},
		{"https://app.example/auth/", "", false, "AppURL ends in the path of the plugin's routes; " +
			`set it to "https://app.example", below which the plugin has its routes, or choose another RoutePrefix`},
		{"https://app.example/a//b", "//evil", false, "AppURL its path is not in its plain form; " +
			"write the base path without dot segments, escapes and doubled slashes"},
		{"https://app.example", "//evil.example", false, `DefaultReturnTo "//evil.example" is not an acceptable return ` +
			"target; use a path of the app"},
		{"https://app.example", "/auth/signout", false, `DefaultReturnTo "/auth/signout" is not an acceptable return ` +
			"target; use a path of the app"},
		{"https://app.example", "", true, "Authenticators one of them is nil; leave it out"},
	} {
		a, found := validApp(), &settings.Problems{}
		a.AppURL, a.DefaultReturnTo, a.NilAuthenticator = tt.appURL, tt.returnTo, tt.nilAuthenticator
		if a.Check(found); text(found) != tt.want {
			t.Errorf("%s %s: %s\nwant %s", tt.appURL, tt.returnTo, text(found), tt.want)
		}
	}
	a, found := validApp(), &settings.Problems{}
	a.AppURL, a.DefaultReturnTo = "http://app.example", "//evil.example"
	if a.Check(found); !strings.HasPrefix(text(found), "AppURL ") || strings.Contains(text(found), "DefaultReturnTo") {
		t.Error(text(found))
	}
}
