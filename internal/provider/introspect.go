package provider

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/flight"
)

const (
	opIntrospection = "introspection"

	// activeFor limits how long a revoked token remains accepted. inactiveFor is short because a provider with several
	// nodes may not know a new token on all of them at once.
	activeFor   = time.Minute
	inactiveFor = 10 * time.Second

	inactiveSize = 64 // bytes counted for a cached refusal, whatever the size of the token
)

// Formats of introspection responses.
const (
	// IntrospectionJSON is plain JSON (RFC 7662).
	IntrospectionJSON = "json"

	// IntrospectionJWT is a JWT signed by the provider for this client (RFC 9701), which the provider cannot repudiate.
	// Plain responses are refused.
	IntrospectionJWT = "jwt"
)

// introspection is the state for introspection. Refusals have a cache of their own, so that garbage does not evict
// valid tokens.
type introspection struct {
	flight           flight.Group[verdict]
	active, inactive tokenCache
}

// Introspect asks the provider about an access token (RFC 7662), authenticated as this client. Concurrent requests
// with the same token share one call. A response is cached for a minute, but never beyond exp, and a refusal for ten
// seconds, so a revoked token may be accepted for up to a minute. Errors are as with [Provider.CheckAccessToken]. A
// token that the provider does not call active has the code "inactive".
func (p *Provider) Introspect(ctx context.Context, raw string) (*AccessToken, error) {
	if err := p.checkReady(opIntrospection, raw); err != nil {
		return nil, err
	}
	if !isBearerText(raw) {
		return nil, badToken(opIntrospection, "malformed", "not an access token (RFC 6750 section 2.1)")
	}
	key := hashed(raw)
	if v, ok := p.access.known(key); ok {
		return v.token, v.err
	}
	v, _, err := p.access.flight.Do(ctx, string(key), func() (verdict, error) {
		return p.introspectOnce(ctx, key, raw)
	})
	switch {
	case err != nil && err == ctx.Err():
		return nil, &Error{Kind: Unavailable, Op: opIntrospection, Code: "gave_up", Err: context.Cause(ctx)}
	case err != nil:
		return nil, err
	}
	return v.token, v.err
}

// introspectOnce is introspect for all requests that wait for it, so it does not end with the first of them.
func (p *Provider) introspectOnce(ctx context.Context, key tokenKey, raw string) (verdict, error) {
	if v, ok := p.access.known(key); ok { // another flight landed between the lookup and this takeoff
		return v, nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.backend.limits.total())
	defer cancel()
	return p.introspect(ctx, key, raw)
}

// known returns a cached verdict.
func (i *introspection) known(key tokenKey) (verdict, bool) {
	if v, ok := i.active.get(key); ok {
		return v, true
	}
	return i.inactive.get(key)
}

// introspect asks the provider and caches the verdict. Its error means that the provider gave none; it is not cached.
func (p *Provider) introspect(ctx context.Context, key tokenKey, raw string) (verdict, error) {
	answer, err := p.askAbout(ctx, raw)
	if err != nil {
		return verdict{}, asInvalidResponse(err)
	}
	now := time.Now()
	token, err := p.checkActive(answer, now)
	switch {
	case errors.Is(err, ErrInvalidToken):
		v := verdict{err: err, until: now.Add(inactiveFor).Round(0)}
		p.access.inactive.put(key, v, inactiveSize, nil)
		return v, nil
	case err != nil:
		return verdict{}, err
	}
	v := verdict{token: token, until: now.Add(activeFor).Round(0)}
	if !token.Expires.IsZero() && token.Expires.Before(v.until) {
		v.until = token.Expires
	}
	p.access.active.put(key, v, len(raw), nil)
	return v, nil
}

