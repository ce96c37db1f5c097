package provider

import (
	"context"
	"fmt"
	"mime"
	"time"
)

const (
	introspectionType = "token-introspection+jwt"

	// introspectionAge is the most an answer may be old: it was made for the call that it answers.
	introspectionAge = time.Minute
)

// verifyIntrospection checks an answer in the form of a JWT (RFC 9701 section 5): of this provider, for this client,
// made just now. It returns what the answer says of the token.
func (p *Provider) verifyIntrospection(ctx context.Context, a *answer) (document, error) {
	kind := a.header.Get("Content-Type")
	if media, _, _ := mime.ParseMediaType(kind); media != "application/"+introspectionType {
		return nil, invalid(opIntrospection, "bad_content_type", "the answer is %s, not a signed one", excerpt(kind))
	}
	raw := string(a.body)
	header, err := p.checkHeader(opIntrospection, raw, maxBody)
	if err != nil {
		return nil, err
	}
	// By its type no other JWT for this client, such as an access token that happens to have the same claims, can pass
	// for an answer (RFC 9701 section 8.1).
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
	about, ok := claims["token_introspection"].(map[string]any)
	if !ok {
		return nil, invalid(opIntrospection, "bad_answer", "token_introspection is missing or no object")
	}
	if err := refuseFoldTwins(about); err != nil { // which were looked for one level up only
		return nil, invalid(opIntrospection, "bad_answer", "%w", err)
	}
	return about, nil
}

func (p *Provider) checkAnswer(claims Claims) error {
	if claims["iss"] != p.issuer {
		return badToken(opIntrospection, "issuer", "%w", ErrIssuerMismatch)
	}
	if err := p.checkAudience(opIntrospection, claims); err != nil {
		return err
	}
	now := time.Now()
	times, err := p.checkTimes(opIntrospection, presumed(claims, "exp", now.Add(introspectionAge)))
	if err != nil {
		return err
	}
	if times.now-times.iat > (introspectionAge + p.tolerance).Seconds() {
		return clockSkew(opIntrospection, "made too long ago", times.iat, times.now)
	}
	return nil
}
