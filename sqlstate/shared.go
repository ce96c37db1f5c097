package sqlstate

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/state"
)

// maxKey is the longest key, owner and item of a list: MySQL would cut longer ones.
const maxKey = 128

var (
	errLongKey  = fmt.Errorf("sqlstate: a key is longer than %d bytes", maxKey)
	errTooLarge = fmt.Errorf("sqlstate: a value to keep is larger than %d bytes", state.MaxValue)
)

func checkKeys(keys ...string) error {
	for _, key := range keys {
		if len(key) > maxKey {
			return errLongKey
		}
	}
	return nil
}

// microseconds returns at least 1, and no more than fits when it is added to the time.
func microseconds(d time.Duration) int64 { return max(1, d.Microseconds()) }

// Revoke remembers that key was ended at that time, for ttl. An earlier time never replaces a later one, nor a shorter
// ttl a longer one. The precision is a microsecond.
func (s *Store) Revoke(ctx context.Context, key string, at time.Time, ttl time.Duration) error {
	if err := checkKeys(key); err != nil {
		return err
	}
	_, _, err := s.exec(ctx, s.statements.revoke, "r:"+key, at.UnixMicro(), microseconds(ttl))
	if err != nil {
		return fmt.Errorf("sqlstate: revoke: %w", err)
	}
	s.clean(ctx, entriesTable)
	return nil
}

// Revoked returns for each key, in order, when it was ended, or the zero time. Up to 32 keys take one round trip, and
// none if they are those of the session that the same request has just loaded.
func (s *Store) Revoked(ctx context.Context, keys ...string) ([]time.Time, error) {
	at, err := s.server.Revoked(ctx, keys)
	if err != nil {
		return nil, fmt.Errorf("sqlstate: look for revocations: %w", err)
	}
	return at, nil
}

const (
	seenSets = 256  // per kind of key, so that each is short
	maxSeen  = 4096 // keys in each set
	trimSeen = 64   // a set is trimmed after one of so many additions
)

// seenSet returns the list that a key belongs to, by its kind and a hash of it.
func seenSet(key string) string {
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(key)) // never fails
	return fmt.Sprintf("o:%.1s%02x", key, hash.Sum32()%seenSets)
}

// MarkUsed reports whether key is new, and remembers it for ttl: it returns true exactly once among all instances.
// About a million keys that begin with the same byte are remembered; of more, those that expire soonest are forgotten.
// After an error the key may or may not be remembered.
func (s *Store) MarkUsed(ctx context.Context, key string, ttl time.Duration) (first bool, err error) {
	if err := checkKeys(key); err != nil {
		return false, err
	}
	set := seenSet(key)
	rows, id, err := s.exec(ctx, s.statements.markUsed, set, key, microseconds(ttl))
	if err != nil {
		return false, fmt.Errorf("sqlstate: mark a key as used: %w", err)
	}
	if s.cleaning.marked.Add(1)%trimSeen == 0 {
		s.trim(ctx, set, maxSeen)
	}
	s.clean(ctx, listsTable)
	return s.taken(rows, id), nil
}

// Lease takes key for ttl. ok is false if another holder has it. release returns it, unless it has expired and belongs
// to another holder by then. After an error the lease may be taken, and ends after ttl.
func (s *Store) Lease(ctx context.Context, key string, ttl time.Duration,
) (release func(context.Context) error, ok bool, err error) {
	if err := checkKeys(key); err != nil {
		return nil, false, err
	}
	key = "l:" + key
	holder := []byte(rand.Text())
	rows, id, err := s.exec(ctx, s.statements.lease, key, holder, microseconds(ttl))
	if err != nil {
		return nil, false, fmt.Errorf("sqlstate: take a lease: %w", err)
	}
	s.clean(ctx, entriesTable)
	if !s.taken(rows, id) {
		return nil, false, nil
	}
	return func(ctx context.Context) error {
		if _, _, err := s.exec(ctx, s.statements.release, key, holder); err != nil {
			return fmt.Errorf("sqlstate: release a lease: %w", err)
		}
		return nil
	}, true, nil
}

// Keep remembers value, of at most 16,384 bytes, for ttl under key, and replaces what was kept there. A ttl of 0 or
// less forgets it. The database stores the value as it is: the caller must seal anything confidential. After an error
// it may or may not be kept.
func (s *Store) Keep(ctx context.Context, key, value string, ttl time.Duration) (err error) {
	if len(value) > state.MaxValue {
		return errTooLarge
	}
	if err := checkKeys(key); err != nil {
		return err
	}
	if ttl > 0 {
		_, _, err = s.exec(ctx, s.statements.keep, "k:"+key, []byte(value), microseconds(ttl))
	} else {
		_, _, err = s.exec(ctx, s.statements.remove, "k:"+key)
	}
	if err != nil {
		return fmt.Errorf("sqlstate: keep a value: %w", err)
	}
	s.clean(ctx, entriesTable)
	return nil
}

// Kept returns what was kept under key. ok is false if there is nothing that has not expired. An error means that the
// database did not respond: it is then unknown whether there is something.
func (s *Store) Kept(ctx context.Context, key string) (value string, ok bool, err error) {
	bytes, ok, err := s.value(ctx, "k:"+key)
	if err != nil {
		return "", false, fmt.Errorf("sqlstate: look for a kept value: %w", err)
	}
	return string(bytes), ok, nil
}

// value returns the value of an entry that has not expired.
func (s *Store) value(ctx context.Context, key string) (value []byte, ok bool, err error) {
	err = s.query(ctx, s.statements.load, func() { value, ok = nil, false }, func(rows *sql.Rows) error {
		ok = true
		return rows.Scan(&value)
	}, key)
	return value, ok, err
}
