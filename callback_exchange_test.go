package ginoidc_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/memstore"
	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/state"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// slowApp returns an app whose provider takes a second for a token request, unless the request is cancelled.
func slowApp(t *testing.T, change func(*ginoidc.Config)) *testapp.App {
	var a *testapp.App
	a = testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.Providers[0].Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
			if strings.HasSuffix(r.URL.Path, "/token") {
				select {
				case <-time.After(time.Second):
				case <-r.Context().Done():
					return nil, r.Context().Err()
				}
			}
			return a.OP.Transport().RoundTrip(r)
		})
		change(c)
	})
	return a
}

// TestCallbackAskedForTwice: concurrent requests with the same response share one exchange and get the same result,
// cookies included, whatever the result is. A request without the attempt's cookie or with another code does not get
// it, and afterwards the response is no longer valid.
func TestCallbackAskedForTwice(t *testing.T) {
	for _, tt := range []struct {
		name, mode string
		hook       func(context.Context, *ginoidc.PendingSignIn) error
		fault      fakeop.Misbehaviour
		status     int
		code       string
	}{
		{"signed in", "query", nil, "", 303, ""},
		{"signed in by a form", "form_post", nil, "", 303, ""},
		{"the code is refused", "query", nil, fakeop.ErrorInvalidGrant, 401, "sign_in_refused"},
		{"the token is refused", "form_post", nil, fakeop.BadSignature, 401, "invalid_token"},
		{"the provider fails", "query", nil, fakeop.Unavailable503, 503, "provider_unavailable"},
		{"the app refuses", "query", func(context.Context, *ginoidc.PendingSignIn) error { return errors.New("no") },
			"", 403, "forbidden"},
		{"the app panics", "query", func(context.Context, *ginoidc.PendingSignIn) error { panic("app") }, "", 500,
			"internal"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := slowApp(t, func(c *ginoidc.Config) { c.Providers[0].ResponseMode, c.OnSignIn = tt.mode, tt.hook })
				a.Engine = gin.New()
				var users []string // the users that a middleware around the callback sees afterwards
				var mu sync.Mutex
				a.Engine.Use(func(c *gin.Context) {
					c.Next()
					if u, ok := ginoidc.UserFrom(c); ok && c.FullPath() == "/auth/callback" {
						mu.Lock()
						defer mu.Unlock()
						users = append(users, u.Subject)
					}
				})
				a.Auth.Mount(a.Engine)
				a.Engine.GET("/me", a.Auth.RequireAuth(), a.Protected)
				b := a.Browser()
				callback := b.Start("/auth/signin?return_to=/app", "alice")
				if tt.fault != "" {
					a.OP.Misbehave(tt.fault)
				}
				late := b.Twin()
				browsers := []*testapp.Browser{b, b.Twin(), b.Twin()}
				replies := make([]testapp.Reply, len(browsers))
				var wg sync.WaitGroup
				for i, b := range browsers {
					wg.Go(func() {
						replies[i] = b.Callback(callback)
					})
				}
				synctest.Wait() // one of them waits for the provider, the others for the first
				if r := a.Browser().Callback(callback); r.StatusCode != 400 ||
					!strings.Contains(r.Body, "not started in this browser") {
					t.Errorf("without the cookie: %d", r.StatusCode)
				}
				if r := b.Twin().Callback(strings.Replace(callback, "code=", "code=x", 1)); r.StatusCode != 400 ||
					!strings.Contains(r.Body, "already used") {
					t.Errorf("with another code: %d", r.StatusCode)
				}
				wg.Wait()
				for i, r := range replies {
					if r.StatusCode != tt.status || r.Location() != replies[0].Location() ||
						(r.Location() == "/app") != (tt.status == 303) {
						t.Errorf("%d: %d to %q: %s", i, r.StatusCode, r.Location(), r.Body)
					}
					if !slices.Equal(r.Header["Set-Cookie"], replies[0].Header["Set-Cookie"]) || len(r.Header["Set-Cookie"]) == 0 {
						t.Errorf("%d: cookies %q and %q", i, r.Header["Set-Cookie"], replies[0].Header["Set-Cookie"])
					}
					if signedIn := browsers[i].WhoAmI() == "alice"; signedIn != (tt.status == 303) {
						t.Errorf("%d: signed in %t", i, signedIn)
					}
				}
				if tt.status == 303 && !slices.Equal(users, []string{"alice", "alice", "alice"}) {
					t.Errorf("the middleware saw %q", users)
				}
				if tt.code != "" && !strings.Contains(a.Logs.String(), "code="+tt.code) {
					t.Errorf("log %s", a.Logs)
				}
				if r := late.Callback(callback); r.StatusCode != 400 || late.WhoAmI() != "" {
					t.Errorf("afterwards: %d", r.StatusCode)
				}
				if n := a.OP.Count(fakeop.Token); n != 1 {
					t.Errorf("%d token requests", n)
				}
			})
		})
	}
}

