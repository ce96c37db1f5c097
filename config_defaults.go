package ginoidc

import (
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/clientcert"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/settings"
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

const (
	defaultRoutePrefix = "/auth"
	defaultCookieName  = "ginoidc"
	defaultIdle        = 12 * time.Hour
	defaultLifetime    = 7 * 24 * time.Hour
	defaultTolerance   = time.Minute
	defaultTimeout     = 5 * time.Second
	defaultAttemptLife = 10 * time.Minute

	defaultRecheckGrace = time.Hour
)

// withDefaults returns a copy of the Config with the defaults of all fields that are not set.
func (c Config) withDefaults() Config {
	c = c.detached() // what is validated must be what is used, whatever the caller changes later
	for i := range c.Providers {
		c.Providers[i].setDefaults()
		c.Providers[i].requestMaxAge(c.MaxAuthAge)
	}
	setDefault(&c.RoutePrefix, defaultRoutePrefix)
	setDefault(&c.CookieName, defaultCookieName)
	setDefault(&c.SameSite, SameSiteLax)
	setDefault(&c.Remember, RememberAlways)
	setDefault(&c.SessionLifetime, defaultLifetime)
	setDefault(&c.SessionIdle, min(defaultIdle, c.SessionLifetime)) // a short lifetime alone is no contradiction
	if c.RecheckEvery != 0 {
		setDefault(&c.RecheckGrace, defaultRecheckGrace)
	}
	setDefault(&c.AttemptLife, defaultAttemptLife)
	setDefault(&c.KeepIDToken, Auto)
	if c.CertificateHeader != "" {
		setDefault(&c.CertificateFormat, CertificateByteSequence)
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return c
}

// setDefaults sets the defaults of the fields that are not set.
func (p *Provider) setDefaults() {
	switch p.Profile {
	case ProfileFAPI2:
		p.setFAPI2()
	case ProfileIPSIESL1:
		p.setIPSIE()
	}
	setDefault(&p.ClientAuthMethod, ClientSecretBasic)
	setDefault(&p.ResponseMode, ResponseModeQuery)
	setDefault(&p.PushedAuthorization, Auto)
	setDefault(&p.ClockTolerance, defaultTolerance)
	setDefault(&p.Timeout, defaultTimeout)
	setDefault(&p.GroupsFormat, FormatList)
	setDefault(&p.OrganizationsFormat, FormatList)
	// A claim and a path are two places, so a path leaves no default for the claim.
	if len(p.GroupsPath) == 0 {
		setDefault(&p.GroupsClaim, "groups")
	}
	if len(p.OrganizationsPath) == 0 {
		setDefault(&p.OrganizationsClaim, "organizations")
	}
	if len(p.Scopes) == 0 {
		p.Scopes = []string{"openid", "profile", "email"}
	}
	if len(p.SigningAlgs) == 0 {
		p.SigningAlgs = []string{"RS256"}
	}
	if p.SignInParameters == nil {
		p.SignInParameters = url.Values{}
	}
	if p.Signals != nil {
		p.Signals.setDefaults(p)
	}
}

// mutualTLS reports whether the client authenticates with its certificate (RFC 8705, section 2).
func (p *Provider) mutualTLS() bool {
	return provider.UsesMutualTLS(p.ClientAuthMethod)
}

// clientKey reads ClientKey, and decryptionKey reads DecryptionKey. The errors never quote a key.
func (p *Provider) clientKey() (*provider.PrivateKey, error) {
	return provider.ParsePrivateKey(p.ClientKey, p.ClientKeyAlg, p.ClientKeyID)
}

func (p *Provider) decryptionKey() (*provider.PrivateKey, error) {
	return provider.ParsePrivateKey(p.DecryptionKey, "", "")
}

// setDefault sets a field that has the zero value.
func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
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

// requestMaxAge makes sign-ins ask for an authentication within age, unless they ask for a more recent one.
func (p *Provider) requestMaxAge(age time.Duration) {
	if asked := p.SignInParameters.Get("max_age"); age < time.Second || asked != "" && !provider.IsMaxAge(asked) {
		return // New reports either
	}
	if asked := provider.MaxAge(p.SignInParameters); asked < 0 || asked > int(age/time.Second) {
		p.SignInParameters.Set("max_age", strconv.Itoa(int(age/time.Second)))
	}
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

// ProfileFAPI2 is the FAPI 2.0 Security Profile, a value of [Provider].Profile.
const ProfileFAPI2 = "fapi2"

// setFAPI2 sets the fields for which the profile allows only one value. What is set to another value stays, for New to
// refuse it: the profile must not be weaker than its name without an error.
func (p *Provider) setFAPI2() {
	if p.ClientCertificate != nil && len(p.ClientKey) == 0 {
		setDefault(&p.ClientAuthMethod, TLSClientAuth)
	}
	setDefault(&p.ClientAuthMethod, PrivateKeyJWT)
	setDefault(&p.PushedAuthorization, Always)
	if !p.mutualTLS() {
		p.DPoP = true
	}
	if len(p.SigningAlgs) == 0 {
		p.SigningAlgs = settings.FAPI2Algs()
	}
	if key, err := p.clientKey(); p.ClientKeyAlg == "" && err == nil && key.Alg() == "RS256" {
		p.ClientKeyAlg = "PS256"
	}
}

// ProfileIPSIESL1 is the IPSIE SL1 OpenID Connect Profile, a value of [Provider].Profile.
const ProfileIPSIESL1 = "ipsie-sl1"

// setIPSIE sets the fields for which the profile allows only one value.
func (p *Provider) setIPSIE() {
	p.InitiateLogin = true
	if len(p.SigningAlgs) == 0 {
		p.SigningAlgs = settings.FAPI2Algs() // the profile has the same
	}
	if key, err := p.clientKey(); p.ClientKeyAlg == "" && err == nil && key.Alg() == "RS256" {
		p.ClientKeyAlg = "PS256"
	}
}
