package ginoidc

import (
	"log/slog"
	"net/http"
	"net/url"
	"reflect"
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

// ProfileFAPI2 is the FAPI 2.0 Security Profile, a value of [Provider].Profile.
const ProfileFAPI2 = "fapi2"

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
	c = c.detached()
	for i := range c.Providers {
		c.Providers[i].setDefaults()
		c.Providers[i].requestMaxAge(c.MaxAuthAge)
	}
	setDefault(&c.RoutePrefix, defaultRoutePrefix)
	setDefault(&c.CookieName, defaultCookieName)
	setDefault(&c.SameSite, SameSiteLax)
	setDefault(&c.Remember, RememberAlways)
	setDefault(&c.SessionLifetime, defaultLifetime)
	setDefault(&c.SessionIdle, min(defaultIdle, c.SessionLifetime))
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

// setFAPI2 sets the fields for which the profile allows only one value.
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
	copyLists(&c)
	for i := range c.Providers {
		copyLists(&c.Providers[i])
		if s := c.Providers[i].Signals; s != nil {
			own := *s
			c.Providers[i].Signals = &own
		}
	}
	return c
}

// copyLists replaces the lists and parameters of a struct with copies.
func copyLists(pointer any) {
	fields := reflect.ValueOf(pointer).Elem()
	for i := range fields.NumField() {
		switch field := fields.Field(i); {
		case !field.CanSet():
		case field.Kind() == reflect.Slice && !field.IsNil():
			field.Set(reflect.AppendSlice(reflect.MakeSlice(field.Type(), 0, field.Len()), field))
		case field.Type() == reflect.TypeFor[url.Values]() && !field.IsNil():
			field.Set(reflect.ValueOf(url.Values(http.Header(field.Interface().(url.Values)).Clone())))
		}
	}
}
