package ginoidc_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/state"
)

// TestRefreshUnderUnknownKey: a provider that has just taken a new key, whose list of keys lags behind or cannot be read,
// signs nobody out by a refresh, with refresh tokens that are good once; and nobody slips in meanwhile. Cases 69, 256, 257.
func TestRefreshUnderUnknownKey(t *testing.T) {
	lagging := func(a *app) {
		w := httptest.NewRecorder()
		a.op.ServeHTTP(w, httptest.NewRequest("GET", a.op.Issuer()+string(fakeop.JWKS), nil))
		a.op.Intercept(fakeop.JWKS, func(answer http.ResponseWriter, _ *http.Request) { _, _ = answer.Write(w.Body.Bytes()) })
	}
	for name, before := range map[string]func(*app){
		"the document lags": lagging,
		"keys cannot be read": func(a *app) {
			a.op.Intercept(fakeop.JWKS, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
		},
		"an empty document": func(a *app) {
			a.op.Intercept(fakeop.JWKS, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"keys":[]}`)) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := tokenApp(t)
				b := a.browser()
				b.mustSignIn("alice")
				before(a)
				if err := a.op.RotateKeys(false); err != nil {
					t.Fatal(err)
				}
				for n := range 3 {
					time.Sleep(5 * time.Minute)
					if r := b.fetch("/token"); r.StatusCode != http.StatusOK || !a.op.Active(r.body) || b.whoami() != "alice" || a.op.Refreshes() != n+1 {
						t.Fatalf("%d %s after %d refreshes\n%s", r.StatusCode, r.body, a.op.Refreshes(), a.logs)
					}
				}
				a.op.Intercept(fakeop.JWKS, nil)
				time.Sleep(5 * time.Minute)
				if r := b.fetch("/token"); r.StatusCode != http.StatusOK || a.op.Refreshes() != 4 || b.whoami() != "alice" {
					t.Errorf("once the key is known: %d %s after %d refreshes", r.StatusCode, r.body, a.op.Refreshes())
				}
				time.Sleep(5 * time.Minute)
				before(a)
				if err := a.op.RotateKeys(false); err != nil {
					t.Fatal(err)
				}
				a.op.Misbehave(fakeop.RefreshInvalidSub)
				if r := b.fetch("/token"); r.StatusCode != http.StatusUnauthorized || b.whoami() != "" {
					t.Errorf("another user's: %d %s, %q is signed in", r.StatusCode, r.body, b.whoami())
				}
			})
		})
	}
}

// TestRefreshWhileStateFails: a shared state that cannot say after a refresh whether the session lives, or cannot keep the
// result, signs nobody out and costs no tokens.
func TestRefreshWhileStateFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := &failing{Memory: state.NewMemory(0)}
		a := tokenApp(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.State = shared })
		b := a.browser()
		b.mustSignIn("alice")
		for cycle := range 3 {
			time.Sleep(5 * time.Minute)
			a.op.OnRefreshAnswer(func(map[string]any) { shared.down = true })
			r := b.fetch("/token")
			if shared.down = false; r.StatusCode != http.StatusOK || !a.op.Active(r.body) || b.whoami() != "alice" || a.op.Refreshes() != cycle+1 {
				t.Fatalf("%d %s, %q is signed in, after %d refreshes\n%s", r.StatusCode, r.body, b.whoami(), a.op.Refreshes(), a.logs)
			}
		}
	})
}

// failing answers nothing while it is down.
type failing struct {
	*state.Memory
	down bool
}

var errDown = errors.New("state is down")

func (f *failing) Revoked(ctx context.Context, keys ...string) ([]time.Time, error) {
	if f.down {
		return nil, errDown
	}
	return f.Memory.Revoked(ctx, keys...)
}

func (f *failing) Keep(ctx context.Context, key, value string, ttl time.Duration) error {
	if f.down {
		return errDown
	}
	return f.Memory.Keep(ctx, key, value, ttl)
}

// TestProviderTimeout: what waits for the provider follows from one setting: a call, a callback, a refresh and its lease.
func TestProviderTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := state.NewMemory(0)
		patient := func(c *ginoidc.Config, _ *fakeop.Config) { c.ProviderTimeout, c.State = 30*time.Second, shared }
		one := tokenApp(t, patient)
		two := tokenApp(t, patient, func(c *ginoidc.Config, _ *fakeop.Config) { c.Transport = one.op.Transport() })
		b := one.browser()
		callback := b.start("/auth/signin", "alice")
		slowly(one, 29*time.Second)
		if r := b.navigate(callback); r.StatusCode != http.StatusSeeOther {
			t.Fatalf("callback: %d %s", r.StatusCode, r.body)
		}
		time.Sleep(5 * time.Minute)
		slowly(one, 29*time.Second)
		var callers sync.WaitGroup
		for _, a := range []*app{one, two} {
			callers.Go(func() {
				if r := (&browser{a, b.jar}).fetch("/token"); r.StatusCode != http.StatusOK {
					t.Errorf("refresh: %d %s", r.StatusCode, r.body)
				}
			})
		}
		callers.Wait()
		if one.op.Refreshes() != 1 {
			t.Errorf("%d refreshes", one.op.Refreshes())
		}

		hasty := tokenApp(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.ProviderTimeout = time.Second })
		b = hasty.browser()
		callback = b.start("/auth/signin", "alice")
		slowly(hasty, 30*time.Second)
		start := time.Now()
		if r := b.navigate(callback); r.StatusCode != http.StatusServiceUnavailable || time.Since(start) != time.Second {
			t.Errorf("callback: %d after %v", r.StatusCode, time.Since(start))
		}
		time.Sleep(time.Minute)
	})
}

// TestLastMomentRefresh: who has waited for an instance that was killed has the full time for a refresh of its own.
func TestLastMomentRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := tokenApp(t, func(c *ginoidc.Config, _ *fakeop.Config) {
			c.State = &shortlived{Memory: state.NewMemory(0), ttl: 14900 * time.Millisecond}
		})
		b := a.browser()
		b.mustSignIn("alice")
		time.Sleep(5 * time.Minute)
		slowly(a, 4*time.Second)
		if r := b.fetch("/token"); r.StatusCode != http.StatusOK || a.op.Refreshes() != 1 {
			t.Errorf("%d %s after %d refreshes", r.StatusCode, r.body, a.op.Refreshes())
		}
	})
}

// shortlived gives its first lease to somebody who is never heard of again, for ttl.
type shortlived struct {
	*state.Memory
	ttl  time.Duration
	once sync.Once
}

func (s *shortlived) Lease(ctx context.Context, key string, ttl time.Duration) (func(context.Context) error, bool, error) {
	s.once.Do(func() { _, _, _ = s.Memory.Lease(ctx, key, s.ttl) })
	return s.Memory.Lease(ctx, key, ttl)
}
