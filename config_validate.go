package ginoidc

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/clientcert"
	"github.com/seed-d65cea4d/ginoidc/internal/routes"
	"github.com/seed-d65cea4d/ginoidc/internal/settings"
	"github.com/seed-d65cea4d/ginoidc/internal/store"
)

// ConfigError is one problem of a [Config]. [New] and [ConfigFromEnv] join all problems that they find.
type ConfigError struct {
	Field    string // path in Config, such as "AppURL" or "Providers[0].Issuer"; "" for a variable that sets no field
	Variable string // variable that set the field or should have, such as "OIDC_APP_URL"; "" if code set it
	Problem  string // what is wrong
	Fix      string // how to fix it
}

// Error names the variable, the field, the problem and the fix on one line.
func (e *ConfigError) Error() string {
	where := e.Variable
	switch {
	case e.Variable == "":
		where = e.Field
	case e.Field != "":
		where += " (" + e.Field + ")"
	}
	return fmt.Sprintf("ginoidc: %s: %s; %s", where, e.Problem, e.Fix)
}

// problems collects the problems of a Config.
type problems struct {
	variables  map[string]string // by field, of the fields that code has not changed since ConfigFromEnv
	unreadable map[string]bool   // by field, of the fields whose variable could not be read
	path       string            // prefix of the current fields: "" or, for example, "Providers[0]."
	errs       []error
}

// newProblems starts with the unreadable values of the environment, except for fields that code has set since.
func newProblems(c *Config, variables map[string]string) *problems {
	found := &problems{variables: variables, unreadable: map[string]bool{}}
	for _, err := range c.env.unreadable {
		if err.Field == "" || variables[err.Field] != "" {
			found.errs = append(found.errs, err)
			found.unreadable[err.Field] = true
		}
	}
	return found
}

// unread reports whether the variable of a field could not be read.
func (p *problems) unread(field string) bool { return p.unreadable[p.path+field] }

// add adds a problem of a field, unless its variable could not be read: the problem follows from that, which is already
// reported.
func (p *problems) add(field, problem, fix string) {
	if p.unread(field) {
		return
	}
	field = p.path + field
	p.errs = append(p.errs, &ConfigError{Field: field, Variable: p.variables[field], Problem: problem, Fix: fix})
}

// validate reports every problem of a Config with its defaults, so that one start of the app shows all of them.
// variables are the names of the variables by field.
func (c *Config) validate(variables map[string]string) error {
	found := newProblems(c, variables)
	c.validateProviders(found)
	c.validateApp(found)
	c.validateIPSIE(found)
	c.validateSecrets(found)
	c.validateSession(found)
	c.validateAPI(found)
	found.texts("UserInfoClaims", c.UserInfoClaims...)
	c.validateRoutes(found)
	return errors.Join(found.errs...)
}

// validateApp checks where the app is, its cookies and the other sites that it trusts. What depends on AppURL is
// checked only if AppURL is correct: everything else would be reported for the wrong reason.
func (c *Config) validateApp(found *problems) {
	if why := settings.CheckURL(c.AppURL); why != "" {
		found.add("AppURL", why, "set the URL under which browsers reach the app, such as https://app.example.com")
	} else if base, ok := c.aboveRoutes(); ok {
		found.add("AppURL", "ends in the path of the plugin's routes",
			fmt.Sprintf("set it to %q, below which the plugin has its routes, or choose another RoutePrefix", base))
	} else if app, _ := url.Parse(c.AppURL); !settings.IsPlainPath(app.Path) {
		found.add("AppURL", "its path is not in its plain form",
			"write the base path without dot segments, escapes and doubled slashes")
	} else if _, targets := c.routesAndTargets(app); c.DefaultReturnTo != "" && !targets.Accept(c.DefaultReturnTo) {
		found.add("DefaultReturnTo", fmt.Sprintf("%q is not an acceptable return target", c.DefaultReturnTo),
			"use a path of the app")
	}
	if slices.ContainsFunc(c.Authenticators, func(a Authenticator) bool { return a == nil }) {
		found.add("Authenticators", "one of them is nil", "leave it out")
	}
	if !settings.IsPlainPath(c.RoutePrefix) || c.RoutePrefix == "/" {
		found.add("RoutePrefix", fmt.Sprintf("%q is not a plain path", c.RoutePrefix), `use a path such as "/auth"`)
	}
	if !settings.IsCookieName(c.CookieName) {
		found.add("CookieName", fmt.Sprintf("%q is not accepted", c.CookieName),
			"use letters, digits, - and _, without a name prefix")
	}
	if c.SameSite != SameSiteLax && c.SameSite != SameSiteStrict {
		found.add("SameSite", fmt.Sprintf("%q is not one of its values", c.SameSite), "use lax or strict")
	}
	if !slices.Contains([]string{RememberAlways, RememberNever, RememberAsk}, c.Remember) {
		found.add("Remember", fmt.Sprintf("%q is not one of its values", c.Remember), "use always, never or ask")
	}
	found.origins("ReturnOrigins", c.ReturnOrigins)
	found.origins("TrustedOrigins", c.TrustedOrigins)
	for _, pattern := range c.CrossOriginRoutes {
		if !strings.HasPrefix(pattern, "/") {
			found.add("CrossOriginRoutes", fmt.Sprintf("%q is not a route pattern", pattern),
				`write patterns as Gin does, such as "/webhooks/:id"`)
		}
	}
	if c.PostSignOutURL != "" {
		if why := settings.CheckURL(c.PostSignOutURL); why != "" {
			found.add("PostSignOutURL", why, "set an absolute URL that is registered at the provider")
		}
	}
}