// TestReloadOfCallback: a reload cancels the first request, and the second one gets its result.
func TestReloadOfCallback(t *testing.T) {
	for _, reloaded := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			a := slowApp(t, func(*ginoidc.Config) {})
			ctx, leave := context.WithCancel(t.Context())
			a.Engine.GET("/left", func(c *gin.Context) {
				c.Request = c.Request.WithContext(ctx)
				a.Auth.Callback(c)
			})
			b := a.Browser()
			callback := b.Start("/auth/signin?return_to=/app", "alice")
			left, gone := b.Twin(), make(chan testapp.Reply, 1)
			go func() { gone <- left.Navigate(strings.Replace(callback, "/auth/callback", "/left", 1)) }()
			synctest.Wait()
			leave()
			if r := <-gone; r.StatusCode != 503 || left.WhoAmI() != "" {
				t.Errorf("who left: %d, signed in as %q", r.StatusCode, left.WhoAmI())
			}
			if reloaded {
				if r := b.Navigate(callback); r.StatusCode != 303 || r.Location() != "/app" || b.WhoAmI() != "alice" {
					t.Errorf("reload: %d to %q: %s", r.StatusCode, r.Location(), r.Body)
				}
			}
			time.Sleep(2 * time.Second)
			sessions, err := a.Auth.UserSessions(t.Context(), "alice")
			// even if no request waits: the browser may still reload
			if err != nil || len(sessions) != 1 || a.OP.Count(fakeop.Token) != 1 {
				t.Errorf("%d sessions, %v, %d token requests", len(sessions), err, a.OP.Count(fakeop.Token))
			}
		})
	}
}

// TestReplay: an attempt can be used once, even if its cookie is restored. Cases 29 and 157.
func TestReplay(t *testing.T) {
	a := testapp.New(t)
	b := a.Browser()
	callback := b.Start("/auth/signin?return_to=/app", "alice")
	u := testapp.ParseURL(t, testapp.URL+"/")
	attempt := b.Jar.Cookies(u)
	if r := b.Navigate(callback); r.Location() != "/app" {
		t.Fatalf("%d to %q", r.StatusCode, r.Location())
	}
	// back button, signed in
	if r := b.Navigate(callback); r.StatusCode != 303 || r.Location() != "/" || r.Header.Get("Set-Cookie") != "" {
		t.Errorf("replay, signed in: %d to %q", r.StatusCode, r.Location())
	}
	thief := a.Browser()
	thief.Jar.SetCookies(u, attempt)
	if r := thief.Navigate(callback); r.StatusCode != 400 || thief.WhoAmI() != "" {
		t.Errorf("replay with the cookie put back: %d", r.StatusCode)
	}
	if r := a.Browser().Navigate(callback); r.StatusCode != 400 { // case 40: another browser
		t.Errorf("foreign browser: %d", r.StatusCode)
	}
	altered := a.Browser()
	first := altered.Start("/auth/signin", "alice")
	for _, c := range altered.Jar.Cookies(u) { // cases 25 and 157
		middle, other := len(c.Value)/2, "A"
		if c.Value[middle] == 'A' {
			other = "B"
		}
		c.Value = c.Value[:middle] + other + c.Value[middle+1:]
		c.Secure, c.Path = true, "/"
		altered.Jar.SetCookies(u, []*http.Cookie{c})
	}
	if r := altered.Navigate(first); r.StatusCode != 400 {
		t.Errorf("altered attempt: %d", r.StatusCode)
	}
	if n := a.OP.Count(fakeop.Token); n != 1 {
		t.Errorf("%d token requests", n)
	}
}

