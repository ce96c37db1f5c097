package state

import (
	"hash/maphash"
	"math"
	"sync"
	"sync/atomic"
	"time"
)

const (
	shards     = 64 // so that a purge, the longest hold of a lock, is done in about a millisecond for a million entries
	purgeEvery = time.Minute
)

// A digest stands for a key, which makes entries small and free of pointers: the garbage collector does not look at
// them. Keys are cryptographic hashes already, so nobody chooses their bytes, and the seeds of these 128 bits never
// leave the process: two keys do not meet by design, and by chance not in the life of the universe.
type digest [2]uint64

type entry struct {
	value int64
	until int64 // on the table's clock; at this time it is gone
}

// table is a bounded map whose entries pass with time. Nothing runs in the background: whoever uses a shard sweeps out
// what has passed, at most once a minute, or at once when there is no room left.
type table struct {
	seeds  [2]maphash.Seed
	start  time.Time // of the table's clock, which is monotonic: setting the host's clock ends nothing early
	limit  int64
	count  atomic.Int64 // of entries in all shards, passed ones included
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
	t := &table{seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}, start: time.Now(), limit: int64(limit)}
	for i := range t.shards {
		t.shards[i].entries = map[digest]entry{}
		t.shards[i].soonest = math.MaxInt64
	}
	return t
}

func (t *table) now() int64 { return int64(time.Since(t.start)) }

func (t *table) find(key string) (*shard, digest) {
	d := digest{maphash.String(t.seeds[0], key), maphash.String(t.seeds[1], key)}
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
	until := now + min(int64(ttl), math.MaxInt64-now)
	s.mu.Lock()
	defer s.mu.Unlock()
	t.sweepIfDue(s, now)
	old, present := s.entries[d]
	e, keep := change(old, present && old.until > now, until)
	if !keep {
		return true
	}
	if !present && t.count.Add(1) > t.limit {
		t.count.Add(-1)
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
		t.count.Add(-1)
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
	t.count.Add(int64(len(s.entries) - before))
	if len(s.entries) > s.room/4 {
		return
	}
	smaller := make(map[digest]entry, len(s.entries))
	for d, e := range s.entries {
		smaller[d] = e
	}
	s.entries, s.room = smaller, len(smaller)
}
