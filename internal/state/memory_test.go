package state_test

import (
	"context"
	"errors"
	"math"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/state"
)

// revokedAt looks up one key.
func revokedAt(t *testing.T, m *state.Memory, key string) time.Time {
	t.Helper()
	times, err := m.Revoked(t.Context(), key)
	if err != nil || len(times) != 1 {
		t.Fatalf("Revoked: %v, %v", times, err)
	}
	return times[0]
}

func TestRevoke(t *testing.T) {
	type revocation struct{ at, ttl time.Duration } // at: from the start
	const hour = time.Hour
	for name, test := range map[string]struct {
		revocations []revocation
		after       time.Duration // from the start, when it is asked for
		want        time.Duration // from the start, -1: not revoked
	}{
		"none":                            {nil, 0, -1},
		"one":                             {[]revocation{{0, hour}}, 0, 0},
		"microseconds are kept":           {[]revocation{{1234567 * time.Nanosecond, hour}}, 0, 1234 * time.Microsecond},
		"in the future":                   {[]revocation{{2 * hour, hour}}, 0, 2 * hour},
		"a later time wins":               {[]revocation{{1 * hour, hour}, {2 * hour, hour}}, 0, 2 * hour},
		"an earlier one lowers nothing":   {[]revocation{{2 * hour, hour}, {1 * hour, hour}}, 0, 2 * hour},
		"live until its ttl":              {[]revocation{{0, hour}}, hour - 1, 0},
		"gone after its ttl":              {[]revocation{{0, hour}}, hour, -1},
		"a shorter ttl cuts nothing":      {[]revocation{{0, 2 * hour}, {1 * hour, hour}}, 2*hour - 1, hour},
		"a longer ttl stretches":          {[]revocation{{1 * hour, hour}, {0, 2 * hour}}, 2*hour - 1, hour},
		"and not longer than that":        {[]revocation{{1 * hour, hour}, {0, 2 * hour}}, 2 * hour, -1},
		"no ttl":                          {[]revocation{{0, 0}}, 0, -1},
		"a negative ttl":                  {[]revocation{{0, math.MinInt64}}, 0, -1},
		"the longest ttl does not wrap":   {[]revocation{{0, hour}, {0, math.MaxInt64}}, 1000 * hour, 0},
		"nothing is merged with the dead": {[]revocation{{2 * hour, 0}, {0, hour}}, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start, m := time.Now(), state.NewMemory(0)
				time.Sleep(time.Nanosecond) // so that the clock is past zero when the longest ttl is added to it
				for _, r := range test.revocations {
					if err := m.Revoke(t.Context(), "sid", start.Add(r.at), r.ttl); err != nil {
						t.Fatal(err)
					}
				}
				time.Sleep(test.after)
				got := revokedAt(t, m, "sid")
				if test.want < 0 && !got.IsZero() || test.want >= 0 && !got.Equal(start.Add(test.want)) {
					t.Errorf("got %v, %v from the start", got, got.Sub(start))
				}
			})
		})
	}
}

// TestRevokeBefore1970: the first revocation of a key counts whatever its time, as in Redis and in SQL.
func TestRevokeBefore1970(t *testing.T) {
	m, at := state.NewMemory(0), time.Unix(-1, 0)
	if err := m.Revoke(t.Context(), "sid", at, time.Hour); err != nil {
		t.Fatal(err)
	}
	if got := revokedAt(t, m, "sid"); !got.Equal(at) {
		t.Errorf("%v, want %v", got, at)
	}
}

func TestRevokedKeepsTheOrder(t *testing.T) {
	m, at := state.NewMemory(0), time.UnixMilli(1_700_000_000_123)
	for _, key := range []string{"a", "c"} {
		if err := m.Revoke(t.Context(), key, at, time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	// The other kinds of state are not revocations.
	if _, err := m.MarkUsed(t.Context(), "b", time.Hour); err != nil {
		t.Fatal(err)
	}
	if _, _, err := m.Lease(t.Context(), "b", time.Hour); err != nil {
		t.Fatal(err)
	}
	got, err := m.Revoked(t.Context(), "a", "b", "c", "a")
	want := []time.Time{at, {}, at, at}
	for i := range want {
		if err != nil || len(got) != len(want) || !got[i].Equal(want[i]) || got[i].IsZero() != want[i].IsZero() {
			t.Fatalf("got %v, %v; want %v", got, err, want)
		}
	}
	if none, err := m.Revoked(t.Context()); err != nil || len(none) != 0 {
		t.Errorf("no keys: %v, %v", none, err)
	}
}

// case 181: the second time a token's jti is not new, until the token would no longer be accepted anyway.
func TestOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := state.NewMemory(0)
		for _, step := range []struct {
			wait time.Duration
			key  string
			want bool
		}{
			{0, "jti", true}, {0, "jti", false}, {0, "other", true}, {0, "", true}, {0, "", false},
			{time.Minute - 1, "jti", false}, // and that does not make it last longer
			{1, "jti", true}, {0, "jti", false},
		} {
			time.Sleep(step.wait)
			if first, err := m.MarkUsed(t.Context(), step.key, time.Minute); first != step.want || err != nil {
				t.Errorf("%+v: got %t, %v", step, first, err)
			}
		}
	})
}

func TestLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := state.NewMemory(1)
		take := func(want bool) func(context.Context) error {
			t.Helper()
			release, ok, err := m.Lease(t.Context(), "refresh", time.Minute)
			if ok != want || err != nil || (release != nil) != want {
				t.Errorf("got %t, %v; want %t", ok, err, want)
			}
			return release
		}
		give := func(release func(context.Context) error) {
			t.Helper()
			if err := release(t.Context()); err != nil {
				t.Error(err)
			}
		}
		first := take(true)
		take(false)
		give(first)
		second := take(true)
		give(first) // is no longer ours
		take(false)
		time.Sleep(time.Minute)
		take(true) // the second has run out, as that of a holder who was killed does (case 271)
		give(second)
		take(false)
		if _, _, err := m.Lease(t.Context(), "another", time.Minute); !errors.Is(err, state.ErrFull) {
			t.Errorf("a lease beyond the limit: %v", err)
		}
	})
}

// case 189: what cannot be remembered is an error, never a success.
func TestFullFailsClosed(t *testing.T) {
	for _, limit := range []int{1, 10, 1000} {
		synctest.Test(t, func(t *testing.T) {
			m := state.NewMemory(limit)
			key := func(i int) string { return "key" + strconv.Itoa(i) }
			for i := range limit {
				if err := m.Revoke(t.Context(), key(i), time.Now(), time.Second); err != nil {
					t.Fatalf("%d of %d: %v", i, limit, err)
				}
				if first, err := m.MarkUsed(t.Context(), key(i), time.Second); !first || err != nil {
					t.Fatalf("%d of %d: %t, %v", i, limit, first, err)
				}
			}
			if err := m.Revoke(t.Context(), "one more", time.Now(), time.Second); !errors.Is(err, state.ErrFull) {
				t.Errorf("Revoke: %v", err)
			}
			if first, err := m.MarkUsed(t.Context(), "one more", time.Second); first || !errors.Is(err, state.ErrFull) {
				t.Errorf("MarkUsed: %t, %v", first, err)
			}
			// Keys that are already in take no further room.
			if err := m.Revoke(t.Context(), key(0), time.Now(), time.Second); err != nil {
				t.Errorf("Revoke again: %v", err)
			}
			if first, err := m.MarkUsed(t.Context(), key(0), time.Second); first || err != nil {
				t.Errorf("MarkUsed again: %t, %v", first, err)
			}
			if !revokedAt(t, m, "one more").IsZero() || revokedAt(t, m, key(limit-1)).IsZero() {
				t.Error("the table is not what it was")
			}
			time.Sleep(time.Second) // long before the next purge is due
			for i := range limit {
				if err := m.Revoke(t.Context(), "later"+key(i), time.Now(), time.Second); err != nil {
					t.Fatalf("%d of %d later: %v", i, limit, err)
				}
			}
		})
	}
}

// TestAttemptsAreRememberedAgain after what filled their table has expired.
func TestAttemptsAreRememberedAgain(t *testing.T) {
	for _, limit := range []int{1, 10, 1000} {
		synctest.Test(t, func(t *testing.T) {
			m := state.NewMemory(limit)
			once := func(key string, want bool) {
				t.Helper()
				if first, err := m.MarkUsed(t.Context(), key, 10*time.Minute); first != want || err != nil {
					t.Fatalf("limit %d: Once(%q) = %t, %v", limit, key, first, err)
				}
			}
			for i := range limit {
				once("a"+strconv.Itoa(i), true)
			}
			once("a0", false)
			once("a real one", true)
			once("a real one", true) // the provider decides
			once("a0", false)
			once("j", true)
			once("j", false)
			if err := m.Revoke(t.Context(), "a", time.Now(), time.Hour); err != nil {
				t.Error(err)
			}
			time.Sleep(10 * time.Minute)
			for i := range limit {
				once("a"+strconv.Itoa(i), true)
				once("a"+strconv.Itoa(i), false)
			}
		})
	}
}

