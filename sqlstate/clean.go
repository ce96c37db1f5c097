package sqlstate

import (
	"context"
	"sync/atomic"
)

// The tables that expired rows are removed from.
const (
	entriesTable = iota
	listsTable
	tables
)

// A table is cleaned after each of so many additions, in batches of at most so many rows: more go than come. While
// batches are full, every addition removes one.
const (
	cleanEvery = 50
	batch      = 200
)

// cleaning decides when. No timer runs: a process that adds nothing removes nothing.
type cleaning struct {
	added  [tables]atomic.Int64
	marked atomic.Int64 // keys marked as used
}

// clean follows an addition. It removes a batch of expired rows if that is due, by an index on their end. Its failure
// is not the addition's: the next one tries again.
func (s *Store) clean(ctx context.Context, table int) {
	added := &s.cleaning.added[table]
	if added.Add(1) < cleanEvery {
		return
	}
	added.Store(0)
	st := s.statements.purgeEntries
	if table == listsTable {
		st = s.statements.purgeLists
	}
	if rows, _, err := s.exec(context.WithoutCancel(ctx), st, batch); err != nil || rows == batch {
		added.Store(cleanEvery)
	}
}

// trim drops all but so many of a list, those that end soonest. Its failure only leaves the list longer until the next
// addition.
func (s *Store) trim(ctx context.Context, list string, length int) {
	_, _, _ = s.exec(context.WithoutCancel(ctx), s.statements.trim, list, length)
}
