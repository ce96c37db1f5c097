package provider

import (
	"context"
	"fmt"
	"mime"
	"time"
)

const (
	introspectionType = "token-introspection+jwt"

	// introspectionAge is the maximum age of a response, which is issued for one call.
	introspectionAge = time.Minute
)

// verifyIntrospection verifies a response in the form of a JWT (RFC 9701 section 5): from this provider, for this
// client, and recent. It returns the token_introspection member.
func (p *Provider) verifyIntrospection(ctx context.Context, a *answer) (document, error) {
	kind := a.header.Get("Content-Type")
	if media, _, _ := mime.ParseMediaType(kind); media != "application/"+introspectionType {
		return nil, invalid(opIntrospection, "bad_content_type", "the answer is %s, not a signed response", excerpt(kind))
	}
	raw := string(a.body)
	header, err := p.checkHeader(opIntrospection, raw, maxBody)
	if err != nil {
		return nil, err
	}
	// The type keeps other JWTs for this client, such as access tokens with the same claims, from passing for responses
	// (RFC 9701 section 8.1).
	if typ, err := document(header).text("typ"); err != nil || mediaType(typ) != introspectionType {
		return nil, badToken(opIntrospection, "wrong_type", "typ is %s", excerpt(fmt.Sprint(header["typ"])))
	}
	claims, err := payload(opIntrospection, raw, maxBody)
	if err != nil {
		return nil, err
	}
	if err := p.checkAnswer(claims); err != nil {
		return nil, err
	}
	if _, err := p.verifySignature(ctx, opIntrospection, raw, p.keys.renew); err != nil {
		return nil, err
	}
	about, _ := claims["token_introspection"].(map[string]any) // without it, active is missing
	if err := refuseFoldTwins(about); err != nil {             // decodeObject checks the outer object only
		return nil, invalid(opIntrospection, "bad_answer", "%w", err)
	}
	return about, nil
}

func (p *Provider) checkAnswer(claims Claims) error {
	if err := p.checkIssuer(opIntrospection, p.issuer, claims); err != nil {
		return err
	}
	if err := p.checkAudience(opIntrospection, claims); err != nil {
		return err
	}
	now := time.Now()
	times, err := p.checkTimes(opIntrospection, withDefaultTime(claims, "exp", now.Add(introspectionAge)))
	if err != nil {
		return err
	}
	if times.now-times.iat > (introspectionAge + p.tolerance).Seconds() {
		return clockSkew(opIntrospection, "made too long ago", times.iat, times.now)
	}
	return nil
}
