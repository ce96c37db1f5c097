package state

import (
	"math"
	"sync"
	"time"
)

type entry struct {
	value int64
	until int64 // on the table's clock; at this time it is gone
}

// table is a bounded map whose entries pass with time. Nothing runs in the background: whoever uses a shard sweeps out
// what has passed, at most once a minute, or at once when there is no room left.
type table struct {
	common
	shards [shards]shard
}

type shard struct {
	mu      sync.Mutex
	entries map[digest]entry
	room    int   // entries the map has held at once: maps grow, but never shrink
	soonest int64 // no entry passes before this
	swept   int64
}

func newTable(limit int) *table {
	t := &table{}
	t.setUp(limit)
	for i := range t.shards {
		t.shards[i].entries = map[digest]entry{}
		t.shards[i].soonest = math.MaxInt64
	}
	return t
}

func (t *table) find(key string) (*shard, digest) {
	d := t.digest(key)
	return &t.shards[d[0]%shards], d
}

func (t *table) get(key string) (value int64, live bool) {
	s, d := t.find(key)
	now := t.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	t.sweepIfDue(s, now)
	e := s.entries[d]
	return e.value, e.until > now
}

// update shows change the entry of the key, whether it is live, and when a new one would pass; it keeps what change
// returns if that is asked for. change may be called twice.
func (t *table) update(key string, ttl time.Duration, change func(old entry, live bool, until int64) (entry, bool)) error {
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

// tryUpdate reports false when there is no room for a new entry.
func (t *table) tryUpdate(key string, ttl time.Duration, change func(entry, bool, int64) (entry, bool)) bool {
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
	if !present && !t.counted(1) {
		return false
	}
	s.entries[d] = e
	s.room = max(s.room, len(s.entries))
	s.soonest = min(s.soonest, e.until)
	return true
}

// remove deletes the entry of the key if it still has this value.
func (t *table) remove(key string, value int64) {
	s, d := t.find(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if e, present := s.entries[d]; present && e.value == value {
		delete(s.entries, d)
		t.counted(-1)
	}
}

// sweepIfDue is called with the shard's lock held, as sweep is.
func (t *table) sweepIfDue(s *shard, now int64) {
	if now-s.swept >= int64(purgeEvery) {
		t.sweep(s, now)
	}
}

// sweep takes out what has passed, and moves what is left into a smaller map when that gives much memory back.
func (t *table) sweep(s *shard, now int64) {
	s.swept = now
	if s.soonest > now {
		return
	}
	before := len(s.entries)
	s.soonest = math.MaxInt64
	for d, e := range s.entries {
		if e.until <= now {
			delete(s.entries, d)
		} else {
			s.soonest = min(s.soonest, e.until)
		}
	}
	t.counted(len(s.entries) - before)
	if len(s.entries) <= s.room/4 {
		s.entries, s.room = fitted(s.entries), len(s.entries)
	}
}
