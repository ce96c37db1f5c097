// Package sqlstate keeps in the app's own database what several instances of an app share: the sessions, and the state
// that ends them everywhere at once (revocations, one-time values, lists of sessions, leases). It also makes the
// sign-outs of a single process survive a restart.
//
// It works over [database/sql] with PostgreSQL 12 or later, MySQL 8.0 or later, MariaDB 10.5 or later, and SQLite 3.42
// or later. The app chooses and imports the driver:
//
//	db, err := sql.Open("pgx", os.Getenv("DATABASE_URL"))
//	…
//	store, err := sqlstate.New(sqlstate.Config{
//		DB: db, Dialect: sqlstate.PostgreSQL, Secrets: []string{os.Getenv("COOKIE_SECRET")},
//	})
//	…
//	err = store.Migrate(ctx) // creates the tables
//
// The browser holds a random id. The database holds, under a hash of that id, the session sealed with AES-256-GCM:
// reading either one reveals no session and does not suffice to forge one.
//
// If the database does not respond, the result is an error within Config.Timeout, never "no such session".
package sqlstate

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/gin-contrib/sessions"

	"github.com/seed-d65cea4d/ginoidc/internal/store"
)

const (
	sealPurpose    = "ginoidc/sqlstate"
	defaultPrefix  = "ginoidc_"
	defaultTimeout = time.Second
)

// Config holds the settings for [New].
type Config struct {
	// DB is the app's database. The driver must end a statement when its context ends, as the usual ones do. database/sql
	// keeps only two idle connections by default: set SetMaxIdleConns to what the app uses at a time.
	DB *sql.DB

	// Dialect is the kind of the database.
	Dialect Dialect

	// Schema qualifies the tables: a schema of PostgreSQL, which must exist, or a database of MySQL. Empty means where the
	// connection is. SQLite has none.
	Schema string

	// Prefix begins the name of every table; empty means "ginoidc_". Apps with different prefixes can share a database:
	// none sees or opens the data of another.
	Prefix string

	// Secrets seal the sessions, newest first: the first seals, all of them open. To rotate a secret, put the new one
	// first and remove the old one after MaxAge. Each must have at least 32 bytes, which should be random.
	Secrets []string

	// Timeout limits each operation, repeated attempts included; 0 means one second.
	Timeout time.Duration
}

// Store implements [sessions.Store], and the methods by which instances share state. It is safe for concurrent use once
// its Options are set.
type Store struct {
	db         *sql.DB
	dialect    Dialect
	names      names
	steps      []string // to each version of the tables
	timeout    time.Duration
	server     store.Server
	statements statements
	cleaning   cleaning
}

var _ sessions.Store = (*Store)(nil)

// New returns a Store, or an error that lists everything wrong with the configuration. It does not connect: use
// [Store.Migrate] to create the tables, and [Store.Ping] to check.
//
// The cookies have Path=/, a Max-Age of one day, Secure, HttpOnly and SameSite=Lax until [Store.Options] sets others.
func New(cfg Config) (*Store, error) {
	if cfg.Prefix == "" {
		cfg.Prefix = defaultPrefix
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = defaultTimeout
	}
	ring, err := store.NewRing(sealPurpose, cfg.Secrets)
	if err := errors.Join(err, cfg.problems()); err != nil {
		return nil, fmt.Errorf("sqlstate: %w", err)
	}
	s := &Store{
		db: cfg.DB, dialect: cfg.Dialect, timeout: cfg.Timeout,
		names: newNames(cfg.Dialect, cfg.Schema, cfg.Prefix),
	}
	if s.steps, err = readSteps(s.dialect, s.names); err != nil {
		return nil, fmt.Errorf("sqlstate: %w", err)
	}
	s.statements = newStatements(s.dialect, s.names)
	s.server = store.Server{
		Backend: backend{s}, Name: "sqlstate", Prefix: cfg.Prefix, Ring: ring, Options: store.DefaultOptions(),
	}
	return s, nil
}

// identifier is what may become part of a statement. It needs no quotes in any dialect, and leaves room for suffixes:
// PostgreSQL cuts names after 63 bytes.
var identifier = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,39}$`)

func (cfg *Config) problems() error {
	var problems []error
	add := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	if cfg.DB == nil {
		add("DB is not set")
	}
	if !cfg.Dialect.known() {
		add("the Dialect %q is none of %q, %q and %q", cfg.Dialect, PostgreSQL, MySQL, SQLite)
	}
	if !identifier.MatchString(cfg.Prefix) {
		add("the Prefix %q is not of the form %s", cfg.Prefix, identifier)
	}
	switch {
	case cfg.Schema == "":
	case cfg.Dialect == SQLite:
		add("SQLite has no Schema")
	case !identifier.MatchString(cfg.Schema):
		add("the Schema %q is not of the form %s", cfg.Schema, identifier)
	}
	if cfg.Timeout < 0 {
		add("the Timeout of %v is negative", cfg.Timeout)
	}
	return errors.Join(problems...)
}

// Ping checks that the database responds and that its tables are those of this version. The error says what is wrong.
func (s *Store) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	version, err := s.version(ctx, s.db)
	switch {
	case err != nil:
		return fmt.Errorf("sqlstate: ping: %w", err)
	case version < latest:
		return fmt.Errorf("sqlstate: ping: the tables have version %d and this program needs %d: run Migrate",
			version, latest)
	}
	return nil
}

// Close closes the prepared statements, and not the database.
func (s *Store) Close() error { return s.statements.close() }
