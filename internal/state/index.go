package state

import (
	"context"
	"math"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"
)

// maxListed is how many sessions of one owner are listed, so that a script that signs one user in forever neither
// fills the memory nor makes a list that nobody can read.
const maxListed = 1000

// Enlist remembers for ttl that session belongs to owner. A second call for the same pair replaces its ttl. Of more than
// 1,000 sessions of one owner those that end soonest are dropped. The error is [ErrFull].
func (m *Memory) Enlist(_ context.Context, owner, session string, ttl time.Duration) error {
	return m.listed.add(owner, session, ttl)
}

// Delist forgets a session of owner. Nothing to forget is no error: it is nil.
func (m *Memory) Delist(_ context.Context, owner, session string) error {
	m.listed.remove(owner, session)
	return nil
}

// Listed returns owner's sessions whose time has not passed, in no particular order. The error is nil.
func (m *Memory) Listed(_ context.Context, owner string) ([]string, error) {
	return m.listed.get(owner), nil
}

// index is a bounded table of lists: the sessions of each owner. As in a table, what has passed is swept out by whoever
// uses a shard. Only owners become digests, for a session is read back.
type index struct {
	common
	shards [shards]owners
}

type owners struct {
	mu      sync.Mutex
	lists   map[digest][]listing // none is empty; what ends soonest comes first
	room    int                  // lists the map has held at once: maps grow, but never shrink
	soonest int64                // nothing passes before this
	swept   int64
}

type listing struct {
	session string
	until   int64 // on the table's clock; at this time it is gone
}

func newIndex(limit int) *index {
	x := &index{}
	x.setUp(limit)
	for i := range x.shards {
		x.shards[i].lists = map[digest][]listing{}
		x.shards[i].soonest = math.MaxInt64
	}
	return x
}

// find returns the shard of the owner, locked, and swept if that is due.
func (x *index) find(owner string) (s *owners, d digest, now int64) {
	d, now = x.digest(owner), x.now()
	s = &x.shards[d[0]%shards]
	s.mu.Lock()
	if now-s.swept >= int64(purgeEvery) {
		x.sweep(s, now)
	}
	return s, d, now
}

func (x *index) get(owner string) []string {
	s, d, now := x.find(owner)
	defer s.mu.Unlock()
	list := s.lists[d]
	list = list[passed(list, now):]
	sessions := make([]string, len(list))
	for i := range list {
		sessions[i] = list[i].session
	}
	return sessions
}

func (x *index) remove(owner, session string) {
	s, d, _ := x.find(owner)
	defer s.mu.Unlock()
	old := len(s.lists[d])
	list := without(s.lists[d], session)
	x.counted(len(list) - old)
	s.put(d, list)
}

func (x *index) add(owner, session string, ttl time.Duration) error {
	if x.tryAdd(owner, session, ttl) {
		return nil
	}
	now := x.now()
	for i := range x.shards {
		s := &x.shards[i]
		s.mu.Lock()
		x.sweep(s, now)
		s.mu.Unlock()
	}
	if x.tryAdd(owner, session, ttl) {
		return nil
	}
	return ErrFull
}

// tryAdd reports false when there is no room for one more.
func (x *index) tryAdd(owner, session string, ttl time.Duration) bool {
	s, d, now := x.find(owner)
	defer s.mu.Unlock()
	old := len(s.lists[d])
	list := without(s.lists[d], session)
	size, until := len(list), x.until(now, ttl)
	if until > now {
		size = min(size+1, maxListed)
	}
	if !x.counted(size - old) {
		return false // the list is what it was: nothing went out of one that gets longer
	}
	if until > now {
		list = inserted(list, listing{strings.Clone(session), until})
	}
	s.put(d, list)
	return true
}

// passed counts what has passed by then, which is in front.
func passed(list []listing, then int64) int {
	return sort.Search(len(list), func(i int) bool { return list[i].until > then })
}

// without takes the session out of the list.
func without(list []listing, session string) []listing {
	return slices.DeleteFunc(list, func(l listing) bool { return l.session == session })
}

// inserted puts one more into the list, the later of two that end together behind, and drops what is too much.
func inserted(list []listing, one listing) []listing {
	list = slices.Insert(list, passed(list, one.until), one)
	return slices.Delete(list, 0, max(0, len(list)-maxListed))
}

// put makes this the list of the owner. Memory that it needs no more is given back.
func (s *owners) put(d digest, list []listing) {
	if len(list) == 0 {
		delete(s.lists, d)
		return
	}
	if len(list) <= cap(list)/4 {
		list = slices.Clone(list)
	}
	s.lists[d] = list
	s.room = max(s.room, len(s.lists))
	s.soonest = min(s.soonest, list[0].until)
}

// sweep takes out what has passed. It is called with the shard's lock held.
func (x *index) sweep(s *owners, now int64) {
	s.swept = now
	if s.soonest > now {
		return
	}
	s.soonest = math.MaxInt64
	for d, list := range s.lists {
		if list[0].until > now {
			s.soonest = min(s.soonest, list[0].until)
			continue
		}
		n := passed(list, now)
		x.counted(-n)
		s.put(d, slices.Delete(list, 0, n))
	}
	if len(s.lists) <= s.room/4 {
		s.lists, s.room = fitted(s.lists), len(s.lists)
	}
}
