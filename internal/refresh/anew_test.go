package refresh_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/state"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// newRechecked returns an app that shows the access token, which lasts for five minutes, and reads users again after
// six. The provider revokes all tokens if a refresh token is redeemed twice.
func newRechecked(t *testing.T, change ...testapp.Change) *testapp.App {
	return testapp.NewWithTokens(t, append(change, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.RecheckEvery = 6 * time.Minute
	})...)
}

// TestAnewAfterARefresh: a check with tokens that another request has refreshed meanwhile redeems the newest ones.
func TestAnewAfterARefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newRechecked(t)
		b := a.Browser()
		b.MustSignIn("alice")
		time.Sleep(5 * time.Minute)
		b.Twin().Fetch("/token") // the response is lost
		time.Sleep(time.Minute + time.Second)
		if r := b.Fetch("/me"); r.StatusCode != http.StatusOK || a.OP.Refreshes() != 2 ||
			strings.Contains(a.Logs.String(), "not read again") {
			t.Errorf("%d after %d refreshes\n%s", r.StatusCode, a.OP.Refreshes(), a.Logs)
		}
	})
}

// overtaken lets another request refresh just before a refresh takes its lease.
type overtaken struct {
	*state.Memory
	rival func()
	once  *sync.Once
}

func (o overtaken) Lease(
	ctx context.Context, key string, ttl time.Duration,
) (func(context.Context) error, bool, error) {
	if key[0] == 't' {
		o.once.Do(o.rival)
	}
	return o.Memory.Lease(ctx, key, ttl)
}

// TestAnewOvertaken: a check that gets the lease after another request has refreshed redeems what that one got.
func TestAnewOvertaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := state.NewMemory(0)
		var rival func()
		one := newRechecked(t, func(c *ginoidc.Config, _ *fakeop.Config) {
			c.State = overtaken{shared, func() { rival() }, &sync.Once{}}
		})
		two := testapp.NewWithTokens(t, func(c *ginoidc.Config, _ *fakeop.Config) {
			c.State, c.Providers[0].Transport = shared, one.OP.Transport()
		})
		b := one.Browser()
		b.MustSignIn("alice")
		copied := b.Twin()
		copied.App = two
		rival = func() { copied.Fetch("/token") }
		time.Sleep(6*time.Minute + time.Second)
		if r := b.Fetch("/me"); r.StatusCode != http.StatusOK || one.OP.Refreshes() != 2 || b.WhoAmI() != "alice" {
			t.Errorf("%d after %d refreshes\n%s", r.StatusCode, one.OP.Refreshes(), one.Logs)
		}
	})
}
