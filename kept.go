package ginoidc

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/sealed"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
)

// What one request leaves for others lies in the shared state, sealed. Who can write there can move such a value, but
// then it does not open: it is bound to its purpose, to the key it lies under and to its owner, a session or an attempt.

// seals are for texts that leave the process, each of a purpose and with keys of its own.
type seals struct {
	kept       *sealed.Text // what one request leaves for others, in the shared state
	landed     *sealed.Text // which sign-in a browser comes from, in a cookie of the sign-in route
	parameters *sealed.Text // what code adds to a sign-in, in a URL
}

func newSeals(secrets []string, audience string) (s seals, err error) {
	for purpose, text := range map[string]**sealed.Text{
		"kept values": &s.kept, "landed": &s.landed, "sign-in parameters": &s.parameters,
	} {
		if *text, err = sealed.New(purpose, secrets, audience); err != nil {
			return seals{}, err
		}
	}
	return s, nil
}

// What is kept for other requests.
const (
	refreshedTokens = "refreshed tokens" // that one request leaves for those that come with the old ones
	replacedTokens  = "replaced tokens"  // that a sign-in leaves for its callback
	callbackAnswer  = "callback answer"  // that one instance leaves for the others
	updatedCookies  = "updated session"  // that an update leaves for requests that are on their way
)

// maxKept is what a SharedState has to take, in bytes.
const maxKept = 16 << 10

var errKeepTooLarge = errors.New("it is too large for the shared state")

// keep leaves text for other requests of the owner.
func (a *core) keep(ctx context.Context, purpose, name, owner, text string, ttl time.Duration) error {
	value := a.seals.kept.Seal(text, bound(purpose, name, owner))
	if len(value) > maxKept {
		return errKeepTooLarge
	}
	return a.state.Keep(ctx, name, value, ttl)
}

// kept returns what a request of the owner has left; not ok, there is nothing.
func (a *core) kept(ctx context.Context, purpose, name, owner string) (text string, ok bool, err error) {
	value, ok, err := a.state.Kept(ctx, name)
	if err != nil {
		return "", false, fmt.Errorf("%w: %w", ErrSessionStore, err)
	}
	if !ok {
		return "", false, nil
	}
	text, ok = a.seals.kept.Open(value, bound(purpose, name, owner))
	return text, ok, nil
}

// bound is the place of one value. The owner comes last: whatever is in it, no two of them read alike.
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