// TestSpentForLife: a used response is refused for as long as the cookie of its attempt could be restored. Case 29.
func TestSpentForLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := testapp.New(t)
		b := a.Browser()
		callback := b.Start("/auth/signin", "alice")
		cookies := b.Jar.Cookies(testapp.ParseURL(t, testapp.URL))
		if r := b.Navigate(callback); r.StatusCode != http.StatusSeeOther {
			t.Fatalf("%d %s", r.StatusCode, r.Body)
		}
		time.Sleep(10*time.Minute - 5*time.Second)
		thief := a.Browser()
		for _, c := range cookies {
			c.Secure, c.Path = true, "/"
		}
		thief.Jar.SetCookies(testapp.ParseURL(t, testapp.URL), cookies)
		if r := thief.Navigate(callback); r.StatusCode != http.StatusBadRequest || a.OP.Count(fakeop.Token) != 1 {
			t.Errorf("used again: %d, %d token requests", r.StatusCode, a.OP.Count(fakeop.Token))
		}
	})
}

// TestBrowserGone: a request whose browser disconnects ends, and no session starts for it. Case 69.
func TestBrowserGone(t *testing.T) {
	a := testapp.New(t)
	b := a.Browser()
	callback := b.Start("/auth/signin", "alice")
	ctx, cancel := context.WithCancel(t.Context())
	a.OP.Intercept(fakeop.Token, func(http.ResponseWriter, *http.Request) { cancel() })
	a.Engine.GET("/gone/callback", func(c *gin.Context) {
		c.Request = c.Request.WithContext(ctx)
		a.Auth.Callback(c)
	})
	r := b.Navigate(strings.Replace(callback, "/auth/callback", "/gone/callback", 1))
	if r.StatusCode < 400 || b.WhoAmI() != "" {
		t.Errorf("%d, %q is signed in", r.StatusCode, b.WhoAmI())
	}
}

// instances returns two instances of an app with a slow provider. Each has its own State; the two may share a memory.
func instances(t *testing.T, first, second ginoidc.SharedState, change func(*ginoidc.Config)) (one, two *testapp.App) {
	one = slowApp(t, func(c *ginoidc.Config) {
		c.State = first
		change(c)
	})
	two = testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.State, c.Providers[0].Transport = second, one.OP.Transport()
		change(c)
	})
	two.OP = one.OP
	return one, two
}

// otherInstance returns the same browser, routed to another instance.
func otherInstance(b *testapp.Browser, a *testapp.App) *testapp.Browser {
	other := b.Twin()
	other.App = a
	return other
}

