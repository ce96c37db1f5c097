package provider

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/flight"
)

const (
	opIntrospection = "introspection"

	// A revoked token is good for activeFor at most. One that is refused is asked about again after inactiveFor, since a
	// provider of several nodes may not know a new token everywhere at once.
	activeFor   = time.Minute
	inactiveFor = 10 * time.Second

	inactiveSize = 64 // bytes that count for a remembered refusal, whatever was sent
)

// How the provider has to answer when it is asked about a token.
const (
	// IntrospectionJSON: in plain JSON (RFC 7662).
	IntrospectionJSON = "json"

	// IntrospectionJWT: in a JWT that the provider signed for this client (RFC 9701), so that nobody on the way can
	// change it and the provider cannot deny it. Plain answers are refused.
	IntrospectionJWT = "jwt"
)

// introspection has what asking the provider about tokens needs over time. Refusals have a cache of their own, so
// that garbage does not displace tokens that are good.
type introspection struct {
	flight           flight.Group[verdict]
	active, inactive tokenCache
}

// Introspect asks the provider about an access token (RFC 7662), as this client. Requests with the same token share
// one call. The answer counts for a minute, but not beyond exp; a refusal for ten seconds. So a token that is revoked
// may be good for a minute more. Errors are as with [Provider.CheckAccessToken]; the provider's word that a token is
// not active has the code "inactive".
func (p *Provider) Introspect(ctx context.Context, raw string) (*AccessToken, error) {
	if err := p.checkReady(opIntrospection, raw); err != nil {
		return nil, err
	}
	if !isBearerText(raw) {
		return nil, badToken(opIntrospection, "malformed", "not the text of a token")
	}
	key := tokenKey(sha256.Sum256([]byte(raw)))
	if v, ok := p.access.known(key); ok {
		return v.token, v.err
	}
	v, _, err := p.access.flight.Do(ctx, string(key[:]), func() (verdict, error) {
		// Another flight may have landed between the look above and this take-off.
		if v, ok := p.access.known(key); ok {
			return v, nil
		}
		// The call is made for all that wait, so it does not end with the first request.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.backend.limits.total())
		defer cancel()
		return p.introspect(ctx, key, raw)
	})
	switch {
	case err != nil && ctx.Err() != nil && err == ctx.Err():
		return nil, &Error{Kind: Unavailable, Op: opIntrospection, Code: "gave_up", Err: context.Cause(ctx)}
	case err != nil:
		return nil, err
	}
	return v.token, v.err
}

// known finds what the provider said a short while ago.
func (i *introspection) known(key tokenKey) (verdict, bool) {
	if v, ok := i.active.get(key); ok {
		return v, true
	}
	return i.inactive.get(key)
}

// introspect asks, and remembers what the token is worth. An error is that of asking, and is not remembered.
func (p *Provider) introspect(ctx context.Context, key tokenKey, raw string) (verdict, error) {
	answer, err := p.askAbout(ctx, raw)
	if err != nil {
		return verdict{}, nonsense(err) // a bad token is the provider's here
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

// askAbout makes the call and reads the answer in the form asked for.
func (p *Provider) askAbout(ctx context.Context, raw string) (document, error) {
	metadata, err := p.Metadata(ctx)
	if err != nil {
		return nil, err
	}
	if metadata.IntrospectionEndpoint == "" {
		return nil, misconfigured(opIntrospection, "no_endpoint", "the provider has no introspection endpoint that can be used")
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

// checkActive holds an answer (RFC 7662 section 2.2) against the rules of this app. Only active itself is always
// there.
func (p *Provider) checkActive(answer document, now time.Time) (*AccessToken, error) {
	switch answer["active"] {
	case true:
	case false:
		return nil, badToken(opIntrospection, "inactive", "the provider says that the token is unknown, expired or revoked")
	default: // the text "true" included: whoever takes texts for truth takes "false" for it too
		return nil, invalid(opIntrospection, "bad_answer", "active is neither true nor false")
	}
	if answer.has("iss") && answer["iss"] != p.access.Issuer {
		return nil, badToken(opIntrospection, "issuer", "%w", ErrIssuerMismatch)
	}
	if answer.has("aud") || !p.access.AudienceOptional {
		if err := p.checkResource(opIntrospection, answer["aud"]); err != nil {
			return nil, err
		}
	}
	if !answer.aboutAccessToken() {
		return nil, badToken(opIntrospection, "wrong_kind", "the token is active and no access token")
	}
	expires := answer.has("exp")
	claims := presumed(presumed(Claims(answer), "iat", now), "exp", now.Add(activeFor))
	token, err := p.newAccessToken(opIntrospection, claims, "scope", "jti")
	if err != nil {
		return nil, err
	}
	sub, subOK := identifier(claims, "sub")
	client, clientOK := identifier(claims, "client_id")
	if !subOK || !clientOK || sub == "" && client == "" || sub != "" && !visible(sub) {
		return nil, badToken(opIntrospection, "subject", "neither sub nor client_id says whose token it is")
	}
	token.Subject, token.ClientID, token.Machine = sub, client, sub == "" || sub == client
	if token.Claims = Claims(answer); !expires {
		token.Expires = time.Time{}
	}
	return token, nil
}

// aboutAccessToken reports whether an answer is about an access token, as far as it says. A provider may tell of
// refresh tokens too, whatever token_type_hint was, and these are not for resource servers. Hydra says so by
// token_use, Keycloak by typ.
func (d document) aboutAccessToken() bool {
	kind, err := d.text("token_type")
	if err != nil {
		return false
	}
	switch strings.ToLower(kind) {
	case "", "bearer", "access_token":
	case "dpop":
		if !d.has("cnf") { // bound to a key that is not named, so no proof can be checked
			return false
		}
	default:
		return false
	}
	use, typ := d["token_use"], d["typ"]
	return (use == nil || use == "access_token" || use == "access") && (typ == nil || typ == "Bearer" || typ == "DPoP")
}

// isBearerText reports whether a text can be an access token in a header (b64token, RFC 6750 section 2.1).
func isBearerText(raw string) bool {
	text := strings.TrimRight(raw, "=")
	return text != "" && strings.IndexFunc(text, func(r rune) bool {
		return notBase64URL(r) && r != '~' && r != '+' && r != '/'
	}) < 0
}

// accept is the Accept header of a call that sends a form.
func (p *Provider) accept(op string) string {
	if op == opIntrospection && p.access.Introspection == IntrospectionJWT {
		return "application/" + introspectionType
	}
	return "application/json"
}

// IntrospectionCache tells how the cache of introspected tokens does. Tokens that were refused are not among its
// entries.
func (p *Provider) IntrospectionCache() CacheStats { return p.access.active.stats() }
