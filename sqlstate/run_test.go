package sqlstate_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d65cea4d/ginoidc/sqlstate"
)

// The forms that errors of drivers have.
type (
	postgresError string
	sqliteError   int
)

func (e postgresError) Error() string    { return "ERROR: (SQLSTATE " + string(e) + ")" }
func (e postgresError) SQLState() string { return string(e) }
func (e sqliteError) Error() string      { return fmt.Sprintf("sqlite error (%d)", int(e)) }
func (e sqliteError) Code() int          { return int(e) }

// TestConflicts: a statement that the database gave up because of another one runs again, also those that are not
// repeatable: it had no effect. Other errors give repeatable statements one more chance, for a connection that broke
// while it was idle.
func TestConflicts(t *testing.T) {
	other := errors.New("connection reset by peer")
	for _, tt := range []struct {
		err      error
		conflict bool
	}{
		{postgresError("40001"), true}, {postgresError("40P01"), true}, {postgresError("55P03"), true},
		{postgresError("57P01"), false}, {fmt.Errorf("wrapped: %w", postgresError("40001")), true},
		{sqliteError(5), true}, {sqliteError(6), true}, {sqliteError(5 | 2<<8), true}, {sqliteError(13), false},
		{errors.New("Error 1213 (40001): Deadlock found when trying to get lock"), true},
		{errors.New("Error 1205 (HY000): Lock wait timeout exceeded"), true},
		{errors.New("Error 1062 (23000): Duplicate entry"), false},
		{errors.New("database is locked"), true}, {other, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			failures := 0
			f := &fake{}
			f.answer = func(context.Context, string, []any) (answer, error) {
				if failures--; failures >= 0 {
					return answer{}, tt.err
				}
				return answer{affected: 1}, nil
			}
			store := newStore(t, f, sqlstate.PostgreSQL)
			for _, call := range []struct {
				name       string
				repeatable bool
				do         func() error
			}{
				{"Revoke", true, func() error { return store.Revoke(t.Context(), "e", time.Now(), time.Hour) }},
				{"Revoked", true, func() error { _, err := store.Revoked(t.Context(), "e"); return err }},
				{"MarkUsed", false, func() error { _, err := store.MarkUsed(t.Context(), "e", time.Hour); return err }},
				{"Lease", false, func() error { _, _, err := store.Lease(t.Context(), "e", time.Hour); return err }},
			} {
				for _, failing := range []int{1, 2, 5} {
					failures = failing
					err := call.do()
					recovers := tt.conflict || call.repeatable && failing == 1
					if recovers != (err == nil) || err != nil && !errors.Is(err, tt.err) {
						t.Errorf("%s after %d of %v: %v", call.name, failing, tt.err, err)
					}
				}
			}
		})
	}
}

// TestConflictsEnd: with as many attempts as allowed, or with the timeout.
func TestConflictsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{answer: func(context.Context, string, []any) (answer, error) { return answer{}, sqliteError(5) }}
		store := newStore(t, f, sqlstate.SQLite)
		began := time.Now()
		err := store.Revoke(t.Context(), "e", time.Now(), time.Hour)
		if n := len(f.ran()); err == nil || n < 5 || n > 20 || time.Since(began) > time.Second {
			t.Errorf("%d attempts in %v: %v", n, time.Since(began), err)
		}
	})
}

// TestOutage: a database that hangs is an error within the timeout, whichever method asks, and never "no session" or
// "not revoked".
func TestOutage(t *testing.T) {
	for _, d := range dialects() {
		synctest.Test(t, func(t *testing.T) {
			store := newStore(t, &fake{answer: func(ctx context.Context, _ string, _ []any) (answer, error) {
				<-ctx.Done()
				return answer{}, ctx.Err()
			}}, d)
			began := time.Now()
			done := everyMethod(t.Context(), store)
			for method, err := range done {
				if !errors.Is(err, context.DeadlineExceeded) || !strings.HasPrefix(err.Error(), "sqlstate: ") {
					t.Errorf("%s: %s: %v", d, method, err)
				}
			}
			if took := time.Since(began); took > time.Duration(len(done)+10)*time.Second {
				t.Errorf("%s: %v for %d methods", d, took, len(done))
			}
		})
	}
}

// A caller that gives up does not wait for the timeout, and nothing is repeated for it.
func TestCancelled(t *testing.T) {
	f := &fake{answer: func(ctx context.Context, _ string, _ []any) (answer, error) { return answer{}, ctx.Err() }}
	store := newStore(t, f, sqlstate.MySQL)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := store.Revoked(ctx, "e"); !errors.Is(err, context.Canceled) || len(f.ran()) > 1 {
		t.Errorf("%v", err)
	}
}

// TestPrepared: each statement is prepared once for a connection.
func TestPrepared(t *testing.T) {
	f := &fake{}
	db := f.opened(t)
	db.SetMaxOpenConns(1)
	store, err := sqlstate.New(sqlstate.Config{DB: db, Dialect: sqlstate.PostgreSQL, Secrets: []string{secret}})
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		if _, err := store.Revoked(t.Context(), "a", "b", "c"); err != nil {
			t.Fatal(err)
		}
	}
	if f.open != 1 || f.closed != 0 {
		t.Errorf("%d prepared, %d closed", f.open, f.closed)
	}
	if err := store.Close(); err != nil || f.closed != 1 {
		t.Errorf("%d closed, %v", f.closed, err)
	}
	if err := store.Close(); err != nil || db.Ping() != nil {
		t.Error("Close twice, or the database is closed")
	}
}
