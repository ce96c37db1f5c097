package blackbox_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/memstore"
	"github.com/gin-gonic/gin"
	gsessions "github.com/gorilla/sessions"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// TestNewSecretWhileRunning: an app that replaces its engine while it runs, as docs/production.md shows, loses neither
// sessions nor sign-ins in progress, and each request sees a single configuration. Cases 261, 275, 290.
func TestNewSecretWhileRunning(t *testing.T) {
	var op *fakeop.Provider
	build := func(clientSecret string) *testapp.App {
		return testapp.New(t, func(c *ginoidc.Config, o *fakeop.Config) {
			c.Providers[0].ClientSecret, o.ClientSecret = clientSecret, "the-new-one"
			if op != nil {
				c.Providers[0].Transport = op.Transport()
			}
		})
	}
	next := build("the-new-one")
	op = next.OP
	before := build(testapp.ClientSecret)
	var current atomic.Pointer[gin.Engine]
	current.Store(before.Engine)
	serve := func(method, target, cookies string) *http.Response {
		r := httptest.NewRequest(method, testapp.URL+target, nil)
		r.Header.Set("Cookie", cookies)
		r.Header.Set("Sec-Fetch-Mode", "navigate")
		w := httptest.NewRecorder()
		current.Load().ServeHTTP(w, r)
		return w.Result()
	}
	next.OP, before.OP = op, op
	signedIn := next.Browser()
	signedIn.MustSignIn("alice") // both engines accept the same sessions
	session := signedIn.CookieHeader()

	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 200 {
				if r := serve("GET", "/auth/userinfo", session); r.StatusCode != http.StatusOK {
					t.Errorf("during the change: %d", r.StatusCode)
				}
			}
		})
	}
	started := serve("GET", "/auth/signin", "")
	callback, err := op.Approve(started.Header.Get("Location"), "bob")
	if err != nil {
		t.Fatal(err)
	}
	attempt := started.Cookies()[0]
	current.Store(next.Engine)
	target := "/auth/callback?" + testapp.ParseURL(t, callback).RawQuery
	// with the new secret
	if r := serve("GET", target, attempt.Name+"="+attempt.Value); r.StatusCode != http.StatusSeeOther {
		t.Errorf("a sign-in that began before: %d", r.StatusCode)
	}
	wg.Wait()
}

// TestCrashBeforeTheSession: a crash after the code was redeemed leaves no partial session, and the user can sign in
// again. Case 296.
func TestCrashBeforeTheSession(t *testing.T) {
	crash := true
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.OnSignIn = func(context.Context, *ginoidc.PendingSignIn) error {
			if crash {
				panic(http.ErrAbortHandler)
			}
			return nil
		}
	})
	b := a.Browser()
	callback := b.Start("/auth/signin", "alice")
	func() {
		defer func() {
			if recover() == nil {
				t.Error("no crash")
			}
		}()
		b.Navigate(callback)
	}()
	crash = false
	if r := b.Navigate(callback); r.StatusCode != http.StatusBadRequest || b.WhoAmI() != "" ||
		a.OP.Count(fakeop.Token) != 1 {
		t.Errorf("a reload: %d, %q signed in, %d token requests", r.StatusCode, b.WhoAmI(), a.OP.Count(fakeop.Token))
	}
	b.MustSignIn("alice")
}

// laggingStore does not find a session at its first load, like a replica that lags.
type laggingStore struct {
	sessions.Store
	behind *atomic.Int64
}

func (s laggingStore) New(r *http.Request, name string) (*gsessions.Session, error) {
	if s.behind.Add(-1) >= 0 {
		r = r.Clone(r.Context())
		r.Header.Del("Cookie")
	}
	return s.Store.New(r, name)
}

// TestReplicaLag: a store that lags causes one more redirect to the provider, where the user is signed in, but no loop,
// wherever on the way it catches up. If it never does, a page says so after the second sign-in. Case 252.
func TestReplicaLag(t *testing.T) {
	var behind atomic.Int64
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.Store = laggingStore{memstore.NewStore([]byte(testapp.CookieSecret)), &behind}
	})
	for lag := range int64(4) {
		b, trips := a.Browser(), a.OP.Count(fakeop.Authorize)
		b.MustSignIn("alice")
		behind.Store(1 + lag)
		r := b.Navigate("/me")
		if r.StatusCode != http.StatusFound {
			t.Fatalf("while the replica is behind: %d", r.StatusCode)
		}
		if r := b.Navigate(b.Start(r.Location(), "alice")); r.StatusCode != http.StatusSeeOther || r.Location() != "/me" {
			t.Fatalf("the trip ends with %d at %q", r.StatusCode, r.Location())
		}
		behind.Store(0)
		if r := b.Navigate("/me"); r.StatusCode != http.StatusOK || a.OP.Count(fakeop.Authorize) != trips+2 {
			t.Errorf("%d after %d trips", r.StatusCode, a.OP.Count(fakeop.Authorize)-trips)
		}
	}
	b := a.Browser()
	behind.Store(1000)
	next := "/auth/signin"
	for range 2 {
		b.Navigate(b.Start(next, "alice"))
		next = b.Navigate("/me").Location()
	}
	if r := b.Navigate(next); r.StatusCode != http.StatusBadRequest ||
		!strings.Contains(a.Logs.String(), "code=cookie_missing") {
		t.Errorf("a store that never catches up: %d", r.StatusCode)
	}
}
