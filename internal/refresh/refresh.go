// Package refresh redeems refresh tokens, once for all requests and instances that have the same tokens: providers that
// rotate refresh tokens accept each only once, and some revoke all of them when one is reused.
package refresh

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/flight"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
	"github.com/seed-d65cea4d/ginoidc/internal/shared"
)

var (
	// ErrNoToken means that the tokens have expired and cannot be refreshed. It is ginoidc.ErrNoToken.
	ErrNoToken = errors.New("ginoidc: no access token")
	// ErrEnded means that the session was ended, because the provider refused or the user signed out in the meantime.
	ErrEnded = errors.New("the session of the tokens has ended")
	// ErrBusy means that another request has been refreshing for longer than a request waits.
	ErrBusy = errors.New("another request has been refreshing for too long")
)

const (
	resultLife = 10 * time.Minute // for requests that still carry the old tokens
	slack      = 10 * time.Second // for the shared state, around a refresh
	purpose    = "refreshed tokens"
)

// maxSuccessors bounds how many results are followed from one to the next. Tokens last for a while, so there are few,
// unless a provider returns earlier tokens again, which would lead around in a circle.
const maxSuccessors = 8

// Config holds the settings of a Refresher. All functions must be safe for concurrent use.
type Config struct {
	Provider *provider.Provider
	Values   shared.Values
	Audience shared.Audience
	Name     string        // of the provider, in an app with several
	Timeout  time.Duration // for one call to the provider
	Lifetime time.Duration // of sessions
	Log      *slog.Logger  // for panics in code of the app

	// Ended reports whether the session was ended, for example while its tokens were being refreshed.
	Ended func(context.Context, *session.Record) (bool, error)
	// End ends a session because the provider refused to refresh its tokens.
	End func(ctx context.Context, r *session.Record, refusal error) error
	// Report receives what happened to the tokens of a session.
	Report func(context.Context, Event, *session.Record, error)
}

// Event is what a Refresher reports.
type Event int

// The events.
const (
	Refreshed        Event = iota // the provider has issued new tokens
	Unchecked                     // it is unknown whether the session of the new tokens still lives
	NotShared                     // the new tokens cannot be kept for other requests
	NotRevoked                    // the provider did not revoke the tokens
	LeaseNotReleased              // others wait until the lease expires
)

// Refresher refreshes tokens. It is safe for concurrent use.
type Refresher struct {
	Config
	running   flight.Group[*provider.Tokens]
	fetching  flight.Group[fetched]
	exchanges flight.Group[*provider.Tokens]
}

// New returns a Refresher.
func New(cfg Config) *Refresher {
	r := &Refresher{Config: cfg}
	r.running.Log, r.fetching.Log, r.exchanges.Log = cfg.Log, cfg.Log, cfg.Log
	return r
}

// wait is how long a request waits for another one that refreshes: longer than a refresh takes.
func (r *Refresher) wait() time.Duration { return 3 * r.Timeout }

// lease is longer than a refresh can take, so that it never needs renewal: internal/provider takes at most
// twice the limit of a call.
func (r *Refresher) lease() time.Duration { return 2*r.Timeout + slack }

// Usable reports whether an access token lasts for a call. A token without an expiry counts as usable.
func Usable(t *provider.Tokens) bool {
	const margin = 30 * time.Second
	return t.Expiry.IsZero() || time.Until(t.Expiry) > margin
}

// Refresh returns new tokens for old ones, with one request to the provider for all callers that have the same old
// ones. It continues when the browser of the first caller disconnects, because others wait for it. Errors
// wrap [ErrNoToken], [ErrEnded], [ErrBusy] or [shared.ErrUnavailable], or are the provider's.
func (r *Refresher) Refresh(ctx context.Context, of *session.Record, old *provider.Tokens) (*provider.Tokens, error) {
	tokens, _, err := r.running.Do(ctx, r.key(old), func() (*provider.Tokens, error) {
		return r.inTurn(context.WithoutCancel(ctx), of, old)
	})
	if err != nil && err == ctx.Err() {
		return nil, fmt.Errorf("%w: %w", ErrBusy, context.Cause(ctx))
	}
	return tokens, err
}

// inTurn takes the result that another request got for the old tokens, or gets one. If that result has expired too, it
// looks for its successor. If an instance is killed while it holds the lease, others wait no longer than the lease
// lasts.
func (r *Refresher) inTurn(ctx context.Context, of *session.Record, old *provider.Tokens) (*provider.Tokens, error) {
	turn, cancel := context.WithTimeout(ctx, r.wait())
	defer cancel()
	for followed := 0; ; {
		switch next, err := r.successor(turn, of, old); {
		case err != nil:
			return nil, err
		case next != nil && (Usable(next) || r.key(next) == r.key(old) || followed == maxSuccessors):
			return next, nil
		case next != nil:
			old = next
			followed++
			continue
		case old.RefreshToken == "":
			return nil, ErrNoToken
		}
		release, waited, err := r.Values.Turn(turn, r.key(old), r.lease(), r.wait())
		switch {
		case errors.Is(err, shared.ErrTurn):
			return nil, ErrBusy
		case err != nil:
			return nil, err
		case waited: // the previous holder has kept its result, unless it was killed
			r.release(ctx, of, release)
			continue
		}
		if next, err := r.successor(ctx, of, old); next != nil || err != nil { // kept while this request took the lease
			r.release(ctx, of, release)
			continue
		}
		return r.now(ctx, of, old, release)
	}
}

