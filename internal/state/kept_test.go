package state_test

import (
	"errors"
	"math/rand/v2"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/state"
)

// Keep and Kept in general, in memory and in Redis, are tested in package redisstate. Here is what only memory has.

// The largest value, and how many of them fill the memory.
const (
	largest = 16 << 10
	most    = 64 << 20 / largest
)

func keep(t *testing.T, m *state.Memory, key, value string, ttl time.Duration) {
	t.Helper()
	if err := m.Keep(t.Context(), key, value, ttl); err != nil {
		t.Fatalf("Keep %d bytes under %s: %v", len(value), key, err)
	}
}

func wantFull(t *testing.T, m *state.Memory, key, value string) {
	t.Helper()
	if err := m.Keep(t.Context(), key, value, time.Hour); !errors.Is(err, state.ErrFull) {
		t.Errorf("Keep %d bytes more under %s: %v", len(value), key, err)
	}
}

func wantKept(t *testing.T, m *state.Memory, key, want string) {
	t.Helper()
	if got, ok, err := m.Kept(t.Context(), key); got != want || !ok || err != nil {
		t.Errorf("Kept under %s: %d bytes, %t, %v; want %d bytes", key, len(got), ok, err, len(want))
	}
}

func wantNone(t *testing.T, m *state.Memory, key string) {
	t.Helper()
	if got, ok, err := m.Kept(t.Context(), key); got != "" || ok || err != nil {
		t.Errorf("Kept under %s: %d bytes, %t, %v; want none", key, len(got), ok, err)
	}
}

// What cannot be kept is an error, and changes nothing.
func TestKeepBeyondTheBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, value := state.NewMemory(0), strings.Repeat("v", largest)
		for i := range most {
			ttl := time.Hour
			if i < 10 {
				ttl = time.Second
			}
			keep(t, m, strconv.Itoa(i), value, ttl)
		}
		wantFull(t, m, "more", "x")
		wantNone(t, m, "more")
		keep(t, m, "100", "short", time.Hour) // and now there is room for the rest of that one
		wantFull(t, m, "more", value)
		keep(t, m, "more", value[len("short"):], time.Hour)
		wantFull(t, m, "100", "short and one")
		wantKept(t, m, "100", "short")
		keep(t, m, "200", value, time.Hour) // takes the place of as much
		wantFull(t, m, "still more", "x")

		keep(t, m, "300", value, -1) // forgets
		wantNone(t, m, "300")
		keep(t, m, "300", value, time.Hour)
		keep(t, m, "of nobody", value, 0)
		wantFull(t, m, "still more", "x")

		time.Sleep(time.Second) // ten have passed; the next purge is not due yet
		for i := range 10 {
			keep(t, m, "later"+strconv.Itoa(i), value, time.Hour)
		}
		wantFull(t, m, "still more", "x")
		wantKept(t, m, "later9", value)
		wantNone(t, m, "9")
		wantKept(t, m, "10", value)
	})
}

// TestValueTooLarge: a value of more than 16,384 bytes is refused, and what was kept stays.
func TestValueTooLarge(t *testing.T) {
	m, value := state.NewMemory(0), strings.Repeat("v", largest)
	keep(t, m, "a", value, time.Hour)
	if err := m.Keep(t.Context(), "a", value+"v", time.Hour); err == nil || errors.Is(err, state.ErrFull) {
		t.Errorf("%v", err)
	}
	wantKept(t, m, "a", value)
}

// An empty value takes room all the same.
func TestKeepBeyondTheCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := state.NewMemory(2)
		keep(t, m, "a", "", time.Second)
		keep(t, m, "b", "", time.Hour)
		wantFull(t, m, "c", "")
		wantKept(t, m, "a", "")
		keep(t, m, "b", "longer", time.Hour)
		keep(t, m, "b", "", 0)
		keep(t, m, "c", "x", time.Hour)
		wantFull(t, m, "b", "x")
		time.Sleep(time.Second)
		keep(t, m, "b", "x", time.Hour)
		wantFull(t, m, "a", "")
	})
}

