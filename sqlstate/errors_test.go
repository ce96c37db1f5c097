package sqlstate_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc/sqlstate"
)

var errGone = errors.New("driver: bad connection to the server")

// TestEveryStatementFails: whichever statement of a migration fails, on each database, the migration says so.
func TestEveryStatementFails(t *testing.T) {
	for _, d := range []sqlstate.Dialect{sqlstate.PostgreSQL, sqlstate.MySQL, sqlstate.SQLite} {
		all := 1
		for failing := 0; failing <= all; failing++ {
			m := &migrating{version: -1, fails: map[string]error{}}
			f, n, failed := m.fake(), 0, ""
			answers := f.answer
			f.answer = func(ctx context.Context, text string, args []any) (answer, error) {
				if n++; n == failing {
					failed = text
					return answer{}, errGone
				}
				return answers(ctx, text, args)
			}
			err := newStore(t, f, d).Migrate(t.Context())
			if failing == 0 {
				if all = n; err != nil || all < 5 {
					t.Fatalf("%s: %d statements, %v", d, all, err)
				}
				continue
			}
			// The first look at the version finds that there are no tables, and giving the lock back needs no success.
			harmless := failing == 1 || strings.HasPrefix(failed, "DO release_lock")
			if !harmless && !errors.Is(err, errGone) {
				t.Errorf("%s: statement %d, %.60q: %v", d, failing, failed, err)
			}
		}
	}
}

// TestNoConnection: a migration without a connection is an error.
func TestNoConnection(t *testing.T) {
	f := &fake{}
	db := f.opened(t)
	store, err := sqlstate.New(sqlstate.Config{DB: db, Dialect: sqlstate.PostgreSQL, Secrets: []string{secret}})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.Close(), store.Migrate(t.Context())); err == nil {
		t.Error("migrated a closed database")
	}
}

// TestListsOfRows: a list is read as it is, one that has expired is removed, and rows of another kind are an error.
func TestListsOfRows(t *testing.T) {
	var answers answer
	f := &fake{}
	f.answer = func(context.Context, string, []any) (answer, error) { return answers, nil }
	store := newStore(t, f, sqlstate.PostgreSQL)
	answers.rows = [][]driver.Value{{"a"}, {"b"}}
	if got, err := store.Listed(t.Context(), "u"); err != nil || strings.Join(got, " ") != "a b" {
		t.Errorf("%q, %v", got, err)
	}
	answers.rows = [][]driver.Value{{"a"}, {nil}}
	if got, err := store.Listed(t.Context(), "u"); err == nil {
		t.Errorf("%q of a row without a session", got)
	}
	f.ran()
	if err := store.Enlist(t.Context(), "u", "a", -time.Second); err != nil {
		t.Error(err)
	}
	if ran := f.ran(); len(ran) != 1 || !strings.HasPrefix(ran[0], "DELETE") {
		t.Errorf("%q", ran)
	}
}

// TestLeaseNotReleased: the error of a release is that of the database.
func TestLeaseNotReleased(t *testing.T) {
	f := &fake{answer: func(context.Context, string, []any) (answer, error) { return answer{affected: 1}, nil }}
	release, ok, err := newStore(t, f, sqlstate.PostgreSQL).Lease(t.Context(), "t", time.Hour)
	if !ok || err != nil {
		t.Fatal(ok, err)
	}
	f.answer = func(context.Context, string, []any) (answer, error) { return answer{}, errGone }
	if err := release(t.Context()); !errors.Is(err, errGone) {
		t.Errorf("%v", err)
	}
}
