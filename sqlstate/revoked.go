package sqlstate

import (
	"context"
	"database/sql"
	"encoding/base64"
	"time"
)

// entry is what a row has: a sealed session or a revocation.
type entry struct {
	value  []byte
	number int64
}

// Revoked implements store.Joint.
func (b backend) Revoked(ctx context.Context, keys []string) ([]time.Time, error) {
	found, err := b.entries(ctx, revocations(nil, keys))
	return times(found, keys), err
}

// LoadRevoked implements store.Joint.
func (b backend) LoadRevoked(ctx context.Context, key string,
	keys []string) (text string, ok bool, at []time.Time, err error) {
	row := b.row(key)
	found, err := b.entries(ctx, revocations([]string{row}, keys))
	session, ok := found[row]
	return base64.RawURLEncoding.EncodeToString(session.value), ok, times(found, keys), err
}

func revocations(rows, keys []string) []string {
	for _, key := range keys {
		rows = append(rows, "r:"+key)
	}
	return rows
}

func times(found map[string]entry, keys []string) []time.Time {
	at := make([]time.Time, len(keys))
	for i, key := range keys {
		if e, ok := found["r:"+key]; ok {
			at[i] = time.UnixMicro(e.number).UTC()
		}
	}
	return at
}

// entries returns the rows of the keys that have not expired. A statement takes 1, 2, 4, … keys.
func (s *Store) entries(ctx context.Context, keys []string) (map[string]entry, error) {
	found := make(map[string]entry, len(keys))
	for rest := keys; len(rest) > 0; {
		size := 0
		for size < entriesSizes-1 && 1<<size < len(rest) {
			size++
		}
		n := min(len(rest), 1<<size)
		args := make([]any, 1<<size)
		for i := range args { // the last key fills the statement
			args[i] = rest[min(i, n-1)]
		}
		err := s.query(ctx, s.statements.entries[size], func() {}, func(rows *sql.Rows) error {
			var key string
			var e entry
			err := rows.Scan(&key, &e.number, &e.value)
			found[key] = e
			return err
		}, args...)
		if err != nil {
			return nil, err
		}
		rest = rest[n:]
	}
	return found, nil
}
