package recheck

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/claims"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/refresh"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
)

// Reader reads users of one provider again.
type Reader struct {
	Provider     *provider.Provider
	Refresher    *refresh.Refresher
	SkipUserInfo bool
	Shape        *claims.Shape
	Resolved     bool // the app's resolver replaces the groups

	// Vet asks the app's code whether the user may still sign in, and returns the user as that code leaves it. The access
	// token is "" if there is none. Its errors are those of Config.Read.
	Vet func(ctx context.Context, r *session.Record, found Found, accessToken string) (*session.Record, error)
	// Changed receives the groups and organizations that a check has added and removed, if there are any.
	Changed func(context.Context, *session.Record, []slog.Attr)
}

// Found is what the provider says of a user whose session is checked. With an ID token that is everything; without one
// only the memberships are read again.
type Found struct {
	Sources
	Memberships Memberships
}

// Read reads the user of a session again: by a refresh if there is a refresh token, from userinfo unless that is left
// out, and from the app's code.
func (p Reader) Read(ctx context.Context, r *session.Record, encoded []byte) (answer Answer, err error) {
	tokens, _ := provider.DecodeTokens(encoded) // nil if there are none or another version wrote them
	from, tokens, err := p.Ask(ctx, r, tokens)
	accessToken := ""
	if tokens != nil {
		answer.Tokens, accessToken = tokens.Encode(), tokens.AccessToken
	}
	if err != nil {
		return answer, err
	}
	before := membershipsOf(r)
	known, err := from.Memberships(p.Shape, before, p.Resolved, r.Issued.IsZero())
	if err != nil {
		return answer, err
	}
	expires, err := from.Expires(r.Expires)
	if err != nil {
		return answer, err
	}
	user, err := p.Vet(ctx, r, Found{from, known}, accessToken)
	if err != nil {
		return answer, err
	}
	// A check reads the user, and neither begins nor renews the session.
	user.ID, user.Created, user.Renewed = r.ID, r.Created, r.Renewed
	if user.Expires = expires; bytes.Equal(user.Data, r.Data) {
		user.Data = nil // the app may change it in the meantime
	}
	answer.User = user
	if attrs := Changes(before, membershipsOf(user)); attrs != nil {
		p.Changed(ctx, r, attrs)
	}
	return answer, nil
}

// membershipsOf returns the memberships that a session has.
func membershipsOf(r *session.Record) Memberships {
	return Memberships{
		Groups: r.Groups.Strings(), GroupsOverage: r.GroupsOverage, Organizations: r.Organizations.Strings(),
	}
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
