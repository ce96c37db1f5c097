package ginoidctest

import (
	"crypto/rand"
	"maps"
	"sync"
	"sync/atomic"
	"time"
)

// vault keeps values under unguessable keys until they expire: codes, tokens,
// sessions. Its zero value is empty.
type vault[T any] struct {
	mu      sync.Mutex
	entries map[string]*entry[T]
	sweepAt int // size at which expired entries are thrown out
}

type entry[T any] struct {
	value   T
	expires time.Time
	spent   bool
}

func (v *vault[T]) put(value T, life time.Duration) (key string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.entries == nil {
		v.entries = make(map[string]*entry[T])
	}
	if len(v.entries) >= v.sweepAt {
		maps.DeleteFunc(v.entries, func(_ string, e *entry[T]) bool { return e.expired() })
		v.sweepAt = 2*len(v.entries) + 64
	}
	key = rand.Text()
	v.entries[key] = &entry[T]{value: value, expires: time.Now().Add(life)}
	return key
}

func (v *vault[T]) get(key string) (value T, ok bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if e, found := v.entries[key]; found && !e.expired() {
		return e.value, true
	}
	return value, false
}

// spend gives a value out once: again tells that it was given out before.
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

// session is a single sign-on session, known to the browser by a cookie.
type session struct {
	subject, sid string
	authTime     time.Time
}

// grant is what a user allowed the client. The code and every token that came
// from it point here, so one revocation reaches them all (RFC 9700, 4.14.2).
type grant struct {
	session     session
	redirectURI string
	nonce       string
	challenge   string // PKCE, S256
	scopes      []string
	revoked     atomic.Bool
}
