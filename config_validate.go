package ginoidc

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/routes"
	"github.com/seed-d65cea4d/ginoidc/internal/settings"
	"github.com/seed-d65cea4d/ginoidc/internal/shared"
)

// ConfigError is one problem of a [Config]. [New] and [ConfigFromEnv] join all problems that they find.
type ConfigError struct {
	Field    string // path in Config, such as "AppURL" or "Providers[0].Issuer"; "" for a variable that sets no field
	Variable string // variable that set the field or should have, such as "OIDC_APP_URL"; "" if code set it
	Problem  string // what is wrong
	Fix      string // how to fix it
}

// Error names the variable, the field, the problem, the fix and where to read more, on one line.
func (e *ConfigError) Error() string {
	where := e.Variable
	switch {
	case e.Variable == "":
		where = e.Field
	case e.Field != "":
		where += " (" + e.Field + ")"
	}
	return fmt.Sprintf("ginoidc: %s: %s; %s (see %s)", where, e.Problem, e.Fix, e.Doc())
}

// Doc returns where the documentation explains the field, such as "docs/configuration.md#issuer".
func (e *ConfigError) Doc() string {
	if e.Field == "" {
		return "docs/environment.md"
	}
	path := strings.Split(e.Field, ".")
	if len(path) > 1 { // of Providers[0], whose fields are those of one provider
		path = path[1:]
	}
	anchor, _, _ := strings.Cut(strings.ToLower(strings.Join(path, "-")), "[")
	return "docs/configuration.md#" + anchor
}

// configErrors joins problems, each as a ConfigError. variables has the names of environment variables by field.
func configErrors(problems []settings.Problem, variables map[string]string) error {
	errs := make([]error, len(problems))
	for i, p := range problems {
		errs[i] = &ConfigError{p.Field, cmp.Or(p.Variable, variables[p.Field]), p.Text, p.Fix}
	}
	return errors.Join(errs...)
}

// validate reports every problem of a Config with its defaults, so that one start of the app shows all of them.
// variables are the names of the variables by field, of those fields that code has not changed since ConfigFromEnv:
// what ConfigFromEnv could not read is a problem of these only.
func (c *Config) validate(variables map[string]string) error {
	found := &settings.Problems{Unreadable: map[string]bool{}}
	for _, p := range c.env.Unreadable {
		if p.Field == "" || variables[p.Field] != "" {
			found.All = append(found.All, p)
			found.Unreadable[p.Field] = true
		}
	}
	providers := make([]*settings.Provider, len(c.Providers))
	for i := range c.Providers {
		providers[i] = c.Providers[i].toCheck()
	}
	settings.CheckProviders(found, providers, c.FindProvider != nil)
	c.validateAddress(found)
	c.toCheck().Check(found)
	c.validateRoutes(found)
	c.Pages.check(found)
	return configErrors(found.All, variables)
}

// validateAddress checks where the app is. What depends on AppURL is checked only if AppURL is correct: everything else
// would be reported for the wrong reason.
func (c *Config) validateAddress(found *settings.Problems) {
	if why := settings.CheckURL(c.AppURL); why != "" {
		found.Add("AppURL", why, "set the URL under which browsers reach the app, such as https://app.example.com")
	} else if base, ok := c.aboveRoutes(); ok {
		found.Add("AppURL", "ends in the path of the plugin's routes",
			fmt.Sprintf("set it to %q, below which the plugin has its routes, or choose another RoutePrefix", base))
	} else if app, _ := url.Parse(c.AppURL); !settings.IsPlainPath(app.Path) {
		found.Add("AppURL", "its path is not in its plain form",
			"write the base path without dot segments, escapes and doubled slashes")
	} else if _, targets := c.routesAndTargets(app); c.DefaultReturnTo != "" && !targets.Accept(c.DefaultReturnTo) {
		found.Add("DefaultReturnTo", fmt.Sprintf("%q is not an acceptable return target", c.DefaultReturnTo),
			"use a path of the app")
	}
	if slices.ContainsFunc(c.Authenticators, func(a Authenticator) bool { return a == nil }) {
		found.Add("Authenticators", "one of them is nil", "leave it out")
	}
}

