package shared

import (
	"context"
	"errors"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/flight"
	"github.com/seed-d65cea4d/ginoidc/internal/state"
)

// Whole is ginoidc.SharedState.
type Whole interface {
	State
	Revoke(ctx context.Context, key string, at time.Time, ttl time.Duration) error
	Revoked(ctx context.Context, keys ...string) ([]time.Time, error)
	MarkUsed(ctx context.Context, key string, ttl time.Duration) (first bool, err error)
	Enlist(ctx context.Context, owner, session string, ttl time.Duration) error
	Delist(ctx context.Context, owner, session string) error
	Listed(ctx context.Context, owner string) ([]string, error)
}

// LocalFallback is a state that falls back to the memory of this process for leases and values.
type LocalFallback struct {
	Whole
	Memory *state.Memory
}

// Lease implements State.
func (s LocalFallback) Lease(
	ctx context.Context, key string, ttl time.Duration,
) (func(context.Context) error, bool, error) {
	release, ok, err := s.Whole.Lease(ctx, key, ttl)
	if errors.Is(err, errors.ErrUnsupported) {
		return s.Memory.Lease(ctx, key, ttl)
	}
	return release, ok, err
}

// Keep implements State.
func (s LocalFallback) Keep(ctx context.Context, key, value string, ttl time.Duration) error {
	err := s.Whole.Keep(ctx, key, value, ttl)
	if errors.Is(err, errors.ErrUnsupported) {
		return s.Memory.Keep(ctx, key, value, ttl)
	}
	return err
}

// Kept implements State.
func (s LocalFallback) Kept(ctx context.Context, key string) (string, bool, error) {
	value, ok, err := s.Whole.Kept(ctx, key)
	if errors.Is(err, errors.ErrUnsupported) {
		return s.Memory.Kept(ctx, key)
	}
	return value, ok, err
}

// Probe is a key that belongs to no session.
const Probe = "probe"

// The methods of ginoidc.SharedState by the features that need them.

// EndingMethods returns those that end sessions and stop replays.
func EndingMethods() []string { return []string{"Revoke", "Revoked", "MarkUsed"} }

// ListMethods returns those that list the sessions of a user.
func ListMethods() []string { return []string{"Enlist", "Delist", "Listed"} }

// LeaseMethods returns those with which instances work for each other.
func LeaseMethods() []string { return []string{"Lease", "Keep", "Kept"} }

// probeLimit is for all calls together, so that an app starts while its state is down.
const probeLimit = time.Second

// Probed returns the methods that s does not support. It takes a second at most: a state that does not respond in time
// counts as supporting all.
func Probed(s Whole) []string {
	ctx, cancel := context.WithTimeout(context.Background(), probeLimit)
	defer cancel()
	var once flight.Group[[]string]
	missing, _, _ := once.Do(ctx, "probe", func() ([]string, error) { return Unsupported(ctx, s), nil })
	return missing
}

// Unsupported calls each method with a key without meaning and returns the names of the unsupported ones. Methods
// that are not called before the limit count as supported.
func Unsupported(ctx context.Context, s Whole) (missing []string) {
	for _, ask := range []struct {
		method string
		call   func() error
	}{
		{"Revoke", func() error { return s.Revoke(ctx, Probe, time.Unix(1, 0), time.Second) }},
		{"Revoked", func() error { _, err := s.Revoked(ctx, Probe); return err }},
		{"MarkUsed", func() error { _, err := s.MarkUsed(ctx, Probe, time.Second); return err }},
		{"Enlist", func() error { return s.Enlist(ctx, Probe, Probe, time.Second) }},
		{"Delist", func() error { return s.Delist(ctx, Probe, Probe) }},
		{"Listed", func() error { _, err := s.Listed(ctx, Probe); return err }},
		{"Keep", func() error { return s.Keep(ctx, Probe, Probe, time.Second) }},
		{"Kept", func() error { _, _, err := s.Kept(ctx, Probe); return err }},
		{"Lease", func() error {
			release, ok, err := s.Lease(ctx, Probe, time.Second)
			if err == nil && ok {
				_ = release(ctx) // if it fails, the lease expires
			}
			return err
		}},
	} {
		if ctx.Err() != nil {
			return missing
		}
		if isMissing(ask.call) {
			missing = append(missing, ask.method)
		}
	}
	return missing
}

// isMissing reports whether a method is unsupported. A method that panics, such as one of an embedded nil interface,
// counts as unsupported.
func isMissing(call func() error) (missing bool) {
	defer func() {
		if recover() != nil {
			missing = true
		}
	}()
	return errors.Is(call(), errors.ErrUnsupported)
}