// What is refused because of the count takes no bytes: they are all free afterwards.
func TestRefusedTakesNoBytes(t *testing.T) {
	m, value := state.NewMemory(most), strings.Repeat("v", largest)
	for i := range most {
		keep(t, m, strconv.Itoa(i), "", time.Hour)
	}
	for i := range 10 {
		wantFull(t, m, "more"+strconv.Itoa(i), value)
	}
	for i := range most {
		keep(t, m, strconv.Itoa(i), value, time.Hour)
	}
}

// A flood of one kind takes no room from another.
func TestKeptHasItsOwnRoom(t *testing.T) {
	m := state.NewMemory(1)
	keep(t, m, "key", "value", time.Hour)
	if err := m.Revoke(t.Context(), "key", time.Now(), time.Hour); err != nil {
		t.Errorf("Revoke: %v", err)
	}
	if first, err := m.MarkUsed(t.Context(), "key", time.Hour); !first || err != nil {
		t.Errorf("MarkUsed: %t, %v", first, err)
	}
	if _, ok, err := m.Lease(t.Context(), "key", time.Hour); !ok || err != nil {
		t.Errorf("Lease: %t, %v", ok, err)
	}
	enlist(t, m, "key", "session", time.Hour)
	wantKept(t, m, "key", "value")
	wantFull(t, m, "another", "value")
}

// The counters match the content while many requests keep, replace and forget at the limit.
func TestKeepConcurrently(t *testing.T) {
	const callers, keys = 16, 2 * most / 16
	m, value := state.NewMemory(0), strings.Repeat("v", largest)
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(i)))
			for range 4 * keys {
				key, part := strconv.Itoa(i*keys+random.IntN(keys)), value[random.IntN(largest):]
				switch err := m.Keep(t.Context(), key, part, time.Hour); {
				case err == nil:
					if got, ok, _ := m.Kept(t.Context(), key); got != part || !ok {
						t.Errorf("%d bytes were kept, %d are: %t", len(part), len(got), ok)
					}
				case !errors.Is(err, state.ErrFull):
					t.Error(err)
				}
				if random.IntN(8) == 0 {
					_ = m.Keep(t.Context(), key, "", 0)
				}
			}
		})
	}
	all.Wait()
	for i := range callers * keys {
		keep(t, m, strconv.Itoa(i), "", 0)
	}
	for i := range most { // there is room for exactly as much as at the start
		keep(t, m, strconv.Itoa(i), value, time.Hour)
	}
	wantFull(t, m, "more", "x")
}

// Only the value is held, not the larger string it was cut from, and the memory is freed after it has expired,
// whichever operation uses the table.
func TestMemoryOfKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const users, size = 20_000, 2_000 // an access and a refresh token, sealed
		empty := heap()
		m := state.NewMemory(0)
		for i := range users {
			answer := strings.Repeat("v", 10*size)
			ttl := time.Hour
			if i%2000 == 0 {
				ttl = 2 * time.Hour
			}
			keep(t, m, strconv.Itoa(i), answer[:size], ttl)
		}
		full := heap() - empty
		t.Logf("%d values of %d bytes take %.1f MB, %.1f bytes each", users, size, float64(full)/1e6, float64(full)/users)
		if full > users*(size+200) {
			t.Error("that is more than 200 bytes each beyond the value")
		}
		time.Sleep(time.Hour)
		for i := range 2000 { // enough to come by every shard
			_, _, _ = m.Kept(t.Context(), strconv.Itoa(i))
		}
		left := heap() - empty
		t.Logf("%.2f MB are left when most have passed", float64(left)/1e6)
		if left > 200_000 {
			t.Errorf("%d bytes are still held", left)
		}
		wantKept(t, m, "2000", strings.Repeat("v", size))
		runtime.KeepAlive(m)
	})
}

// BenchmarkKeep: a value is replaced, and read by the requests that wait for it.
func BenchmarkKeep(b *testing.B) {
	m, value := state.NewMemory(0), strings.Repeat("v", 2000)
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		key := strconv.Itoa(i % 10_000)
		_ = m.Keep(b.Context(), key, value, time.Hour)
		_, _, _ = m.Kept(b.Context(), key)
		i++
	}
}
