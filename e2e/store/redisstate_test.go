package store_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gin-contrib/sessions"
	gsessions "github.com/gorilla/sessions"
	"github.com/redis/rueidis"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/e2e/start"
	"github.com/seed-d65cea4d/ginoidc/internal/session/sessiontest"
	"github.com/seed-d65cea4d/ginoidc/redisstate"
)

var _ ginoidc.SharedState = (*redisstate.Store)(nil)

const cookieName = "__Host-session"

func newRedisState(t *testing.T, cfg redisstate.Config) *redisstate.Store {
	t.Helper()
	cfg.Secrets = []string{"a secret of the end-to-end tests"}
	store, err := redisstate.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	return store
}

func TestRedisState(t *testing.T) {
	var server start.Redis // that of the store made last
	newStore := func(t *testing.T) sessions.Store {
		server = start.RunRedis(t)
		return newRedisState(t, redisstate.Config{URL: "redis://" + server.Addr})
	}
	sessiontest.Conformance(t, newStore, sessiontest.Caps{
		Unbounded: true,
		Break:     func(t *testing.T) { server.Stop(t) },
	})
}

func save(store *redisstate.Store, r *http.Request, record string) (cookie sessiontest.Browser, err error) {
	h := http.Header{}
	o := &gsessions.Options{Path: "/", MaxAge: 3600, Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode}
	if err := store.SaveRecord(h, r, cookieName, []byte(record), o); err != nil {
		return nil, err
	}
	c, err := http.ParseSetCookie(h.Get("Set-Cookie"))
	if err != nil {
		return nil, err
	}
	return sessiontest.Browser{cookieName: c.Value}, nil
}

// The state with the real scripts, on a server with a password and another database, and on a cluster.
func TestRedisStateShared(t *testing.T) {
	t.Run("one server", func(t *testing.T) {
		server := newRedisServer(t, "--appendonly", "no", "--requirepass", "p@ss w/rd")
		client := server.client(t, "p@ss w/rd", 3)
		testShared(t, newRedisState(t, redisstate.Config{URL: "redis://:p%40ss%20w%2Frd@" + server.addr + "/3"}), client)
		answer := command(t, client, "KEYS", "*")
		keys, err := answer.AsStrSlice()
		if err != nil || len(keys) != 7 { // a session, two revocations, one seen, one lease, one kept, one list
			t.Errorf("keys in database 3: %q, %v", keys, err)
		}
		for _, key := range keys {
			if !strings.HasPrefix(key, "ginoidc:") {
				t.Errorf("key %q", key)
			}
			answer := command(t, client, "PTTL", key)
			if ttl, err := answer.ToInt64(); err != nil || ttl <= int64(50*time.Minute/time.Millisecond) ||
				ttl > int64(time.Hour/time.Millisecond) {
				t.Errorf("key %q lives %d ms", key, ttl)
			}
		}
		if answer, err := newRedisState(t,
			redisstate.Config{URL: "redis://:wrong@" + server.addr}).Revoked(t.Context(), "a"); err == nil {
			t.Errorf("with a wrong password: %v", answer)
		}
	})
	t.Run("cluster", func(t *testing.T) {
		server := newRedisServer(t, "--appendonly", "no", "--cluster-enabled", "yes")
		client := server.client(t, "", 0)
		command(t, client, "CLUSTER", "ADDSLOTSRANGE", "0", "16383")
		// A client created before the cluster is up is one for a single server.
		cluster := eventually(t, func() (*redisstate.Store, error) {
			store := newRedisState(t, redisstate.Config{Client: server.client(t, "", 0)})
			_, err := store.MarkUsed(t.Context(), "probe", time.Minute)
			return store, err
		})
		testShared(t, cluster, client)
	})
}

func testShared(t *testing.T, store *redisstate.Store, client rueidis.Client) {
	testIndex(t, store, client)
	testKept(t, store, client)
	ctx, at := t.Context(), time.Now().Truncate(time.Microsecond)
	for _, revoke := range []struct {
		key string
		at  time.Time
		ttl time.Duration
	}{
		{"a", at, time.Hour}, {"a", at.Add(-time.Microsecond), time.Minute}, // neither time nor life is cut
		{"b", at.Add(-time.Microsecond), time.Minute}, {"b", at, time.Hour},
	} {
		if err := store.Revoke(ctx, revoke.key, revoke.at, revoke.ttl); err != nil {
			t.Fatal(err)
		}
	}
	ended, err := store.Revoked(ctx, "none", "a", "b")
	if err != nil || !slices.EqualFunc(ended, []time.Time{{}, at, at}, time.Time.Equal) {
		t.Errorf("Revoked = %v, %v; want %v", ended, err, at)
	}

	var first atomic.Int32
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if ok, err := store.MarkUsed(ctx, "jti", time.Hour); err != nil {
				t.Error(err)
			} else if ok {
				first.Add(1)
			}
		})
	}
	wg.Wait()
	if first.Load() != 1 {
		t.Errorf("%d were the first", first.Load())
	}

	release, ok, err := store.Lease(ctx, "refresh", 50*time.Millisecond)
	if !ok || err != nil {
		t.Fatalf("Lease = %v, %v", ok, err)
	}
	eventually(t, func() (bool, error) {
		if _, ok, err := store.Lease(ctx, "refresh", time.Hour); !ok || err != nil {
			return false, fmt.Errorf("Lease = %v, %v", ok, err)
		}
		return true, nil
	})
	if err := release(ctx); err != nil { // another's by now
		t.Error(err)
	}
	if _, ok, err := store.Lease(ctx, "refresh", time.Hour); ok || err != nil {
		t.Errorf("a late release took another's lease: %v, %v", ok, err)
	}

	browser, err := save(store, sessiontest.Browser{}.Request(), "alice")
	if err != nil {
		t.Fatal(err)
	}
	if record, _, err := store.LoadRecord(browser.Request(), cookieName); string(record) != "alice" || err != nil {
		t.Errorf("LoadRecord = %q, %v", record, err)
	}
}
