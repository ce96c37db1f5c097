package settings

import (
	"net/url"
	"strconv"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/clientcert"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

const (
	defaultRoutePrefix  = "/auth"
	defaultCookieName   = "ginoidc"
	defaultIdle         = 12 * time.Hour
	defaultLifetime     = 7 * 24 * time.Hour
	defaultRecheckGrace = time.Hour
	defaultAttemptLife  = 10 * time.Minute
	defaultTolerance    = time.Minute
	defaultTimeout      = 5 * time.Second
)

// The values of Profile.
const (
	ProfileFAPI2    = "fapi2"
	ProfileIPSIESL1 = "ipsie-sl1"
)

// SetDefaults sets the defaults of the fields that are not set.
func (a *App) SetDefaults() {
	setDefault(&a.RoutePrefix, defaultRoutePrefix)
	setDefault(&a.CookieName, defaultCookieName)
	setDefault(&a.SameSite, "lax")
	setDefault(&a.Remember, "always")
	setDefault(&a.SessionLifetime, defaultLifetime)
	setDefault(&a.SessionIdle, min(defaultIdle, a.SessionLifetime)) // a short lifetime alone is no contradiction
	if a.RecheckEvery != 0 {
		setDefault(&a.RecheckGrace, defaultRecheckGrace)
	}
	setDefault(&a.AttemptLife, defaultAttemptLife)
	setDefault(&a.KeepIDToken, "auto")
	if a.CertificateHeader != "" {
		setDefault(&a.CertificateFormat, clientcert.FormatByteSequence)
	}
}

// SetDefaults sets the defaults of the fields that are not set.
func (p *Provider) SetDefaults() {
	switch p.Profile {
	case ProfileFAPI2:
		p.setFAPI2()
	case ProfileIPSIESL1:
		p.InitiateLogin = true
		p.setAlgs()
	}
	setDefault(&p.ClientAuthMethod, "client_secret_basic")
	setDefault(&p.ResponseMode, "query")
	setDefault(&p.PushedAuthorization, "auto")
	setDefault(&p.ClockTolerance, defaultTolerance)
	setDefault(&p.Timeout, defaultTimeout)
	setDefault(&p.GroupsFormat, "list")
	setDefault(&p.OrganizationsFormat, "list")
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
	if s := p.Signals; s != nil {
		setDefault(&s.Issuer, p.Issuer)
		setDefault(&s.CredentialChange, "end")
		if len(s.Audience) == 0 {
			s.Audience = []string{p.ClientID}
		}
	}
}

// setFAPI2 sets the fields for which the profile allows only one value. What is set to another value stays, for Check
// to refuse it: the profile must not be weaker than its name without an error.
func (p *Provider) setFAPI2() {
	if p.ClientCertificate != nil && len(p.ClientKey) == 0 {
		setDefault(&p.ClientAuthMethod, "tls_client_auth")
	}
	setDefault(&p.ClientAuthMethod, "private_key_jwt")
	setDefault(&p.PushedAuthorization, "always")
	if !provider.UsesMutualTLS(p.ClientAuthMethod) {
		p.DPoP = true
	}
	p.setAlgs()
}

// setAlgs sets the algorithms that both profiles allow. An RSA key can sign with PS256 too.
func (c *Client) setAlgs() {
	if len(c.SigningAlgs) == 0 {
		c.SigningAlgs = FAPI2Algs()
	}
	if key, err := c.key(); c.ClientKeyAlg == "" && err == nil && key.Alg() == "RS256" {
		c.ClientKeyAlg = "PS256"
	}
}

// setDefault sets a field that has the zero value.
func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// RequestMaxAge makes sign-ins with these parameters ask for an authentication within age, unless they ask for a more
// recent one. What Check reports stays as it is.
func RequestMaxAge(params url.Values, age time.Duration) {
	if asked := params.Get("max_age"); age < time.Second || asked != "" && !provider.IsMaxAge(asked) {
		return
	}
	if asked := provider.MaxAge(params); asked < 0 || asked > int(age/time.Second) {
		params.Set("max_age", strconv.Itoa(int(age/time.Second)))
	}
}
