package settings

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"github.com/seed-d65cea4d/ginoidc/internal/origin"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

// ProviderPath returns the path of the fields of a provider in a configuration.
func ProviderPath(i int) string { return fmt.Sprintf("Providers[%d].", i) }

// CheckProviders checks the providers each and together. Two that claim the same name, domain or kind of token would
// make it a matter of chance which of them decides about a user. finds reports that others are found at run time.
func CheckProviders(found *Problems, providers []*Provider, finds bool) {
	if len(providers) == 0 && !finds {
		found.Add("Providers", "is empty", "describe a provider, or set FindProvider")
	}
	several := finds || len(providers) > 1
	names, domains := map[string]bool{}, map[string]bool{}
	introspecting := 0
	for i, p := range providers {
		found.Path = ProviderPath(i)
		p.Check(found)
		switch {
		case p.Name == "" && several:
			found.Add("Name", "is empty, and there can be several providers", "give each a name, such as google")
		case names[p.Name]:
			found.Add("Name", fmt.Sprintf("%q is that of another provider too", p.Name), "give each a name of its own")
		}
		names[p.Name] = true
		for _, domain := range p.EmailDomains {
			if domains[domain] {
				found.Add("EmailDomains", fmt.Sprintf("%q leads to another provider too", domain), "list it once")
			}
			domains[domain] = true
		}
		if p.Introspection != "" {
			introspecting++
		}
		if introspecting == 2 {
			found.Add("Introspection", "is set for another provider too, and a token that is not a JWT does not say whose it is",
				"set it for one of them")
		}
	}
	found.Path = ""
}

var (
	providerNamePattern = regexp.MustCompile(`^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$`)
	domainPattern       = regexp.MustCompile(`^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}$`)
)

// IsProviderName reports whether s can be the name of a provider: one segment of a path without escapes. Names are part
// of paths, records and logs, so they need no escaping anywhere.
func IsProviderName(s string) bool { return providerNamePattern.MatchString(s) }

// IsDomain reports whether s is a domain in the one form in which domains are compared: ASCII, in lower case.
func IsDomain(s string) bool { return len(s) <= 253 && domainPattern.MatchString(s) }

// checkName checks what distinguishes a provider from others.
func (p *Provider) checkName(found *Problems) {
	if p.Name != "" && !IsProviderName(p.Name) {
		found.Add("Name", fmt.Sprintf("%q is not accepted", p.Name), "use up to 64 lower-case letters, digits and hyphens")
	}
	for _, domain := range p.EmailDomains {
		if !IsDomain(domain) {
			found.Add("EmailDomains", fmt.Sprintf("%q is not a domain in lower case", domain), "write it as in acme.example")
		}
	}
	found.texts("Label", p.Label)
	found.texts("GroupsPrefix", p.GroupsPrefix)
}

// checkTenants checks an issuer of many tenants. Without a list, every organization in the world that has an account
// there could sign in.
func (p *Provider) checkTenants(found *Problems) {
	many := strings.Count(p.Issuer, provider.TenantMarker)
	listed := len(p.Tenants) > 0 || p.AllowTenant != nil
	switch {
	case many > 1:
		found.Add("Issuer", "has more than one "+provider.TenantMarker, "write it once")
	case many == 1 && !listed:
		found.Add("Tenants", "is empty, and the issuer has users of every tenant", "list the tenants that may sign in")
	case many == 0 && listed:
		found.Add("Tenants", "is set, and the issuer has no "+provider.TenantMarker,
			"write the issuer as the metadata for all tenants spells it")
	}
	if many > 0 && p.Signals != nil { // they would be accepted, and end nothing
		found.Add("Signals", "is set, and the subject of an event is found by one issuer only",
			"configure the tenant as a provider of its own")
	}
	for _, tenant := range p.Tenants {
		if !provider.IsTenant(tenant) {
			found.Add("Tenants", fmt.Sprintf("%q is not a tenant", tenant), "write its id, in lower case")
		}
	}
}

// CheckFound checks the settings of a provider that was looked up at run time. Customers of the app may have entered
// them, so they must not speak for other providers, nor make the app call addresses inside of its network (server-side
// request forgery).
func (p *Provider) CheckFound(found *Problems) {
	const atRunTime = "is set for a provider found at run time"
	if p.Audience != "" {
		found.Add("Audience", atRunTime+", which no token names", "list the provider in Providers")
	}
	if p.AllowTenant != nil {
		found.Add("AllowTenant", atRunTime, "list its Tenants")
	}
	if p.Signals != nil {
		found.Add("Signals", atRunTime, "list the provider in Providers")
	}
	issuer, err := url.Parse(p.Issuer)
	if err == nil && !p.AllowPrivateAddresses && origin.IsLoopback(issuer.Hostname()) {
		found.Add("Issuer", "is on this machine", "set AllowPrivateAddresses if it may be")
	}
}
