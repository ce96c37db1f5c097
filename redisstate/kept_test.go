package redisstate_test

import (
	"context"
	"fmt"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/state"
)

// keeper is what the states of one process and of several have in common for tokens.
type keeper interface {
	Lease(ctx context.Context, key string, ttl time.Duration) (release func(context.Context) error, ok bool, err error)
	Keep(ctx context.Context, key, value string, ttl time.Duration) error
	Kept(ctx context.Context, key string) (value string, ok bool, err error)
}

// onBoth runs a test with two instances, which in memory are the same.
func onBoth(t *testing.T, test func(t *testing.T, one, other keeper)) {
	t.Run("memory", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			memory := state.NewMemory(0)
			test(t, memory, memory)
		})
	})
	t.Run("redis", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			server := newFake()
			test(t, newStore(t, server), newStore(t, server))
		})
	})
}

type keepStep func(t *testing.T, one, other keeper)

func keep(key, value string, ttl time.Duration) keepStep {
	return func(t *testing.T, one, _ keeper) {
		if err := one.Keep(t.Context(), key, value, ttl); err != nil {
			t.Errorf("Keep %d bytes under %s: %v", len(value), key, err)
		}
	}
}

func refused(key, value string, ttl time.Duration) keepStep {
	return func(t *testing.T, one, _ keeper) {
		err := one.Keep(t.Context(), key, value, ttl)
		if err == nil || strings.Contains(err.Error(), value) {
			t.Errorf("Keep %d bytes under %s: %.200v", len(value), key, err)
		}
	}
}

func pass(d time.Duration) keepStep { return func(*testing.T, keeper, keeper) { time.Sleep(d) } }

func kept(key, want string) keepStep { return lookup(key, want, true) }

func none(key string) keepStep { return lookup(key, "", false) }

func lookup(key, want string, wantOK bool) keepStep {
	return func(t *testing.T, one, other keeper) {
		t.Helper()
		for _, k := range []keeper{one, other} {
			if got, ok, err := k.Kept(t.Context(), key); got != want || ok != wantOK || err != nil {
				t.Errorf("Kept under %s = %.50q (%d bytes), %t, %v; want %.50q, %t", key, got, len(got), ok, err, want, wantOK)
			}
		}
	}
}

func TestKeep(t *testing.T) {
	const ms, minute, hour = time.Millisecond, time.Minute, time.Hour
	long := strings.Repeat("v", 16<<10)
	for name, steps := range map[string][]keepStep{
		"nothing":           {none("a")},
		"some":              {keep("a", "1", hour), keep("b", "2", hour), kept("a", "1"), kept("b", "2"), none("c")},
		"any bytes":         {keep("a", "\x00\r\n$-1\r\n\xff", hour), kept("a", "\x00\r\n$-1\r\n\xff")},
		"an empty value":    {keep("a", "", hour), kept("a", "")},
		"the longest value": {keep("a", long, hour), kept("a", long)},
		"a longer one":      {refused("a", long+"v", hour), none("a")},
		"a longer one instead": {keep("a", "1", hour), refused("a", long+"v", hour),
			refused("a", long+"v", 0), kept("a", "1")},
		"until its ttl":              {keep("a", "1", minute), pass(minute - ms), kept("a", "1"), pass(ms), none("a")},
		"looking does not extend it": {keep("a", "1", minute), pass(minute / 2), kept("a", "1"), pass(minute / 2), none("a")},
		"replaced":                   {keep("a", "1", hour), keep("a", "2", hour), kept("a", "2")},
		"a longer ttl": {keep("a", "1", minute), keep("a", "2", hour), pass(hour - ms), kept("a", "2"),
			pass(ms), none("a")},
		"a shorter ttl": {keep("a", "1", hour), keep("a", "2", minute), pass(minute - ms), kept("a", "2"),
			pass(ms), none("a")},
		"less than a moment":  {keep("a", "1", 1), pass(ms), none("a")},
		"no ttl":              {keep("a", "1", 0), keep("b", "1", math.MinInt64), none("a"), none("b")},
		"forgotten":           {keep("a", "1", hour), keep("b", "2", hour), keep("a", "", 0), none("a"), kept("b", "2")},
		"and kept again":      {keep("a", "1", hour), keep("a", "1", -1), keep("a", "2", hour), kept("a", "2")},
		"the longest ttl":     {pass(ms), keep("a", "1", math.MaxInt64), pass(1000 * hour), kept("a", "1")},
		"after it has passed": {keep("a", "1", minute), pass(hour), keep("a", "2", minute), kept("a", "2")},
	} {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, one, other keeper) {
				for _, step := range steps {
					step(t, one, other)
				}
			})
		})
	}
}

