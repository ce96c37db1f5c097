package cluster_test

import (
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
)

// TestOneRefresh: fifty requests of one browser, over all instances at once, find the access token about to expire, ten
// times in a row. Each time there is one refresh. With two, the provider would revoke the grant.
func TestOneRefresh(t *testing.T) {
	const (
		atOnce   = 50
		expiries = 10
		// The app keeps the expiry of a token in whole seconds, and treats a token as expired 30 s before. So a new one is
		// valid until the next full second by the clock.
		good, life = time.Second, 31 * time.Second
	)
	c := newCluster(t, fakeop.Config{TokenLife: life, AlwaysRefreshToken: true}, "OIDC_KEEP_TOKENS=true")
	alice := c.signIn(t, "alice")
	var answered, unauthorized, failed atomic.Int64
	var counts []int
	late := 0
	for round := 0; len(counts) < expiries && round < 3*expiries; round++ {
		second := time.Now().Truncate(good).Add(good)
		time.Sleep(time.Until(second))
		before := c.op.Refreshes()
		var requests sync.WaitGroup
		for i := range atOnce {
			requests.Go(func() {
				switch status, subject := alice.shown(c.apps[i%len(c.apps)].URL + "/api/upstream"); {
				case status == http.StatusOK && subject == "alice":
					answered.Add(1)
				case status == http.StatusUnauthorized:
					unauthorized.Add(1)
				default:
					failed.Add(1)
				}
			})
		}
		requests.Wait()
		if time.Since(second) < good {
			counts = append(counts, c.op.Refreshes()-before)
		} else {
			late++ // the token came to its end meanwhile: a second refresh is right
		}
	}
	t.Logf("%d expiries, refreshes %v, %d rounds too slow to count; %d requests answered, %d unauthorized, %d failed",
		len(counts), counts, late, answered.Load(), unauthorized.Load(), failed.Load())
	for i, n := range counts {
		if n != 1 {
			t.Errorf("expiry %d: %d refreshes", i, n)
		}
	}
	if len(counts) < expiries {
		t.Errorf("only %d rounds took less than %s", len(counts), good)
	}
	if unauthorized.Load() != 0 || failed.Load() != 0 {
		t.Error("requests were not answered")
	}
}
