package store_test

import (
	"testing"
	"time"

	"github.com/bradfitz/gomemcache/memcache"
	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/memcached"

	"github.com/seed-d65cea4d/ginoidc/e2e/start"
	"github.com/seed-d65cea4d/ginoidc/internal/session/sessiontest"
)

func TestMemcached(t *testing.T) {
	var server start.Memcached // that of the store made last
	newStore := func(t *testing.T) sessions.Store {
		server = start.RunMemcached(t)
		client := memcache.New(server.Addr)
		client.Timeout = 10 * time.Second // for a busy machine
		t.Cleanup(func() { _ = client.Close() })
		return memcached.NewStore(client, "", authenticationKey())
	}
	sessiontest.Conformance(t, newStore, sessiontest.Caps{Break: func(t *testing.T) { server.Stop(t) }})
}
