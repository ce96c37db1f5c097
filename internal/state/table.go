package state

import (
	"math"
	"sync"
	"time"
)

type entry[V any] struct {
	value V
	until int64 // on the table's clock; at this time it is gone
}

// table is a map whose entries pass with time. Their number is bounded, and so is the size of their values together.
// Nothing runs in the background: whoever uses a shard sweeps out what has passed, at most once a minute, or at once when
// there is no room left.
type table[V any] struct {
	common
	size   func(V) int // in bytes; 0 of the zero value
	bytes  quota       // of all values in all shards
	shards [shards]shard[V]
}

type shard[V any] struct {
	mu      sync.Mutex
	entries map[digest]entry[V]
	room    int   // entries the map has held at once: maps grow, but never shrink
	soonest int64 // no entry passes before this
	swept   int64
}

func newTable[V any](limit, bytes int, size func(V) int) *table[V] {
	t := &table[V]{size: size}
	t.setUp(limit)
	t.bytes.limit = int64(bytes)
	for i := range t.shards {
		t.shards[i].entries = map[digest]entry[V]{}
		t.shards[i].soonest = math.MaxInt64
	}
	return t
}

func (t *table[V]) find(key string) (*shard[V], digest) {
	d := t.digest(key)
	return &t.shards[d[0]%shards], d
}

func (t *table[V]) get(key string) (value V, live bool) {
	s, d := t.find(key)
	now := t.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	t.sweepIfDue(s, now)
	if e := s.entries[d]; e.until > now {
		return e.value, true
	}
	return value, false
}

// update shows change the entry of the key, whether it is live, and when a new one would pass; it keeps what change
// returns if that is asked for. change may be called twice.
func (t *table[V]) update(
	key string, ttl time.Duration, change func(old entry[V], live bool, until int64) (entry[V], bool),
) error {
	if t.tryUpdate(key, ttl, change) {
		return nil
	}
	now := t.now()
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		t.sweep(s, now)
		s.mu.Unlock()
	}
	if t.tryUpdate(key, ttl, change) {
		return nil
	}
	return ErrFull
}

// tryUpdate reports false when there is no room for the entry.
func (t *table[V]) tryUpdate(
	key string, ttl time.Duration, change func(entry[V], bool, int64) (entry[V], bool),
) bool {
	s, d := t.find(key)
	now := t.now()
	until := t.until(now, ttl)
	s.mu.Lock()
	defer s.mu.Unlock()
	t.sweepIfDue(s, now)
	old, present := s.entries[d]
	e, keep := change(old, present && old.until > now, until)
	if !keep {
		return true
	}
	if more := t.size(e.value) - t.size(old.value); !t.admitted(!present, more) {
		return false
	}
	s.entries[d] = e
	s.room = max(s.room, len(s.entries))
	s.soonest = min(s.soonest, e.until)
	return true
}

// admitted takes room for a value that needs more bytes than the one it replaces, and for a new entry: for both or none.
func (t *table[V]) admitted(isNew bool, bytes int) bool {
	if !t.bytes.counted(bytes) {
		return false
	}
	if isNew && !t.counted(1) {
		t.bytes.counted(-bytes)
		return false
	}
	return true
}

// remove deletes the entry of the key if its value is the one that is meant.
func (t *table[V]) remove(key string, meant func(V) bool) {
	s, d := t.find(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if e, present := s.entries[d]; present && meant(e.value) {
		delete(s.entries, d)
		t.counted(-1)
		t.bytes.counted(-t.size(e.value))
	}
}

// sweepIfDue is called with the shard's lock held, as sweep is.
func (t *table[V]) sweepIfDue(s *shard[V], now int64) {
	if now-s.swept >= int64(purgeEvery) {
		t.sweep(s, now)
	}
}

// sweep takes out what has passed, and moves what is left into a smaller map when that gives much memory back.
func (t *table[V]) sweep(s *shard[V], now int64) {
	s.swept = now
	if s.soonest > now {
		return
	}
	before, freed := len(s.entries), 0
	s.soonest = math.MaxInt64
	for d, e := range s.entries {
		if e.until <= now {
			delete(s.entries, d)
			freed += t.size(e.value)
		} else {
			s.soonest = min(s.soonest, e.until)
		}
	}
	t.counted(len(s.entries) - before)
	t.bytes.counted(-freed)
	if len(s.entries) <= s.room/4 {
		s.entries, s.room = fitted(s.entries), len(s.entries)
	}
}
