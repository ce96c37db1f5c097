package ginoidc_test

import (
	"strings"
	"testing"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// TestAPISettings: settings of the app as a resource server that would have no effect, or would trust everyone, are
// reported.
func TestAPISettings(t *testing.T) {
	valid := func() ginoidc.Config {
		return ginoidc.Config{
			Providers: []ginoidc.Provider{{
				Issuer: testapp.Issuer, ClientID: "app", ClientSecret: testapp.ClientSecret, Audience: api,
			}},
			AppURL: testapp.URL + "/shop", CookieSecrets: []string{testapp.CookieSecret},
			Resource: testapp.URL + "/shop/api", CertificateHeader: "Client-Cert", CertificateProxies: []string{"::1"},
		}
	}
	if _, err := ginoidc.New(valid()); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*ginoidc.Config){
		"Resource": func(c *ginoidc.Config) { c.Resource = "api" },
		"Resource, another host": func(c *ginoidc.Config) {
			c.Resource = "https://api.example.com/shop"
		},
		"Resource, above the app":       func(c *ginoidc.Config) { c.Resource = testapp.URL },
		"Resource, next to the app":     func(c *ginoidc.Config) { c.Resource = testapp.URL + "/shopping" },
		"Resource, dots":                func(c *ginoidc.Config) { c.Resource = testapp.URL + "/shop/../api" },
		"Resource, a fragment":          func(c *ginoidc.Config) { c.Resource += "#a" },
		"Resource, a query":             func(c *ginoidc.Config) { c.Resource += "?a=b" },
		"CertificateHeader, two words":  func(c *ginoidc.Config) { c.CertificateHeader = "Client Cert" },
		"CertificateFormat":             func(c *ginoidc.Config) { c.CertificateFormat = "der" },
		"CertificateProxies, none":      func(c *ginoidc.Config) { c.CertificateProxies = nil },
		"CertificateProxies, a name":    func(c *ginoidc.Config) { c.CertificateProxies = []string{"proxy"} },
		"CertificateProxies, everybody": func(c *ginoidc.Config) { c.CertificateProxies = []string{"0.0.0.0/0"} },
		"CertificateProxies, no header": func(c *ginoidc.Config) { c.CertificateHeader = "" },
	} {
		cfg := valid()
		change(&cfg)
		_, err := ginoidc.New(cfg)
		field, _, _ := strings.Cut(name, ",")
		if problems := problemsOf(err); len(problems) != 1 || !strings.HasPrefix(problems[0], field+" ") {
			t.Errorf("%s: %q", name, problems)
		}
	}
	without := valid()
	without.Providers[0].Audience, without.Providers[0].RequireDPoPNonce = "", true
	_, err := ginoidc.New(without)
	if problems := problemsOf(err); len(problems) != 3 {
		t.Errorf("without an audience: %q", problems)
	}
}
