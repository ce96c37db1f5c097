package ginoidctest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/seed-d65cea4d/ginoidc"
)

func (t *stateTest) lists() error {
	owner, another := t.key("u", "owner"), t.key("u", "another")
	listed := func(owner string, want ...string) {
		got, err := t.other.Listed(t.ctx, owner)
		slices.Sort(got)
		if err != nil || !slices.Equal(got, want) {
			t.failf("Listed = %q, %v; want %q", got, err, want)
		}
	}
	for _, e := range []struct {
		owner, session string
		ttl            time.Duration
	}{
		{owner, "a", long}, {owner, "b", long}, {owner, "c", long}, {another, "d", long},
		{owner, "c", short},                     // a shorter ttl replaces a longer one
		{owner, "e", short}, {owner, "e", long}, // and the other way round
	} {
		if err := t.one.Enlist(t.ctx, e.owner, e.session, e.ttl); err != nil {
			return fmt.Errorf("calling Enlist: %w", err)
		}
	}
	err := t.expires("a listed session", func() (bool, error) {
		got, err := t.other.Listed(t.ctx, owner)
		return !slices.Contains(got, "c"), err
	})
	if err != nil {
		return err
	}
	listed(owner, "a", "b", "e")
	for range 2 {
		if err := t.other.Delist(t.ctx, owner, "a"); err != nil {
			return fmt.Errorf("calling Delist: %w", err)
		}
	}
	listed(owner, "b", "e")
	listed(another, "d")
	listed(t.key("u", "nobody"))
	return nil
}

func (t *stateTest) leases() error {
	var release func(context.Context) error
	var mu sync.Mutex
	take := func(s ginoidc.SharedState) (bool, error) {
		give, ok, err := s.Lease(t.ctx, t.key("t", "lease"), long)
		if ok {
			mu.Lock()
			defer mu.Unlock()
			release = give
		}
		return ok, err
	}
	n, err := t.together(take)
	if err != nil {
		return fmt.Errorf("calling Lease: %w", err)
	}
	if n != 1 {
		return fmt.Errorf("of 20 leases of one key at once, %d are held; want 1", n)
	}
	if err := release(t.ctx); err != nil {
		t.failf("releasing a lease: %v", err)
	}
	if n, err := t.together(take); n != 1 || err != nil {
		t.failf("Lease after its release: %d hold it, want 1; %v", n, err)
	}
	return nil
}

// lateRelease: a holder that took too long does not take the lease from the next one.
func (t *stateTest) lateRelease() error {
	key := t.key("t", "late")
	release, ok, err := t.one.Lease(t.ctx, key, short)
	if err != nil || !ok {
		return fmt.Errorf("calling Lease: %t, %w", ok, err)
	}
	var next func(context.Context) error
	err = t.expires("a lease", func() (ok bool, err error) {
		next, ok, err = t.other.Lease(t.ctx, key, long)
		return ok, err
	})
	if err != nil {
		return err
	}
	if err := release(t.ctx); err != nil {
		t.failf("releasing a lease too late: %v", err)
	}
	if _, ok, err := t.one.Lease(t.ctx, key, long); ok || err != nil {
		t.failf("a late release gave up the lease of the next holder: %t, %v", ok, err)
	}
	return next(t.ctx)
}

func (t *stateTest) keptValues() error {
	largest := strings.Repeat("v", 16<<10)
	for _, k := range []struct {
		name, value string
		ttl         time.Duration
	}{
		{"one", "1", long}, {"largest", largest, long}, {"replaced", largest, long}, {"replaced", "2", long},
		{"shorter", "1", long}, {"shorter", "2", short},
	} {
		if err := t.one.Keep(t.ctx, t.key("n", k.name), k.value, k.ttl); err != nil {
			return fmt.Errorf("calling Keep: %w", err)
		}
	}
	err := t.expires("a kept value", func() (bool, error) {
		_, ok, err := t.other.Kept(t.ctx, t.key("n", "shorter"))
		return !ok, err
	})
	if err != nil {
		return err
	}
	for name, want := range map[string]string{"one": "1", "largest": largest, "replaced": "2", "none": ""} {
		got, ok, err := t.other.Kept(t.ctx, t.key("n", name))
		if got != want || ok != (name != "none") || err != nil {
			t.failf("Kept of %q = %.20q (%d bytes), %t, %v", name, got, len(got), ok, err)
		}
	}
	return nil
}

// kinds: what is kept under a key of one method is not found by another.
func (t *stateTest) kinds() error {
	key, at := t.key("e", "kinds"), time.Now().Truncate(time.Microsecond)
	if err := t.one.Revoke(t.ctx, key, at, long); err != nil {
		return fmt.Errorf("calling Revoke: %w", err)
	}
	if first, err := t.one.MarkUsed(t.ctx, key, long); !first || err != nil {
		t.failf("MarkUsed of a revoked key = %t, %v", first, err)
	}
	if sessions, err := t.one.Listed(t.ctx, key); len(sessions) != 0 || failed(err) {
		t.failf("Listed of a revoked key = %q, %v", sessions, err)
	}
	if value, ok, err := t.one.Kept(t.ctx, key); ok || failed(err) {
		t.failf("Kept of a revoked key = %q, %v", value, err)
	}
	if _, ok, err := t.one.Lease(t.ctx, key, long); !ok && err == nil || failed(err) {
		t.failf("Lease of a revoked key = %t, %v", ok, err)
	}
	if times, err := t.one.Revoked(t.ctx, key); err != nil || len(times) != 1 || !times[0].Equal(at) {
		t.failf("Revoked of a used and leased key = %v, %v", times, err)
	}
	return nil
}

// failed reports whether a method that may be unsupported has failed.
func failed(err error) bool { return err != nil && !errors.Is(err, errors.ErrUnsupported) }
