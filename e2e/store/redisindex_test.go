package store_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/seed-d65cea4d/ginoidc/redisstate"
)

// list is an owner's list as the store and the server show it.
type list struct {
	store  *redisstate.Store
	client rueidis.Client
	owner  string
}

func (l list) enlist(t *testing.T, session string, ttl time.Duration) {
	t.Helper()
	if err := l.store.Enlist(t.Context(), l.owner, session, ttl); err != nil {
		t.Errorf("Enlist %s: %v", session, err)
	}
}

func (l list) delist(t *testing.T, session string) {
	t.Helper()
	if err := l.store.Delist(t.Context(), l.owner, session); err != nil {
		t.Errorf("Delist %s: %v", session, err)
	}
}

func (l list) check(t *testing.T, want ...string) error {
	got, err := l.store.Listed(t.Context(), l.owner)
	slices.Sort(got)
	if slices.Sort(want); err != nil || !slices.Equal(got, want) {
		return fmt.Errorf("%d listed, %v; want %d", len(got), err, len(want))
	}
	return nil
}

func (l list) want(t *testing.T, want ...string) {
	t.Helper()
	if err := l.check(t, want...); err != nil {
		t.Error(err)
	}
}

// wantKey checks how many entries the key has, and that it lives until the last expires. Redis keeps no empty key.
func (l list) wantKey(t *testing.T, members int64, ttl time.Duration) {
	t.Helper()
	count, life := command(t, l.client, "ZCARD", "ginoidc:i:"+l.owner), command(t, l.client, "PTTL", "ginoidc:i:"+l.owner)
	n, err1 := count.AsInt64()
	ms, err2 := life.AsInt64()
	if err := errors.Join(err1, err2); err != nil || n != members {
		t.Errorf("%d members, %v; want %d", n, err, members)
	}
	if most := ttl.Milliseconds(); members > 0 && (ms > most || ms < most-20_000) { // a busy machine
		t.Errorf("the key lives %d ms, want %d", ms, most)
	}
}

// testIndex leaves one list, of an hour.
func testIndex(t *testing.T, store *redisstate.Store, client rueidis.Client) {
	u, v := list{store, client, "u"}, list{store, client, "v"}
	u.want(t)
	u.delist(t, "a")
	u.enlist(t, "a", time.Minute)
	u.wantKey(t, 1, time.Minute)
	u.enlist(t, "a", time.Hour)
	u.enlist(t, "b", time.Minute)
	u.wantKey(t, 2, time.Hour)
	v.want(t)
	u.enlist(t, "c", 2*time.Hour)
	u.wantKey(t, 3, 2*time.Hour)
	u.delist(t, "c")
	u.wantKey(t, 2, time.Hour)

	u.enlist(t, "b", time.Second) // a shorter ttl replaces the longer one
	u.want(t, "a", "b")
	eventually(t, func() (struct{}, error) { return struct{}{}, u.check(t, "a") })
	u.wantKey(t, 2, time.Hour) // to list is to read
	u.delist(t, "none")
	u.wantKey(t, 1, time.Hour)
	u.enlist(t, "d", time.Hour)
	u.enlist(t, "d", 0)
	v.enlist(t, "d", math.MinInt64)
	u.want(t, "a")
	u.wantKey(t, 1, time.Hour)
	v.wantKey(t, 0, 0)

	v.enlist(t, "forever", math.MaxInt64)
	v.wantKey(t, 1, math.MaxInt64)
	v.want(t, "forever")
	v.delist(t, "forever")
	v.wantKey(t, 0, 0)
	testCrowdedIndex(t, v)
	testRefusedIndex(t, u, v)
}

// Of 1,500 sessions, enlisted concurrently, the 1,000 that end last are kept.
func testCrowdedIndex(t *testing.T, l list) {
	var wg sync.WaitGroup
	var latest []string
	for i := range 1500 {
		session := fmt.Sprintf("%032x.%013d", i, i)
		if i >= 500 {
			latest = append(latest, session)
		}
		wg.Go(func() { l.enlist(t, session, time.Hour+time.Duration(i)*time.Minute) })
	}
	wg.Wait()
	l.want(t, latest...)
	l.wantKey(t, 1000, time.Hour+1499*time.Minute)
	l.enlist(t, "the soonest", time.Minute)
	l.want(t, latest...)
	for _, session := range latest {
		l.delist(t, session)
	}
	l.wantKey(t, 0, 0)
}

// A full Redis refuses further sessions with an error, but sessions can still be read and forgotten. A key that is not
// a list is an error.
func testRefusedIndex(t *testing.T, u, v list) {
	u.enlist(t, "b", time.Hour)
	command(t, u.client, "CONFIG", "SET", "maxmemory", "1")
	if err := u.store.Enlist(t.Context(), "u", "c", time.Hour); err == nil {
		t.Error("Enlist on a full Redis: no error")
	}
	u.delist(t, "b")
	u.want(t, "a")
	command(t, u.client, "CONFIG", "SET", "maxmemory", "0")

	command(t, v.client, "SET", "ginoidc:i:v", "x")
	got, err := v.store.Listed(t.Context(), "v")
	if err == nil || v.store.Enlist(t.Context(), "v", "a", time.Hour) == nil ||
		v.store.Delist(t.Context(), "v", "a") == nil {
		t.Errorf("Listed of a key that is not a list = %q, %v", got, err)
	}
	command(t, v.client, "DEL", "ginoidc:i:v")
}
