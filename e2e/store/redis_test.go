package store_test

import (
	"testing"

	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/redis"

	"github.com/seed-d65cea4d/ginoidc/e2e/start"
	"github.com/seed-d65cea4d/ginoidc/internal/session/sessiontest"
)

func TestRedis(t *testing.T) {
	var server start.Redis // that of the store made last
	newStore := func(t *testing.T) sessions.Store {
		server = start.RunRedis(t)
		store, err := redis.NewStore(4, "tcp", server.Addr, "", "", authenticationKey())
		if err != nil {
			t.Fatal(err)
		}
		return store
	}
	sessiontest.Conformance(t, newStore, sessiontest.Caps{Break: func(t *testing.T) { server.Stop(t) }})
}