func TestConcurrentUse(t *testing.T) {
	m := state.NewMemory(100)
	start := time.Now()
	var firsts, holders atomic.Int64
	var callers sync.WaitGroup
	for i := range 16 {
		callers.Go(func() {
			for j := range 200 {
				key := strconv.Itoa(j % 50)
				if err := m.Revoke(t.Context(), key, start.Add(time.Duration(i)*time.Second), time.Hour); err != nil {
					t.Error(err)
				}
				if first, err := m.MarkUsed(t.Context(), key, time.Hour); err != nil {
					t.Error(err)
				} else if first {
					firsts.Add(1)
				}
				release, ok, err := m.Lease(t.Context(), key, time.Hour)
				if err != nil {
					t.Error(err)
				} else if ok {
					if holders.Add(1) > 50 {
						t.Error("a lease has two holders")
					}
					holders.Add(-1)
					_ = release(t.Context())
				}
				_ = revokedAt(t, m, key)
			}
		})
	}
	callers.Wait()
	if firsts.Load() != 50 {
		t.Errorf("%d callers were the first of 50 keys", firsts.Load())
	}
	for j := range 50 {
		if got := revokedAt(t, m, strconv.Itoa(j)); got.UnixMilli() != start.Add(15*time.Second).UnixMilli() {
			t.Errorf("key %d: %v, want the latest time", j, got.Sub(start))
		}
	}
}

// One million revocations stay bounded, and their memory is freed after they have expired, whichever operation uses the
// table.
func TestMemoryOfAMillion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const million = 1_000_000
		empty := heap()
		m := state.NewMemory(0)
		for i := range million {
			if err := m.Revoke(t.Context(), strconv.Itoa(i), time.Now(), 8*time.Hour); err != nil {
				t.Fatal(err)
			}
		}
		full := heap() - empty
		t.Logf("figure memory: a revocation | %.0f", float64(full)/million)
		if full > 100*million {
			t.Error("that is more than 100 bytes each")
		}
		if err := m.Revoke(t.Context(), "one more", time.Now(), time.Hour); !errors.Is(err, state.ErrFull) {
			t.Errorf("one more: %v", err)
		}
		time.Sleep(8 * time.Hour)
		for i := range 2000 { // enough to come by every shard
			_ = revokedAt(t, m, strconv.Itoa(i))
		}
		left := heap() - empty
		t.Logf("%.2f MB are left when they have passed", float64(left)/1e6)
		if left > million {
			t.Errorf("%d bytes are still held", left)
		}
		runtime.KeepAlive(m)
	})
}

func heap() int64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

func BenchmarkRevoked(b *testing.B) {
	for _, size := range []int{0, 1_000_000} {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			m := filled(b, size)
			b.ReportAllocs()
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					_, _ = m.Revoked(b.Context(), "a-hashed-session-id-of-this-length", "a-hashed-subject-of-this-length",
						"some-sid-of-this-length")
				}
			})
		})
	}
}

func BenchmarkRevoke(b *testing.B) {
	m := state.NewMemory(math.MaxInt)
	keys := make([]string, 1<<20)
	for i := range keys {
		keys[i] = "a-hashed-session-id-of-this-length/" + strconv.Itoa(i)
	}
	i, now := 0, time.Now()
	b.ReportAllocs()
	for b.Loop() {
		_ = m.Revoke(b.Context(), keys[i%len(keys)], now, time.Hour)
		i++
	}
}

func filled(b *testing.B, size int) *state.Memory {
	m, now := state.NewMemory(0), time.Now()
	for i := range size {
		if err := m.Revoke(b.Context(), strconv.Itoa(i), now, time.Hour); err != nil {
			b.Fatal(err)
		}
	}
	return m
}

// Anyone can start sign-ins: when the attempts have no room left they are allowed, because the provider accepts a code
// only once, and nothing else loses room to them.
func TestFullOfAttempts(t *testing.T) {
	m := state.NewMemory(100)
	for i := range 1000 {
		if first, err := m.MarkUsed(t.Context(), "a"+strconv.Itoa(i), time.Hour); !first || err != nil {
			t.Fatalf("attempt %d: %t, %v", i, first, err)
		}
	}
	if first, err := m.MarkUsed(t.Context(), "a0", time.Hour); first || err != nil {
		t.Errorf("the first again: %t, %v", first, err)
	}
	for i := range 100 {
		if first, err := m.MarkUsed(t.Context(), "j"+strconv.Itoa(i), time.Hour); !first || err != nil {
			t.Fatalf("logout token %d: %t, %v", i, first, err)
		}
	}
	if first, err := m.MarkUsed(t.Context(), "j100", time.Hour); first || !errors.Is(err, state.ErrFull) {
		t.Errorf("one logout token too many: %t, %v", first, err)
	}
}
