package provider

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"
)

const (
	opRevocation = "revocation"

	revokeTimeout = 2 * time.Second
)

// Revoke tells the provider that tokens are not needed any more (RFC 7009 section 2.1): the refresh token first, since
// most providers end the access token with it, and then the access token all the same. So what leaked is of no use
// after the sign-out. A provider without a usable revocation endpoint is not called, and that is no error.
//
// It is best effort and takes two seconds at most, all calls included: to sign out here must not wait for the provider.
// The first refusal does not keep the second token from being sent. The error says why a token may still be good.
func (p *Provider) Revoke(ctx context.Context, tokens *Tokens) error {
	ctx, cancel := context.WithTimeout(ctx, revokeTimeout)
	defer cancel()
	metadata, err := p.Metadata(ctx)
	if err != nil || metadata.RevocationEndpoint == "" {
		return err
	}
	err = p.revoke(ctx, metadata.RevocationEndpoint, "refresh_token", tokens.RefreshToken)
	if ctx.Err() != nil {
		return err
	}
	return errors.Join(err, p.revoke(ctx, metadata.RevocationEndpoint, "access_token", tokens.AccessToken))
}

// revoke revokes one token, if there is one.
func (p *Provider) revoke(ctx context.Context, endpoint, hint, token string) error {
	if token == "" {
		return nil
	}
	a, err := p.post(ctx, opRevocation, endpoint, url.Values{"token": {token}, "token_type_hint": {hint}}, token)
	switch {
	case err != nil:
		return err
	case a.status == http.StatusOK || a.unsupportedTokenType():
		return nil
	}
	return p.refused(ctx, opRevocation, a)
}

// unsupportedTokenType reports the answer of a provider that cannot revoke tokens of this kind (RFC 7009 section
// 2.2.1). There is nothing left to do then.
func (a *answer) unsupportedTokenType() bool {
	object, err := decodeObject(a.body, maxBody)
	return a.status == http.StatusBadRequest && err == nil && object["error"] == "unsupported_token_type"
}