// origins reports entries that are not origins, so that no request could match them. Patterns are refused: "*" in front
// of a domain trusts all its subdomains, and one of them may belong to somebody else.
func (p *problems) origins(field string, origins []string) {
	for _, o := range origins {
		if !settings.IsOrigin(o) {
			p.add(field, fmt.Sprintf("%q is not an origin", o),
				"write scheme, host and port only, in lower case and without a pattern")
		}
	}
}

// texts reports characters that are in a text by mistake. CheckURL does the same for addresses.
func (p *problems) texts(field string, texts ...string) {
	for _, s := range texts {
		if why, fix := settings.CheckText(s); why != "" {
			p.add(field, why, fix)
			return
		}
	}
}

// validateSecrets refuses secrets that can be guessed, those that only open cookies included: a cookie sealed with one
// of them is accepted as well.
func (c *Config) validateSecrets(found *problems) {
	if len(c.CookieSecrets) == 0 {
		found.add("CookieSecrets", "is empty", "set a random secret: openssl rand -base64 32")
	}
	for i, s := range c.CookieSecrets {
		if why := settings.CheckSecret(s, store.MinSecret); why != "" {
			found.add("CookieSecrets", fmt.Sprintf("secret %d %s", i+1, why), "set a random secret: openssl rand -base64 32")
		}
	}
}

// validateSession checks the limits of sessions. A negative one would end each session at once, and one that was meant
// in other units, such as 12 for hours, after a few nanoseconds.
func (c *Config) validateSession(found *problems) {
	if c.SessionIdle < time.Second && c.SessionIdle != c.SessionLifetime { // else the lifetime is reported
		found.add("SessionIdle", "is below a second", "use a duration such as 12h")
	}
	if c.SessionLifetime < time.Second {
		found.add("SessionLifetime", "is below a second", "use a duration such as 168h")
	}
	if c.MaxAuthAge != 0 && c.MaxAuthAge < time.Second {
		found.add("MaxAuthAge", fmt.Sprintf("%s is below a second", c.MaxAuthAge),
			"use a duration such as 8h, or 0 for no limit")
	}
	if c.SessionIdle > c.SessionLifetime {
		found.add("SessionIdle", fmt.Sprintf("%s is above the lifetime of %s", c.SessionIdle, c.SessionLifetime),
			"lower it or raise the lifetime")
	}
	c.validateRecheck(found)
	if c.AttemptLife < settings.MinAttemptLife || c.AttemptLife > settings.MaxAttemptLife {
		found.add("AttemptLife", fmt.Sprintf("%s is out of range", c.AttemptLife), "use a duration from 1m to 24h")
	}
	if !slices.Contains([]string{Auto, Always, Never}, c.KeepIDToken) {
		found.add("KeepIDToken", fmt.Sprintf("%q is not one of its values", c.KeepIDToken), "use auto, always or never")
	}
	c.validateState(found)
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
func (c *Config) validateRoutes(p *problems) {
	app, err := url.Parse(c.AppURL)
	if err != nil {
		return // AppURL itself is reported
	}
	for _, r := range c.env.routes {
		if problem, fix := r.Check(app, c.RoutePrefix, c.env.prefix+"ROUTE_PREFIX"); problem != "" {
			p.errs = append(p.errs, &ConfigError{Variable: r.Variable, Problem: problem, Fix: fix})
		}
	}
}

// validateRecheck reports settings of re-checks that cannot work or have no effect. An operator who sets only
// RecheckGrace believes that users are read again, and none would be.
func (c *Config) validateRecheck(found *problems) {
	switch {
	case c.RecheckEvery == 0 && c.RecheckGrace != 0:
		found.add("RecheckGrace", "is set without RecheckEvery", "set RecheckEvery, or leave it out")
	case c.RecheckEvery == 0 && c.RecheckInBackground:
		found.add("RecheckInBackground", "is set without RecheckEvery", "set RecheckEvery, or leave it out")
	case c.RecheckEvery == 0:
	case c.RecheckEvery < time.Second || c.RecheckEvery > c.SessionLifetime:
		found.add("RecheckEvery", fmt.Sprintf("%s is not between a second and SessionLifetime", c.RecheckEvery),
			"use a duration such as 5m, or leave it out")
	case c.RecheckGrace < time.Second:
		found.add("RecheckGrace", fmt.Sprintf("%s is below a second", c.RecheckGrace), "use a duration such as 10m")
	}
}

// validateState reports a State without the required methods, and a MaxSessions that cannot be enforced. Without
// Revoke and Revoked a copied cookie would stay valid after the sign-out, and without MarkUsed a response could be
// replayed at another instance.
func (c *Config) validateState(p *problems) {
	if missing := c.unsupported(endingMethods()); len(missing) > 0 {
		p.add("State", fmt.Sprintf("does not support %v, without which no session ends", missing), "use one that does")
	}
	switch missing := c.unsupported(listMethods()); {
	case c.MaxSessions < 0:
		p.add("MaxSessions", "is negative", "use 0 for no limit")
	case c.MaxSessions > 0 && len(missing) > 0:
		p.add("MaxSessions", fmt.Sprintf("is set and State does not support %v, so it cannot be enforced", missing),
			"use a State that does, or no limit")
	}
}

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

// validateProviders checks the providers each and together. Two that claim the same name, domain or kind of token would
// make it a matter of chance which of them decides about a user.
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