// TestCallbackAskedForTwiceElsewhere: a request that reaches another instance while the response is redeemed gets the
// same result, cookies included, whatever the result is. A request without the attempt's cookie or with another code
// never gets it. A later request is refused as a replay, as on a single instance.
func TestCallbackAskedForTwiceElsewhere(t *testing.T) {
	for _, tt := range []struct {
		name, mode string
		store      sessions.Store
		hook       func(context.Context, *ginoidc.PendingSignIn) error
		fault      fakeop.Misbehaviour
		status     int
		code       string
	}{
		{"signed in", "query", nil, nil, "", 303, ""},
		{"signed in by a form", "form_post", nil, nil, "", 303, ""},
		{"signed in, in a store", "query", memstore.NewStore([]byte(testapp.CookieSecret)), nil, "", 303, ""},
		{"the code is refused", "query", nil, nil, fakeop.ErrorInvalidGrant, 401, "sign_in_refused"},
		{"the token is refused", "form_post", nil, nil, fakeop.BadSignature, 401, "invalid_token"},
		{"the provider fails", "query", nil, nil, fakeop.Unavailable503, 503, "provider_unavailable"},
		{"the app refuses", "query", nil, func(context.Context, *ginoidc.PendingSignIn) error { return errors.New("no") },
			"", 403, "forbidden"},
		{"the app panics", "query", nil, func(context.Context, *ginoidc.PendingSignIn) error { panic("app") }, "", 500,
			"internal"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				shared := state.NewMemory(0)
				one, two := instances(t, shared, shared, func(c *ginoidc.Config) {
					c.Providers[0].ResponseMode, c.Store, c.OnSignIn = tt.mode, tt.store, tt.hook
				})
				b := one.Browser()
				callback := b.Start("/auth/signin?return_to=/app", "alice")
				if tt.fault != "" {
					one.OP.Misbehave(tt.fault)
				}
				browsers := []*testapp.Browser{b, otherInstance(b, two), otherInstance(b, two)}
				late, other := otherInstance(b, two), strings.Replace(callback, "code=", "code=x", 1)
				replies := make([]testapp.Reply, len(browsers))
				var wg sync.WaitGroup
				for i, b := range browsers {
					wg.Go(func() { replies[i] = b.Callback(callback) })
					synctest.Wait() // until it waits for the provider or for the lease
				}
				strangers := func(when string) {
					if r := two.Browser().Callback(callback); r.StatusCode != 400 || len(r.Header["Set-Cookie"]) != 0 ||
						!strings.Contains(r.Body, "not started in this browser") {
						t.Errorf("%s, without the cookie: %d %v", when, r.StatusCode, r.Header)
					}
					if r := late.Twin().Callback(other); r.StatusCode != 400 || !strings.Contains(r.Body, "already used") {
						t.Errorf("%s, with another code: %d", when, r.StatusCode)
					}
				}
				strangers("meanwhile")
				wg.Wait()
				lines := replies[0].Header["Set-Cookie"]
				for i, r := range replies {
					if r.StatusCode != tt.status || r.Location() != replies[0].Location() ||
						(r.Location() == "/app") != (tt.status == 303) {
						t.Errorf("%d: %d to %q: %s", i, r.StatusCode, r.Location(), r.Body)
					}
					if !slices.Equal(r.Header["Set-Cookie"], lines) || len(lines) == 0 {
						t.Errorf("%d: cookies %q, not %q", i, r.Header["Set-Cookie"], lines)
					}
					if signedIn := browsers[i].WhoAmI() == "alice"; signedIn != (tt.status == 303) {
						t.Errorf("%d: signed in %t", i, signedIn)
					}
				}
				if tt.code != "" && !strings.Contains(two.Logs.String(), "code="+tt.code) {
					t.Errorf("log %s", two.Logs)
				}
				strangers("at once afterwards")
				if r := late.Callback(callback); r.StatusCode != 400 || !strings.Contains(r.Body, "already used") ||
					late.WhoAmI() != "" {
					t.Errorf("afterwards: %d", r.StatusCode)
				}
				if n := one.OP.Count(fakeop.Token); n != 1 {
					t.Errorf("%d token requests", n)
				}
			})
		})
	}
}

// dead is the State of an instance that is killed while it redeems a code: it never releases its lease and keeps no
// result.
type dead struct{ ginoidc.SharedState }

func (dead) Keep(context.Context, string, string, time.Duration) error { return nil }

