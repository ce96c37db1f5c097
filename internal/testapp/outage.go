package testapp

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/state"
)

// ErrOutage is the error of the call that fails, unless the Outage has another one.
var ErrOutage = errors.New("connection refused")

// Outage is a shared state of which one call fails. Releasing a lease is a call, too.
type Outage struct {
	*state.Memory
	Err error // of the call that fails

	mu     sync.Mutex
	at     int
	calls  int
	failed string
}

// NewOutage returns a state that has no outage before Begin.
func NewOutage() *Outage { return &Outage{Memory: state.NewMemory(0), Err: ErrOutage} }

// Begin counts from now on, and lets the at-th call fail, or none if at is 0.
func (o *Outage) Begin(at int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.at, o.calls, o.failed = at, 0, ""
}

// End returns how many calls there were since Begin, and the name of the method that failed, if one did.
func (o *Outage) End() (calls int, failed string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.at = 0
	return o.calls, o.failed
}

func (o *Outage) call(name string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.calls++; o.calls == o.at {
		o.failed = name
		return o.Err
	}
	return nil
}

// Revoke implements ginoidc.SharedState, as do the following methods.
func (o *Outage) Revoke(ctx context.Context, key string, at time.Time, ttl time.Duration) error {
	if err := o.call("Revoke"); err != nil {
		return err
	}
	return o.Memory.Revoke(ctx, key, at, ttl)
}

// Revoked fails like the others.
func (o *Outage) Revoked(ctx context.Context, keys ...string) ([]time.Time, error) {
	if err := o.call("Revoked"); err != nil {
		return nil, err
	}
	return o.Memory.Revoked(ctx, keys...)
}

// MarkUsed fails like the others.
func (o *Outage) MarkUsed(ctx context.Context, key string, ttl time.Duration) (bool, error) {
	if err := o.call("MarkUsed"); err != nil {
		return false, err
	}
	return o.Memory.MarkUsed(ctx, key, ttl)
}

// Enlist fails like the others.
func (o *Outage) Enlist(ctx context.Context, owner, session string, ttl time.Duration) error {
	if err := o.call("Enlist"); err != nil {
		return err
	}
	return o.Memory.Enlist(ctx, owner, session, ttl)
}

// Delist fails like the others.
func (o *Outage) Delist(ctx context.Context, owner, session string) error {
	if err := o.call("Delist"); err != nil {
		return err
	}
	return o.Memory.Delist(ctx, owner, session)
}

// Listed fails like the others.
func (o *Outage) Listed(ctx context.Context, owner string) ([]string, error) {
	if err := o.call("Listed"); err != nil {
		return nil, err
	}
	return o.Memory.Listed(ctx, owner)
}

// Lease fails like the others, and so does the release that it returns.
func (o *Outage) Lease(ctx context.Context, key string, ttl time.Duration) (func(context.Context) error, bool, error) {
	if err := o.call("Lease"); err != nil {
		return nil, false, err
	}
	release, ok, err := o.Memory.Lease(ctx, key, ttl)
	return func(ctx context.Context) error {
		if err := o.call("Lease"); err != nil {
			return err
		}
		return release(ctx)
	}, ok, err
}

// Keep fails like the others.
func (o *Outage) Keep(ctx context.Context, key, value string, ttl time.Duration) error {
	if err := o.call("Keep"); err != nil {
		return err
	}
	return o.Memory.Keep(ctx, key, value, ttl)
}

// Kept fails like the others.
func (o *Outage) Kept(ctx context.Context, key string) (string, bool, error) {
	if err := o.call("Kept"); err != nil {
		return "", false, err
	}
	return o.Memory.Kept(ctx, key)
}
