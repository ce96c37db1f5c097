package provider

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

const opRefresh = "refresh"

// Refresh redeems the refresh token of old (RFC 6749 section 6, RFC 9700 section 4.14), with exactly one POST; with DPoP a
// second one when the provider asks for a nonce and so has not looked at the token yet. Who calls it sees to it that no
// two calls redeem the same token, and that no browser that leaves takes the call along: the answer may be the only one
// to hold the next token.
//
// The new tokens replace the old ones whole. What the answer leaves out is carried over: the refresh token, the scope, the
// key and the nonce. IDToken is "" when none came. One that came is verified whole, and its claims are returned (OpenID
// Connect Core 1.0 section 12.2), so that tokens of another user, sign-in or provider can never slip into a session.
// subject is that of the sign-in and never empty.
//
// A grant that is over is ErrRefused with the code invalid_grant. A bad ID token is ErrInvalidToken. A provider that is
// away is ErrUnavailable, and old may be tried again.
func (p *Provider) Refresh(ctx context.Context, old *Tokens, subject string) (*Tokens, Claims, error) {
	if old.RefreshToken == "" {
		return nil, nil, misconfigured(opRefresh, "no_refresh_token", "there is no refresh token")
	}
	ctx, cancel := context.WithTimeout(ctx, totalTimeout)
	defer cancel()
	metadata, err := p.Metadata(ctx)
	if err != nil {
		return nil, nil, err
	}
	// Without keys an ID token could not be verified, and a refresh token good for one use would be spent for nothing.
	if _, err := p.keys.get(ctx); err != nil {
		return nil, nil, err
	}
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {old.RefreshToken}}
	a, err := p.postProved(ctx, opRefresh, metadata.TokenEndpoint, form, old.key, old.RefreshToken)
	if err != nil {
		return nil, nil, err
	}
	if a.status != http.StatusOK {
		return nil, nil, p.refused(ctx, opRefresh, a)
	}
	tokens, err := parseRefreshed(a, old, time.Now())
	if err != nil || tokens.IDToken == "" {
		return tokens, nil, err
	}
	claims, err := p.verifyIDToken(ctx, tokens.IDToken, tokens.AccessToken, func(claims Claims) error {
		return p.checkRefreshed(claims, subject, old.Nonce)
	})
	if err != nil {
		return nil, nil, err
	}
	return tokens, claims, nil
}

// parseRefreshed judges a successful answer to a refresh token, and carries over what it leaves out.
func parseRefreshed(a *answer, old *Tokens, now time.Time) (*Tokens, error) {
	tokens, doc, err := readTokens(opRefresh, a, old.key, now)
	if err != nil {
		return nil, err
	}
	tokens.Nonce = old.Nonce
	if tokens.RefreshToken == "" { // the old one stays good (case 71)
		tokens.RefreshToken = old.RefreshToken
	}
	if !doc.has("scope") { // nothing else was asked for (case 74)
		tokens.Scope = old.Scope
	}
	return tokens, nil
}

// checkRefreshed holds the claims that come with refreshed tokens against those of the sign-in. No request was made with
// a nonce, so it may be missing, but it may be no other. auth_time should be that of the sign-in and is not looked at:
// providers change it when the user signs in anew at another app, which is no reason to end this session.
func (p *Provider) checkRefreshed(claims Claims, subject, signInNonce string) error {
	if err := p.checkParties(claims); err != nil {
		return err
	}
	nonce := claims["nonce"]
	switch {
	case claims["sub"] != subject:
		return badToken(opIDToken, "subject_mismatch", "the ID token is of another user than the sign-in")
	case nonce != nil && signInNonce != "" && nonce != signInNonce:
		return badToken(opIDToken, "nonce", "nonce is of another sign-in")
	}
	return p.checkAge(claims, -1)
}
