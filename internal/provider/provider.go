// Package provider is the OpenID provider as a relying party needs it: discovery, keys, the token request, the rules
// for ID tokens, and userinfo. It is the only package that uses go-oidc, x/oauth2 and, except for the test provider,
// go-jose. It performs the checks that they leave to the caller.
package provider

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Config describes the provider and this client's registration there. It is expected to be valid.
type Config struct {
	Issuer, ClientID, ClientSecret string

	// AuthMethod is the client authentication method: "client_secret_basic", "client_secret_post", "client_secret_jwt",
	// "private_key_jwt", "tls_client_auth", "self_signed_tls_client_auth" or "none". It is never probed.
	AuthMethod string

	// ClientKey signs client assertions (private_key_jwt) and request objects; nil means none. KeyIDSetting is the name of
	// the setting of its kid, for the log.
	ClientKey    *PrivateKey
	KeyIDSetting string
	// ClientCertificate is for the mutual-TLS methods; nil means none. It is not used with a Transport, which has its own.
	ClientCertificate *tls.Certificate
	// SignRequests sends authorization requests as request objects signed with ClientKey (RFC 9101).
	SignRequests bool
	// DecryptionKey decrypts ID tokens and logout tokens. With a key, tokens that are only signed are refused. If it is
	// nil, encrypted tokens are refused.
	DecryptionKey *PrivateKey

	// ResponseMode is how the authorization response is returned: "query" (also ""), "form_post", "query.jwt" or
	// "form_post.jwt".
	ResponseMode string

	// PushedAuthorization says when requests are pushed (RFC 9126): "auto" (also ""), if the provider requires it,
	// "always" or "never".
	PushedAuthorization string

	// DPoP binds access tokens to a key of this client (RFC 9449), a new one for each sign-in. A provider that then
	// returns a bearer token is refused.
	DPoP bool

	// FAPI2 refuses a provider that lacks what the FAPI 2.0 Security Profile requires this client to use.
	FAPI2 bool

	// IPSIE refuses a provider, and ID tokens, without what the IPSIE SL1 profile requires of them.
	IPSIE bool

	// AllowTenant says which tenants of an issuer with [TenantMarker] may sign in. It is nil for any other issuer.
	AllowTenant func(ctx context.Context, tenant string) (bool, error)

	// RedirectURL is the absolute callback URL, as registered.
	RedirectURL string
	Scopes      []string

	// SigningAlgs lists the only algorithms that ID tokens may be signed with; empty means RS256. Symmetric algorithms
	// never verify.
	SigningAlgs []string

	// TrustedAudiences lists the audiences that aud may contain in addition to this client.
	TrustedAudiences []string
	// LaxLogoutType accepts logout tokens whose typ is JWT or absent.
	LaxLogoutType bool

	// AccessTokens says which access tokens in requests to this app are accepted. The zero value accepts none.
	AccessTokens AccessTokenConfig

	// ClockTolerance is the clock skew tolerated between this host and the provider.
	ClockTolerance time.Duration

	// Timeout limits one call to the provider, body included; 0 means 5 seconds. A method as a whole, including fetches of
	// metadata and keys, may take twice as long.
	Timeout time.Duration

	// Transport replaces the hardened transport (RootCAs is then not used). Limits of time and size still apply, and
	// redirects are still refused.
	Transport http.RoundTripper
	RootCAs   *x509.CertPool // nil means the system's
	Logger    *slog.Logger   // for panics in Transport; nil means none

	// Restricted is for a provider that the operator of this app has not chosen, because a customer entered its issuer. It
	// has smaller limits of calls, memory and keys, so that it cannot use up what others need. It is called at public
	// addresses only and without a proxy, unless AllowPrivate is set.
	Restricted, AllowPrivate bool

	// Report receives each [Event], on the goroutine of any caller. If it is nil, events go to Logger.
	Report func(context.Context, Event)
	// Observe is called after each [Call], on the goroutine of any caller. It may be nil, and must not panic.
	Observe func(context.Context, Call)
}

