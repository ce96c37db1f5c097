// Package state holds what the instances of an app share about sessions: what was ended and when, what has been used,
// which request holds a lease, and its result. Memory is the state of an app of one process.
package state

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

const defaultLimit = 1_000_000

// ErrFull means that nothing more can be remembered until entries expire. It fails closed: a caller that must remember
// a sign-out has not signed the user out.
var ErrFull = errors.New("state: the memory is full")

// Memory keeps shared state in this process: bounded, purged as it is used, gone with the process. It is safe for
// concurrent use and never blocks, so contexts are ignored.
//
// Revocations, sign-in attempts, other used keys, leases, kept values and listed sessions have separate tables: a flood
// of one kind takes no room from another.
type Memory struct {
	revoked, attempts, seen, leases *table[note]
	kept                            *table[text]
	listed                          *table[listings]
	recent                          recent
	leased                          atomic.Int64 // leases taken so far; the number identifies the holder
}

// attempt is the first byte of the keys that anonymous visitors can create.
const attempt = 'a'

// NewMemory returns a Memory for at most limit entries of each kind, a million if limit is 0. A million revocations
// take about 85 MB, a million listed sessions of as many owners about 175 MB. Kept values take at most 64 MiB, whatever
// limit is, plus about 120 bytes each.
func NewMemory(limit int) *Memory {
	if limit <= 0 {
		limit = defaultLimit
	}
	return &Memory{
		revoked: newTable[note](limit, 0), attempts: newTable[note](limit, 0), seen: newTable[note](limit, 0),
		leases: newTable[note](limit, 0), kept: newTable[text](limit, maxValues), listed: newTable[listings](limit, 0),
	}
}

// note is a number: the time of a revocation, the holder of a lease.
type note struct{ value, until int64 }

func (n note) left(now int64) (rest note, soonest int64) {
	if n.until <= now {
		return note{}, never
	}
	return n, n.until
}

func (n note) cost() (entries, bytes int) {
	if n == (note{}) {
		return 0, 0
	}
	return 1, 0
}

// Revoke remembers for ttl that key was ended at the given time, in whole microseconds. A later time wins over an
// earlier one, and a longer ttl over a shorter one: what is revoked stays revoked. The error is [ErrFull].
func (m *Memory) Revoke(_ context.Context, key string, at time.Time, ttl time.Duration) error {
	m.recent.add(key, at) // first: from the return on no request may miss it
	return m.revoked.update(key, ttl, func(old note, live bool, until int64) (note, bool) {
		ended := note{at.UnixMicro(), until}
		if live {
			ended = note{max(old.value, ended.value), max(old.until, until)}
		}
		return ended, true
	})
}

// Revoked returns for each key, in order, when it was ended, or the zero time. The error is nil.
func (m *Memory) Revoked(_ context.Context, keys ...string) ([]time.Time, error) {
	times := make([]time.Time, len(keys))
	for i, key := range keys {
		if ended, ok := m.revoked.get(key); ok {
			times[i] = time.UnixMicro(ended.value).UTC()
		}
	}
	return times, nil
}

// MarkUsed reports whether key is new, and remembers it for ttl: of all callers within that time, one gets true. If the
// error is [ErrFull], first is false. A sign-in attempt, whose key begins with "a", that finds no room is new and not
// remembered: otherwise an attacker who fills the table would prevent all sign-ins. The provider still accepts its code
// only once.
func (m *Memory) MarkUsed(_ context.Context, key string, ttl time.Duration) (first bool, err error) {
	remember := func(_ note, live bool, until int64) (note, bool) {
		first = !live
		return note{until: until}, first
	}
	if key != "" && key[0] == attempt {
		// A full table is not swept for it, which a flood would exploit.
		m.attempts.tryUpdate(key, ttl, remember)
		return first, nil
	}
	err = m.seen.update(key, ttl, remember)
	return first && err == nil, err
}

// Lease takes key for ttl. ok is false if another holder has it. release returns it, unless it has expired and belongs
// to another holder by then; its error is nil. The error of Lease is [ErrFull].
func (m *Memory) Lease(_ context.Context, key string,
	ttl time.Duration) (release func(context.Context) error, ok bool, err error) {
	holder := m.leased.Add(1)
	err = m.leases.update(key, ttl, func(_ note, live bool, until int64) (note, bool) {
		ok = !live
		return note{holder, until}, ok
	})
	if !ok || err != nil {
		return nil, false, err
	}
	return func(context.Context) error {
		m.leases.remove(key, func(now note) bool { return now.value == holder })
		return nil
	}, true, nil
}
