package redisstate_test

import (
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/store"
	"github.com/seed-d65cea4d/ginoidc/redisstate"
)

func TestRevoked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newFake()
		one, other := newStore(t, server), newStore(t, server) // two instances
		start := time.Now()
		earlier, later := start.Add(-time.Minute), start.Add(-time.Millisecond)
		for _, revoke := range []struct {
			key string
			at  time.Time
			ttl time.Duration
		}{
			{"a", earlier, time.Hour},
			{"b", later, time.Minute}, {"b", earlier, time.Hour}, // the later time and the longer life win
			{"c", earlier, time.Hour}, {"c", later, time.Minute},
			{"d", later, 0},
		} {
			if err := one.Revoke(t.Context(), revoke.key, revoke.at, revoke.ttl); err != nil {
				t.Fatal(err)
			}
		}
		for _, tt := range []struct {
			after time.Duration
			want  []time.Time
		}{
			{time.Millisecond, []time.Time{earlier, {}, later, later, {}}},
			{time.Hour - time.Millisecond, []time.Time{earlier, {}, later, later, {}}},
			{time.Hour, []time.Time{{}, {}, {}, {}, {}}},
		} {
			time.Sleep(time.Until(start.Add(tt.after)))
			got, err := other.Revoked(t.Context(), "a", "none", "b", "c", "d")
			if err != nil || !slices.EqualFunc(got, tt.want, time.Time.Equal) {
				t.Errorf("after %v: %v, %v; want %v", tt.after, got, err, tt.want)
			}
		}
		if got, err := one.Revoked(t.Context()); len(got) != 0 || err != nil {
			t.Errorf("no keys: %v, %v", got, err)
		}
	})
}

// TestRevokedUnreadable: what cannot be read is not treated as "not revoked", nor as "no session" where both are asked
// for at once. The error has the cause.
func TestRevokedUnreadable(t *testing.T) {
	for what, tt := range map[string]struct {
		spoil func(*fake)
		want  string
	}{
		"garbage": {func(f *fake) { f.entries["ginoidc:r:a"] = entry{"x", time.Now().Add(time.Hour)} },
			"invalid syntax"},
		"a reply that is too short": {func(f *fake) { f.lost = 1 }, "replies to"},
		"a refusal":                 {func(f *fake) { f.refusal = "LOADING Redis is loading" }, "LOADING"},
	} {
		server := newFake()
		instance := configured(t, redisstate.Config{URL: server.listen(t), Secrets: []string{newSecret}})
		t.Cleanup(instance.Close)
		r := request(saved(t, instance, "alice"))
		for range 2 { // from the second round on, the session and its revocations are one question
			ctx := store.OneRound(t.Context())
			wantRecord(t, instance, r.WithContext(ctx), "alice")
			if _, err := instance.Revoked(ctx, "b", "a"); err != nil {
				t.Fatal(err)
			}
		}
		server.set(func() { tt.spoil(server) })
		if got, err := instance.Revoked(t.Context(), "b", "a"); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: Revoked = %v, %v", what, got, err)
		}
		record, _, err := instance.LoadRecord(r.WithContext(store.OneRound(t.Context())), name)
		if err == nil || record != nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: LoadRecord = %q, %v", what, record, err)
		}
	}
}

func TestOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newFake()
		one, other := newStore(t, server), newStore(t, server)
		for _, tt := range []struct {
			wait time.Duration
			want int32 // of ten who ask
		}{{0, 1}, {time.Minute - time.Millisecond, 0}, {time.Millisecond, 1}} {
			time.Sleep(tt.wait)
			var first atomic.Int32
			var wg sync.WaitGroup
			for i := range 10 {
				wg.Go(func() {
					store := one
					if i%2 == 0 {
						store = other
					}
					if ok, err := store.MarkUsed(t.Context(), "jti", time.Minute); err != nil {
						t.Error(err)
					} else if ok {
						first.Add(1)
					}
				})
			}
			wg.Wait()
			if first.Load() != tt.want {
				t.Errorf("%d were the first, want %d", first.Load(), tt.want)
			}
		}
	})
}

// One key may be ended, used, leased and kept under, each separately.
func TestKindsKeepApart(t *testing.T) {
	store := newStore(t, newFake())
	at := time.Unix(1_700_000_000, 123_456_000)
	if err := store.Revoke(t.Context(), "key", at, time.Hour); err != nil {
		t.Fatal(err)
	}
	if first, err := store.MarkUsed(t.Context(), "key", time.Hour); !first || err != nil {
		t.Errorf("MarkUsed = %v, %v", first, err)
	}
	if _, ok, err := store.Lease(t.Context(), "key", time.Hour); !ok || err != nil {
		t.Errorf("Lease = %v, %v", ok, err)
	}
	if err := store.Keep(t.Context(), "key", "value", time.Hour); err != nil {
		t.Error(err)
	}
	if ended, err := store.Revoked(t.Context(), "key"); err != nil || !ended[0].Equal(at) {
		t.Errorf("Revoked = %v, %v", ended, err)
	}
	if value, ok, err := store.Kept(t.Context(), "key"); value != "value" || !ok || err != nil {
		t.Errorf("Kept = %q, %v, %v", value, ok, err)
	}
}

// TestSeenIsBounded: what anonymous visitors can have remembered takes a bounded number of keys, each of a bounded
// size, and none of the room of other kinds.
func TestSeenIsBounded(t *testing.T) {
	server := newFake()
	store := newStore(t, server)
	if _, err := store.MarkUsed(t.Context(), "j0", time.Hour); err != nil {
		t.Fatal(err)
	}
	for i := range 3000 {
		if first, err := store.MarkUsed(t.Context(), "a"+strconv.Itoa(i), time.Hour); !first || err != nil {
			t.Fatalf("%d: %t, %v", i, first, err)
		}
	}
	server.set(func() {
		if n := len(server.lists); n > 257 || len(server.entries) != 0 {
			t.Errorf("%d sets, %d other keys", n, len(server.entries))
		}
		for key, seen := range server.lists {
			if len(seen) > 40 {
				t.Errorf("%s has %d of 3000", key, len(seen))
			}
		}
	})
	if first, err := store.MarkUsed(t.Context(), "j0", time.Hour); first || err != nil {
		t.Errorf("another kind: %t, %v", first, err)
	}
}
