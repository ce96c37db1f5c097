package refresh_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/state"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// TestRefreshUnderUnknownKey: a provider that has just rotated its key, and whose key set is out of date or unreadable,
// signs nobody out by a refresh, with one-time refresh tokens; and nobody slips in meanwhile. Cases 69, 256, 257.
func TestRefreshUnderUnknownKey(t *testing.T) {
	lagging := func(a *testapp.App) {
		w := httptest.NewRecorder()
		a.OP.ServeHTTP(w, httptest.NewRequest("GET", a.OP.Issuer()+string(fakeop.JWKS), nil))
		a.OP.Intercept(fakeop.JWKS, func(answer http.ResponseWriter, _ *http.Request) { _, _ = answer.Write(w.Body.Bytes()) })
	}
	for name, before := range map[string]func(*testapp.App){
		"the document lags": lagging,
		"keys cannot be read": func(a *testapp.App) {
			a.OP.Intercept(fakeop.JWKS, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
		},
		"an empty document": func(a *testapp.App) {
			a.OP.Intercept(fakeop.JWKS, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"keys":[]}`)) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := testapp.NewWithTokens(t)
				b := a.Browser()
				b.MustSignIn("alice")
				before(a)
				if err := a.OP.RotateKeys(false); err != nil {
					t.Fatal(err)
				}
				for n := range 3 {
					time.Sleep(5 * time.Minute)
					if r := b.Fetch("/token"); r.StatusCode != http.StatusOK || !a.OP.Active(r.Body) || b.WhoAmI() != "alice" ||
						a.OP.Refreshes() != n+1 {
						t.Fatalf("%d %s after %d refreshes\n%s", r.StatusCode, r.Body, a.OP.Refreshes(), a.Logs)
					}
				}
				a.OP.Intercept(fakeop.JWKS, nil)
				time.Sleep(5 * time.Minute)
				if r := b.Fetch("/token"); r.StatusCode != http.StatusOK || a.OP.Refreshes() != 4 || b.WhoAmI() != "alice" {
					t.Errorf("once the key is known: %d %s after %d refreshes", r.StatusCode, r.Body, a.OP.Refreshes())
				}
				time.Sleep(5 * time.Minute)
				before(a)
				if err := a.OP.RotateKeys(false); err != nil {
					t.Fatal(err)
				}
				a.OP.Misbehave(fakeop.RefreshInvalidSub)
				if r := b.Fetch("/token"); r.StatusCode != http.StatusUnauthorized || b.WhoAmI() != "" {
					t.Errorf("another user's: %d %s, %q is signed in", r.StatusCode, r.Body, b.WhoAmI())
				}
			})
		})
	}
}

// TestRefreshWhileStateFails: a shared state that cannot say after a refresh whether the session lives, or cannot keep
// the result, signs nobody out and costs no tokens.
func TestRefreshWhileStateFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := &failing{Memory: state.NewMemory(0)}
		a := testapp.NewWithTokens(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.State = shared })
		b := a.Browser()
		b.MustSignIn("alice")
		for cycle := range 3 {
			time.Sleep(5 * time.Minute)
			a.OP.OnRefreshAnswer(func(map[string]any) { shared.down = true })
			r := b.Fetch("/token")
			if shared.down = false; r.StatusCode != http.StatusOK || !a.OP.Active(r.Body) || b.WhoAmI() != "alice" ||
				a.OP.Refreshes() != cycle+1 {
				t.Fatalf("%d %s, %q is signed in, after %d refreshes\n%s", r.StatusCode, r.Body, b.WhoAmI(),
					a.OP.Refreshes(), a.Logs)
			}
		}
	})
}

// failing returns only errors while it is down.
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

// TestSameTokens: a provider that responds with the same tokens until they expire is asked once, and once more after
// that.
func TestSameTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := &counting{Memory: state.NewMemory(0)}
		a := testapp.NewWithTokens(t, func(c *ginoidc.Config, op *fakeop.Config) {
			c.State, op.KeepRefreshToken = shared, true
		})
		a.OP.Misbehave(fakeop.RefreshWithoutIDToken)
		b := a.Browser()
		b.MustSignIn("alice")
		token := b.Fetch("/token").Body
		same := true
		a.OP.OnRefreshAnswer(func(answer map[string]any) {
			if same {
				answer["access_token"], answer["expires_in"] = token, 15
			}
		})
		old := b.Twin()
		time.Sleep(4*time.Minute + 45*time.Second)
		for _, browser := range []*testapp.Browser{b, old, b, old.Twin()} {
			if r := browser.Fetch("/token"); r.StatusCode != http.StatusOK || r.Body != token || a.OP.Refreshes() != 1 {
				t.Errorf("%d %s after %d refreshes\n%s", r.StatusCode, r.Body, a.OP.Refreshes(), a.Logs)
			}
		}
		same = false
		time.Sleep(20 * time.Second)
		if r := b.Fetch("/token"); r.StatusCode != http.StatusOK || r.Body == token || a.OP.Refreshes() != 2 {
			t.Errorf("once they have expired: %d %s after %d refreshes\n%s", r.StatusCode, r.Body, a.OP.Refreshes(), a.Logs)
		}
	})
}

// TestAlternatingTokens: a provider that returns the tokens before the last again does not lead around in a circle.
func TestAlternatingTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := &counting{Memory: state.NewMemory(0)}
		a := testapp.NewWithTokens(t, func(c *ginoidc.Config, op *fakeop.Config) {
			c.State, op.KeepRefreshToken = shared, true
		})
		a.OP.Misbehave(fakeop.RefreshWithoutIDToken)
		b := a.Browser()
		b.MustSignIn("alice")
		tokens := []string{"another", b.Fetch("/token").Body}
		a.OP.OnRefreshAnswer(func(answer map[string]any) {
			answer["access_token"], answer["expires_in"] = tokens[(a.OP.Refreshes()+1)%2], 15
		})
		old := b.Twin()
		time.Sleep(4*time.Minute + 45*time.Second)
		for _, browser := range []*testapp.Browser{b, b, old, old.Twin(), b} {
			if r := browser.Fetch("/token"); r.StatusCode != http.StatusOK {
				t.Errorf("%d %s after %d refreshes\n%s", r.StatusCode, r.Body, a.OP.Refreshes(), a.Logs)
			}
			time.Sleep(time.Second)
		}
		if n := shared.calls.Load(); n > 200 { // an error would be hidden: the old token is valid for a moment
			t.Errorf("the state was asked %d times", n)
		}
	})
}

// counting fails when it is queried without end.
type counting struct {
	*state.Memory
	calls atomic.Int64
}

func (s *counting) Kept(ctx context.Context, key string) (string, bool, error) {
	if s.calls.Add(1) > 1000 {
		return "", false, errors.New("queried without end")
	}
	return s.Memory.Kept(ctx, key)
}

// TestProviderTimeout: all waits for the provider derive from one setting: a call, a callback, a refresh and its lease.
func TestProviderTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := state.NewMemory(0)
		patient := func(c *ginoidc.Config, _ *fakeop.Config) { c.Providers[0].Timeout, c.State = 10*time.Second, shared }
		one := testapp.NewWithTokens(t, patient)
		two := testapp.NewWithTokens(t, patient, func(c *ginoidc.Config, _ *fakeop.Config) {
			c.Providers[0].Transport = one.OP.Transport()
		})
		b := one.Browser()
		callback := b.Start("/auth/signin", "alice")
		one.SlowToken(9 * time.Second)
		if r := b.Navigate(callback); r.StatusCode != http.StatusSeeOther {
			t.Fatalf("callback: %d %s", r.StatusCode, r.Body)
		}
		time.Sleep(5 * time.Minute)
		one.SlowToken(9 * time.Second)
		var callers sync.WaitGroup
		for _, a := range []*testapp.App{one, two} {
			callers.Go(func() {
				if r := (&testapp.Browser{App: a, Jar: b.Jar}).Fetch("/token"); r.StatusCode != http.StatusOK {
					t.Errorf("refresh: %d %s", r.StatusCode, r.Body)
				}
			})
		}
		callers.Wait()
		if one.OP.Refreshes() != 1 {
			t.Errorf("%d refreshes", one.OP.Refreshes())
		}

		hasty := testapp.NewWithTokens(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.Providers[0].Timeout = time.Second })
		b = hasty.Browser()
		callback = b.Start("/auth/signin", "alice")
		hasty.SlowToken(30 * time.Second)
		start := time.Now()
		if r := b.Navigate(callback); r.StatusCode != http.StatusServiceUnavailable || time.Since(start) != time.Second {
			t.Errorf("callback: %d after %v", r.StatusCode, time.Since(start))
		}
		time.Sleep(time.Minute)
	})
}

// TestLastMomentRefresh: a request that has waited for a killed instance still has the full time for its own refresh.
func TestLastMomentRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := testapp.NewWithTokens(t, func(c *ginoidc.Config, _ *fakeop.Config) {
			c.State = &shortlived{Memory: state.NewMemory(0), ttl: 14900 * time.Millisecond}
		})
		b := a.Browser()
		b.MustSignIn("alice")
		time.Sleep(5 * time.Minute)
		a.SlowToken(4 * time.Second)
		if r := b.Fetch("/token"); r.StatusCode != http.StatusOK || a.OP.Refreshes() != 1 {
			t.Errorf("%d %s after %d refreshes", r.StatusCode, r.Body, a.OP.Refreshes())
		}
	})
}

// shortlived gives its first lease to a holder that never releases it, for ttl.
type shortlived struct {
	*state.Memory
	ttl  time.Duration
	once sync.Once
}

func (s *shortlived) Lease(ctx context.Context, key string,
	ttl time.Duration) (func(context.Context) error, bool, error) {
	s.once.Do(func() { _, _, _ = s.Memory.Lease(ctx, key, s.ttl) })
	return s.Memory.Lease(ctx, key, ttl)
}