// aboveRoutes returns AppURL without the path of one of the plugin's routes, if it ends in one. The redirect URI is
// mistaken for AppURL because it is the address that the provider's page asks for.
func (c *Config) aboveRoutes() (base string, ok bool) {
	app, err := url.Parse(strings.TrimSuffix(c.AppURL, "/"))
	r := routes.New(&url.URL{}, c.RoutePrefix)
	for _, route := range append(r.All(), r.Prefix) {
		if err == nil && route != "" && strings.HasSuffix(app.Path, route) {
			return strings.TrimSuffix(app.String(), route), true
		}
	}
	return "", false
}

// validateRoutes reports addresses of the plugin's routes in the environment that differ from the actual ones. The
// operator has registered such an address at the provider, which would refuse the actual one.
func (c *Config) validateRoutes(found *settings.Problems) {
	app, err := url.Parse(c.AppURL)
	if err != nil {
		return // AppURL itself is reported
	}
	for _, r := range c.env.Routes {
		if problem, fix := r.Check(app, c.RoutePrefix, c.env.Prefix+"ROUTE_PREFIX"); problem != "" {
			found.All = append(found.All, settings.Problem{Variable: r.Variable, Text: problem, Fix: fix})
		}
	}
}

// toCheck returns the settings of the app that have rules of their own. The rules are below this package, which they
// cannot import, so they get plain values, and whether a function is set.
func (c *Config) toCheck() *settings.App {
	return &settings.App{
		AppURL: c.AppURL, RoutePrefix: c.RoutePrefix, PostSignOutURL: c.PostSignOutURL, ReturnOrigins: c.ReturnOrigins,
		TrustedOrigins: c.TrustedOrigins, CrossOriginRoutes: c.CrossOriginRoutes,
		CookieName: c.CookieName, SameSite: c.SameSite, Remember: c.Remember, KeepIDToken: c.KeepIDToken,
		CookieSecrets: c.CookieSecrets, UserInfoClaims: c.UserInfoClaims,
		SessionIdle: c.SessionIdle, SessionLifetime: c.SessionLifetime, AttemptLife: c.AttemptLife,
		MaxAuthAge: c.MaxAuthAge, RecheckEvery: c.RecheckEvery, RecheckGrace: c.RecheckGrace,
		RecheckInBackground: c.RecheckInBackground, MaxSessions: c.MaxSessions,
		Resource: c.Resource, CertificateHeader: c.CertificateHeader, CertificateFormat: c.CertificateFormat,
		CertificateProxies: c.CertificateProxies,
		AccessTokens:       slices.ContainsFunc(c.Providers, func(p Provider) bool { return p.Audience != "" }),
		Enterprise:         slices.ContainsFunc(c.Providers, func(p Provider) bool { return p.Profile == ProfileIPSIESL1 }),
		UnsupportedEnds:    c.unsupported(shared.EndingMethods()), UnsupportedLists: c.unsupported(shared.ListMethods()),
	}
}

