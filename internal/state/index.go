package state

import (
	"context"
	"slices"
	"sort"
	"strings"
	"time"
)

// MaxListed is the largest number of sessions of one owner that a shared state lists, so that a script that signs one
// user in again and again can neither fill the state nor make a list too long to read.
const MaxListed = 1000

// Enlist remembers for ttl that session belongs to owner. A second call for the same pair replaces its ttl. Of more
// than 1,000 sessions of one owner, those that end soonest are dropped. The error is [ErrFull].
func (m *Memory) Enlist(_ context.Context, owner, session string, ttl time.Duration) error {
	return m.listed.update(owner, ttl, func(list listings, _ bool, until int64) (listings, bool) {
		return list.without(session).with(listing{strings.Clone(session), until}), true
	})
}

// Delist forgets a session of owner. It is idempotent. The error is nil.
func (m *Memory) Delist(ctx context.Context, owner, session string) error {
	return m.Enlist(ctx, owner, session, 0)
}

// Listed returns owner's sessions that have not expired, in no particular order. The error is nil.
func (m *Memory) Listed(_ context.Context, owner string) ([]string, error) {
	list, _ := m.listed.get(owner)
	sessions := make([]string, len(list))
	for i := range list {
		sessions[i] = list[i].session
	}
	return sessions, nil
}

// listings are the sessions of one owner, the soonest to expire first. A list in the table is replaced and never
// modified: it is read without a lock. Only owners become digests, because sessions are read back.
type listings []listing

type listing struct {
	session string
	until   int64 // on the table's clock; it expires at this time
}

func (l listings) left(now int64) (rest listings, soonest int64) {
	if n := l.passed(now); n > 0 {
		l = slices.Clone(l[n:])
	}
	if len(l) == 0 {
		return nil, never
	}
	return l, l[0].until
}

func (l listings) cost() (entries, bytes int) { return len(l), 0 }

// passed returns the number of expired sessions, which are at the front.
func (l listings) passed(then int64) int {
	return sort.Search(len(l), func(i int) bool { return l[i].until > then })
}

// without returns a copy of the list without the session, with capacity for one more.
func (l listings) without(session string) listings {
	i := slices.IndexFunc(l, func(l listing) bool { return l.session == session })
	if i < 0 {
		return append(make(listings, 0, len(l)+1), l...)
	}
	return append(append(make(listings, 0, len(l)), l[:i]...), l[i+1:]...)
}

// with adds one to a list that is not in the table, after others that expire at the same time, and drops what exceeds
// MaxListed.
func (l listings) with(one listing) listings {
	l = slices.Insert(l, l.passed(one.until), one)
	return slices.Delete(l, 0, max(0, len(l)-MaxListed))
}
