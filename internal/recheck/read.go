package recheck

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/refresh"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
)

// Reader asks a provider about its users.
type Reader struct {
	Provider     *provider.Provider
	Refresher    *refresh.Refresher
	SkipUserInfo bool
}

// Ask asks for new tokens if there is a refresh token, and then for userinfo unless that is left out. It returns the
// tokens that are usable, also after an error, which [Judged] has judged.
func (p Reader) Ask(
	ctx context.Context, r *session.Record, old *provider.Tokens,
) (from Sources, tokens *provider.Tokens, err error) {
	switch {
	case old == nil:
		return from, nil, nil
	case old.RefreshToken != "":
		var idToken provider.Claims
		if tokens, idToken, err = p.Refresher.Anew(ctx, r, old); err != nil {
			return from, nil, Judged(err)
		}
		from.IDToken, from.Vouched = idToken, true
	case old.Expiry.IsZero() || time.Until(old.Expiry) > 0:
		tokens = old
	}
	if tokens == nil || p.SkipUserInfo {
		return from, tokens, nil
	}
	userInfo, err := p.Provider.UserInfo(ctx, tokens, r.Subject)
	if userInfo != nil {
		from.UserInfo, from.Vouched = userInfo, true
	}
	return from, tokens, Judged(err)
}

// Judged returns an error as [ErrRefused] if it means that the user may no longer sign in: the provider refuses the
// refresh or the access token, or speaks of another user. Any other error leaves open whether the user may.
//
// That includes invalid_request, which is about the form of a request (RFC 6749, section 5.2): a change at the provider
// that makes this client's requests malformed must not sign out all users. What Dex says of a refresh token that has
// ended, although with this code, is [provider.ErrGrantEnded].
func Judged(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, refresh.ErrEnded):
		return fmt.Errorf("%w: %w", ErrEnded, err)
	case errors.Is(err, refresh.ErrNoToken), errors.Is(err, provider.ErrRefused), errors.Is(err, provider.ErrTokenRefused),
		errors.Is(err, provider.ErrGrantEnded):
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return err
}
