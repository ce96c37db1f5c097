package ginoidc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/claims"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/recheck"
	"github.com/seed-d65cea4d/ginoidc/internal/refresh"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
)

// reread reads the user of a session again: by a refresh if there is a refresh token, from userinfo unless that is left
// out, and from the app's resolver. It emits what has changed.
func (rp *relyingParty) reread(
	ctx context.Context, a *core, r *session.Record, encoded []byte,
) (answer recheck.Answer, err error) {
	tokens := decodedTokens(encoded)
	from, tokens, err := rp.ask(ctx, r, tokens)
	if tokens != nil {
		answer.Tokens = tokens.Encode()
	}
	if err != nil {
		return answer, refusal(err)
	}
	before := rp.userOf(r)
	after, err := rp.userAfter(from, r, before)
	if err != nil {
		return answer, err
	}
	expires, err := expiresAfter(from, r.Expires)
	if err != nil {
		return answer, err
	}
	if err := rp.vet(ctx, a, r, after, tokens); err != nil {
		return answer, refusal(err)
	}
	record := after.record()
	record.ID, record.Created, record.Renewed = r.ID, r.Created, r.Renewed
	if record.Expires = expires; bytes.Equal(record.Data, r.Data) {
		record.Data = nil // the app may change it in the meantime
	}
	answer.User = &record
	rp.reportChange(ctx, r, before, after)
	return answer, nil
}

// ask asks the provider: for new tokens if there is a refresh token, and then for userinfo unless that is left out. It
// returns the tokens that are usable, also after an error.
func (rp *relyingParty) ask(
	ctx context.Context, r *session.Record, old *provider.Tokens,
) (from recheck.Sources, tokens *provider.Tokens, err error) {
	switch {
	case old == nil:
		return from, nil, nil
	case old.RefreshToken != "":
		var idToken provider.Claims
		if tokens, idToken, err = rp.refresher.Anew(ctx, r, old); err != nil {
			return from, nil, err
		}
		from.IDToken, from.Vouched = idToken, true
	case old.Expiry.IsZero() || time.Until(old.Expiry) > 0:
		tokens = old
	}
	if tokens == nil || rp.settings.SkipUserInfo {
		return from, tokens, nil
	}
	userInfo, err := rp.client.UserInfo(ctx, tokens, r.Subject)
	if userInfo != nil {
		from.UserInfo, from.Vouched = userInfo, true
	}
	return from, tokens, err
}

// vet asks code of the app: the resolver for the groups, and OnSignIn whether the user may still sign in.
func (rp *relyingParty) vet(
	ctx context.Context, a *core, r *session.Record, u *User, tokens *provider.Tokens,
) error {
	accessToken := ""
	if tokens != nil {
		accessToken = tokens.AccessToken
	}
	if resolve := rp.settings.GroupsResolver; resolve != nil {
		groups, err := resolve(ctx, u, accessToken)
		if err != nil {
			return fmt.Errorf("groups: %w", err)
		}
		u.Groups, u.GroupsOverage = rp.shape.Within(groups), false
	}
	if r.Issued.IsZero() { // StartSession does not call OnSignIn either
		return nil
	}
	err := a.runOnSignIn(ctx, &PendingSignIn{User: u, AccessToken: accessToken, Recheck: true})
	if err == nil {
		return nil
	}
	if errors.Is(err, ErrProviderUnavailable) || errors.Is(err, ErrSessionStore) || ctx.Err() != nil {
		return fmt.Errorf("OnSignIn: %w", errors.Join(errUndecided, err))
	}
	return err
}

// errUndecided marks errors of OnSignIn that refuse nobody, although the hook's errors are wrapped in ErrForbidden.
var errUndecided = errors.New("undecided")

// refusal returns err as a [recheck.ErrRefused] if it means that the user may no longer sign in: the provider refuses
// the refresh or the access token, or speaks of another user, or code of the app forbids it. Any other error leaves
// open whether the user may.
func refusal(err error) error {
	switch {
	case errors.Is(err, errUndecided):
		return err
	case errors.Is(err, refresh.ErrEnded):
		return fmt.Errorf("%w: %w", recheck.ErrEnded, err)
	case errors.Is(err, refresh.ErrNoToken):
		return fmt.Errorf("%w: %w", recheck.ErrRefused, err)
	case errors.Is(err, provider.ErrRefused), errors.Is(err, provider.ErrTokenRefused), errors.Is(err, ErrForbidden),
		errors.Is(err, ErrUnauthenticated):
		return fmt.Errorf("%w: %w", recheck.ErrRefused, err)
	}
	if e := (*provider.Error)(nil); errors.As(err, &e) && e.Code == "invalid_request" { // Dex, of a token that has ended
		return fmt.Errorf("%w: %w", recheck.ErrRefused, err)
	}
	return err
}

// userAfter returns the user as the sources of a check describe them. With an ID token that is everything; without one
// only the memberships are read again.
func (rp *relyingParty) userAfter(from recheck.Sources, r *session.Record, before *User) (*User, error) {
	known := recheck.Memberships{
		Groups: before.Groups, GroupsOverage: before.GroupsOverage, Organizations: before.Organizations,
	}
	known, err := from.Memberships(rp.shape, known, rp.settings.GroupsResolver != nil, r.Issued.IsZero())
	if err != nil {
		return nil, err
	}
	after := before.copied()
	if from.IDToken != nil {
		if after, err = newUser(rp.shape, from.IDToken, from.UserInfo); err != nil {
			return nil, err
		}
		after.Data, after.Actor, after.Provider = before.Data, before.Actor, before.Provider
	}
	after.Groups, after.GroupsOverage, after.Organizations = known.Groups, known.GroupsOverage, known.Organizations
	return after, nil
}

// expiresAfter returns when the session has to end: what the new ID token says of it replaces what was said before.
func expiresAfter(from recheck.Sources, before time.Time) (time.Time, error) {
	at, err := sessionExpiry(from.IDToken)
	switch {
	case err != nil:
		return at, fmt.Errorf("%w: %w", recheck.ErrRefused, err)
	case at.IsZero():
		return before, nil
	case !at.After(time.Now()):
		return at, fmt.Errorf("%w: session_expiry is in the past", recheck.ErrRefused)
	}
	return at, nil
}

// reportChange emits the groups and organizations that a check has added and removed.
func (rp *relyingParty) reportChange(ctx context.Context, r *session.Record, before, after *User) {
	var attrs []slog.Attr
	for _, change := range []struct {
		what          string
		before, after []string
	}{
		{"groups", before.Groups, claims.Normalized(after.Groups)},
		{"organizations", before.Organizations, claims.Normalized(after.Organizations)},
	} {
		if gained := without(change.after, change.before); len(gained) > 0 {
			attrs = append(attrs, slog.Any(change.what+"_gained", gained))
		}
		if lost := without(change.before, change.after); len(lost) > 0 {
			attrs = append(attrs, slog.Any(change.what+"_lost", lost))
		}
	}
	if attrs != nil {
		rp.emit(ctx, event{kind: eventMembershipsChanged, subject: r.Subject, sid: r.SID, attrs: attrs})
	}
}

// without returns the names of one sorted list that another one lacks.
func without(names, others []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		_, found := slices.BinarySearch(others, name)
		return found
	})
}

// decodedTokens returns the tokens of a session, or nil if there are none or another version wrote them.
func decodedTokens(encoded []byte) *provider.Tokens {
	tokens, ok := provider.DecodeTokens(encoded)
	if !ok {
		return nil
	}
	return tokens
}
