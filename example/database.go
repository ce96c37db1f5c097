package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite" // needs no C compiler

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/sqlstate"
)

const (
	connections  = 20
	migrateLimit = 10 * time.Second
	migratePause = time.Second
)

// useDatabase keeps sessions and the shared state in the database at the URL. A server need not be up yet; a file must
// be usable.
func useDatabase(c *ginoidc.Config, rawURL string) (stop func(), err error) {
	db, dialect, err := openDatabase(rawURL)
	if err != nil {
		return nil, fmt.Errorf("example: DATABASE_URL: %w", err)
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	secrets := c.CookieSecrets
	if len(secrets) == 0 { // [ginoidc.New] reports it; only check the URL here
		secrets = []string{rand.Text() + rand.Text()}
	}
	store, err := sqlstate.New(sqlstate.Config{DB: db, Dialect: dialect, Secrets: secrets})
	if err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("example: DATABASE_URL: %s", strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	if dialect == sqlstate.SQLite {
		if err := store.Migrate(context.Background()); err != nil {
			_ = db.Close()
			return nil, fmt.Errorf("example: DATABASE_URL: %w", err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	migrated := make(chan struct{})
	go func() {
		defer close(migrated)
		migrate(ctx, store, c.Logger)
	}()
	c.Store, c.State = store, store
	return func() {
		cancel()
		<-migrated
		_ = store.Close()
		_ = db.Close()
	}, nil
}

// migrate creates the tables as soon as the database is up. Until then guarded routes and /readyz answer 503.
func migrate(ctx context.Context, store *sqlstate.Store, log *slog.Logger) {
	for reported := false; ctx.Err() == nil; reported = true {
		limited, cancel := context.WithTimeout(ctx, migrateLimit)
		err := store.Migrate(limited)
		cancel()
		if err == nil {
			return
		}
		if !reported {
			log.Error("the database is not ready; trying again", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(migratePause):
		}
	}
}

// errDatabaseURL has no details: the URL holds a password, and errors of parsers repeat it.
var errDatabaseURL = errors.New("is not of the form postgres://user:password@host:port/name, " +
	"mysql://user:password@host:port/name or sqlite:FILE")

// openDatabase does not connect.
func openDatabase(rawURL string) (*sql.DB, sqlstate.Dialect, error) {
	if file, ok := strings.CutPrefix(rawURL, "sqlite:"); ok {
		if file == "" || strings.HasPrefix(file, ":") {
			return nil, "", errDatabaseURL
		}
		db, err := sql.Open("sqlite", sqliteDSN(file))
		return db, sqlstate.SQLite, err
	}
	u, err := url.Parse(rawURL)
	if err != nil || u.Host == "" {
		return nil, "", errDatabaseURL
	}
	switch u.Scheme {
	case "postgres", "postgresql":
		config, err := pgx.ParseConfig(rawURL)
		if err != nil {
			return nil, "", errDatabaseURL
		}
		return stdlib.OpenDB(*config), sqlstate.PostgreSQL, nil
	case "mysql":
		config, err := mySQLConfig(u)
		if err != nil {
			return nil, "", errDatabaseURL
		}
		connector, err := mysql.NewConnector(config)
		if err != nil {
			return nil, "", errDatabaseURL
		}
		return sql.OpenDB(connector), sqlstate.MySQL, nil
	}
	return nil, "", errDatabaseURL
}

// sqliteDSN lets readers and a writer work at the same time, and a writer wait for another one.
func sqliteDSN(file string) string {
	return "file:" + strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(file) +
		"?_pragma=journal_mode(wal)&_pragma=synchronous(full)&_pragma=busy_timeout(900)&_txlock=immediate"
}

// mySQLConfig reads a URL, which the driver does not. Its query has the driver's parameters, such as tls=true.
func mySQLConfig(u *url.URL) (*mysql.Config, error) {
	name := strings.TrimPrefix(u.Path, "/")
	if name == "" {
		return nil, errDatabaseURL
	}
	config, err := mysql.ParseDSN("/?" + u.RawQuery)
	if err != nil {
		return nil, err
	}
	config.Net, config.Addr, config.DBName = "tcp", u.Host, name
	if u.Port() == "" {
		config.Addr = net.JoinHostPort(u.Hostname(), "3306")
	}
	config.User = u.User.Username()
	config.Passwd, _ = u.User.Password()
	return config, nil
}