// toCheck returns the settings of the provider that have rules of their own.
func (p *Provider) toCheck() *settings.Provider {
	values := &settings.Provider{
		Name: p.Name, Label: p.Label, Issuer: p.Issuer, GroupsPrefix: p.GroupsPrefix, EmailDomains: p.EmailDomains,
		Tenants: p.Tenants, AllowsTenants: p.AllowTenant != nil, AllowPrivateAddresses: p.AllowPrivateAddresses,
		Client: settings.Client{
			ClientID: p.ClientID, ClientSecret: p.ClientSecret, ClientAuthMethod: p.ClientAuthMethod,
			ClientKey: p.ClientKey, DecryptionKey: p.DecryptionKey, ClientKeyAlg: p.ClientKeyAlg, ClientKeyID: p.ClientKeyID,
			SignRequests: p.SignRequests, ClientCertificate: p.ClientCertificate, CertificateOrigins: p.CertificateOrigins,
			OwnTransport: p.Transport != nil, Profile: p.Profile, SigningAlgs: p.SigningAlgs,
		},
		ResponseMode: p.ResponseMode, PushedAuthorization: p.PushedAuthorization, SignInParameters: p.SignInParameters,
		SignOutParameters: p.SignOutParameters, Scopes: p.Scopes, TrustedAudiences: p.TrustedAudiences,
		ClockTolerance: p.ClockTolerance, Timeout: p.Timeout,
		GroupsClaim: p.GroupsClaim, GroupsPath: p.GroupsPath, GroupsFormat: p.GroupsFormat,
		OrganizationsClaim: p.OrganizationsClaim, OrganizationsPath: p.OrganizationsPath,
		OrganizationsFormat: p.OrganizationsFormat,
		Audience:            p.Audience, AccessTokenProfile: p.AccessTokenProfile, AccessTokenIssuer: p.AccessTokenIssuer,
		Introspection: p.Introspection, RequireBoundTokens: p.RequireBoundTokens, RequireDPoPNonce: p.RequireDPoPNonce,
	}
	if s := p.Signals; s != nil {
		values.Signals = &settings.Signals{
			Issuer: s.Issuer, Audience: s.Audience, SigningAlgs: s.SigningAlgs, Authorization: s.Authorization,
			CredentialChange: s.CredentialChange, Poll: s.Poll, HasToken: s.Token != nil,
		}
	}
	return values
}

// client returns the settings of the package that talks to the provider, except for those of the app. The errors never
// quote a key.
func (p *Provider) client() (provider.Config, error) {
	cfg := provider.Config{
		Issuer: p.Issuer, ClientID: p.ClientID, ClientSecret: p.ClientSecret, AuthMethod: p.ClientAuthMethod,
		ClientCertificate: p.ClientCertificate, SignRequests: p.SignRequests, DPoP: p.DPoP,
		FAPI2:        p.Profile == ProfileFAPI2,
		IPSIE:        p.Profile == ProfileIPSIESL1,
		ResponseMode: p.ResponseMode, PushedAuthorization: p.PushedAuthorization,
		Scopes: slices.Clone(p.Scopes), SigningAlgs: slices.Clone(p.SigningAlgs),
		AccessTokens: provider.AccessTokenConfig{
			Audience: p.Audience, Profile: p.AccessTokenProfile, Issuer: p.AccessTokenIssuer, Introspection: p.Introspection,
		},
		TrustedAudiences: p.TrustedAudiences, LaxLogoutType: p.UntypedLogoutTokens, ClockTolerance: p.ClockTolerance,
		Timeout: p.Timeout, Transport: p.Transport, RootCAs: p.RootCAs, AllowTenant: p.tenants(),
	}
	var err error
	if len(p.ClientKey) > 0 {
		if cfg.ClientKey, err = p.clientKey(); err != nil {
			return cfg, fmt.Errorf("ginoidc: ClientKey: %w", err)
		}
	}
	if len(p.DecryptionKey) > 0 {
		if cfg.DecryptionKey, err = p.decryptionKey(); err != nil {
			return cfg, fmt.Errorf("ginoidc: DecryptionKey: %w", err)
		}
	}
	return cfg, nil
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

// settingNames has the names of environment variables by the path of the Config field that they set.
type settingNames struct {
	variables map[string]string
	path      string // of the fields, such as "Providers[0]."
}

// of returns the name of a field for the log, followed by the environment variable that set it, if any.
func (n settingNames) of(field string) string {
	if variable := n.variables[n.path+field]; variable != "" {
		return n.path + field + " (" + variable + ")"
	}
	return n.path + field
}
