package store_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
	"github.com/seed-d65cea4d/ginoidc/redisstate"
)

// TestRedisSizes: what a session and the entries of the shared state take in Redis. It prints figures, and fails if an
// entry is not there.
func TestRedisSizes(t *testing.T) {
	server := newRedisServer(t, "--appendonly", "no")
	client := server.client(t, "", 0)
	store := newRedisState(t, redisstate.Config{URL: "redis://" + server.addr})
	log := func(what, prefix string, entries int64) {
		t.Helper()
		size := sizeOf(t, client, prefix)
		if t.Logf("figure redis: %s | %d", what, size/entries); size < 30*entries {
			t.Error("that is too little")
		}
	}
	_, _ = guarded(t, store, store)
	log("a session of a user in three groups", "s:", 1)
	command(t, client, "FLUSHALL")

	b := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.Store, c.State = store, store }).Browser()
	b.App.OP.AddUser(fakeop.User{
		Subject: "00u1a2b3c4d5e6f7g8h9", Name: "Alice Example", Email: "alice@example.com",
		Groups: []string{"admin", "staff", "audit"},
	})
	b.MustSignIn("00u1a2b3c4d5e6f7g8h9")
	log("the same with the ID token, for the sign-out at the provider", "s:", 1)
	log("each of its two entries in lists, of the user and of the provider's session id", "i:", 2)
	if r := b.Do(http.MethodPost, "/auth/signout", nil); r.StatusCode != http.StatusSeeOther {
		t.Fatalf("sign-out: %d", r.StatusCode)
	}
	command(t, client, "DEL", "ginoidc:r:probe")
	log("a revocation", "r:", 1)

	const callers, each = 8, 5000
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for range each {
				if _, err := store.MarkUsed(t.Context(), fmt.Sprintf("a%032x", rand.Uint64()), time.Hour); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	log("a sign-in attempt, until it expires", "o:", callers*each)
}

// sizeOf returns how many bytes the keys with a prefix take with their values.
func sizeOf(t *testing.T, client rueidis.Client, prefix string) (size int64) {
	t.Helper()
	answer := command(t, client, "KEYS", "ginoidc:"+prefix+"*")
	keys, err := answer.AsStrSlice()
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range keys {
		answer := command(t, client, "MEMORY", "USAGE", key, "SAMPLES", "0")
		n, err := answer.AsInt64()
		if err != nil {
			t.Fatal(err)
		}
		size += n
	}
	return size
}
