package shared_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/shared"
	"github.com/seed-d65cea4d/ginoidc/internal/state"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// answering is a state whose leases and values fail with these errors.
type answering struct {
	*state.Memory
	lease, keep error
	released    *int
	taken       bool // every lease is
}

func (a answering) Lease(
	ctx context.Context, key string, ttl time.Duration,
) (func(context.Context) error, bool, error) {
	if a.lease != nil {
		return nil, false, a.lease
	}
	if a.taken {
		return nil, false, nil
	}
	release, ok, err := a.Memory.Lease(ctx, key, ttl)
	return func(ctx context.Context) error { *a.released++; return release(ctx) }, ok, err
}

func (a answering) Keep(ctx context.Context, key, value string, ttl time.Duration) error {
	if a.keep != nil {
		return a.keep
	}
	return a.Memory.Keep(ctx, key, value, ttl)
}

func (a answering) Kept(ctx context.Context, key string) (string, bool, error) {
	if a.keep != nil {
		return "", false, a.keep
	}
	return a.Memory.Kept(ctx, key)
}

// TestLocalFallback: only what a state does not support falls back to the memory of the process. That a state is away
// is told.
func TestLocalFallback(t *testing.T) {
	away := errors.New("away")
	for _, err := range []error{away, errors.ErrUnsupported} {
		memory := state.NewMemory(0)
		s := shared.LocalFallback{Whole: answering{Memory: state.NewMemory(0), lease: err, keep: err}, Memory: memory}
		_, ok, leaseErr := s.Lease(t.Context(), "l", time.Minute)
		keepErr := s.Keep(t.Context(), "k", "v", time.Minute)
		_, kept, _ := memory.Kept(t.Context(), "k")
		if local := err != away; ok != local || kept != local || errors.Is(leaseErr, away) == local ||
			errors.Is(keepErr, away) == local {
			t.Errorf("%v: lease %t %v, kept %t %v", err, ok, leaseErr, kept, keepErr)
		}
		if _, kept, keptErr := s.Kept(t.Context(), "k"); kept == (err == away) || errors.Is(keptErr, away) != (err == away) {
			t.Errorf("%v: found %t, %v", err, kept, keptErr)
		}
	}
}

// TestFallbackIsFull: that nothing was kept is told.
func TestFallbackIsFull(t *testing.T) {
	none := errors.ErrUnsupported
	s := shared.LocalFallback{Whole: answering{Memory: state.NewMemory(0), keep: none}, Memory: state.NewMemory(0)}
	if err := s.Keep(t.Context(), "k", strings.Repeat("v", state.MaxValue+1), time.Minute); err == nil {
		t.Error("too much is kept")
	}
}

// TestUnsupported: what a state does not support is named, and nothing else, whatever it answers. A lease that was
// taken to find out is released.
func TestUnsupported(t *testing.T) {
	outage := testapp.NewOutage()
	for _, outage.Err = range []error{errors.ErrUnsupported, testapp.ErrOutage} {
		for call, method := range slices.Concat(
			shared.EndingMethods(), shared.ListMethods(), []string{"Keep", "Kept", "Lease"},
		) {
			outage.Begin(call + 1)
			missing := shared.Unsupported(t.Context(), outage)
			if _, failed := outage.End(); failed != method {
				t.Fatalf("call %d is of %q, want %s", call, failed, method)
			}
			if slices.Equal(missing, []string{method}) != (outage.Err == errors.ErrUnsupported) || len(missing) > 1 {
				t.Errorf("%s answers %v: %q", method, outage.Err, missing)
			}
		}
	}
	released := 0
	for _, taken := range []bool{false, true} {
		s := answering{Memory: state.NewMemory(0), released: &released, taken: taken}
		if missing := shared.Unsupported(t.Context(), s); len(missing) > 0 || released != 1 {
			t.Errorf("lease taken %t: %q, %d leases released", taken, missing, released)
		}
	}
}

// hanging is a state that answers nothing before the context ends.
type hanging struct{ *state.Memory }

func (hanging) Revoke(ctx context.Context, _ string, _ time.Time, _ time.Duration) error {
	<-ctx.Done()
	return ctx.Err()
}

// Revoked comes after it.
func (hanging) Revoked(context.Context, ...string) ([]time.Time, error) {
	return nil, errors.ErrUnsupported
}

// TestProbed: a state that does not respond delays a start by a second, and counts as supporting everything.
func TestProbed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		if missing := shared.Probed(hanging{state.NewMemory(0)}); len(missing) > 0 || time.Since(began) != time.Second {
			t.Errorf("%q after %s", missing, time.Since(began))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if missing := shared.Unsupported(ctx, hanging{state.NewMemory(0)}); len(missing) > 0 {
			t.Errorf("%q were asked for after the end", missing)
		}
		all := slices.Concat(shared.EndingMethods(), shared.ListMethods(), shared.LeaseMethods())
		missing := shared.Probed(struct{ shared.Whole }{})
		slices.Sort(all)
		slices.Sort(missing)
		if !slices.Equal(missing, all) {
			t.Errorf("a state without methods lacks %q, want %q", missing, all)
		}
	})
}