// now makes the one request. It keeps the result for the others before it releases the lease. It always has its full
// time, however long it waited: a request that is cut off may have spent the refresh token.
func (r *Refresher) now(
	ctx context.Context, of *session.Record, old *provider.Tokens, release func(context.Context) error,
) (*provider.Tokens, error) {
	ctx, cancel := context.WithTimeout(ctx, r.lease())
	defer cancel()
	defer r.release(context.WithoutCancel(ctx), of, release)
	fresh, _, err := r.redeem(ctx, of, old)
	if errors.Is(err, provider.ErrRefused) { // such as invalid_grant
		if endErr := r.End(ctx, of, err); endErr != nil {
			return nil, endErr
		}
		return nil, fmt.Errorf("%w: %w", ErrEnded, err)
	}
	return fresh, err
}

// redeem redeems the refresh token and keeps the new tokens for other requests. The caller holds the lease.
func (r *Refresher) redeem(
	ctx context.Context, of *session.Record, old *provider.Tokens,
) (*provider.Tokens, provider.Claims, error) {
	fresh, claims, err := r.Provider.Refresh(ctx, old, of.Subject)
	if err != nil {
		return nil, nil, err
	}
	if old.Generation > 0 {
		fresh.Generation = old.Generation + 1
	}
	if err := r.checkEnded(ctx, of, fresh); err != nil {
		return nil, nil, err
	}
	r.share(ctx, of, old, fresh)
	r.Report(ctx, Refreshed, of, nil)
	return fresh, claims, nil
}

// checkEnded revokes fresh and returns ErrEnded if the session has ended in the meantime. The old refresh token is
// spent, so from here on a fault of the state must not lose the new one.
func (r *Refresher) checkEnded(ctx context.Context, of *session.Record, fresh *provider.Tokens) error {
	switch ended, err := flight.Try(r.Log, func() (bool, error) { return r.Ended(ctx, of) }); {
	case ended: // signed out in the meantime
		r.Revoke(ctx, of, fresh)
		return ErrEnded
	case err != nil: // not a reason to sign the user out; the next request asks again
		r.Report(ctx, Unchecked, of, err)
	}
	return nil
}

// share keeps fresh for requests that still carry old, and in a session with several access tokens as its newest
// tokens.
func (r *Refresher) share(ctx context.Context, of *session.Record, old, fresh *provider.Tokens) {
	r.keep(ctx, of, purpose, r.key(old), fresh, resultLife)
	if fresh.Generation > 0 {
		r.keep(ctx, of, newestPurpose, r.newestKey(of), fresh, time.Until(of.Created.Add(r.Lifetime)))
	}
}

// keep keeps tokens for other requests with the session.
func (r *Refresher) keep(
	ctx context.Context, of *session.Record, purpose, key string, tokens *provider.Tokens, life time.Duration,
) {
	if _, err := flight.Try(r.Log, func() (any, error) {
		return nil, r.Values.Keep(ctx, purpose, key, of.Owner(), string(tokens.Encode()), life)
	}); err != nil {
		r.Report(ctx, NotShared, of, err)
	}
}

func (r *Refresher) release(ctx context.Context, of *session.Record, release func(context.Context) error) {
	if err := release(ctx); err != nil {
		r.Report(ctx, LeaseNotReleased, of, err)
	}
}

// result returns what another request got for these tokens, or nil, nil if there is nothing. A provider may respond
// with the same tokens until they expire: after that, they lead nowhere.
func (r *Refresher) result(ctx context.Context, of *session.Record, old *provider.Tokens) (*provider.Tokens, error) {
	text, ok, err := r.Values.Kept(ctx, purpose, r.key(old), of.Owner())
	if !ok || err != nil {
		return nil, err
	}
	tokens, _ := provider.DecodeTokens([]byte(text))
	if tokens != nil && r.key(tokens) == r.key(old) && !Usable(tokens) && time.Until(tokens.Expiry) <= 0 {
		return nil, nil
	}
	return tokens, nil
}

// Revoke revokes the tokens at the provider (RFC 7009), or those they were refreshed to. A sign-out does not depend on
// it: a failure is only reported.
func (r *Refresher) Revoke(ctx context.Context, of *session.Record, tokens *provider.Tokens) {
	if tokens == nil {
		return
	}
	if err := r.Provider.Revoke(context.WithoutCancel(ctx), r.newest(ctx, of, tokens)); err != nil {
		r.Report(ctx, NotRevoked, of, err)
	}
}

// newest follows tokens to those they were refreshed to, for a request that arrives with old ones.
func (r *Refresher) newest(ctx context.Context, of *session.Record, tokens *provider.Tokens) *provider.Tokens {
	for range maxSuccessors {
		next, err := r.successor(ctx, of, tokens)
		if tokens.RefreshToken == "" || next == nil || err != nil {
			break
		}
		tokens = next
	}
	return tokens
}

// key is the key of the lease and of the result. It includes the access token, because the refresh token may stay the
// same.
func (r *Refresher) key(tokens *provider.Tokens) string {
	return shared.Key(shared.KindTokens, r.Audience.Hash(tokens.RefreshToken+" "+tokens.AccessToken))
}
