package ginoidctest_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/ginoidctest"
	"github.com/seed-d65cea4d/ginoidc/internal/state"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

func TestStateOfMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := state.NewMemory(0)
		ginoidctest.TestState(t, memory, memory)
	})
}

// faulty replaces methods of a correct state.
type faulty struct {
	ginoidc.SharedState
	revoke   func(ctx context.Context, key string, at time.Time, ttl time.Duration) error
	revoked  func(times []time.Time) []time.Time
	markUsed func(first bool) bool
	listed   func(sessions []string) []string
	lease    func(release func(context.Context) error, ok bool) (func(context.Context) error, bool)
	kept     func(value string, ok bool) (string, bool)
}

func (f faulty) Revoke(ctx context.Context, key string, at time.Time, ttl time.Duration) error {
	if f.revoke != nil {
		return f.revoke(ctx, key, at, ttl)
	}
	return f.SharedState.Revoke(ctx, key, at, ttl)
}

func (f faulty) Revoked(ctx context.Context, keys ...string) ([]time.Time, error) {
	times, err := f.SharedState.Revoked(ctx, keys...)
	if f.revoked != nil {
		times = f.revoked(times)
	}
	return times, err
}

func (f faulty) MarkUsed(ctx context.Context, key string, ttl time.Duration) (bool, error) {
	first, err := f.SharedState.MarkUsed(ctx, key, ttl)
	if f.markUsed != nil {
		first = f.markUsed(first)
	}
	return first, err
}

func (f faulty) Listed(ctx context.Context, owner string) ([]string, error) {
	sessions, err := f.SharedState.Listed(ctx, owner)
	if f.listed != nil {
		sessions = f.listed(sessions)
	}
	return sessions, err
}

func (f faulty) Lease(
	ctx context.Context, key string, ttl time.Duration,
) (func(context.Context) error, bool, error) {
	release, ok, err := f.SharedState.Lease(ctx, key, ttl)
	if f.lease != nil {
		release, ok = f.lease(release, ok)
	}
	return release, ok, err
}

func (f faulty) Kept(ctx context.Context, key string) (string, bool, error) {
	value, ok, err := f.SharedState.Kept(ctx, key)
	if f.kept != nil {
		value, ok = f.kept(value, ok)
	}
	return value, ok, err
}

// TestStateFindsFaults: each fault that an implementation is likely to have fails the test, and is named.
func TestStateFindsFaults(t *testing.T) {
	noRelease := func(context.Context) error { return nil }
	down := errors.New("down")
	for want, fault := range map[string]faulty{
		"Revoke: down": {revoke: func(context.Context, string, time.Time, time.Duration) error { return down }},
		"Revoked of no keys": {revoked: func(times []time.Time) []time.Time {
			if len(times) == 0 {
				return []time.Time{{}}
			}
			return times
		}},
		"Revoked of 100 keys":        {revoked: func(times []time.Time) []time.Time { return times[:min(len(times), 99)] }},
		"were the first, want 1":     {markUsed: func(bool) bool { return true }},
		"a used key does not expire": {markUsed: func(bool) bool { return false }},
		"Listed = ":                  {listed: func(sessions []string) []string { return append(sessions, "x") }},
		"20 are held": {lease: func(func(context.Context) error, bool) (func(context.Context) error, bool) {
			return noRelease, true
		}},
		"Lease after its release": {lease: func(_ func(context.Context) error, ok bool) (func(context.Context) error, bool) {
			return noRelease, ok
		}},
		"a kept value does not expire": {kept: func(value string, _ bool) (string, bool) { return value, true }},
		"Kept of ":                     {kept: func(_ string, ok bool) (string, bool) { return "", ok }},
	} {
		synctest.Test(t, func(t *testing.T) {
			fault.SharedState = state.NewMemory(0)
			tb := new(fakeTB)
			ginoidctest.TestState(tb, fault, fault)
			if !strings.Contains(tb.failure, want) {
				t.Errorf("want %q:\n%s", want, tb.failure)
			}
		})
	}
}

// TestStateOfTwo: instances that share nothing do not conform, and methods may be unsupported.
func TestStateOfTwo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tb := new(fakeTB)
		ginoidctest.TestState(tb, state.NewMemory(0), state.NewMemory(0))
		if !strings.Contains(tb.failure, "2 were the first") || !strings.Contains(tb.failure, "2 are held") {
			t.Errorf("%s", tb.failure)
		}
		memory := partial{state.NewMemory(0)}
		ginoidctest.TestState(t, memory, memory)
	})
}

// partial supports what ends sessions, and nothing else.
type partial struct{ *state.Memory }

func (partial) Enlist(context.Context, string, string, time.Duration) error {
	return errors.ErrUnsupported
}

func (partial) Lease(context.Context, string, time.Duration) (func(context.Context) error, bool, error) {
	return nil, false, errors.ErrUnsupported
}

func (partial) Keep(context.Context, string, string, time.Duration) error {
	return errors.ErrUnsupported
}

// TestStateFindsErrors: whichever call fails, the test fails.
func TestStateFindsErrors(t *testing.T) {
	all := 1
	for call := 0; call <= all; call++ {
		synctest.Test(t, func(t *testing.T) {
			outage, tb := testapp.NewOutage(), new(fakeTB)
			outage.Begin(call)
			ginoidctest.TestState(tb, outage, outage)
			calls, method := outage.End()
			if call == 0 {
				all = calls
			}
			if (method == "") != (tb.failure == "") || method != "" && !strings.Contains(tb.failure, "connection refused") {
				t.Errorf("call %d, of %q: %s", call, method, tb.failure)
			}
		})
	}
	if all < 150 {
		t.Errorf("%d calls", all)
	}
}
