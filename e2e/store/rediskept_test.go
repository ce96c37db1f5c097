package store_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/seed-d65cea4d/ginoidc/redisstate"
)

func keep(t *testing.T, store *redisstate.Store, key, value string, ttl time.Duration) {
	t.Helper()
	if err := store.Keep(t.Context(), key, value, ttl); err != nil {
		t.Errorf("Keep %d bytes under %s: %v", len(value), key, err)
	}
}

func keptIs(t *testing.T, store *redisstate.Store, key, want string, wantOK bool) error {
	if got, ok, err := store.Kept(t.Context(), key); got != want || ok != wantOK || err != nil {
		return fmt.Errorf("Kept under %s = %.50q (%d bytes), %t, %v; want %.50q, %t", key, got, len(got),
			ok, err, want, wantOK)
	}
	return nil
}

func wantKept(t *testing.T, store *redisstate.Store, key, want string, wantOK bool) {
	t.Helper()
	if err := keptIs(t, store, key, want, wantOK); err != nil {
		t.Error(err)
	}
}

// testKept leaves one value, of an hour.
func testKept(t *testing.T, store *redisstate.Store, client rueidis.Client) {
	long := strings.Repeat("\x00\r\n\xff", 4<<10)
	wantKept(t, store, "a", "", false)
	keep(t, store, "a", long, math.MaxInt64)
	wantKept(t, store, "a", long, true)
	if store.Keep(t.Context(), "a", long+"v", time.Hour) == nil {
		t.Error("Keep of more than 16,384 bytes: no error")
	}
	keep(t, store, "a", "", time.Minute)
	wantKept(t, store, "a", "", true)
	keep(t, store, "a", "forgotten", 0)
	wantKept(t, store, "a", "", false)
	keep(t, store, "b", "1", time.Hour)
	keep(t, store, "b", "2", 50*time.Millisecond) // a shorter ttl replaces the longer one
	eventually(t, func() (struct{}, error) { return struct{}{}, keptIs(t, store, "b", "", false) })
	keep(t, store, "a", "1", time.Minute)
	keep(t, store, "a", "2", time.Hour)
	wantKept(t, store, "a", "2", true)

	// A full Redis refuses further values with an error, but existing ones can be read and forgotten.
	keep(t, store, "b", "3", time.Hour)
	command(t, client, "CONFIG", "SET", "maxmemory", "1")
	if err := store.Keep(t.Context(), "a", "3", time.Hour); err == nil {
		t.Error("Keep on a full Redis: no error")
	}
	wantKept(t, store, "a", "2", true)
	keep(t, store, "b", "", 0)
	wantKept(t, store, "b", "", false)
	command(t, client, "CONFIG", "SET", "maxmemory", "0")

	// A key that is not a value is an error, never "none".
	command(t, client, "SADD", "ginoidc:k:b", "x")
	if value, ok, err := store.Kept(t.Context(), "b"); err == nil {
		t.Errorf("Kept of a key that is not a value = %q, %t", value, ok)
	}
	command(t, client, "DEL", "ginoidc:k:b")
}

// case 271: the lease of an instance that dies, with its connection and without a release, ends after the ttl. What it
// kept before stays available to the others.
func TestLeaseOfAKilledInstance(t *testing.T) {
	const ttl = 500 * time.Millisecond
	server := newRedisServer(t, "--appendonly", "no")
	other := newRedisState(t, redisstate.Config{URL: "redis://" + server.addr})
	awaitPing(t, other)
	killed := newRedisState(t, redisstate.Config{URL: "redis://" + server.addr})
	keep(t, killed, "session", "sealed", time.Hour)
	begun := time.Now()
	if _, ok, err := killed.Lease(t.Context(), "session", ttl); !ok || err != nil {
		t.Fatalf("Lease = %t, %v", ok, err)
	}
	killed.Close()
	eventually(t, func() (struct{}, error) {
		_, ok, err := other.Lease(t.Context(), "session", time.Hour)
		if err == nil && !ok {
			err = errors.New("still held")
		}
		return struct{}{}, err
	})
	if took := time.Since(begun); took < ttl-10*time.Millisecond || took > ttl+5*time.Second { // a busy machine
		t.Errorf("the lease was free after %v", took)
	}
	wantKept(t, other, "session", "sealed", true)
}
