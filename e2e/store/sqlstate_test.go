package store_test

import (
	"context"
	"database/sql"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/gin-contrib/sessions"
	_ "github.com/go-sql-driver/mysql"
	gsessions "github.com/gorilla/sessions"
	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/e2e/start"
	"github.com/seed-d65cea4d/ginoidc/ginoidctest"
	"github.com/seed-d65cea4d/ginoidc/internal/session/sessiontest"
	"github.com/seed-d65cea4d/ginoidc/sqlstate"
)

var _ ginoidc.SharedState = (*sqlstate.Store)(nil)

// database is one that tests can open repeatedly.
type database struct {
	name    string
	dialect sqlstate.Dialect
	driver  string
	dsn     string
	stop    func(t testing.TB) // ends the server; nil for a file
}

// databases starts one server of each kind.
func databases(t *testing.T) []database {
	postgres := start.RunPostgres(t)
	maria := start.RunMariaDB(t, start.FreePort(t), start.DataDir(t))
	return []database{
		sqliteFile(t),
		{"PostgreSQL with pgx", sqlstate.PostgreSQL, "pgx", postgres.URL, postgres.Stop},
		{"PostgreSQL with lib/pq", sqlstate.PostgreSQL, "postgres", postgres.URL, postgres.Stop},
		{"MariaDB", sqlstate.MySQL, "mysql", maria.DSN, maria.Stop},
		{"MariaDB that counts found rows", sqlstate.MySQL, "mysql", maria.DSN + "?clientFoundRows=true", maria.Stop},
	}
}

func sqliteFile(t *testing.T) database {
	return database{"SQLite", sqlstate.SQLite, "sqlite", "file:" + filepath.Join(t.TempDir(), "state.db") +
		"?_pragma=journal_mode(wal)&_pragma=busy_timeout(900)&_txlock=immediate", nil}
}

func (d database) open(t testing.TB) *sql.DB {
	t.Helper()
	db, err := sql.Open(d.driver, d.dsn)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxIdleConns(16)
	db.SetMaxOpenConns(16)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// store returns one with tables of that prefix.
func (d database) store(t testing.TB, prefix string) *sqlstate.Store {
	t.Helper()
	return d.storeOf(t, d.open(t), prefix)
}

func (d database) storeOf(t testing.TB, db *sql.DB, prefix string) *sqlstate.Store {
	t.Helper()
	store, err := sqlstate.New(sqlstate.Config{
		DB: db, Dialect: d.dialect, Prefix: prefix, Secrets: []string{"a secret of the end-to-end tests"},
		Timeout: 10 * time.Second, // a busy disk
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return store
}

func TestSQLState(t *testing.T) {
	for _, d := range databases(t) {
		t.Run(d.name, func(t *testing.T) {
			t.Run("state", func(t *testing.T) { ginoidctest.TestState(t, d.store(t, ""), d.store(t, "")) })
			t.Run("public store", func(t *testing.T) { ginoidctest.TestStore(t, d.store(t, ""), d.store(t, "")) })
			t.Run("store", func(t *testing.T) {
				var db *sql.DB // that of the store made last
				newStore := func(t *testing.T) sessions.Store {
					db = d.open(t)
					return outside(t, d.storeOf(t, db, ""))
				}
				sessiontest.Conformance(t, newStore, sessiontest.Caps{
					Unbounded: true,
					Break:     func(t *testing.T) { _ = db.Close() },
				})
			})
		})
	}
}

// outsider calls the store from a goroutine outside the bubble of the test: drivers wait for contexts in goroutines of
// their connections, which must not be those of a bubble.
type outsider struct {
	*sqlstate.Store
	calls chan func()
	done  chan struct{}
}

func outside(t *testing.T, store *sqlstate.Store) outsider {
	o := outsider{store, make(chan func()), make(chan struct{})}
	go func() {
		for call := range o.calls {
			call()
			o.done <- struct{}{}
		}
	}()
	t.Cleanup(func() { close(o.calls) })
	return o
}

func (o outsider) call(do func()) {
	o.calls <- do
	<-o.done
}

func detached(r *http.Request) *http.Request { return r.WithContext(context.Background()) }

func (o outsider) New(r *http.Request, name string) (s *gsessions.Session, err error) {
	o.call(func() { s, err = o.Store.New(detached(r), name) })
	return s, err
}

func (o outsider) Save(r *http.Request, w http.ResponseWriter, s *gsessions.Session) (err error) {
	o.call(func() { err = o.Store.Save(detached(r), w, s) })
	return err
}

func (o outsider) LoadRecord(r *http.Request, name string) (record []byte, stale bool, err error) {
	o.call(func() { record, stale, err = o.Store.LoadRecord(detached(r), name) })
	return record, stale, err
}

func (o outsider) SaveRecord(
	h http.Header, r *http.Request, name string, record []byte, options *gsessions.Options,
) (err error) {
	o.call(func() { err = o.Store.SaveRecord(h, detached(r), name, record, options) })
	return err
}

func (o outsider) DeleteRecord(
	h http.Header, r *http.Request, name string, options *gsessions.Options,
) (err error) {
	o.call(func() { err = o.Store.DeleteRecord(h, detached(r), name, options) })
	return err
}
