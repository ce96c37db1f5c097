package ginoidc

import (
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/clientcert"
	"github.com/seed-d65cea4d/ginoidc/internal/env"
	"github.com/seed-d65cea4d/ginoidc/internal/relyingparty"
	"github.com/seed-d65cea4d/ginoidc/internal/settings"
	"github.com/seed-d65cea4d/ginoidc/internal/shared"
)

// Values of [Provider].ClientAuthMethod (OpenID Connect Core 1.0, section 9; RFC 8705, section 2).
const (
	ClientSecretBasic       = "client_secret_basic"
	ClientSecretPost        = "client_secret_post"
	ClientSecretJWT         = "client_secret_jwt"
	PrivateKeyJWT           = "private_key_jwt"
	TLSClientAuth           = "tls_client_auth"
	SelfSignedTLSClientAuth = "self_signed_tls_client_auth"
	ClientAuthNone          = "none" // a public client
)

// Values of [Provider].ResponseMode (OAuth 2.0 Multiple Response Type Encoding Practices, section 2.1; OAuth 2.0 Form
// Post Response Mode; JARM, section 2.3).
const (
	ResponseModeQuery       = "query"
	ResponseModeFormPost    = "form_post"
	ResponseModeQueryJWT    = "query.jwt"
	ResponseModeFormPostJWT = "form_post.jwt"
)

// Values of [Provider].GroupsFormat and OrganizationsFormat.
const (
	FormatList      = "list"
	FormatSeparated = "separated"
	FormatKeys      = "keys"
)

// Values of [Provider].PushedAuthorization and [Config].KeepIDToken.
const (
	Auto   = "auto"
	Always = "always"
	Never  = "never"
)

// Values of [Config].SameSite.
const (
	SameSiteLax    = "lax"
	SameSiteStrict = "strict"
)

// Values of [Config].Remember.
const (
	RememberAlways = "always"
	RememberNever  = "never"
	RememberAsk    = "ask"
)

// Values of [Config].CertificateFormat.
const (
	CertificateByteSequence = clientcert.FormatByteSequence
	CertificatePEM          = clientcert.FormatPEM
)

// Values of [Provider].Profile.
const (
	ProfileFAPI2    = "fapi2"     // the FAPI 2.0 Security Profile
	ProfileIPSIESL1 = "ipsie-sl1" // the IPSIE SL1 OpenID Connect Profile
)

// ConfigFromEnv reads a [Config] from the environment variables that begin with prefix, such as "OIDC_"; a missing
// final underscore is added. docs/configuration.md lists them. There is one provider, or those that OIDC_PROVIDERS
// names: each has its variables under a prefix of its own, such as "OIDC_GOOGLE_" for "google".
//
// The error joins a [ConfigError] for each value that cannot be read. It may be ignored: [New] reports the same, unless
// code has set the field since. A variable under the prefix that the plugin does not know is a warning that New logs,
// with the nearest known name if one is near: platforms inject names of their own.
func ConfigFromEnv(prefix string) (Config, error) {
	c := Config{AppURL: settings.DefaultAppURL}
	c.env = env.Load(prefix, &c)
	left := c.detached()
	c.left = &left
	return c, configErrors(c.env.Unreadable, nil)
}

// variableNames returns, for each field that code has not changed since ConfigFromEnv, the variable that set the field
// or could have.
func (c *Config) variableNames() map[string]string { return c.env.Names(env.At(c), env.At(c.left)) }

// withDefaults returns a copy of the Config with the defaults of all fields that are not set.
func (c Config) withDefaults() Config {
	c = c.detached() // what is validated must be what is used, whatever the caller changes later
	for i := range c.Providers {
		c.Providers[i].setDefaults()
		settings.RequestMaxAge(c.Providers[i].SignInParameters, c.MaxAuthAge)
	}
	app := c.values()
	app.SetDefaults()
	settings.Copy(&c, app)
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return c
}