// Provider is safe for concurrent use.
type Provider struct {
	issuer, clientID, clientSecret, authMethod, redirectURL, scope string
	responseMode, pushedAuthorization                              string
	dpop, fapi2, ipsie                                             bool

	clientKey, decryptionKey *PrivateKey     // nil: none
	certificate              bool            // the transport can present one
	own                      *http.Transport // nil: the transport is that of the app
	signRequests             bool
	keyIDSetting             string
	authWarning              sync.Once

	allowTenant func(ctx context.Context, tenant string) (bool, error) // nil: the issuer has no tenants

	algs, trusted []string
	laxLogoutType bool
	tolerance     time.Duration
	report        func(context.Context, Event)
	backend       *backend
	metadata      cache[Metadata]
	keys          cache[keySet]
	access        resourceServer
}

// New returns a Provider. It does not call the provider.
func New(cfg Config) *Provider {
	p := &Provider{
		issuer: cfg.Issuer, clientID: cfg.ClientID, clientSecret: cfg.ClientSecret,
		authMethod: cfg.AuthMethod, redirectURL: cfg.RedirectURL, scope: strings.Join(cfg.Scopes, " "),
		responseMode: cfg.ResponseMode, pushedAuthorization: cfg.PushedAuthorization, dpop: cfg.DPoP, fapi2: cfg.FAPI2,
		ipsie: cfg.IPSIE,
		algs:  slices.Clone(cfg.SigningAlgs), trusted: slices.Clone(cfg.TrustedAudiences),
		clientKey: cfg.ClientKey, decryptionKey: cfg.DecryptionKey, keyIDSetting: cfg.KeyIDSetting,
		allowTenant:   cfg.AllowTenant,
		signRequests:  cfg.SignRequests,
		certificate:   cfg.ClientCertificate != nil || cfg.Transport != nil,
		laxLogoutType: cfg.LaxLogoutType, tolerance: cfg.ClockTolerance, report: cfg.Report,
	}
	if len(p.algs) == 0 {
		p.algs = []string{"RS256"}
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if p.report == nil {
		p.report = logTo(cfg.Logger)
	}
	limits, transport := cfg.limits(), cfg.Transport
	if transport == nil {
		p.own = cfg.transport(limits)
		transport = p.own
	}
	p.backend = newBackend(transport, limits, p.report)
	p.backend.public, p.backend.observe = cfg.publicOnly(), cfg.Observe
	p.metadata.start(p.fetchMetadata, limits, cfg.Logger)
	p.keys.start(p.fetchKeys, limits, cfg.Logger)
	p.access.start(cfg, limits)
	return p
}

func (c *Config) publicOnly() bool { return c.Restricted && !c.AllowPrivate }

func (c *Config) limits() limits {
	call := cmp.Or(c.Timeout, defaultTimeout)
	if c.Restricted {
		return restrictedLimits(call)
	}
	return defaultLimits(call)
}

// transport returns the hardened transport.
func (c *Config) transport(limits limits) *http.Transport {
	transport := newTransport(c.RootCAs, c.ClientCertificate, limits)
	if c.publicOnly() {
		transport = publicTransport(transport, limits.connect())
	}
	return transport
}

// CloseIdle closes the connections that are not in use, for a provider that is no longer needed. A Transport of the app
// is left alone, since others may share it.
func (p *Provider) CloseIdle() {
	if p.own != nil {
		p.own.CloseIdleConnections()
	}
}

// Ready returns nil if a sign-in could be carried out: metadata and keys are available, possibly from before the
// provider became unavailable.
func (p *Provider) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, p.backend.limits.total())
	defer cancel()
	if _, err := p.Metadata(ctx); err != nil {
		return err
	}
	keys, err := p.keys.get(ctx)
	if err != nil {
		return err
	}
	return keys.usable()
}
