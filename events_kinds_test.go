package ginoidc_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// TestEventsOfTrouble: what fails at the provider or in the shared state is an event too.
func TestEventsOfTrouble(t *testing.T) {
	var r recorder
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.OnEvent = r.receive })
	a.OP.Intercept(fakeop.Discovery, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) })
	if reply := a.Browser().Navigate("/auth/signin"); reply.StatusCode != http.StatusServiceUnavailable {
		t.Fatalf("%d", reply.StatusCode)
	}
	got := r.take()
	if text := summary(got); text != "provider; provider provider_status; sign_in_refused provider_unavailable" {
		t.Errorf("%s", text)
	}
	if last := got[len(got)-1]; last.Err == nil || !errors.Is(last.Err, ginoidc.ErrProviderUnavailable) {
		t.Errorf("%+v", last)
	}
}

// TestEventOfThrottle: of 513 callbacks at a provider that hangs, one is not sent on, and its event says so.
func TestEventOfThrottle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		var a *testapp.App
		hang := make(chan struct{})
		a = testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
			c.OnEvent = r.receive
			c.Providers[0].Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
				if strings.HasSuffix(r.URL.Path, "/token") {
					<-hang
				}
				return a.OP.Transport().RoundTrip(r)
			})
		})
		var all sync.WaitGroup
		for range 513 {
			b := a.Browser()
			callback := b.Start("/auth/signin", "alice")
			all.Go(func() { b.Navigate(callback) })
		}
		synctest.Wait()
		close(hang)
		all.Wait()
		throttled := slices.DeleteFunc(r.take(), func(e ginoidc.Event) bool { return e.Name != ginoidc.EventThrottled })
		if len(throttled) != 1 || throttled[0].Code != "provider_unavailable" || throttled[0].RequestID == "" {
			t.Errorf("%+v", throttled)
		}
	})
}
