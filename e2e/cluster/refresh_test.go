package cluster_test

import (
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc/e2e/start"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
)

// The app keeps the expiry of a token in whole seconds, and treats a token as expired 30 s before. So a new one is
// valid until the full second after the next one by the clock.
const (
	good, tokenLife = 2 * time.Second, 32 * time.Second
	atOnce          = 100
)

// oneRefresh: a hundred requests of one browser, over two instances at once, find the access token about to expire,
// again and again. Each time there is one refresh. With two, the provider would revoke the grant.
func oneRefresh(t *testing.T, app start.Example, b backing, expiries int) {
	c := newCluster(t, app, b, fakeop.Config{TokenLife: tokenLife, AlwaysRefreshToken: true}, "OIDC_KEEP_TOKENS=true")
	alice := c.signIn(t, "alice")
	var answered, unauthorized, failed atomic.Int64
	var counts []int
	sum, late := 0, 0
	for round := 0; len(counts) < expiries && round < 3*expiries; round++ {
		began := time.Now().Truncate(time.Second).Add(good)
		time.Sleep(time.Until(began))
		before := c.op.Refreshes()
		var requests sync.WaitGroup
		for i := range atOnce {
			requests.Go(func() {
				switch status, subject := alice.shown(c.apps[i%2].URL + "/api/upstream"); {
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
		if time.Since(began) < good {
			counts = append(counts, c.op.Refreshes()-before)
			sum += counts[len(counts)-1]
		} else {
			late++ // the token may have expired meanwhile: a second refresh is right
		}
	}
	t.Logf("%d expiries, %d refreshes, %d rounds too slow to count; %d requests answered, %d unauthorized, %d failed",
		len(counts), sum, late, answered.Load(), unauthorized.Load(), failed.Load())
	for i, n := range counts {
		if n != 1 {
			t.Errorf("expiry %d: %d refreshes", i, n)
		}
	}
	if len(counts) < expiries {
		t.Errorf("only %d rounds were fast enough", len(counts))
	}
	if unauthorized.Load() != 0 || failed.Load() != 0 {
		t.Error("requests were not answered")
	}
}
