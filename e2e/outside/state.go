// Package outside is a shared state and a test of a store, as somebody would write them who only has the plugin's
// documentation. It is a module of its own and cannot import the plugin's internal packages.
package outside

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// Tables are what instances share: here maps, elsewhere a database.
type Tables struct {
	mu      sync.Mutex
	revoked map[string]revocation
	used    map[string]time.Time
	leases  map[string]lease
	values  map[string]value
	lists   map[string]map[string]time.Time
}

type revocation struct{ at, ends time.Time }

type lease struct {
	holder *int
	ends   time.Time
}

type value struct {
	text string
	ends time.Time
}

// NewTables returns empty tables.
func NewTables() *Tables {
	return &Tables{
		revoked: map[string]revocation{}, used: map[string]time.Time{}, leases: map[string]lease{},
		values: map[string]value{}, lists: map[string]map[string]time.Time{},
	}
}

// State is one instance.
type State struct{ Tables *Tables }

func (s State) locked() (t *Tables, unlock func()) {
	s.Tables.mu.Lock()
	return s.Tables, s.Tables.mu.Unlock
}

// Revoke remembers when a key was ended. The latest time and the latest end count.
func (s State) Revoke(_ context.Context, key string, at time.Time, ttl time.Duration) error {
	t, unlock := s.locked()
	defer unlock()
	r, now := t.revoked[key], time.Now()
	if now.After(r.ends) {
		r = revocation{}
	}
	if at.After(r.at) {
		r.at = at
	}
	if ends := now.Add(ttl); ends.After(r.ends) {
		r.ends = ends
	}
	t.revoked[key] = r
	return nil
}

// Revoked returns the times, in the order of the keys.
func (s State) Revoked(_ context.Context, keys ...string) ([]time.Time, error) {
	t, unlock := s.locked()
	defer unlock()
	times := make([]time.Time, len(keys))
	for i, key := range keys {
		if r := t.revoked[key]; time.Now().Before(r.ends) {
			times[i] = r.at
		}
	}
	return times, nil
}

// MarkUsed reports whether the key is new.
func (s State) MarkUsed(_ context.Context, key string, ttl time.Duration) (bool, error) {
	t, unlock := s.locked()
	defer unlock()
	if time.Now().Before(t.used[key]) {
		return false, nil
	}
	t.used[key] = time.Now().Add(ttl)
	return true, nil
}

// Enlist adds a session to the list of its owner.
func (s State) Enlist(_ context.Context, owner, session string, ttl time.Duration) error {
	t, unlock := s.locked()
	defer unlock()
	if t.lists[owner] == nil {
		t.lists[owner] = map[string]time.Time{}
	}
	t.lists[owner][session] = time.Now().Add(ttl)
	return nil
}

// Delist removes it.
func (s State) Delist(_ context.Context, owner, session string) error {
	t, unlock := s.locked()
	defer unlock()
	delete(t.lists[owner], session)
	return nil
}

// Listed returns what has not expired.
func (s State) Listed(_ context.Context, owner string) ([]string, error) {
	t, unlock := s.locked()
	defer unlock()
	var sessions []string
	for session, ends := range t.lists[owner] {
		if time.Now().Before(ends) {
			sessions = append(sessions, session)
		}
	}
	slices.Sort(sessions)
	return sessions, nil
}

// Lease is a lock that ends by itself.
func (s State) Lease(_ context.Context, key string, ttl time.Duration) (
	release func(context.Context) error, ok bool, err error) {
	t, unlock := s.locked()
	defer unlock()
	if time.Now().Before(t.leases[key].ends) {
		return nil, false, nil
	}
	mine := lease{new(int), time.Now().Add(ttl)}
	t.leases[key] = mine
	return func(context.Context) error {
		t, unlock := s.locked()
		defer unlock()
		if t.leases[key].holder == mine.holder {
			delete(t.leases, key)
		}
		return nil
	}, true, nil
}

// Keep remembers a value.
func (s State) Keep(_ context.Context, key, text string, ttl time.Duration) error {
	if len(text) > 16<<10 {
		return errors.New("too large")
	}
	t, unlock := s.locked()
	defer unlock()
	t.values[key] = value{text, time.Now().Add(ttl)}
	return nil
}

// Kept returns it.
func (s State) Kept(_ context.Context, key string) (string, bool, error) {
	t, unlock := s.locked()
	defer unlock()
	v := t.values[key]
	if !time.Now().Before(v.ends) {
		return "", false, nil
	}
	return v.text, true, nil
}
