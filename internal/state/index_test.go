package state_test

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/state"
)

// The session index in general, in memory and in Redis, is tested in package redisstate. Here is what only memory has.

func enlist(t *testing.T, m *state.Memory, owner, session string, ttl time.Duration) {
	t.Helper()
	if err := m.Enlist(t.Context(), owner, session, ttl); err != nil {
		t.Fatalf("Enlist %s of %s: %v", session, owner, err)
	}
}

func wantListed(t *testing.T, m *state.Memory, owner string, want ...string) {
	t.Helper()
	got, err := m.Listed(t.Context(), owner)
	slices.Sort(got)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("Listed of %s = %q, %v; want %q", owner, got, err, want)
	}
}

// case 189: what cannot be listed is an error, and changes no list.
func TestFullIndex(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := state.NewMemory(4)
		refused := func(owner, session string) {
			t.Helper()
			if err := m.Enlist(t.Context(), owner, session, 15*time.Second); !errors.Is(err, state.ErrFull) {
				t.Errorf("Enlist %s of %s: %v", session, owner, err)
			}
		}
		for i, session := range []string{"a", "b", "c"} { // a list of three has room for a fourth in its place
			enlist(t, m, "u", session, time.Duration(i+1)*10*time.Second)
		}
		enlist(t, m, "v", "a", time.Minute)
		refused("u", "d")
		refused("w", "a")
		wantListed(t, m, "u", "a", "b", "c")
		wantListed(t, m, "w")

		enlist(t, m, "u", "b", time.Minute) // is listed already
		refused("u", "d")
		if err := m.Delist(t.Context(), "u", "none"); err != nil {
			t.Error(err)
		}
		refused("u", "d")
		if err := m.Delist(t.Context(), "v", "a"); err != nil {
			t.Error(err)
		}
		enlist(t, m, "w", "a", time.Minute)
		refused("u", "d")
		enlist(t, m, "u", "c", 0) // is equivalent to Delist
		enlist(t, m, "w", "b", time.Minute)
		refused("u", "d")
		time.Sleep(10 * time.Second) // a has passed; the next purge is not due yet
		enlist(t, m, "v", "b", time.Minute)
		refused("u", "d")
		wantListed(t, m, "u", "b")
		wantListed(t, m, "v", "b")
		wantListed(t, m, "w", "a", "b")
		time.Sleep(time.Minute)
		for i := range 4 {
			enlist(t, m, strconv.Itoa(i), "a", time.Minute)
		}
		refused("u", "d")
	})
}

// TestReadingAListCopiesNothing but the list itself.
func TestReadingAListCopiesNothing(t *testing.T) {
	m := state.NewMemory(0)
	enlist(t, m, "u", "a", time.Hour)
	if n := testing.AllocsPerRun(100, func() { _, _ = m.Listed(t.Context(), "u") }); n != 1 {
		t.Errorf("%v allocations", n)
	}
}

// A flood of one kind takes no room from another.
func TestIndexHasItsOwnRoom(t *testing.T) {
	const limit = 3
	m := state.NewMemory(limit)
	for i := range limit {
		enlist(t, m, "u", strconv.Itoa(i), time.Hour)
	}
	for i := range limit {
		if err := m.Revoke(t.Context(), strconv.Itoa(i), time.Now(), time.Hour); err != nil {
			t.Errorf("Revoke: %v", err)
		}
	}
	wantListed(t, m, "u", "0", "1", "2")
}

// An owner with a full list takes no further room, however often that user signs in.
func TestOwnerOfAThousand(t *testing.T) {
	m := state.NewMemory(1001)
	for i := range 5000 {
		enlist(t, m, "u", strconv.Itoa(i), time.Hour)
	}
	enlist(t, m, "v", "a", time.Hour)
	got, err := m.Listed(t.Context(), "u")
	if err != nil || len(got) != 1000 || !slices.Contains(got, "4999") || slices.Contains(got, "3999") {
		t.Errorf("%d are listed, %v", len(got), err)
	}
	if err := m.Enlist(t.Context(), "w", "a", time.Hour); !errors.Is(err, state.ErrFull) {
		t.Errorf("beyond the limit: %v", err)
	}
}

// What is left after a purge is purged too when it expires.
func TestIndexPassesInParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const limit = 1000 // owners, of whom some share a shard
		m := state.NewMemory(limit)
		fill := func(generation string, n int, ttl time.Duration) {
			t.Helper()
			for i := range n {
				enlist(t, m, strconv.Itoa(i), generation, ttl)
			}
			if err := m.Enlist(t.Context(), "u", "a", time.Minute); !errors.Is(err, state.ErrFull) {
				t.Errorf("one more: %v", err)
			}
		}
		for i := range limit / 2 {
			enlist(t, m, "v"+strconv.Itoa(i), "a", 20*time.Second)
		}
		fill("1", limit/2, 10*time.Second)
		time.Sleep(10 * time.Second)
		fill("2", limit/2, time.Hour)
		time.Sleep(10 * time.Second)
		fill("3", limit/2, time.Hour)
		wantListed(t, m, "0", "2", "3")
		wantListed(t, m, "v0")
	})
}

