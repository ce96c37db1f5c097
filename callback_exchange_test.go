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

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
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
