// Package provider is the OpenID provider as a relying party needs it: discovery, keys, the token request, ID-token
// rules and userinfo. It is the only package that knows go-oidc and x/oauth2 and, but for the test provider, go-jose.
// It trusts none of them with what they leave to the caller.
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

// Config describes the provider and this client's registration with it. It is expected to be validated already.
type Config struct {
	Issuer, ClientID, ClientSecret string

	// AuthMethod is the client authentication of the token request: "client_secret_basic", "client_secret_post",
	// "client_secret_jwt", "private_key_jwt", "tls_client_auth", "self_signed_tls_client_auth" or "none". It is never
	// probed.
	AuthMethod string

	// ClientKey signs client assertions (private_key_jwt) and request objects. nil: none. KeyIDSetting is what the log
	// calls the setting of its kid.
	ClientKey    *PrivateKey
	KeyIDSetting string
	// ClientCertificate is for the tls methods. nil: none; not used with a Transport, which brings its own.
	ClientCertificate *tls.Certificate
	// SignRequests sends authorization requests as request objects signed with ClientKey (RFC 9101).
	SignRequests bool
	// DecryptionKey opens encrypted ID tokens and logout tokens. With one, those that are only signed are refused. nil:
	// encrypted ones are refused.
	DecryptionKey *PrivateKey

	// ResponseMode is how the authorization response comes back: "query" (also ""), "form_post", "query.jwt" or
	// "form_post.jwt".
	ResponseMode string

	// PushedAuthorization says when requests are pushed (RFC 9126): "auto" (also ""), which is when the provider requires
	// it, "always" or "never".
	PushedAuthorization string

	// DPoP has access tokens bound to a key of this client (RFC 9449), a new one for each sign-in. A provider that
	// answers with a bearer token is refused then.
	DPoP bool

	// FAPI2 refuses a provider that lacks what the FAPI 2.0 Security Profile has this client use.
	FAPI2 bool

	// RedirectURL is the absolute callback URL, as registered.
	RedirectURL string
	Scopes      []string

	// SigningAlgs are the only algorithms an ID token may be signed with; empty means RS256. Only asymmetric ones
	// can ever verify.
	SigningAlgs []string

	// TrustedAudiences may stand in aud beside this client.
	TrustedAudiences []string
	// LaxLogoutType: accept logout tokens whose typ is JWT or absent.
	LaxLogoutType bool

	// ClockTolerance is how far the provider's clock may be off.
	ClockTolerance time.Duration

	// Timeout limits one call to the provider, body included; 0 means 5 seconds. What a method waits for altogether, for
	// metadata and keys too, may take twice as long.
	Timeout time.Duration

	// Transport replaces the hardened transport (and then RootCAs is not used). Time and size limits and the ban on
	// redirects apply to it all the same.
	Transport http.RoundTripper
	RootCAs   *x509.CertPool // nil: the system's
	Logger    *slog.Logger   // of panics in Transport; nil: silent

	// Report gets each [Event], on the goroutine of any caller; nil: Logger has them.
	Report func(context.Context, Event)
}

// Provider is safe for concurrent use.
type Provider struct {
	issuer, clientID, clientSecret, authMethod, redirectURL, scope string
	responseMode, pushedAuthorization                              string
	dpop, fapi2                                                    bool

	clientKey, decryptionKey *PrivateKey // nil: none
	certificate              bool        // the transport can present one
	signRequests             bool
	keyIDSetting             string
	authWarning              sync.Once

	algs, trusted []string
	laxLogoutType bool
	tolerance     time.Duration
	report        func(context.Context, Event)
	backend       *backend
	metadata      cache[Metadata]
	keys          cache[keySet]
}

// New makes a Provider. It does not call the provider.
func New(cfg Config) *Provider {
	p := &Provider{
		issuer: cfg.Issuer, clientID: cfg.ClientID, clientSecret: cfg.ClientSecret,
		authMethod: cfg.AuthMethod, redirectURL: cfg.RedirectURL, scope: strings.Join(cfg.Scopes, " "),
		responseMode: cfg.ResponseMode, pushedAuthorization: cfg.PushedAuthorization, dpop: cfg.DPoP, fapi2: cfg.FAPI2,
		algs: slices.Clone(cfg.SigningAlgs), trusted: slices.Clone(cfg.TrustedAudiences),
		clientKey: cfg.ClientKey, decryptionKey: cfg.DecryptionKey, keyIDSetting: cfg.KeyIDSetting,
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
	limits := limits{cmp.Or(cfg.Timeout, defaultTimeout)}
	transport := cfg.Transport
	if transport == nil {
		transport = newTransport(cfg.RootCAs, cfg.ClientCertificate, limits)
	}
	p.backend = newBackend(transport, limits, p.report)
	p.metadata.start(p.fetchMetadata, limits, cfg.Logger)
	p.keys.start(p.fetchKeys, limits, cfg.Logger)
	return p
}

// Ready reports whether a sign-in could be carried out: metadata and keys are at hand, if need be from before the
// provider went away.
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
