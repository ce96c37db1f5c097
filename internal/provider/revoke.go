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

// Revoke revokes tokens at the provider (RFC 7009 section 2.1): first the refresh token, because most providers revoke
// the access token with it, and then the access token in any case. So leaked tokens are useless after the sign-out. A
// provider without a usable revocation endpoint is not called, and that is not an error.
//
// It is best effort and takes at most two seconds, all calls included: the local sign-out must not wait for the
// provider. If the first revocation fails, the second token is still sent. The error says why a token may still be
// valid.
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

// revoke revokes one token, unless it is empty.
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

// unsupportedTokenType reports whether the provider cannot revoke tokens of this kind (RFC 7009 section 2.2.1). Nothing
// more can be done then.
func (a *answer) unsupportedTokenType() bool {
	object, _ := decodeObject(a.body, maxBody)
	return a.status == http.StatusBadRequest && object["error"] == "unsupported_token_type"
}
