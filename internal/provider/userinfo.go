package provider

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"time"
)

const opUserInfo = "userinfo"

// UserInfo calls the userinfo endpoint for the user of tokens (OpenID Connect Core 1.0 section 5.3). The response must
// name the subject of the ID token: otherwise it may be about another user (section 5.3.2, token substitution).
// UserInfo returns nil, nil if the provider has no userinfo endpoint. If it refuses the access token, the error wraps
// ErrTokenRefused.
func (p *Provider) UserInfo(ctx context.Context, tokens *Tokens, subject string) (Claims, error) {
	ctx, cancel := context.WithTimeout(ctx, p.backend.limits.total())
	defer cancel()
	metadata, err := p.Metadata(ctx)
	if err != nil || metadata.UserinfoEndpoint == "" {
		return nil, err
	}
	a, err := proved(tokens.key, func() (*answer, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, metadata.UserinfoEndpoint, nil)
		if err != nil {
			return nil, invalid(opUserInfo, "bad_endpoint", "%w", quotedError{err})
		}
		req.Header.Set("Accept", "application/json, application/jwt")
		if err := p.authorize(req, tokens); err != nil {
			return nil, err
		}
		return p.backend.do(opUserInfo, req)
	})
	if err != nil {
		return nil, err
	}
	if a.status == http.StatusUnauthorized && !a.wantsNonce() {
		return nil, &Error{Kind: Refused, Op: opUserInfo, Code: "provider_status",
			Err: fmt.Errorf("%w: the provider answered 401", ErrTokenRefused)}
	}
	if a.status != http.StatusOK {
		return nil, unexpectedStatus(opUserInfo, a)
	}
	claims, err := p.userInfoClaims(ctx, a)
	if err != nil {
		return nil, err
	}
	if sub, _ := claims["sub"].(string); sub == "" || sub != subject {
		return nil, badToken(opUserInfo, "subject_mismatch", "userinfo is not about the subject of the ID token")
	}
	return claims, nil
}

// userInfoClaims reads either form of the response. No URL in it is ever called, including _claim_sources (OpenID
// Connect Core 1.0 section 5.6.2), which would let the provider aim requests at internal hosts.
func (p *Provider) userInfoClaims(ctx context.Context, a *answer) (Claims, error) {
	if kind, _, _ := mime.ParseMediaType(a.header.Get("Content-Type")); kind == "application/jwt" {
		claims, err := p.verifyUserInfo(ctx, string(a.body))
		return claims, asInvalidResponse(err)
	}
	object, err := a.object(opUserInfo)
	return Claims(object), err
}

// asInvalidResponse converts the error for a bad token to one for an invalid response: the token came from the
// provider, not from the user.
func asInvalidResponse(err error) error {
	var bad *Error
	if errors.As(err, &bad) && bad.Kind == Refused {
		return invalid(bad.Op, bad.Code, "%v", bad.Err)
	}
	return err
}

// verifyUserInfo verifies a signed response (OpenID Connect Core 1.0 section 5.3.2), which must be from this provider
// and for this client. A lifetime is optional, but checked if present.
func (p *Provider) verifyUserInfo(ctx context.Context, raw string) (Claims, error) {
	if err := p.checkKind(opUserInfo, raw, maxIDToken); err != nil {
		return nil, err
	}
	payload, err := p.verifySignature(ctx, opUserInfo, raw, p.keys.renew)
	if err != nil {
		return nil, err
	}
	claims, err := decodeObject(payload, maxIDToken)
	if err != nil {
		return nil, badToken(opUserInfo, "bad_payload", "%w", err)
	}
	if err := p.checkIssuer(opUserInfo, p.issuer, claims); err != nil {
		return nil, err
	}
	if err := p.checkAudience(opUserInfo, claims); err != nil {
		return nil, err
	}
	now := time.Now()
	if _, err := p.checkTimes(opUserInfo,
		withDefaultTime(withDefaultTime(claims, "iat", now), "exp", now.Add(time.Minute))); err != nil {
		return nil, err
	}
	return claims, nil
}
