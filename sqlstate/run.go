package sqlstate

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"time"
)

// statement is prepared when it is first used.
type statement struct {
	compiled
	repeatable bool // running it twice has the effect of once
	prepared   atomic.Pointer[sql.Stmt]
}

// maxAttempts limits what the timeout does not: an operation that conflicts with others again and again.
const maxAttempts = 20

// run passes the prepared statement to do, again if that fails in a way that another attempt can resolve. All attempts
// together take no longer than the timeout.
func (s *Store) run(ctx context.Context, st *statement, do func(context.Context, *sql.Stmt) error) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	for attempt := 1; ; attempt++ {
		stmt, err := s.prepare(ctx, st)
		if err == nil {
			err = do(ctx, stmt)
		}
		conflict := isConflict(err)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		case attempt >= maxAttempts || !conflict && (attempt > 1 || !st.repeatable):
			return err
		}
		if conflict {
			pause(ctx, attempt)
		}
	}
}

// prepare may prepare the statement twice at the same time. A lock would make callers wait for each other's timeouts.
func (s *Store) prepare(ctx context.Context, st *statement) (*sql.Stmt, error) {
	if stmt := st.prepared.Load(); stmt != nil {
		return stmt, nil
	}
	stmt, err := s.db.PrepareContext(ctx, st.text)
	if err != nil {
		return nil, err
	}
	if !st.prepared.CompareAndSwap(nil, stmt) {
		_ = stmt.Close() // another request was faster
		return s.prepare(ctx, st)
	}
	return stmt, nil
}

// exec returns the number of rows and the last insert id, which only MySQL reports.
func (s *Store) exec(ctx context.Context, st *statement, args ...any) (rows, id int64, err error) {
	err = s.run(ctx, st, func(ctx context.Context, stmt *sql.Stmt) error {
		result, err := stmt.ExecContext(ctx, st.args(args)...)
		if err != nil {
			return err
		}
		if s.dialect == MySQL {
			if id, err = result.LastInsertId(); err != nil {
				return err
			}
		}
		rows, err = result.RowsAffected()
		return err
	})
	return rows, id, err
}

// taken reports whether exec of a statement that takes a lease or a key took it. MySQL's number of rows depends on the
// settings of the driver.
func (s *Store) taken(rows, id int64) bool {
	if s.dialect == MySQL {
		return id != 2
	}
	return rows > 0
}

// query passes each row to scan, after reset, which also precedes another attempt.
func (s *Store) query(ctx context.Context, st *statement, reset func(), scan func(*sql.Rows) error, args ...any) error {
	return s.run(ctx, st, func(ctx context.Context, stmt *sql.Stmt) error {
		reset()
		rows, err := stmt.QueryContext(ctx, st.args(args)...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			if err := scan(rows); err != nil {
				return err
			}
		}
		return rows.Err()
	})
}

// pause waits a random time, which grows with the attempts and is at most 100 ms.
func pause(ctx context.Context, attempt int) {
	longest := min(100*time.Millisecond, time.Millisecond<<attempt)
	select {
	case <-ctx.Done():
	case <-time.After(rand.N(longest) + time.Millisecond):
	}
}

// isConflict reports whether the database gave up a statement because of another one, and so without an effect:
// deadlocks, serialization failures, and locks that were not available. Drivers have no common form for it.
func isConflict(err error) bool {
	if err == nil {
		return false
	}
	var state interface{ SQLState() string } // pgx, lib/pq
	if errors.As(err, &state) {
		switch state.SQLState() {
		case "40001", "40P01", "55P03":
			return true
		}
		return false
	}
	var code interface{ Code() int } // modernc.org/sqlite
	if errors.As(err, &code) {
		const busy, locked = 5, 6
		return code.Code()&0xff == busy || code.Code()&0xff == locked
	}
	for _, text := range []string{
		"Error 1213", "Error 1205", "Error 1020", // go-sql-driver/mysql: deadlock, lock wait, changed since it was read
		"database is locked", "database table is locked", // mattn/go-sqlite3
	} {
		if strings.Contains(err.Error(), text) {
			return true
		}
	}
	return false
}
