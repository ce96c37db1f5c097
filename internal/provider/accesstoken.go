package provider

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"sync"
	"time"
)

const (
	opAccessToken = "access token"

	maxAccessToken = 16 << 10
)

// The reasons for refusing an access token that API clients need to tell apart. Both are ErrInvalidToken as well.
var (
	ErrExpiredToken  = errors.New("the token has expired")
	ErrWrongAudience = errors.New("the token is for another audience")
)

// AccessTokenConfig describes this app as a resource server: which access tokens it accepts in requests.
type AccessTokenConfig struct {
	// Audience is the value that aud must contain (RFC 9068 section 3), usually the identifier of the API as registered
	// with the provider. If it is empty, no access token is accepted.
	Audience string

	// Profile is the format of JWT access tokens, one of the Profile constants; "" means ProfileRFC9068.
	Profile string

	// Issuer is the iss of access tokens if it differs from the provider's issuer, as with [ProfileEntraV1]; "" means
	// the provider's.
	Issuer string

	// Introspection is the format of introspection responses, one of the Introspection constants. If it is empty, only
	// JWTs are accepted. Otherwise the provider is asked about all other tokens.
	Introspection string

	// AudienceOptional accepts opaque tokens for which the provider names no audience (it is optional in RFC 7662
	// section 2.2). Any access token of such a provider is then accepted, including one meant for its userinfo
	// endpoint.
	AudienceOptional bool
}

// AccessToken holds the contents of a verified access token. Requests with the same token share it, so it must not be
// modified.
type AccessToken struct {
	// Subject identifies the user, or the client if Machine is set. It may be empty in introspection responses.
	Subject string

	// ClientID identifies the client that the token was issued to. It may be empty in introspection responses.
	ClientID string

	// Machine reports whether the client acts on its own behalf (client_credentials, RFC 6749 section 4.4), without a
	// user.
	Machine bool

	Scopes []string
	ID     string // jti or the profile's equivalent; may be empty except with ProfileRFC9068

	// Expires may be zero in introspection responses.
	Expires time.Time

	// Confirmation identifies the keys that the token is bound to. See [AccessToken.Bound].
	Confirmation Confirmation

	Claims Claims

	once    sync.Once
	derived any
	err     error
}

// Derive returns what derive makes of the token. It is made once for all requests that bring the same token, and must
// not be changed.
func (t *AccessToken) Derive(derive func(*AccessToken) (any, error)) (any, error) {
	t.once.Do(func() { t.derived, t.err = derive(t) })
	return t.derived, t.err
}

// Bound reports whether the token is sender-constrained (RFC 9449, RFC 8705). A caller that does not verify proof of
// possession must refuse a bound token: otherwise a stolen one works as a bearer token.
func (t *AccessToken) Bound() bool { return t.Confirmation != Confirmation{} }

// resourceServer is the state of a Provider for access tokens in requests to the app.
type resourceServer struct {
	AccessTokenConfig
	profile  accessProfile
	verified tokenCache // JWTs verified with the current key set
	introspection
}

// start makes the resource server ready for use.
func (r *resourceServer) start(cfg Config, limits limits) {
	r.AccessTokenConfig, r.profile = cfg.AccessTokens, profileOf(cfg.AccessTokens.Profile)
	r.Issuer = cmp.Or(r.Issuer, cfg.Issuer)
	r.flight.Log = cfg.Logger
	for _, cache := range []*tokenCache{&r.verified, &r.active, &r.inactive} {
		cache.maxTokens, cache.maxBytes = limits.tokens, limits.tokenBytes
	}
}

// CheckAccessToken verifies an access token of either kind: a JWT with [Provider.VerifyAccessToken], any other token
// with [Provider.Introspect] if introspection is configured.
//
// An invalid token is ErrInvalidToken, and also ErrExpiredToken or ErrWrongAudience if that is the reason. If the
// provider cannot be reached, the error is ErrUnavailable, which says nothing about the token. Any other error is a
// fault of the provider or of the configuration.
func (p *Provider) CheckAccessToken(ctx context.Context, raw string) (*AccessToken, error) {
	if p.access.Introspection != "" && !looksLikeJWT(raw) {
		return p.Introspect(ctx, raw)
	}
	return p.VerifyAccessToken(ctx, raw)
}

// looksLikeJWT reports whether a token has three parts and begins like an encoded JSON object.
func looksLikeJWT(raw string) bool {
	return strings.HasPrefix(raw, "eyJ") && strings.Count(raw, ".") == 2
}

// VerifyAccessToken verifies a JWT access token completely (RFC 9068 section 4, RFC 8725), except for proof of
// possession of a key that it is bound to. ID tokens, logout tokens and other JWTs from the same provider are refused
// whatever their audience: they grant no access.
//
// Anyone can send an access token, so the signature comes last: garbage costs neither cryptography nor a fetch, and
// tokens that name unknown keys cannot use up the forced key fetch of a sign-in. A verified token is
// cached until it expires or the provider's keys change.
func (p *Provider) VerifyAccessToken(ctx context.Context, raw string) (*AccessToken, error) {
	if err := p.checkReady(opAccessToken, raw); err != nil {
		return nil, err
	}
	key := tokenKey(raw)
	if token := p.seenBefore(ctx, key); token != nil {
		return token, nil
	}
	if !isBearerText(raw) { // only now: this reads every byte
		return nil, badToken(opAccessToken, "malformed", "not an access token (RFC 6750 section 2.1)")
	}
	token, err := p.readAccessToken(raw)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, p.backend.limits.total())
	defer cancel()
	keys, err := p.keys.get(ctx) // never newer than the keys that verify the signature below
	if err != nil {
		return nil, err
	}
	if _, err := p.verifySignature(ctx, opAccessToken, raw, p.keys.renewUntrusted); err != nil {
		return nil, err
	}
	if err := p.checkTenant(ctx, opAccessToken, token.Claims); err != nil {
		return nil, err
	}
	p.access.verified.put(tokenKey(strings.Clone(raw)), verdict{token: token, until: token.Expires}, len(raw), keys)
	return token, nil
}

// seenBefore returns a token from the cache, nil if it is not there. It refreshes the key set as verification does:
// otherwise a withdrawn key would remain good for as long as no new token arrives.
func (p *Provider) seenBefore(ctx context.Context, key tokenKey) *AccessToken {
	found, ok := p.access.verified.get(key)
	if !ok {
		return nil
	}
	if keys, err := p.keys.get(ctx); err != nil || !p.access.verified.follow(keys) {
		return nil
	}
	return found.token
}

// checkReady refuses tokens that are too large, and all tokens if no audience or an unknown profile is configured.
func (p *Provider) checkReady(op, raw string) error {
	switch {
	case p.access.Audience == "" || p.access.profile.kind == nil:
		return misconfigured(op, "not_accepted", "access tokens are not accepted: no audience, or an unknown profile")
	case len(raw) > maxAccessToken:
		return badToken(op, "too_large", "%d bytes", len(raw))
	}
	return nil
}
