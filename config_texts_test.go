package ginoidc_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d65cea4d/ginoidc"
)

// TestTexts: what came along with a value on its way into the app is seen at New, before the provider refuses it
// without saying why.
func TestTexts(t *testing.T) {
	spoil := []string{"%s ", " %s", "%s\n", "%s\r", "\t%s", "%s\x00", "\ufeff%s", "%s\u00a0", "%s\u200b", `"%s"`,
		"'%s'", "`%s`", "\u201c%s\u201d"}
	fields := map[string]func(*ginoidc.Config, string){
		"Providers[0].Issuer":   func(c *ginoidc.Config, s string) { c.Providers[0].Issuer = fmt.Sprintf(s, c.Providers[0].Issuer) },
		"Providers[0].ClientID": func(c *ginoidc.Config, s string) { c.Providers[0].ClientID = fmt.Sprintf(s, c.Providers[0].ClientID) },
		"Providers[0].ClientSecret": func(c *ginoidc.Config, s string) {
			c.Providers[0].ClientSecret = fmt.Sprintf(s, c.Providers[0].ClientSecret)
		},
		"AppURL":         func(c *ginoidc.Config, s string) { c.AppURL = fmt.Sprintf(s, c.AppURL) },
		"PostSignOutURL": func(c *ginoidc.Config, s string) { c.PostSignOutURL = fmt.Sprintf(s, "https://app.example/bye") },
		"ReturnOrigins": func(c *ginoidc.Config,
			s string) {
			c.ReturnOrigins = []string{fmt.Sprintf(s, "https://shop.example")}
		},
		"Providers[0].GroupsClaim": func(c *ginoidc.Config, s string) { c.Providers[0].GroupsClaim = fmt.Sprintf(s, "roles") },
		"Providers[0].OrganizationsPath": func(c *ginoidc.Config, s string) {
			c.Providers[0].OrganizationsPath = []string{"a", fmt.Sprintf(s, "b"), fmt.Sprintf(s, "c")}
		},
		"Providers[0].TrustedAudiences": func(c *ginoidc.Config, s string) { c.Providers[0].TrustedAudiences = []string{fmt.Sprintf(s, "a")} },
		"RoutePrefix":                   func(c *ginoidc.Config, s string) { c.RoutePrefix = fmt.Sprintf(s, "/auth") },
		"CookieName":                    func(c *ginoidc.Config, s string) { c.CookieName = fmt.Sprintf(s, "app") },
		"Providers[0].Scopes":           func(c *ginoidc.Config, s string) { c.Providers[0].Scopes = []string{"openid", fmt.Sprintf(s, "email")} },
	}
	for field, set := range fields {
		for _, s := range spoil {
			c := validConfig()
			set(&c, s)
			_, err := ginoidc.New(c)
			if got := problemsOf(err); !slices.Equal(got, []string{field + " "}) {
				t.Errorf("%s %q: problems %q", field, s, got)
			}
			if err != nil && (strings.Count(err.Error(), "\n") > 0 || field == "Providers[0].ClientSecret" &&
				strings.Contains(err.Error(), c.Providers[0].ClientSecret)) {
				t.Errorf("%s %q: %v", field, s, err)
			}
		}
		c := validConfig()
		if set(&c, "%s"); len(problemsOf(second(ginoidc.New(c)))) > 0 {
			t.Errorf("%s is refused as it is", field)
		}
	}
	for _, fine := range []string{`a"b`, `"ab`, "ab'", "a b", "ä", "=", "'a\""} {
		c := validConfig()
		c.Providers[0].ClientID, c.Providers[0].ClientSecret = fine, fine
		if _, err := ginoidc.New(c); err != nil {
			t.Errorf("%q: %v", fine, err)
		}
	}
}

func second(_ *ginoidc.Auth, err error) error { return err }

// TestAddressesThatAreOthers: an issuer that is the address of its metadata, and an app that is its callback. The mend
// has the value that is right.
func TestAddressesThatAreOthers(t *testing.T) {
	for _, test := range []struct{ field, value, mend string }{
		{"Providers[0].Issuer", "https://idp.example/.well-known/openid-configuration", `"https://idp.example"`},
		{"Providers[0].Issuer", "https://idp.example/.well-known/openid-configuration/", `"https://idp.example"`},
		{"Providers[0].Issuer", "https://idp.example/realms/a/.well-known/openid-configuration", `"https://idp.example/realms/a"`},
		{"Providers[0].Issuer", "https://idp.example/a/.well-known/openid-configuration?p=sign_in", `"https://idp.example/a"`},
		{"Providers[0].Issuer", "https://idp.example/.well-known/oauth-authorization-server", `"https://idp.example"`},
		{"Providers[0].Issuer", "https://idp.example/.well-known/oauth-authorization-server/realms/a", `"https://idp.example/realms/a"`},
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
			!strings.Contains(problem.Fix, test.mend) {
			t.Errorf("%s: want the mend %s: %v", test.value, test.mend, err)
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