func (s dead) Lease(ctx context.Context, key string, ttl time.Duration) (func(context.Context) error, bool, error) {
	_, ok, err := s.SharedState.Lease(ctx, key, ttl)
	return func(context.Context) error { return nil }, ok, err
}

// TestCallbackWithoutAnAnswerElsewhere: if the first instance keeps no result, the others do not redeem the code again.
func TestCallbackWithoutAnAnswerElsewhere(t *testing.T) {
	same := func(s ginoidc.SharedState) ginoidc.SharedState { return s }
	lacking := func(methods ...string) func(ginoidc.SharedState) ginoidc.SharedState {
		return func(s ginoidc.SharedState) ginoidc.SharedState {
			return hooked{s, func(_ context.Context, method string) error {
				if slices.Contains(methods, method) {
					return errors.ErrUnsupported
				}
				return nil
			}}
		}
	}
	large := func(c *ginoidc.Config) {
		c.OnSignIn = func(_ context.Context, s *ginoidc.PendingSignIn) error {
			s.User.Data = []byte(`"` + strings.Repeat("x", 14000) + `"`)
			return nil
		}
	}
	for _, tt := range []struct {
		name          string
		first, second func(ginoidc.SharedState) ginoidc.SharedState
		change        func(*ginoidc.Config)
		status        int
		says          string
		after         time.Duration
	}{
		{"no leases", lacking("Lease"), lacking("Lease"), nil, 400, "already used", 0},
		{"nothing kept", lacking("Keep", "Kept"), lacking("Keep", "Kept"), nil, 400, "already used", 0},
		{"too large", same, same, large, 400, "already used", time.Second},
		{"killed", func(s ginoidc.SharedState) ginoidc.SharedState { return dead{s} }, same, nil, 503,
			"Please try again", 40 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				shared := state.NewMemory(0)
				one, two := instances(t, tt.first(shared), tt.second(shared), func(c *ginoidc.Config) {
					if tt.change != nil {
						tt.change(c)
					}
				})
				b := one.Browser()
				callback := b.Start("/auth/signin", "alice")
				twin := otherInstance(b, two)
				var wg sync.WaitGroup
				wg.Go(func() {
					if r := b.Callback(callback); r.StatusCode != http.StatusSeeOther {
						t.Errorf("the first: %d %s", r.StatusCode, r.Body)
					}
				})
				synctest.Wait()
				began := time.Now()
				r := twin.Callback(callback)
				if took := time.Since(began); took < tt.after || took > tt.after+time.Second {
					t.Errorf("answered after %v, not %v", took, tt.after)
				}
				wg.Wait()
				if r.StatusCode != tt.status || !strings.Contains(r.Body, tt.says) || twin.WhoAmI() != "" || b.WhoAmI() != "alice" {
					t.Errorf("%d %s, %q is signed in", r.StatusCode, r.Body, twin.WhoAmI())
				}
				if n := one.OP.Count(fakeop.Token); n != 1 {
					t.Errorf("%d token requests", n)
				}
			})
		})
	}
}

// TestKeptAnswersCannotBeMoved: write access to the shared state is not enough to sign a browser in as another user.
func TestKeptAnswersCannotBeMoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, on := "", false
		shared := swapping{state.NewMemory(0), &first, &on}
		one, two := instances(t, shared, shared, func(*ginoidc.Config) {})
		one.Browser().MustSignIn("alice")
		if first == "" {
			t.Fatal("nothing was kept")
		}
		b := one.Browser()
		callback := b.Start("/auth/signin", "bob")
		twin := otherInstance(b, two)
		on = true
		var wg sync.WaitGroup
		wg.Go(func() { b.Callback(callback) })
		synctest.Wait()
		if r := twin.Callback(callback); r.StatusCode != 400 || twin.WhoAmI() != "" {
			t.Errorf("%d, %q is signed in", r.StatusCode, twin.WhoAmI())
		}
		wg.Wait()
	})
}
