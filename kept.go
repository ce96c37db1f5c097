package ginoidc

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/session"
)

// What one request leaves for others lies in the shared state, sealed. Who can write there can move such a value, but
// then it does not open: it is bound to its purpose, to the key it lies under and to its owner, a session or an attempt.

// maxKept is what a SharedState has to take, in bytes.
const maxKept = 16 << 10

var errKeepTooLarge = errors.New("it is too large for the shared state")

// keep leaves text for other requests of the owner.
func (a *core) keep(ctx context.Context, purpose, name, owner, text string, ttl time.Duration) error {
	sealed := a.attempts.SealText(bound(purpose, name, owner), text)
	if len(sealed) > maxKept {
		return errKeepTooLarge
	}
	return a.state.Keep(ctx, name, sealed, ttl)
}

// kept returns what a request of the owner has left; not ok, there is nothing.
func (a *core) kept(ctx context.Context, purpose, name, owner string) (text string, ok bool, err error) {
	sealed, ok, err := a.state.Kept(ctx, name)
	if err != nil {
		return "", false, fmt.Errorf("%w: %w", ErrSessionStore, err)
	}
	if !ok {
		return "", false, nil
	}
	text, ok = a.attempts.OpenText(bound(purpose, name, owner), sealed)
	return text, ok, nil
}

// bound is the purpose of one value. The owner comes last: whatever is in it, no two of them read alike.
func bound(purpose, name, owner string) string {
	return purpose + "\x00" + name + "\x00" + owner
}

// ownerOf names a session as the owner of what is kept.
func ownerOf(r *session.Record) string { return string(r.ID[:]) + r.Subject }

// inTurn waits until the lease of name is this request's, for limit at most. waited reports whether another request had it
// first.
func (a *core) inTurn(ctx context.Context, name string, ttl, limit time.Duration) (release func(), waited bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		release, ok, err := a.state.Lease(ctx, name, ttl)
		if err != nil {
			return nil, waited, fmt.Errorf("%w: %w", ErrSessionStore, err)
		}
		if ok {
			return func() {
				if err := release(context.WithoutCancel(ctx)); err != nil {
					a.emit(ctx, event{kind: eventLeaseNotReleased, err: err})
				}
			}, waited, nil
		}
		waited = true
		select {
		case <-time.After(turnWait):
		case <-ctx.Done():
			return nil, waited, fmt.Errorf("%w: another request has had its turn for too long", ErrSessionStore)
		}
	}
}

const turnWait = 10 * time.Millisecond
