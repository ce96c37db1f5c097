package provider

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const opRefresh = "refresh"

// Refresh redeems the refresh token of old (RFC 6749 section 6, RFC 9700 section 4.14), with exactly one POST; with
// DPoP a second one when the provider asks for a nonce and so has not looked at the token yet. Who calls it sees to it
// that no two calls redeem the same token, and that no browser that leaves takes the call along: the answer may be the
// only one to hold the next token.
//
// The new tokens replace the old ones whole. What the answer leaves out is carried over: the refresh token, the scope,
// the key and the nonce. IDToken is "" when none came. One that came is verified whole, and its claims are returned
// (OpenID Connect Core 1.0 section 12.2), so that tokens of another user, sign-in or provider can never slip into a
// session. subject is that of the sign-in and never empty.
//
// A grant that is over is ErrRefused with the code invalid_grant. A forged ID token is ErrInvalidToken, and the session
// of it ends: one that names another user, sign-in, provider or client, that has no signature, or whose signature fails
// under a known key. One of which nobody can say that is left out and logged: the old refresh token is spent, so the
// new one must not be lost because a key is not published yet or a clock is wrong, and an answer without an ID token
// would be good as well. The next refresh brings another to verify. A provider that is away is ErrUnavailable, and old
// may be tried again.
func (p *Provider) Refresh(ctx context.Context, old *Tokens, subject string) (*Tokens, Claims, error) {
	if old.RefreshToken == "" {
		return nil, nil, misconfigured(opRefresh, "no_refresh_token", "there is no refresh token")
	}
	ctx, cancel := context.WithTimeout(ctx, p.backend.limits.total())
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
	claims, forged, err := p.verifyRefreshed(ctx, tokens, subject, old.Nonce)
	switch {
	case forged:
		return nil, nil, err
	case err != nil:
		p.report(ctx,
			Event{Level: slog.LevelWarn, Text: "the ID token of a refresh cannot be verified now and is left out", Err: err})
		tokens.IDToken = ""
	}
	return tokens, claims, nil
}

// verifyRefreshed verifies the ID token of a refresh. With forged the error is that of a token that is not what it
// says: one that names another user, sign-in, provider or client, whoever signed it; one without a signature; or one
// whose signature fails under the key that it names. Any other error says that the token cannot be judged: its key is
// unknown, it is encrypted to another key or signed with another algorithm than is configured, or a time in it does not
// fit.
func (p *Provider) verifyRefreshed(ctx context.Context, tokens *Tokens, subject, nonce string) (_ Claims,
	forged bool, _ error) {
	raw, err := p.decrypt(opIDToken, tokens.IDToken, maxIDToken)
	if err != nil {
		return nil, false, err
	}
	unsigned := strings.Count(raw, ".") == 2 && strings.HasSuffix(raw, ".") // which fails under any key
	if err := p.checkKind(opIDToken, raw, maxIDToken); err != nil {
		return nil, unsigned, err
	}
	// What the token says comes first: it is reason enough to refuse it, and no reason to believe it.
	said, err := payload(opIDToken, raw, maxIDToken)
	if err != nil {
		return nil, false, err
	}
	if err := p.checkRefreshed(said, subject, nonce); err != nil {
		return nil, true, err
	}
	claims, err := p.verifySignedIDToken(ctx, raw, tokens.AccessToken, func(claims Claims) error {
		return p.checkAge(claims, -1)
	})
	return claims, unsigned || badSignature(err), err
}

// badSignature reports a signature that fails under a known key.
func badSignature(err error) bool {
	var bad *Error
	return errors.As(err, &bad) && bad.Code == "bad_signature" && !errors.Is(err, errUnknownKey)
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

// checkRefreshed holds the claims that come with refreshed tokens against those of the sign-in. No request was made
// with a nonce, so it may be missing, but it may be no other. auth_time should be that of the sign-in and is not looked
// at: providers change it when the user signs in anew at another app, which is no reason to end this session.
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
	return nil
}