// case 269: of many concurrent requests over two instances, one holds the lease, and the others find what it kept.
func TestLeaseThenKept(t *testing.T) {
	onBoth(t, func(t *testing.T, one, other keeper) {
		var refreshed, found atomic.Int32
		var callers sync.WaitGroup
		for i := range 20 {
			k := one
			if i%2 == 0 {
				k = other
			}
			callers.Go(func() {
				release, ok, err := k.Lease(t.Context(), "session", 10*time.Second)
				if err != nil {
					t.Error(err)
				} else if ok {
					time.Sleep(time.Second) // the provider answers
					keep("session", fmt.Sprint("token ", refreshed.Add(1)), time.Minute)(t, k, k)
					if err := release(t.Context()); err != nil {
						t.Error(err)
					}
				}
				time.Sleep(2 * time.Second)
				if value, ok, err := k.Kept(t.Context(), "session"); ok && err == nil && value == "token 1" {
					found.Add(1)
				}
			})
		}
		callers.Wait()
		if refreshed.Load() != 1 || found.Load() != 20 {
			t.Errorf("%d held the lease, %d found what was kept", refreshed.Load(), found.Load())
		}
	})
}

// A killed holder releases nothing: others proceed after the ttl and no earlier, one at a time (case 271). If a holder
// was only late, its release does not affect the next holder (case 270).
func TestLeaseOfTheGone(t *testing.T) {
	const ttl = 10 * time.Second
	onBoth(t, func(t *testing.T, one, other keeper) {
		take := func(k keeper, want bool) (release func()) {
			t.Helper()
			give, ok, err := k.Lease(t.Context(), "session", ttl)
			if ok != want || err != nil || (give != nil) != want {
				t.Fatalf("Lease = %t, %v; want %t", ok, err, want)
			}
			return func() {
				t.Helper()
				if err := give(t.Context()); err != nil {
					t.Error(err)
				}
			}
		}
		late := take(one, true)
		time.Sleep(ttl - time.Millisecond)
		take(other, false) // and does not make it last longer
		time.Sleep(time.Millisecond)
		late() // nobody's yet
		second := take(other, true)
		late()
		take(one, false)
		take(other, false)
		second()
		third := take(one, true)
		second() // once too often
		late()
		take(other, false)
		third()
		take(other, true)
	})
}

// One command each, on one key, and none for what is too large.
func TestKeepCommands(t *testing.T) {
	server := newFake()
	store := newStore(t, server)
	for _, do := range []struct {
		name  string
		calls int
		keys  []string
		call  func() error
	}{
		{"Keep", 1, []string{"ginoidc:k:hash"}, func() error { return store.Keep(t.Context(), "hash", "sealed", time.Hour) }},
		{"Kept", 1, []string{"ginoidc:k:hash"}, func() error { _, _, err := store.Kept(t.Context(), "hash"); return err }},
		{"Keep too much", 0, []string{"ginoidc:k:hash"}, func() error {
			if store.Keep(t.Context(), "other", strings.Repeat("v", 16<<10+1), time.Hour) == nil {
				return fmt.Errorf("no error")
			}
			return nil
		}},
		{"forget", 1, nil, func() error { return store.Keep(t.Context(), "hash", "sealed", 0) }},
	} {
		server.set(func() { server.calls = 0 })
		if err := do.call(); err != nil {
			t.Errorf("%s: %v", do.name, err)
		}
		server.set(func() {
			if server.calls != do.calls || len(server.entries) != len(do.keys) {
				t.Errorf("%s: %d commands; keys %v", do.name, server.calls, server.entries)
			}
			for _, key := range do.keys {
				if server.entries[key].value != "sealed" {
					t.Errorf("%s: keys %v", do.name, server.entries)
				}
			}
		})
	}
}
