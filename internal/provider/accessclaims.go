package provider

import (
	"slices"
	"strings"
	"time"
)

// readAccessToken checks everything except the signature.
func (p *Provider) readAccessToken(raw string) (*AccessToken, error) {
	header, err := p.checkHeader(opAccessToken, raw, maxAccessToken)
	if err != nil {
		return nil, err
	}
	if err := p.access.profile.checkType(header); err != nil {
		return nil, err
	}
	claims, err := payload(opAccessToken, raw, maxAccessToken)
	if err != nil {
		return nil, err
	}
	return p.checkAccessClaims(claims)
}

func (p *Provider) checkAccessClaims(claims Claims) (*AccessToken, error) {
	profile := p.access.profile
	if err := p.checkIssuer(opAccessToken, p.access.Issuer, claims); err != nil {
		return nil, err
	}
	if err := p.checkResource(opAccessToken, profile.audienceOf(document(claims))); err != nil {
		return nil, err
	}
	for _, name := range []string{"nonce", "at_hash", "c_hash", "s_hash", "events"} {
		if _, present := claims[name]; present {
			return nil, badToken(opAccessToken, "wrong_kind", "%s belongs in ID tokens or logout tokens", name)
		}
	}
	client, err := profile.clientOf(claims)
	if err != nil {
		return nil, err
	}
	if !profile.kind(document(claims), client) {
		return nil, badToken(opAccessToken, "wrong_kind", "it lacks a claim that access tokens of this profile have")
	}
	sub, _ := claims["sub"].(string)
	if !visible(sub) || len(sub) > maxSubject {
		return nil, badToken(opAccessToken, "subject", "sub is not a string of 1 to %d ASCII characters", maxSubject)
	}
	token, err := p.newAccessToken(opAccessToken, claims, profile.scope, profile.id)
	if err != nil {
		return nil, err
	}
	if token.ID == "" && profile.needsID {
		return nil, badToken(opAccessToken, "jti", "%s is missing", profile.id)
	}
	token.Subject, token.ClientID = sub, client
	token.Machine = profile.machine(document(claims), sub, client)
	return token, nil
}

// newAccessToken reads what JWTs and introspection responses have in common. scope and id are the names of the claims
// with the scopes and the identifier.
func (p *Provider) newAccessToken(op string, claims Claims, scope, id string) (*AccessToken, error) {
	times, err := p.checkLife(op, claims)
	if err != nil {
		return nil, err
	}
	jti, ok := identifier(claims, id)
	if !ok {
		return nil, badToken(op, "jti", "%s is not a string of 1 to %d bytes", id, maxIdentifier)
	}
	scopes, err := document(claims).words(scope)
	if err != nil {
		return nil, badToken(op, "scope", "%w", err)
	}
	bound, err := confirmation(op, claims)
	if err != nil {
		return nil, err
	}
	return &AccessToken{
		Scopes: strings.Fields(scopes), ID: jti, Expires: instant(times.exp), Confirmation: bound, Claims: claims,
	}, nil
}

// checkLife is checkTimes with an error of its own for expired tokens, which are normal at an API and do not hint at
// clock skew.
func (p *Provider) checkLife(op string, claims Claims) (times, error) {
	now := float64(time.Now().UnixMilli()) / 1000
	if exp, ok := seconds(claims["exp"]); ok && now >= exp+p.tolerance.Seconds() {
		return times{}, badToken(op, "expired", "%w", ErrExpiredToken)
	}
	return p.checkTimes(op, claims)
}

// checkResource checks that aud contains this app (RFC 9068 section 4). Further audiences are allowed: unlike ID
// tokens, access tokens often have several. Without this check, any other API could replay here the tokens that it
// receives.
func (p *Provider) checkResource(op string, aud any) error {
	audiences, isList := aud.([]any)
	if !isList {
		audiences = []any{aud}
	}
	if !slices.Contains(audiences, any(p.access.Audience)) {
		return badToken(op, "audience", "%w: aud does not contain %s", ErrWrongAudience, excerpt(p.access.Audience))
	}
	return nil
}
