package shared

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/sealed"
	"github.com/seed-d65cea4d/ginoidc/internal/state"
)

// ErrUnavailable means that the state or the session store cannot respond. It is ginoidc.ErrSessionStore.
var ErrUnavailable = errors.New("ginoidc: the session store cannot answer")

// State is the part of ginoidc.SharedState that Values need.
type State interface {
	Lease(ctx context.Context, key string, ttl time.Duration) (release func(context.Context) error, ok bool, err error)
	Keep(ctx context.Context, key, value string, ttl time.Duration) error
	Kept(ctx context.Context, key string) (value string, ok bool, err error)
}

// Values are what one request keeps for others, sealed. An attacker who can write to the state can move a value, but
// then it does not open: it is bound to its purpose, its key and its owner, a session or an attempt.
type Values struct {
	State State
	Seal  *sealed.Text
}

var errTooLarge = errors.New("ginoidc: the value is too large for the shared state")

// Keep keeps text for other requests of the owner, for ttl.
func (v Values) Keep(ctx context.Context, purpose, key, owner, text string, ttl time.Duration) error {
	value := v.Seal.Seal(text, bound(purpose, key, owner))
	if len(value) > state.MaxValue {
		return errTooLarge
	}
	return v.State.Keep(ctx, key, value, ttl)
}

// Kept returns what another request of the owner kept. It returns false if there is nothing. An error wraps
// [ErrUnavailable].
func (v Values) Kept(ctx context.Context, purpose, key, owner string) (text string, ok bool, err error) {
	value, ok, err := v.State.Kept(ctx, key)
	if err != nil {
		return "", false, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if !ok {
		return "", false, nil
	}
	text, ok = v.Seal.Open(value, bound(purpose, key, owner))
	return text, ok, nil
}

// bound is the place of a value. The owner comes last, so that no two places are equal, whatever it contains.
func bound(purpose, key, owner string) string {
	return purpose + "\x00" + key + "\x00" + owner
}

// ErrTurn means that other requests held the lease for longer than Turn was to wait.
var ErrTurn = errors.New("another request has had its turn for too long")

// turnWait is how long Turn waits between two tries.
const turnWait = 10 * time.Millisecond

// Turn takes the lease of key, and waits up to limit while another request holds it. waited reports whether one did.
// The holder calls release; after ttl the lease ends by itself. An error wraps [ErrUnavailable].
func (v Values) Turn(
	ctx context.Context, key string, ttl, limit time.Duration,
) (release func(context.Context) error, waited bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		release, ok, err := v.State.Lease(ctx, key, ttl)
		if err != nil {
			return nil, waited, fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		if ok {
			return release, waited, nil
		}
		waited = true
		select {
		case <-time.After(turnWait):
		case <-ctx.Done():
			return nil, waited, fmt.Errorf("%w: %w", ErrUnavailable, ErrTurn)
		}
	}
}
