package ginoidc_test

import (
	"context"
	"testing"

	"github.com/seed-d65cea4d/ginoidc"
)

// TestSeveralProvidersProblems: names and domains are checked each and together, and an issuer of many tenants needs
// to say which of them may sign in (case 322).
func TestSeveralProvidersProblems(t *testing.T) {
	const many = "https://login.example/{tenantid}/v2.0"
	const tenant = "9188040d-6c67-4c5b-b112-36a304b66dad"
	find := func(context.Context, string) (ginoidc.Provider, error) { return ginoidc.Provider{}, nil }
	allow := func(context.Context, string) (bool, error) { return true, nil }
	second := func(edit func(*ginoidc.Provider)) func(*ginoidc.Config) {
		return func(c *ginoidc.Config) {
			c.Providers[0].Name, c.Providers[0].EmailDomains = "one", []string{"acme.example"}
			p := ginoidc.Provider{Name: "two", Issuer: "https://two.example", ClientID: "app", ClientSecret: "s"}
			edit(&p)
			c.Providers = append(c.Providers, p)
		}
	}
	for _, tt := range []struct {
		name string
		edit func(*ginoidc.Config)
		want []string
	}{
		{"two", second(func(*ginoidc.Provider) {}), nil},
		{"no name", second(func(p *ginoidc.Provider) { p.Name = "" }), []string{"Providers[1].Name "}},
		{"a name twice", second(func(p *ginoidc.Provider) { p.Name = "one" }), []string{"Providers[1].Name "}},
		{"upper case", second(func(p *ginoidc.Provider) { p.Name = "Two" }), []string{"Providers[1].Name "}},
		{"a path", second(func(p *ginoidc.Provider) { p.Name = "a/b" }), []string{"Providers[1].Name "}},
		{"a hyphen in front", second(func(p *ginoidc.Provider) { p.Name = "-a" }), []string{"Providers[1].Name "}},
		{"a domain twice", second(func(p *ginoidc.Provider) { p.EmailDomains = []string{"acme.example"} }),
			[]string{"Providers[1].EmailDomains "}},
		{"an address", second(func(p *ginoidc.Provider) { p.EmailDomains = []string{"a@b.example"} }),
			[]string{"Providers[1].EmailDomains "}},
		{"a domain in upper case", second(func(p *ginoidc.Provider) { p.EmailDomains = []string{"B.example"} }),
			[]string{"Providers[1].EmailDomains "}},
		{"an invisible label", second(func(p *ginoidc.Provider) { p.Label = "a\u200b" }), []string{"Providers[1].Label "}},
		{"a control in the prefix", second(func(p *ginoidc.Provider) { p.GroupsPrefix = "a\n" }),
			[]string{"Providers[1].GroupsPrefix "}},
		{"introspection twice", func(c *ginoidc.Config) {
			second(func(p *ginoidc.Provider) { p.Audience, p.Introspection = "https://api.example", "json" })(c)
			c.Providers[0].Audience, c.Providers[0].Introspection = "https://api.example", "json"
		}, []string{"Providers[1].Introspection "}},
		{"one and a function", func(c *ginoidc.Config) { c.FindProvider = find }, []string{"Providers[0].Name "}},
		{"a function alone", func(c *ginoidc.Config) { c.Providers, c.FindProvider = nil, find }, nil},
		{"any tenant", func(c *ginoidc.Config) { c.Providers[0].Issuer = many }, []string{"Providers[0].Tenants "}},
		{"tenants", func(c *ginoidc.Config) {
			c.Providers[0].Issuer, c.Providers[0].Tenants = many, []string{tenant}
		}, nil},
		{"a rule for tenants", func(c *ginoidc.Config) {
			c.Providers[0].Issuer, c.Providers[0].AllowTenant = many, allow
		}, nil},
		{"tenants of no such issuer", func(c *ginoidc.Config) { c.Providers[0].Tenants = []string{tenant} },
			[]string{"Providers[0].Tenants "}},
		{"the name of a tenant", func(c *ginoidc.Config) {
			c.Providers[0].Issuer, c.Providers[0].Tenants = many, []string{"common"}
		}, []string{"Providers[0].Tenants "}},
		{"two markers", func(c *ginoidc.Config) {
			c.Providers[0].Issuer, c.Providers[0].Tenants = many+"/{tenantid}", []string{tenant}
		}, []string{"Providers[0].Issuer "}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := validConfig()
			tt.edit(&c)
			checkProblems(t, c, tt.want)
		})
	}
}
