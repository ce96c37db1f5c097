package ginoidc

import (
	"context"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/seed-d65cea4d/ginoidc/internal/origin"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

var (
	providerNamePattern = regexp.MustCompile(`^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$`)
	domainPattern       = regexp.MustCompile(`^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}$`)
)

func isProviderName(s string) bool { return providerNamePattern.MatchString(s) }

func isDomain(s string) bool { return len(s) <= 253 && domainPattern.MatchString(s) }

// validateProviders checks the providers each and together.
func (c *Config) validateProviders(found *problems) {
	if len(c.Providers) == 0 && c.FindProvider == nil {
		found.add("Providers", "is empty", "describe a provider, or set FindProvider")
	}
	names, domains := map[string]bool{}, map[string]bool{}
	introspecting := 0
	for i := range c.Providers {
		p := &c.Providers[i]
		found.path = providerPath(i)
		p.validate(found)
		switch {
		case p.Name == "" && c.severalProviders():
			found.add("Name", "is empty, and there can be several providers", "give each a name, such as google")
		case names[p.Name]:
			found.add("Name", fmt.Sprintf("%q is that of another provider too", p.Name), "give each a name of its own")
		}
		names[p.Name] = true
		for _, domain := range p.EmailDomains {
			if domains[domain] {
				found.add("EmailDomains", fmt.Sprintf("%q leads to another provider too", domain), "list it once")
			}
			domains[domain] = true
		}
		if p.Introspection != "" {
			introspecting++
		}
		if introspecting == 2 {
			found.add("Introspection", "is set for another provider too, and a token that is not a JWT does not say whose it is",
				"set it for one of them")
		}
	}
	found.path = ""
}

// validateSeveral checks the settings of a provider that matter if there are others.
func (p *Provider) validateSeveral(found *problems) {
	if p.Name != "" && !isProviderName(p.Name) {
		found.add("Name", fmt.Sprintf("%q is not accepted", p.Name), "use up to 64 lower-case letters, digits and hyphens")
	}
	for _, domain := range p.EmailDomains {
		if !isDomain(domain) {
			found.add("EmailDomains", fmt.Sprintf("%q is not a domain in lower case", domain), "write it as in acme.example")
		}
	}
	found.texts("Label", p.Label)
	found.texts("GroupsPrefix", p.GroupsPrefix)
	many := strings.Count(p.Issuer, provider.TenantMarker)
	listed := len(p.Tenants) > 0 || p.AllowTenant != nil
	switch {
	case many > 1:
		found.add("Issuer", "has more than one "+provider.TenantMarker, "write it once")
	case many == 1 && !listed:
		found.add("Tenants", "is empty, and the issuer has users of every tenant", "list the tenants that may sign in")
	case many == 0 && listed:
		found.add("Tenants", "is set, and the issuer has no "+provider.TenantMarker,
			"write the issuer as the metadata for all tenants spells it")
	}
	for _, tenant := range p.Tenants {
		if !provider.IsTenant(tenant) {
			found.add("Tenants", fmt.Sprintf("%q is not a tenant", tenant), "write its id, in lower case")
		}
	}
}

// validateFound checks the settings of a provider that Config.FindProvider has returned.
func (p *Provider) validateFound(found *problems) {
	const atRunTime = "is set for a provider found at run time"
	if p.Audience != "" {
		found.add("Audience", atRunTime+", which no token names", "list the provider in Providers")
	}
	if p.AllowTenant != nil {
		found.add("AllowTenant", atRunTime, "list its Tenants")
	}
	if p.Signals != nil {
		found.add("Signals", atRunTime, "list the provider in Providers")
	}
	issuer, err := url.Parse(p.Issuer)
	if err == nil && !p.AllowPrivateAddresses && origin.IsLoopback(issuer.Hostname()) {
		found.add("Issuer", "is on this machine", "set AllowPrivateAddresses if it may be")
	}
}

// tenants returns the rule for the tenants of the issuer, or nil if it has none.
func (p *Provider) tenants() func(context.Context, string) (bool, error) {
	if !strings.Contains(p.Issuer, provider.TenantMarker) {
		return nil
	}
	return func(ctx context.Context, tenant string) (bool, error) {
		if slices.Contains(p.Tenants, tenant) || p.AllowTenant == nil {
			return slices.Contains(p.Tenants, tenant), nil
		}
		return p.AllowTenant(ctx, tenant)
	}
}