// askAbout makes the call and reads the response in the configured format.
func (p *Provider) askAbout(ctx context.Context, raw string) (document, error) {
	metadata, err := p.Metadata(ctx)
	if err != nil {
		return nil, err
	}
	if metadata.IntrospectionEndpoint == "" {
		return nil, misconfigured(opIntrospection, "no_endpoint", "the provider has no usable introspection endpoint")
	}
	form := url.Values{"token": {raw}, "token_type_hint": {"access_token"}}
	a, err := p.post(ctx, opIntrospection, metadata.IntrospectionEndpoint, form, raw)
	switch {
	case err != nil:
		return nil, err
	case a.status != http.StatusOK:
		return nil, p.refused(ctx, opIntrospection, a)
	case p.access.Introspection == IntrospectionJWT:
		return p.verifyIntrospection(ctx, a)
	}
	return a.object(opIntrospection)
}

// checkActive applies the rules of this app to a response (RFC 7662 section 2.2), in which only active is always
// present.
func (p *Provider) checkActive(answer document, now time.Time) (*AccessToken, error) {
	switch answer["active"] {
	case true:
	case false:
		return nil, badToken(opIntrospection, "inactive", "the token is unknown to the provider, expired or revoked")
	default: // including the string "true": code that accepts strings here tends to accept "false" too
		return nil, invalid(opIntrospection, "bad_answer", "active is not a boolean")
	}
	if answer.has("iss") || p.allowTenant != nil {
		if err := p.checkIssuer(opIntrospection, p.access.Issuer, Claims(answer)); err != nil {
			return nil, err
		}
	}
	if answer.has("aud") || !p.access.AudienceOptional {
		if err := p.checkResource(opIntrospection, answer["aud"]); err != nil {
			return nil, err
		}
	}
	if !answer.aboutAccessToken() {
		return nil, badToken(opIntrospection, "wrong_kind", "the token is active, but not an access token")
	}
	expires := answer.has("exp")
	claims := withDefaultTime(withDefaultTime(Claims(answer), "iat", now), "exp", now.Add(activeFor))
	token, err := p.newAccessToken(opIntrospection, claims, "scope", "jti")
	if err != nil {
		return nil, err
	}
	sub, subOK := identifier(claims, "sub")
	client, clientOK := identifier(claims, "client_id")
	if !subOK || !clientOK || sub == "" && client == "" || sub != "" && !visible(sub) {
		return nil, badToken(opIntrospection, "subject", "sub or client_id is malformed, or both are missing")
	}
	token.Subject, token.ClientID, token.Machine = sub, client, sub == "" || sub == client
	if token.Claims = Claims(answer); !expires {
		token.Expires = time.Time{}
	}
	return token, nil
}

// aboutAccessToken reports whether a response describes an access token, as far as it says. Providers may describe
// refresh tokens too, whatever token_type_hint was, and those must not be used at an API. Hydra tells them apart by
// token_use, Keycloak by typ.
func (d document) aboutAccessToken() bool {
	kind, err := d.text("token_type")
	if err != nil {
		return false
	}
	switch strings.ToLower(kind) {
	case "", "bearer", "access_token":
	case "dpop":
		if !d.has("cnf") { // bound to a key that is not identified, so no proof can be verified
			return false
		}
	default:
		return false
	}
	use, typ := d["token_use"], d["typ"]
	return (use == nil || use == "access_token" || use == "access") && (typ == nil || typ == "Bearer" || typ == "DPoP")
}

// isBearerText reports whether raw has the syntax of a bearer token (b64token, RFC 6750 section 2.1).
func isBearerText(raw string) bool {
	text := strings.TrimRight(raw, "=")
	return text != "" && strings.IndexFunc(text, func(r rune) bool {
		return notBase64URL(r) && r != '~' && r != '+' && r != '/'
	}) < 0
}

// accept returns the Accept header of a request that posts a form.
func (p *Provider) accept(op string) string {
	if op == opIntrospection && p.access.Introspection == IntrospectionJWT {
		return "application/" + introspectionType
	}
	return "application/json"
}

// IntrospectionCache returns statistics of the cache of introspected tokens, without those that were refused.
func (p *Provider) IntrospectionCache() CacheStats { return p.access.active.stats() }
