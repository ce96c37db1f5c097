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
)

// answering is a state whose leases and values fail with these errors.
type answering struct {
	*state.Memory
	lease, keep error
	released    *int
}

func (a answering) Lease(
	ctx context.Context, key string, ttl time.Duration,
) (func(context.Context) error, bool, error) {
	if a.lease != nil {
		return nil, false, a.lease
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

// TestLocalFallback: only what a state does not support falls back to the memory of the process. That a state is away
// is told.
func TestLocalFallback(t *testing.T) {
	away := errors.New("away")
	for _, err := range []error{away, errors.ErrUnsupported} {
		memory := state.NewMemory(0)
		s := shared.LocalFallback{Whole: answering{state.NewMemory(0), err, err, new(int)}, Memory: memory}
		_, ok, leaseErr := s.Lease(t.Context(), "l", time.Minute)
		keepErr := s.Keep(t.Context(), "k", "v", time.Minute)
		_, kept, _ := memory.Kept(t.Context(), "k")
		if local := err != away; ok != local || kept != local || errors.Is(leaseErr, away) == local ||
			errors.Is(keepErr, away) == local {
			t.Errorf("%v: lease %t %v, kept %t %v", err, ok, leaseErr, kept, keepErr)
		}
	}
}

// TestFallbackIsFull: that nothing was kept is told.
func TestFallbackIsFull(t *testing.T) {
	none := errors.ErrUnsupported
	s := shared.LocalFallback{Whole: answering{state.NewMemory(0), none, none, new(int)}, Memory: state.NewMemory(0)}
	if err := s.Keep(t.Context(), "k", strings.Repeat("v", state.MaxValue+1), time.Minute); err == nil {
		t.Error("too much is kept")
	}
}

// TestUnsupported: what a state does not support is named, and a lease that was taken to find out is released.
func TestUnsupported(t *testing.T) {
	none, released := errors.ErrUnsupported, 0
	for _, tt := range []struct {
		lease, keep error
		want        []string
	}{
		{nil, nil, nil}, {none, nil, []string{"Lease"}}, {nil, none, []string{"Keep"}}, {errors.New("away"), nil, nil},
	} {
		s := answering{state.NewMemory(0), tt.lease, tt.keep, &released}
		if got := shared.Unsupported(t.Context(), s); !slices.Equal(got, tt.want) {
			t.Errorf("%v, %v: %q", tt.lease, tt.keep, got)
		}
	}
	if released != 2 {
		t.Errorf("%d leases were released", released)
	}
}

// hanging is a state that answers nothing before the context ends.
type hanging struct{ *state.Memory }

func (hanging) Revoke(ctx context.Context, _ string, _ time.Time, _ time.Duration) error {
	<-ctx.Done()
	return ctx.Err()
}

// TestProbed: a state that does not respond delays a start by a second, and counts as supporting everything.
func TestProbed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		if missing := shared.Probed(hanging{state.NewMemory(0)}); len(missing) > 0 || time.Since(began) != time.Second {
			t.Errorf("%q after %s", missing, time.Since(began))
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
