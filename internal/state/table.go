package state

import (
	"math"
	"sync"
	"time"
)

// never is the time of values that do not expire.
const never = math.MaxInt64

// value is what is stored under a key. It expires as a whole or in parts, and is replaced but never modified. The zero
// value is empty.
type value[V any] interface {
	// left returns what has not expired by now, and when the next part does: never if nothing is left.
	left(now int64) (rest V, soonest int64)
	// cost returns how much of the table's room the value takes.
	cost() (entries, bytes int)
}

// table is a map whose values expire. The number of their entries and their total size are bounded. Nothing runs in the
// background: an operation on a shard sweeps out expired values, at most once a minute, or at once if there is no room
// left.
type table[V value[V]] struct {
	common
	bytes  quota // of all values in all shards
	shards [shards]shard[V]
}

type shard[V value[V]] struct {
	mu      sync.Mutex
	values  map[digest]V
	room    int   // the most values the map has held: maps grow and never shrink
	soonest int64 // nothing expires before this
	swept   int64
}

func newTable[V value[V]](limit, bytes int) *table[V] {
	t := &table[V]{}
	t.setUp(limit)
	t.bytes.limit = int64(bytes)
	for i := range t.shards {
		t.shards[i].values = map[digest]V{}
		t.shards[i].soonest = never
	}
	return t
}

// find returns the shard of the key, locked, and swept if due.
func (t *table[V]) find(key string) (s *shard[V], d digest, now int64) {
	d, now = t.digest(key), t.now()
	s = &t.shards[d[0]%shards]
	s.mu.Lock()
	if now-s.swept >= int64(purgeEvery) {
		t.sweep(s, now)
	}
	return s, d, now
}

// get returns what is left of the key's value.
func (t *table[V]) get(key string) (rest V, live bool) {
	s, d, now := t.find(key)
	defer s.mu.Unlock()
	rest, soonest := s.values[d].left(now)
	return rest, soonest != never
}

// update passes change what is left of the key's value, and when one made now would expire. It stores what change
// returns if that reports true. change may be called twice.
func (t *table[V]) update(key string, ttl time.Duration, change func(old V, live bool, until int64) (V, bool)) error {
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

// tryUpdate reports false if there is no room for what change returns.
func (t *table[V]) tryUpdate(key string, ttl time.Duration, change func(V, bool, int64) (V, bool)) bool {
	s, d, now := t.find(key)
	defer s.mu.Unlock()
	stored := s.values[d]
	old, soonest := stored.left(now)
	entries, bytes := stored.cost()
	changed, keep := change(old, soonest != never, t.until(now, ttl))
	if !keep {
		return true
	}
	changed, soonest = changed.left(now)
	if !t.admit(changed, entries, bytes) {
		return false
	}
	s.put(d, changed, soonest)
	return true
}

// remove deletes the key's value if meant reports true for it.
func (t *table[V]) remove(key string, meant func(V) bool) {
	t.tryUpdate(key, 0, func(old V, live bool, _ int64) (nothing V, keep bool) { return nothing, live && meant(old) })
}

// admit takes room for a value that replaces one of so many entries and bytes: for all of it or none.
func (t *table[V]) admit(v V, entries, bytes int) bool {
	moreEntries, moreBytes := v.cost()
	moreEntries, moreBytes = moreEntries-entries, moreBytes-bytes
	if !t.bytes.counted(moreBytes) {
		return false
	}
	if !t.counted(moreEntries) {
		t.bytes.counted(-moreBytes)
		return false
	}
	return true
}

// put stores v, or deletes the key if v is empty.
func (s *shard[V]) put(d digest, v V, soonest int64) {
	if soonest == never {
		delete(s.values, d)
		return
	}
	s.values[d] = v
	s.room = max(s.room, len(s.values))
	s.soonest = min(s.soonest, soonest)
}

// sweep removes expired values, and moves the rest to a smaller map if that frees much memory. It is called with the
// shard's lock held.
func (t *table[V]) sweep(s *shard[V], now int64) {
	s.swept = now
	if s.soonest > now {
		return
	}
	s.soonest = never
	for d, v := range s.values {
		rest, soonest := v.left(now)
		entries, bytes := v.cost()
		if left, _ := rest.cost(); left == entries {
			s.soonest = min(s.soonest, soonest)
			continue
		}
		t.admit(rest, entries, bytes)
		s.put(d, rest, soonest)
	}
	if len(s.values) <= s.room/4 {
		s.values, s.room = fitted(s.values), len(s.values)
	}
}
