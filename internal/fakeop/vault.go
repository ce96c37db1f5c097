package fakeop

import (
	"crypto/rand"
	"maps"
	"sync"
	"sync/atomic"
	"time"
)

// vault keeps values under unguessable keys until they expire: codes, tokens, sessions, and one-time values. Its zero
// value is empty.
type vault[T any] struct {
	mu      sync.Mutex
	entries map[string]*entry[T]
	sweepAt int // size at which expired entries are removed
}

type entry[T any] struct {
	value   T
	expires time.Time
	spent   bool
}

func (v *vault[T]) put(value T, life time.Duration) (key string) {
	key = rand.Text()
	v.add(key, value, life)
	return key
}

// add keeps a value under a given key. If there is one already, it changes nothing and reports false.
func (v *vault[T]) add(key string, value T, life time.Duration) (added bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.entries == nil {
		v.entries = make(map[string]*entry[T])
	}
	if e, found := v.entries[key]; found && !e.expired() {
		return false
	}
	if len(v.entries) >= v.sweepAt {
		maps.DeleteFunc(v.entries, func(_ string, e *entry[T]) bool { return e.expired() })
		v.sweepAt = 2*len(v.entries) + 64
	}
	v.entries[key] = &entry[T]{value: value, expires: time.Now().Add(life)}
	return true
}

// get returns a value that is not spent.
func (v *vault[T]) get(key string) (value T, ok bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if e, found := v.entries[key]; found && !e.expired() && !e.spent {
		return e.value, true
	}
	return value, false
}

// spend returns a value and marks it as spent. again reports whether it was spent before.
func (v *vault[T]) spend(key string) (value T, again, ok bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	e, found := v.entries[key]
	if !found || e.expired() {
		return value, false, false
	}
	again, e.spent = e.spent, true
	return e.value, again, true
}

func (v *vault[T]) drop(key string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.entries, key)
}

func (v *vault[T]) dropIf(unwanted func(T) bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	maps.DeleteFunc(v.entries, func(_ string, e *entry[T]) bool { return unwanted(e.value) })
}

func (e *entry[T]) expired() bool { return !time.Now().Before(e.expires) }

// session is a single sign-on session, identified by a cookie of the browser.
type session struct {
	subject, sid string
	acr          string // empty if the provider has no classes
	authTime     time.Time
}

// grant is what a user allowed the client. The code and every token issued for it refer to the grant, so one revocation
// reaches them all (RFC 9700, 4.14.2).
type grant struct {
	*authorization
	session session
	revoked atomic.Bool
}

// credential is a code or token: a grant, and the thumbprint of the DPoP key it is bound to, or "" (RFC 9449, 6 and
// 10).
type credential struct {
	*grant
	jkt    string
	narrow []string // the scopes of an access token that has not all of the grant (RFC 6749, 6)
}

// reach returns the scopes of a token.
func (c credential) reach() []string {
	if len(c.narrow) > 0 {
		return c.narrow
	}
	return c.scopes
}
