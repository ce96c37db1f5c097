package store_test

import (
	"database/sql"
	"testing"

	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/postgres"

	"github.com/seed-d65cea4d/ginoidc/e2e/start"
	"github.com/seed-d65cea4d/ginoidc/internal/session/sessiontest"
)

func TestPostgres(t *testing.T) {
	var server start.Postgres // that of the store made last
	newStore := func(t *testing.T) sessions.Store {
		server = start.RunPostgres(t)
		db, err := sql.Open("postgres", server.URL)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		store, err := postgres.NewStore(db, authenticationKey())
		if err != nil {
			t.Fatal(err)
		}
		return store
	}
	sessiontest.Conformance(t, newStore, sessiontest.Caps{Break: func(t *testing.T) { server.Stop(t) }})
}
