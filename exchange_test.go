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
)

// slowApp is an app whose provider takes a second for a token request, unless it is given up before.
func slowApp(t *testing.T, change func(*ginoidc.Config)) *app {
	var a *app
	a = newApp(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
			if strings.HasSuffix(r.URL.Path, "/token") {
				select {
				case <-time.After(time.Second):
				case <-r.Context().Done():
					return nil, r.Context().Err()
				}
			}
			return a.op.Transport().RoundTrip(r)
		})
		change(c)
	})
	return a
}

// brings asks for a callback as a navigation or, with form_post, as a form.
func (b *browser) brings(callback string) reply {
	b.app.t.Helper()
	if b.app.responseMode == "form_post" {
		return b.post(callback)
	}
	return b.navigate(callback)
}

// twin is the same browser with the cookies it has now.
func (b *browser) twin() *browser {
	other, u := b.app.browser(), parse(b.app.t, appURL+"/auth/")
	cookies := b.jar.Cookies(u)
	for _, c := range cookies {
		c.Secure, c.Path = true, "/"
	}
	other.jar.SetCookies(u, cookies)
	return other
}

// TestCallbackAskedForTwice: requests that bring one response while it is redeemed have one exchange and get one answer,
// cookies included, whatever the answer is. Who lacks the cookie or brings another code gets nothing of it, and afterwards
// the response is good no more.
func TestCallbackAskedForTwice(t *testing.T) {
	for _, tt := range []struct {
		name, mode string
		hook       func(context.Context, *ginoidc.SignIn) error
		fault      fakeop.Misbehaviour
		status     int
		code       string
	}{
		{"signed in", "query", nil, "", 303, ""},
		{"signed in by a form", "form_post", nil, "", 303, ""},
		{"the code is refused", "query", nil, fakeop.ErrorInvalidGrant, 401, "sign_in_refused"},
		{"the token is refused", "form_post", nil, fakeop.BadSignature, 401, "invalid_token"},
		{"the provider fails", "query", nil, fakeop.Unavailable503, 503, "provider_unavailable"},
		{"the app refuses", "query", func(context.Context, *ginoidc.SignIn) error { return errors.New("no") }, "", 403, "forbidden"},
		{"the app panics", "query", func(context.Context, *ginoidc.SignIn) error { panic("app") }, "", 500, "internal"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := slowApp(t, func(c *ginoidc.Config) { c.ResponseMode, c.OnSignIn = tt.mode, tt.hook })
				a.engine = gin.New()
				var users []string // whom a middleware around the callback sees in the end
				var mu sync.Mutex
				a.engine.Use(func(c *gin.Context) {
					c.Next()
					if u, ok := ginoidc.UserFrom(c); ok && c.FullPath() == "/auth/callback" {
						mu.Lock()
						defer mu.Unlock()
						users = append(users, u.Subject)
					}
				})
				a.auth.Mount(a.engine)
				a.engine.GET("/me", a.auth.RequireAuth(), a.protected)
				b := a.browser()
				callback := b.start("/auth/signin?return_to=/app", "alice")
				if tt.fault != "" {
					a.op.Misbehave(tt.fault)
				}
				late := b.twin()
				browsers := []*browser{b, b.twin(), b.twin()}
				replies := make([]reply, len(browsers))
				var wg sync.WaitGroup
				for i, b := range browsers {
					wg.Go(func() {
						replies[i] = b.brings(callback)
					})
				}
				synctest.Wait() // one of them waits for the provider, the others for that one
				if r := a.browser().brings(callback); r.StatusCode != 400 || !strings.Contains(r.body, "not started in this browser") {
					t.Errorf("without the cookie: %d", r.StatusCode)
				}
				if r := b.twin().brings(strings.Replace(callback, "code=", "code=x", 1)); r.StatusCode != 400 || !strings.Contains(r.body, "already used") {
					t.Errorf("with another code: %d", r.StatusCode)
				}
				wg.Wait()
				for i, r := range replies {
					if r.StatusCode != tt.status || r.location() != replies[0].location() || (r.location() == "/app") != (tt.status == 303) {
						t.Errorf("%d: %d to %q: %s", i, r.StatusCode, r.location(), r.body)
					}
					if !slices.Equal(r.Header["Set-Cookie"], replies[0].Header["Set-Cookie"]) || len(r.Header["Set-Cookie"]) == 0 {
						t.Errorf("%d: cookies %q and %q", i, r.Header["Set-Cookie"], replies[0].Header["Set-Cookie"])
					}
					if signedIn := browsers[i].whoami() == "alice"; signedIn != (tt.status == 303) {
						t.Errorf("%d: signed in %t", i, signedIn)
					}
				}
				if tt.status == 303 && !slices.Equal(users, []string{"alice", "alice", "alice"}) {
					t.Errorf("the middleware saw %q", users)
				}
				if tt.code != "" && !strings.Contains(a.logs.String(), "code="+tt.code) {
					t.Errorf("log %s", a.logs)
				}
				if r := late.brings(callback); r.StatusCode != 400 || late.whoami() != "" {
					t.Errorf("afterwards: %d", r.StatusCode)
				}
				if n := a.op.Count(fakeop.Token); n != 1 {
					t.Errorf("%d token requests", n)
				}
			})
		})
	}
}

// TestReloadOfCallback: a reload cancels the first request, and the second one gets what the first was for.
func TestReloadOfCallback(t *testing.T) {
	for _, reloaded := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			a := slowApp(t, func(*ginoidc.Config) {})
			ctx, leave := context.WithCancel(t.Context())
			a.engine.GET("/left", func(c *gin.Context) {
				c.Request = c.Request.WithContext(ctx)
				a.auth.Callback(c)
			})
			b := a.browser()
			callback := b.start("/auth/signin?return_to=/app", "alice")
			left, gone := b.twin(), make(chan reply, 1)
			go func() { gone <- left.navigate(strings.Replace(callback, "/auth/callback", "/left", 1)) }()
			synctest.Wait()
			leave()
			if r := <-gone; r.StatusCode != 503 || left.whoami() != "" {
				t.Errorf("who left: %d, signed in as %q", r.StatusCode, left.whoami())
			}
			if reloaded {
				if r := b.navigate(callback); r.StatusCode != 303 || r.location() != "/app" || b.whoami() != "alice" {
					t.Errorf("reload: %d to %q: %s", r.StatusCode, r.location(), r.body)
				}
			}
			time.Sleep(2 * time.Second)
			sessions, err := a.auth.Sessions(t.Context(), "alice")
			if err != nil || len(sessions) != 1 || a.op.Count(fakeop.Token) != 1 { // with nobody waiting too: nobody can tell
				t.Errorf("%d sessions, %v, %d token requests", len(sessions), err, a.op.Count(fakeop.Token))
			}
		})
	}
}
