package provider

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"
)

const opRefresh = "refresh"

// Refresh redeems the refresh token of old (RFC 6749 section 6, RFC 9700 section 4.14) with exactly one POST. With DPoP
// there is a second POST if the provider asks for a nonce, in which case it has not looked at the token yet. The caller
// must ensure that no two calls redeem the same token, and that a browser that disconnects does not cancel the call:
// with rotation, the response may be the only place that has the next refresh token.
//
// The new tokens replace all of the old ones. What the response omits is carried over: the refresh token, the scope,
// the key and the nonce. IDToken is "" if the response has none. Otherwise it is verified completely and its claims are
// returned (OpenID Connect Core 1.0 section 12.2), so that tokens of another user, sign-in or provider never enter a
// session. subject is that of the sign-in and never empty.
//
// If the grant has ended, the error is ErrRefused with the code invalid_grant. A forged ID token is ErrInvalidToken,
// and the caller ends the session: it names another user, sign-in, provider or client, has no signature, or its
// signature fails under a known key. An ID token that is neither valid nor forged is dropped and logged: the old
// refresh token is spent, and the new one must not be lost because a key is not published yet or a clock is wrong. A
// response without an ID token would be valid too, and the next refresh brings another one to verify. If the provider
// is unavailable, the error is ErrUnavailable, and old may be used again.
func (p *Provider) Refresh(ctx context.Context, old *Tokens, subject string) (*Tokens, Claims, error) {
	return p.refresh(ctx, old, subject, TokenRequest{})
}

func (p *Provider) refresh(
	ctx context.Context, old *Tokens, subject string, want TokenRequest,
) (*Tokens, Claims, error) {
	if old.RefreshToken == "" {
		return nil, nil, misconfigured(opRefresh, "no_refresh_token", "there is no refresh token")
	}
	ctx, cancel := context.WithTimeout(ctx, p.backend.limits.total())
	defer cancel()
	metadata, err := p.Metadata(ctx)
	if err != nil {
		return nil, nil, err
	}
	// Without keys the ID token could not be verified, and a one-time refresh token would be spent for nothing.
	if _, err := p.keys.get(ctx); err != nil {
		return nil, nil, err
	}
	form := want.form()
	form.Set("grant_type", "refresh_token")
	form.Set("refresh_token", old.RefreshToken)
	a, err := p.postProved(ctx, opRefresh, metadata.TokenEndpoint, form, old.key, old.RefreshToken)
	if err != nil {
		return nil, nil, err
	}
	if a.status != http.StatusOK {
		refused := p.refused(ctx, opRefresh, a)
		if endsGrant(refused.Code, a.body) {
			refused.Err = fmt.Errorf("%w: %w", ErrGrantEnded, refused.Err)
		}
		return nil, nil, refused
	}
	expected := *old
	if len(want.Scopes) > 0 {
		expected.Scope = strings.Join(want.Scopes, " ")
	}
	tokens, err := parseRefreshed(a, &expected, time.Now())
	if err != nil || tokens.IDToken == "" {
		return tokens, nil, err
	}
	claims, forged, err := p.verifyRefreshed(ctx, tokens, subject, old.Nonce)
	switch {
	case forged:
		return nil, nil, err
	case err != nil:
		p.report(ctx,
			Event{Level: slog.LevelWarn, Text: "the ID token of a refresh cannot be verified now and is dropped", Err: err})
		tokens.IDToken, claims = "", nil // nobody may use claims that were not verified
	}
	return tokens, claims, nil
}

// endsGrant reports whether the refusal of a refresh means that the refresh token is invalid or has expired, although
// its code is invalid_request and not invalid_grant. Dex says it in the description only.
func endsGrant(code string, body []byte) bool {
	if code != "invalid_request" {
		return false
	}
	object, _ := decodeObject(body, maxBody)
	description, _ := object["error_description"].(string)
	description = strings.ToLower(description)
	return strings.Contains(description, "refresh token") &&
		(strings.Contains(description, "is invalid or has already been claimed") || strings.Contains(description, "expired"))
}

// verifyRefreshed verifies the ID token of a refresh. If forged is true, the token is not what it claims to be: it
// names another user, sign-in, provider or client, whichever key signed it; it has no signature; or its signature fails
// under the key that it names. Otherwise the token cannot be judged: its key is unknown, it is encrypted to another
// key, it is signed with an algorithm that is not configured, or one of its times does not fit.
func (p *Provider) verifyRefreshed(ctx context.Context, tokens *Tokens, subject, nonce string) (_ Claims,
	forged bool, _ error) {
	raw, err := p.decrypt(opIDToken, tokens.IDToken, maxIDToken)
	if err != nil {
		return nil, false, err
	}
	unsigned := strings.Count(raw, ".") == 2 && strings.HasSuffix(raw, ".") // an empty signature fails under any key
	if err := p.checkKind(opIDToken, raw, maxIDToken); err != nil {
		return nil, unsigned, err
	}
	// The claims come first: they are reason enough to refuse the token, but never a reason to accept it.
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

// badSignature reports whether the signature fails under a known key.
func badSignature(err error) bool {
	var bad *Error
	return errors.As(err, &bad) && bad.Code == "bad_signature" && !errors.Is(err, errUnknownKey)
}

// parseRefreshed reads a successful response to a refresh, and carries over what it omits.
func parseRefreshed(a *answer, old *Tokens, now time.Time) (*Tokens, error) {
	tokens, doc, err := readTokens(opRefresh, a, old.key, now)
	if err != nil {
		return nil, err
	}
	tokens.Nonce = old.Nonce
	if tokens.RefreshToken == "" { // the old one stays valid
		tokens.RefreshToken = old.RefreshToken
	}
	if !doc.has("scope") { // the scope is unchanged
		tokens.Scope = old.Scope
	}
	return tokens, nil
}

// checkRefreshed checks the claims of refreshed tokens against those of the sign-in. A refresh request has no nonce, so
// the claim may be absent, but a nonce of another sign-in is refused. auth_time should equal that of the sign-in and is
// not checked: providers change it when the user signs in again at another app, which is no reason to end this session.
func (p *Provider) checkRefreshed(claims Claims, subject, signInNonce string) error {
	if err := p.checkParties(claims); err != nil {
		return err
	}
	nonce := claims["nonce"]
	switch {
	case claims["sub"] != subject:
		return badToken(opIDToken, "subject_mismatch", "the ID token names another user than the sign-in")
	case nonce != nil && signInNonce != "" && nonce != signInNonce:
		return badToken(opIDToken, "nonce", "nonce is of another sign-in")
	}
	return nil
}