func TestIndexConcurrently(t *testing.T) {
	m := state.NewMemory(16 * 20)
	var callers sync.WaitGroup
	for i := range 16 {
		callers.Go(func() {
			for j := range 500 {
				session := fmt.Sprintf("%02d/%d", i, j%20)
				enlistErr := m.Enlist(t.Context(), "u", session, time.Hour)
				got, err := m.Listed(t.Context(), "u")
				if enlistErr != nil || err != nil || !slices.Contains(got, session) {
					t.Errorf("%s is not listed: %v, %v", session, enlistErr, err)
				}
				if j%20 != 0 {
					_ = m.Delist(t.Context(), "u", session)
				}
			}
		})
	}
	callers.Wait()
	if got, err := m.Listed(t.Context(), "u"); len(got) != 16 || err != nil {
		t.Errorf("%q are left, %v", got, err)
	}
	for i := range 16*20 - 16 { // the count is correct: there is room for exactly the rest
		enlist(t, m, strconv.Itoa(i), "a", time.Hour)
	}
	if err := m.Enlist(t.Context(), "v", "a", time.Hour); !errors.Is(err, state.ErrFull) {
		t.Errorf("one more: %v", err)
	}
}

// The count stays correct while many requests reach the limit.
func TestIndexFullConcurrently(t *testing.T) {
	const limit = 8
	m := state.NewMemory(limit)
	var callers sync.WaitGroup
	for i := range 2 * limit {
		callers.Go(func() {
			for range 2000 {
				if err := m.Enlist(t.Context(), strconv.Itoa(i), "a", time.Hour); err != nil && !errors.Is(err, state.ErrFull) {
					t.Error(err)
				}
				_ = m.Delist(t.Context(), strconv.Itoa(i), "a")
			}
		})
	}
	callers.Wait()
	for i := range limit {
		enlist(t, m, strconv.Itoa(i), "a", time.Hour)
	}
	if err := m.Enlist(t.Context(), "u", "a", time.Hour); !errors.Is(err, state.ErrFull) {
		t.Errorf("one more: %v", err)
	}
}

// case 289: one million sessions stay bounded, and their memory is freed after they have expired, whichever operation
// uses the index.
func TestIndexOfAMillion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const million = 1_000_000
		const id = "0123456789abcdef0123456789abcdef.1700000" // and seven digits make it as long as one with a time
		empty := heap()
		m := state.NewMemory(0)
		for i := range million {
			ttl := 8 * time.Hour
			if i%2000 == 0 {
				ttl = 9 * time.Hour
			}
			enlist(t, m, strconv.Itoa(i), id+strconv.Itoa(million+i), ttl)
		}
		full := heap() - empty
		t.Logf("figure memory: a session's entry in a list of sessions | %.0f", float64(full)/million)
		if full > 200*million {
			t.Error("that is more than 200 bytes each")
		}
		if err := m.Enlist(t.Context(), "one more", "a", time.Hour); !errors.Is(err, state.ErrFull) {
			t.Errorf("one more: %v", err)
		}
		time.Sleep(8 * time.Hour)
		for i := range 2000 { // enough to come by every shard
			_, _ = m.Listed(t.Context(), strconv.Itoa(i))
		}
		left := heap() - empty
		t.Logf("%.2f MB are left when most have passed", float64(left)/1e6)
		if left > million {
			t.Errorf("%d bytes are still held", left)
		}
		wantListed(t, m, "2000", id+strconv.Itoa(million+2000))
		runtime.KeepAlive(m)
	})
}

// A list that was long once does not stay large.
func TestLongListIsGivenBack(t *testing.T) {
	const owners = 10
	empty := heap()
	m := state.NewMemory(0)
	for i := range owners {
		for j := range 1000 {
			enlist(t, m, strconv.Itoa(i), strconv.Itoa(j), time.Hour)
		}
		for j := range 999 {
			if err := m.Delist(t.Context(), strconv.Itoa(i), strconv.Itoa(j)); err != nil {
				t.Fatal(err)
			}
		}
		wantListed(t, m, strconv.Itoa(i), "999")
	}
	if left := (heap() - empty) / owners; left > 10_000 {
		t.Errorf("an owner of one session holds %d bytes", left)
	}
	runtime.KeepAlive(m)
}

// BenchmarkEnlist: one more session of a user without any, and of a user whose list is full.
func BenchmarkEnlist(b *testing.B) {
	for name, owner := range map[string]func(int) string{
		"new":  func(i int) string { return strconv.Itoa(i % 500_000) },
		"full": func(int) string { return "u" },
	} {
		b.Run(name, func(b *testing.B) {
			m := state.NewMemory(0)
			i := 0
			b.ReportAllocs()
			for b.Loop() {
				_ = m.Enlist(b.Context(), owner(i), fmt.Sprintf("%032x.%013d", i, i), time.Hour)
				i++
			}
		})
	}
}