// setDefaults sets the defaults of the fields that are not set.
func (p *Provider) setDefaults() {
	values := p.values()
	values.SetDefaults()
	settings.Copy(p, values)
	if p.Signals != nil {
		settings.Copy(p.Signals, values.Signals)
	}
}

// detached copies the providers, lists and parameters, so that later changes to the original have no effect.
func (c Config) detached() Config {
	settings.CopyLists(&c)
	settings.CopyLists(&c.Pages)
	for i := range c.Providers {
		settings.CopyLists(&c.Providers[i])
		if s := c.Providers[i].Signals; s != nil {
			own := *s
			c.Providers[i].Signals = &own
		}
	}
	return c
}

// validate reports every problem of a Config with its defaults, so that one start of the app shows all of them.
// variables are the names of the variables by field, of those fields that code has not changed since ConfigFromEnv:
// what ConfigFromEnv could not read is a problem of these only.
func (c *Config) validate(variables map[string]string) error {
	found := &settings.Problems{}
	c.env.CheckRead(found, variables)
	providers := make([]*settings.Provider, len(c.Providers))
	for i := range c.Providers {
		providers[i] = c.Providers[i].values()
	}
	settings.CheckProviders(found, providers, c.FindProvider != nil)
	c.values().Check(found)
	c.env.CheckRoutes(found, c.AppURL, c.RoutePrefix)
	found.Path = env.PagesPath
	c.Pages.settings().Check(found)
	return configErrors(found.All, variables)
}

// values returns the settings of the app for the room that has the rules for them, which cannot import this package:
// the fields of the same names, and what its rules need to know of others.
func (c *Config) values() *settings.App {
	app := &settings.App{
		AccessTokens:     slices.ContainsFunc(c.Providers, func(p Provider) bool { return p.Audience != "" }),
		Enterprise:       slices.ContainsFunc(c.Providers, func(p Provider) bool { return p.Profile == ProfileIPSIESL1 }),
		NilAuthenticator: slices.ContainsFunc(c.Authenticators, func(a Authenticator) bool { return a == nil }),
		UnsupportedEnds:  c.unsupported(shared.EndingMethods()), UnsupportedLists: c.unsupported(shared.ListMethods()),
	}
	settings.Copy(app, c)
	return app
}

// values returns the settings of the provider for the same room.
func (p *Provider) values() *settings.Provider {
	values := &settings.Provider{}
	settings.Copy(values, p)
	if p.Signals != nil {
		values.Signals = &settings.Signals{}
		settings.Copy(values.Signals, p.Signals)
	}
	return values
}

// authAge returns after which time a session ends because of MaxAuthAge, 0 for never. It tolerates the clock skew that
// sign-ins tolerate: otherwise a sign-in could be accepted whose session has ended already.
func (c *Config) authAge() time.Duration {
	if c.MaxAuthAge == 0 {
		return 0
	}
	tolerance := time.Duration(0)
	for i := range c.Providers {
		tolerance = max(tolerance, c.Providers[i].ClockTolerance)
	}
	return c.MaxAuthAge + tolerance
}

// severalProviders reports whether users can sign in with more than one provider.
func (c *Config) severalProviders() bool { return len(c.Providers) > 1 || c.FindProvider != nil }

// audience keeps the cookies of apps with the same secrets apart, and stays the same when providers are added.
func (c *Config) audience() string {
	if len(c.Providers) > 0 {
		return string(relyingparty.AudienceOf(c.Providers[0].Issuer, c.Providers[0].ClientID))
	}
	return c.AppURL + " "
}

// keepsTokens reports whether sessions keep the tokens of the sign-in, for the app or for re-checks.
func (c *Config) keepsTokens() bool { return c.KeepTokens || c.RecheckEvery > 0 }

// strict reports whether the session cookie is SameSite=Strict.
func (c *Config) strict() bool { return c.SameSite == SameSiteStrict }

// sameSite returns the SameSite attribute of the session cookie.
func (c *Config) sameSite() http.SameSite {
	if c.strict() {
		return http.SameSiteStrictMode
	}
	return http.SameSiteLaxMode
}
