package refresh

import (
	"context"
	"errors"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
	"github.com/seed-d65cea4d/ginoidc/internal/shared"
)

// Anew refreshes tokens although their access token may still be usable, for the claims of the new ID token, which are
// nil if the provider sent none. If others have refreshed old already, it redeems the newest refresh token instead. It
// takes turns with [Refresher.Refresh], so no refresh token is redeemed twice.
//
// The caller decides what a refusal means: the error is the provider's and no session ends. Other errors are those of
// Refresh. ctx must not be that of a browser's request.
func (r *Refresher) Anew(
	ctx context.Context, of *session.Record, old *provider.Tokens,
) (*provider.Tokens, provider.Claims, error) {
	for range maxSuccessors {
		old = r.newest(ctx, of, old)
		if old.RefreshToken == "" {
			return nil, nil, ErrNoToken
		}
		release, _, err := r.Values.Turn(ctx, r.key(old), r.lease(), r.wait())
		if errors.Is(err, shared.ErrTurn) {
			return nil, nil, ErrBusy
		}
		if err != nil {
			return nil, nil, err
		}
		tokens, claims, err := r.anew(ctx, of, old, release)
		if tokens != nil || err != nil {
			return tokens, claims, err
		}
	}
	return nil, nil, ErrBusy
}

// anew makes the request, unless the tokens have been refreshed in the meantime: then it returns nothing.
func (r *Refresher) anew(
	ctx context.Context, of *session.Record, old *provider.Tokens, release func(context.Context) error,
) (*provider.Tokens, provider.Claims, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.lease())
	defer cancel()
	defer r.release(context.WithoutCancel(ctx), of, release)
	if next, err := r.successor(ctx, of, old); err != nil || next != nil && r.key(next) != r.key(old) {
		return nil, nil, err
	}
	return r.redeem(ctx, of, old)
}

// MaxTime returns the longest time that Anew takes: a wait for its turn and a refresh.
func (r *Refresher) MaxTime() time.Duration { return r.wait() + r.lease() }
