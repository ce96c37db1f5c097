package ginoidc

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/seed-d65cea4d/ginoidc/internal/clientcert"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/settings"
)

// validateAPI checks the settings of the app as a resource server. One that has no effect is refused: the operator
// would rely on a protection that is not there.
func (c *Config) validateAPI(found *problems) {
	accepts := slices.ContainsFunc(c.Providers, func(p Provider) bool { return p.Audience != "" })
	c.validateResource(found, accepts)
	if c.CertificateHeader == "" {
		for field, set := range map[string]bool{
			"CertificateFormat": c.CertificateFormat != "", "CertificateProxies": len(c.CertificateProxies) > 0,
		} {
			if set {
				found.add(field, "is set without CertificateHeader", "set CertificateHeader, or leave it out")
			}
		}
		return
	}
	if !settings.IsFieldName(c.CertificateHeader) {
		found.add("CertificateHeader", fmt.Sprintf("%q is not the name of a header", c.CertificateHeader),
			"write the name alone, such as Client-Cert")
	}
	if !accepts {
		found.add("CertificateHeader", "is set without Audience", "set Audience of the provider, or leave it out")
	}
	if !slices.Contains(clientcert.Formats(), c.CertificateFormat) {
		found.add("CertificateFormat", fmt.Sprintf("%q is not one of its values", c.CertificateFormat),
			"use "+strings.Join(clientcert.Formats(), ", "))
	}
	const fix = "list the addresses of the proxy, such as 10.0.0.0/8"
	if len(c.CertificateProxies) == 0 {
		found.add("CertificateProxies", "is empty, and anyone could send CertificateHeader", fix)
	}
	if _, err := clientcert.ParseNetworks(c.CertificateProxies); err != nil {
		found.add("CertificateProxies", err.Error(), fix)
	}
}

// validateResource checks that clients find the metadata on this host: its address follows from that of the resource
// (RFC 9728, section 3.1), so no other host can be named.
func (c *Config) validateResource(found *problems, accepts bool) {
	if c.Resource == "" {
		return
	}
	fix := "use the URL of the API, at or below AppURL"
	app, err := url.Parse(c.AppURL)
	resource, badResource := url.Parse(c.Resource)
	switch {
	case settings.CheckURL(c.Resource) != "":
		found.add("Resource", settings.CheckURL(c.Resource), fix)
	case err != nil || badResource != nil: // the first one is reported elsewhere
	case app.Scheme != resource.Scheme || app.Host != resource.Host || !settings.IsPlainPath(resource.Path) ||
		!strings.HasPrefix(resource.Path+"/", strings.TrimSuffix(app.Path, "/")+"/"):
		found.add("Resource", fmt.Sprintf("%q is not a plain URL at or below AppURL", c.Resource), fix)
	case !accepts:
		found.add("Resource", "is set without Audience", "set Audience of the provider, or leave it out")
	}
}

// validateAccessTokens reports settings of access tokens that would have no effect, or an unknown one.
func (p *Provider) validateAccessTokens(found *problems) {
	found.texts("Audience", p.Audience)
	if p.RequireBoundTokens && p.Audience == "" {
		found.add("RequireBoundTokens", "is set without Audience", "set Audience, or leave it out")
	}
	if p.RequireDPoPNonce && p.Audience == "" {
		found.add("RequireDPoPNonce", "is set without Audience", "set Audience, or leave it out")
	}
	for _, setting := range []struct {
		field, value string
		values       []string // nil: any
	}{
		{"AccessTokenProfile", p.AccessTokenProfile, provider.AccessTokenProfiles()},
		{"AccessTokenIssuer", p.AccessTokenIssuer, nil},
		{"Introspection", p.Introspection, []string{provider.IntrospectionJSON, provider.IntrospectionJWT}},
	} {
		switch {
		case setting.value == "":
		case p.Audience == "":
			found.add(setting.field, "is set without Audience", "set Audience, or leave it out")
		case setting.values == nil:
			found.texts(setting.field, setting.value)
		case !slices.Contains(setting.values, setting.value):
			found.add(setting.field, fmt.Sprintf("%q is not one of its values", setting.value),
				"use "+strings.Join(setting.values, ", "))
		}
	}
}
