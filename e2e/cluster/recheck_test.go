package cluster_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc/e2e/start"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
)

// recheckEvery is long enough for a hundred requests on a slow machine.
const recheckEvery = 12 * time.Second

// oneRecheck: a hundred requests of one browser, over two instances at once, arrive past RecheckEvery, again and again.
// Each time the provider is asked once, and all requests see the groups as they are then. With two refreshes, the
// provider would revoke the grant.
func oneRecheck(t *testing.T, app start.Example, b backing, rounds int) {
	c := newCluster(t, app, b, fakeop.Config{AlwaysRefreshToken: true}, "OIDC_RECHECK_EVERY="+recheckEvery.String())
	alice := c.signIn(t, "alice")
	all, longest := 0, time.Duration(0)
	for round := range rounds {
		group := fmt.Sprint("group-", round)
		c.op.AddUser(fakeop.User{Subject: "alice", Groups: []string{group}})
		time.Sleep(recheckEvery + time.Second)
		before, began := c.op.Refreshes(), time.Now()
		var requests sync.WaitGroup
		var mu sync.Mutex
		seen := map[string]int{}
		for i := range atOnce {
			requests.Go(func() {
				status, groups := alice.groups(c.apps[i%2].URL)
				mu.Lock()
				defer mu.Unlock()
				seen[fmt.Sprint(status, groups)]++
			})
		}
		requests.Wait()
		checks := c.op.Refreshes() - before
		all, longest = all+checks, max(longest, time.Since(began))
		if want := fmt.Sprint(http.StatusOK, []string{group}); checks != 1 || seen[want] != atOnce {
			t.Errorf("round %d: %d checks, %v", round, checks, seen)
		}
	}
	t.Logf("figure rechecked: %s | %d | %d | %v", kindOf(t), rounds, all, longest.Round(10*time.Millisecond))
}

// providerDown: while the provider is down, users are served until the grace ends and then get 503. When it is back,
// they are served again, without signing in.
func providerDown(t *testing.T, app start.Example, b backing) {
	const every, grace = 4 * time.Second, 8 * time.Second
	c := newCluster(t, app, b, fakeop.Config{AlwaysRefreshToken: true}, "OIDC_RECHECK_EVERY="+every.String(),
		"OIDC_RECHECK_GRACE="+grace.String())
	alice := c.signIn(t, "alice")
	began := time.Now()
	for _, endpoint := range []fakeop.Endpoint{fakeop.Discovery, fakeop.JWKS, fakeop.Token, fakeop.UserInfo} {
		c.op.Intercept(endpoint, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	}
	c.await(t, alice, http.StatusServiceUnavailable, 2*(every+grace))
	down := time.Since(began)
	if down < every+grace-2*time.Second { // times in sessions are whole seconds
		t.Errorf("503 after %s", down)
	}
	for _, endpoint := range []fakeop.Endpoint{fakeop.Discovery, fakeop.JWKS, fakeop.Token, fakeop.UserInfo} {
		c.op.Intercept(endpoint, nil)
	}
	back := time.Now()
	c.await(t, alice, http.StatusOK, 15*time.Second)
	t.Logf("figure graced: %s | %v | %v", kindOf(t), down.Round(100*time.Millisecond),
		time.Since(back).Round(100*time.Millisecond))
}

// await makes requests until the status is this one. No request may have another status than 200 and 503.
func (c *cluster) await(t *testing.T, p *person, want int, limit time.Duration) {
	t.Helper()
	for began := time.Now(); ; time.Sleep(100 * time.Millisecond) {
		status, subject := p.me(c.url)
		switch {
		case status == want:
			return
		case status != http.StatusServiceUnavailable && (status != http.StatusOK || subject != p.subject):
			t.Fatalf("%d, %q", status, subject)
		case time.Since(began) > limit:
			t.Fatalf("%d after %s", status, limit)
		}
	}
}
