package sqlstate_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
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
					began := time.Now()
					err := call.do()
					if waited := time.Since(began) > 0; waited != tt.conflict {
						t.Errorf("%s after %d of %v waits for others: %t", call.name, failing, tt.err, waited)
					}
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
// "not revoked". Drivers have errors of their own for a statement whose context ended.
func TestOutage(t *testing.T) {
	for _, d := range dialects() {
		synctest.Test(t, func(t *testing.T) {
			store := newStore(t, &fake{answer: func(ctx context.Context, _ string, _ []any) (answer, error) {
				<-ctx.Done()
				return answer{}, errors.New("statement interrupted")
			}}, d)
			began := time.Now()
			done := everyMethod(t.Context(), store)
			for method, err := range done {
				known := errors.Is(err, context.DeadlineExceeded)
				if method == "Ping" { // whose error is for an operator
					known = err != nil && strings.Contains(err.Error(), "interrupted")
				}
				if !known || !strings.HasPrefix(err.Error(), "sqlstate: ") {
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

// TestPreparedTwice: of two requests that prepare a statement at the same time, one closes its own.
func TestPreparedTwice(t *testing.T) {
	f := &fake{}
	store := newStore(t, f, sqlstate.SQLite)
	f.preparing = func() {
		f.preparing = nil
		if _, err := store.Revoked(t.Context(), "a"); err != nil {
			t.Error(err)
		}
	}
	if _, err := store.Revoked(t.Context(), "a"); err != nil {
		t.Error(err)
	}
	if err := store.Close(); err != nil || f.open < 2 || f.closed != f.open {
		t.Errorf("%v: %d prepared, %d closed", err, f.open, f.closed)
	}
}

// TestBrokenAnswers: what cannot be read to its end is an error, never "no session" or "not revoked".
func TestBrokenAnswers(t *testing.T) {
	broken := errors.New("connection reset by peer")
	for name, tt := range map[string]struct {
		answer answer
		fails  string // the methods that read this part
	}{
		"rows of other columns": {answer{rows: [][]driver.Value{make([]driver.Value, 9)}},
			"Kept Listed Revoked load replace"},
		"rows that end early": {answer{broken: broken}, "Kept Listed Revoked load replace"},
		"no number of rows": {answer{noCount: broken},
			"Delist Enlist Enlist for no time Keep Lease MarkUsed Revoke delete forget replace save"},
		"no id": {answer{affected: 1, noID: broken},
			"Delist Enlist Enlist for no time Keep Lease MarkUsed Revoke delete forget replace save"},
	} {
		for _, d := range dialects() {
			want := tt.fails
			if d != sqlstate.MySQL && name == "no id" { // only drivers of MySQL have one
				want = ""
			}
			f := &fake{answer: func(context.Context, string, []any) (answer, error) { return tt.answer, nil }}
			var failed []string
			for method, err := range everyMethod(t.Context(), newStore(t, f, d)) {
				if err != nil && method != "Ping" { // which misses the row of the version
					failed = append(failed, method)
				}
			}
			slices.Sort(failed)
			if got := strings.Join(failed, " "); got != want {
				t.Errorf("%s: %s: %q fail, want %q", d, name, got, want)
			}
		}
	}
}

// TestRowsAreReadAnew when a statement is repeated.
func TestRowsAreReadAnew(t *testing.T) {
	attempts := 0
	f := &fake{answer: func(context.Context, string, []any) (answer, error) {
		a := answer{rows: [][]driver.Value{{"e1"}}}
		if attempts++; attempts == 1 {
			a.broken = errors.New("connection reset by peer")
		}
		return a, nil
	}}
	got, err := newStore(t, f, sqlstate.PostgreSQL).Listed(t.Context(), "u")
	if err != nil || !slices.Equal(got, []string{"e1"}) || attempts != 2 {
		t.Errorf("%q, %v after %d attempts", got, err, attempts)
	}
}
