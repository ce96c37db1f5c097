package ginoidc_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d65cea4d/ginoidc"
)

// TestTexts: New reports characters that were copied along with a value, before the provider refuses it without a
// reason.
func TestTexts(t *testing.T) {
	spoil := []string{"%s ", " %s", "%s\n", "%s\r", "\t%s", "%s\x00", "\ufeff%s", "%s\u00a0", "%s\u200b", `"%s"`,
		"'%s'", "`%s`", "\u201c%s\u201d"}
	texts := func(c *ginoidc.Config) map[string][]*string { // by field, in a Config where every field has a value
		p := &c.Providers[0]
		c.PostSignOutURL, c.RoutePrefix, c.CookieName = "https://app.example/bye", "/auth", "app"
		c.ReturnOrigins, p.TrustedAudiences = []string{"https://shop.example"}, []string{"a"}
		p.Scopes = []string{"openid", "email"}
		p.GroupsClaim, p.OrganizationsPath = "roles", []string{"a", "b", "c"}
		return map[string][]*string{
			"AppURL": {&c.AppURL}, "PostSignOutURL": {&c.PostSignOutURL}, "RoutePrefix": {&c.RoutePrefix},
			"CookieName": {&c.CookieName}, "ReturnOrigins": {&c.ReturnOrigins[0]},
			"Providers[0].Issuer": {&p.Issuer}, "Providers[0].ClientID": {&p.ClientID},
			"Providers[0].ClientSecret": {&p.ClientSecret}, "Providers[0].Scopes": {&p.Scopes[1]},
			"Providers[0].TrustedAudiences": {&p.TrustedAudiences[0]}, "Providers[0].GroupsClaim": {&p.GroupsClaim},
			"Providers[0].OrganizationsPath": {&p.OrganizationsPath[1], &p.OrganizationsPath[2]},
		}
	}
	c := validConfig()
	for field := range texts(&c) {
		for _, s := range spoil {
			c := validConfig()
			for _, text := range texts(&c)[field] {
				*text = fmt.Sprintf(s, *text)
			}
			_, err := ginoidc.New(c)
			if got := problemsOf(err); !slices.Equal(got, []string{field + " "}) {
				t.Errorf("%s %q: problems %q", field, s, got)
			}
			secret := field == "Providers[0].ClientSecret" && err != nil &&
				strings.Contains(err.Error(), c.Providers[0].ClientSecret)
			if err != nil && strings.Count(err.Error(), "\n") > 0 || secret {
				t.Errorf("%s %q: %v", field, s, err)
			}
		}
	}
	if _, err := ginoidc.New(c); err != nil {
		t.Errorf("refused as they are: %v", err)
	}
	for _, fine := range []string{`a"b`, `"ab`, "ab'", "a b", "ä", "=", "'a\""} {
		c := validConfig()
		c.Providers[0].ClientID, c.Providers[0].ClientSecret = fine, fine
		if _, err := ginoidc.New(c); err != nil {
			t.Errorf("%q: %v", fine, err)
		}
	}
}

// TestAddressesThatAreOthers: an issuer that is the address of its metadata, and an app URL that is the address of a
// route. The fix has the correct value.
func TestAddressesThatAreOthers(t *testing.T) {
	for _, test := range []struct{ field, value, fix string }{
		{"Providers[0].Issuer", "https://idp.example/.well-known/openid-configuration", `"https://idp.example"`},
		{"Providers[0].Issuer", "https://idp.example/.well-known/openid-configuration/", `"https://idp.example"`},
		{"Providers[0].Issuer", "https://idp.example/realms/a/.well-known/openid-configuration",
			`"https://idp.example/realms/a"`},
		{"Providers[0].Issuer", "https://idp.example/a/.well-known/openid-configuration?p=sign_in",
			`"https://idp.example/a"`},
		{"Providers[0].Issuer", "https://idp.example/.well-known/oauth-authorization-server", `"https://idp.example"`},
		{"Providers[0].Issuer", "https://idp.example/.well-known/oauth-authorization-server/realms/a",
			`"https://idp.example/realms/a"`},
		{"Providers[0].Issuer", "http://localhost:9000/.well-known/openid-configuration", `"http://localhost:9000"`},
		{"AppURL", "https://app.example/auth/callback", `"https://app.example"`},
		{"AppURL", "https://app.example/auth/callback/", `"https://app.example"`},
		{"AppURL", "https://app.example/shop/auth/callback", `"https://app.example/shop"`},
		{"AppURL", "https://app.example/auth", `"https://app.example"`},
		{"AppURL", "https://app.example/auth/signin", `"https://app.example"`},
		{"AppURL", "https://app.example/x/auth/backchannel-logout", `"https://app.example/x"`},
	} {
		c := validConfig()
		if test.field == "Providers[0].Issuer" {
			c.Providers[0].Issuer = test.value
		} else {
			c.AppURL = test.value
		}
		var problem *ginoidc.ConfigError
		_, err := ginoidc.New(c)
		if !errors.As(err, &problem) || !slices.Equal(problemsOf(err), []string{test.field + " "}) ||
			!strings.Contains(problem.Fix, test.fix) {
			t.Errorf("%s: want the fix %s: %v", test.value, test.fix, err)
		}
	}
	for _, fine := range []struct{ appURL, prefix string }{
		{"https://app.example/auth", "/login"}, {"https://auth", ""}, {"https://app.example/myauth", ""},
		{"https://app.example/callback", ""},
		{"https://app.example/auth/app", ""}, {"https://app.example/auth/callback", "/login"},
	} {
		c := validConfig()
		c.AppURL, c.RoutePrefix = fine.appURL, fine.prefix
		if _, err := ginoidc.New(c); err != nil {
			t.Errorf("%+v: %v", fine, err)
		}
	}
}
