package ginoidc_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/state"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// TestRecheckInBackground: within the grace, requests go on with what is known while one check is under way. After it
// they wait for the check.
func TestRecheckInBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newRechecked(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.RecheckInBackground = true })
		b := a.Browser()
		b.MustSignIn("alice")
		asMember(a)
		a.SlowToken(2 * time.Second)
		time.Sleep(due)
		for range 3 {
			began := time.Now()
			if status := b.Fetch("/admin").StatusCode; status != http.StatusOK || time.Since(began) > 0 {
				t.Errorf("at first: %d after %s", status, time.Since(began))
			}
		}
		time.Sleep(2100 * time.Millisecond)
		if status := b.Fetch("/admin").StatusCode; status != http.StatusForbidden || a.OP.Refreshes() != 1 {
			t.Errorf("after the check: %d, %d refreshes\n%s", status, a.OP.Refreshes(), a.Logs)
		}
		asMember(a, "admin")
		time.Sleep(16 * time.Minute)
		if status := b.Fetch("/admin").StatusCode; status != http.StatusOK {
			t.Errorf("after the grace: %d", status)
		}
	})
}

// TestSlowRecheck: a request waits for a check no longer than Provider.Timeout, and the check continues when its
// browser has disconnected.
func TestSlowRecheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newRechecked(t)
		leaves, leave := context.WithCancel(t.Context())
		a.Engine.GET("/leaves", func(c *gin.Context) {
			c.Request = c.Request.WithContext(leaves)
			ginoidc.UserFrom(c)
		})
		b := a.Browser()
		b.MustSignIn("alice")
		asMember(a)
		time.Sleep(due)
		slowUserInfo(a)
		a.SlowToken(4 * time.Second)
		go b.Fetch("/leaves")
		synctest.Wait()
		leave()
		began := time.Now()
		if status := b.Twin().Fetch("/admin").StatusCode; status != http.StatusOK || time.Since(began) != 5*time.Second {
			t.Errorf("%d after %s", status, time.Since(began))
		}
		if status := b.Twin().Fetch("/admin").StatusCode; status != http.StatusForbidden || a.OP.Refreshes() != 1 {
			t.Errorf("%d with the result, %d refreshes\n%s", status, a.OP.Refreshes(), a.Logs)
		}
	})
}

// TestSignOutWithoutRecheck: sign-out and a new sign-in need no check, so they also end a session that the provider
// cannot confirm, and its tokens are revoked.
func TestSignOutWithoutRecheck(t *testing.T) {
	for name, leave := range map[string]func(*testapp.Browser){
		"sign-out":       func(b *testapp.Browser) { b.Do(http.MethodPost, "/auth/signout", nil) },
		"sign-out later": func(b *testapp.Browser) { b.WhoAmI(); b.Do(http.MethodPost, "/auth/signout", nil) },
		"EndSession":     func(b *testapp.Browser) { b.Do(http.MethodPost, "/leave", nil) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var token string
				a := newRechecked(t)
				a.Engine.POST("/leave", func(c *gin.Context) {
					if _, ok := ginoidc.UserFrom(c); ok {
						t.Error("the user is not confirmed")
					}
					if err := a.Auth.EndSession(c); err != nil {
						t.Error(err)
					}
				})
				a.OP.OnTokenAnswer(func(answer map[string]any) { token, _ = answer["access_token"].(string) })
				b := a.Browser()
				b.MustSignIn("alice")
				copied := b.Twin()
				time.Sleep(16 * time.Minute)
				a.OP.Misbehave(fakeop.Refresh503)
				if status := b.Twin().Fetch("/me").StatusCode; status != http.StatusServiceUnavailable {
					t.Errorf("%d", status)
				}
				leave(b)
				a.OP.Misbehave()
				time.Sleep(time.Minute)
				if copied.WhoAmI() != "" || len(b.Cookies()) != 0 || token == "" || a.OP.Active(token) {
					t.Errorf("cookies %v, token active %t\n%s", b.Cookies(), a.OP.Active(token), a.Logs)
				}
			})
		})
	}
}

// TestRecheckAndTokens: checks and Token share one refresh token, which the provider rotates, and neither uses one
// twice. Without KeepTokens the app gets no token.
func TestRecheckAndTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		every := func(c *ginoidc.Config, _ *fakeop.Config) { c.RecheckEvery = 2 * time.Minute }
		a := testapp.NewWithTokens(t, every)
		b := a.Browser()
		b.MustSignIn("alice")
		for n := range 20 {
			time.Sleep(time.Duration(n) * 20 * time.Second)
			copied := b.Twin()
			var wg sync.WaitGroup
			for _, path := range []string{"/token", "/me", "/token"} {
				wg.Go(func() {
					if r := copied.Fetch(path); r.StatusCode != http.StatusOK {
						t.Errorf("%d: %s %d %s\n%s", n, path, r.StatusCode, r.Body, a.Logs)
					}
				})
			}
			wg.Wait()
			if r := b.Fetch("/token"); !a.OP.Active(r.Body) {
				t.Errorf("%d: %s is not active", n, r.Body)
			}
		}
		without := newRechecked(t)
		without.Engine.GET("/token", func(c *gin.Context) {
			if token, err := without.Auth.Token(c); token != nil || err == nil {
				t.Errorf("%v, %v", token, err)
			}
		})
		b = without.Browser()
		b.MustSignIn("alice")
		b.Fetch("/token")
	})
}

// TestRecheckAfterTheResponse: a handler that asks for the user only after it has written gets the result too. The
// session cannot keep it any longer, but the next request takes it from the state.
func TestRecheckAfterTheResponse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newRechecked(t)
		a.Engine.GET("/late", func(c *gin.Context) {
			c.String(http.StatusOK, "late ")
			c.Writer.Flush()
			u, _ := ginoidc.UserFrom(c)
			c.String(http.StatusOK, strings.Join(u.Groups, " "))
		})
		b := a.Browser()
		b.MustSignIn("alice")
		asMember(a, "root")
		time.Sleep(due)
		for range 2 {
			if r := b.Fetch("/late"); r.Body != "late root" || len(r.Header["Set-Cookie"]) != 0 || a.OP.Refreshes() != 1 {
				t.Errorf("%s, cookies %v, %d refreshes", r.Body, r.Header["Set-Cookie"], a.OP.Refreshes())
			}
		}
	})
}

// TestRecheckOfManyGroups: a user who is too large for the shared state is read by each request itself, and the tokens
// of a check are not lost.
func TestRecheckOfManyGroups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newRechecked(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.RecheckInBackground = true })
		groups := []string{"admin"}
		for n := range 400 {
			groups = append(groups, strings.Repeat(string(rune('a'+n%26)), 30)+strings.Repeat("x", n/26))
		}
		b := a.Browser()
		b.MustSignIn("alice")
		asMember(a, groups...)
		for n := range 3 {
			time.Sleep(due)
			copied := b.Twin()
			b.Fetch("/me") // in the background
			synctest.Wait()
			for _, browser := range []*testapp.Browser{b, copied} {
				if r := browser.Fetch("/me"); r.StatusCode != http.StatusOK || !strings.Contains(r.Body, groups[400]) {
					t.Fatalf("%d: %d, %d bytes\n%.3000s", n, r.StatusCode, len(r.Body), a.Logs)
				}
			}
		}
		if !strings.Contains(a.Logs.String(), "not shared") {
			t.Errorf("no warning\n%.3000s", a.Logs)
		}
	})
}

// brokenKept is a State that cannot say what a check has found.
type brokenKept struct{ *state.Memory }

func (b brokenKept) Kept(ctx context.Context, key string) (string, bool, error) {
	if key[0] == 'k' {
		return "", false, errors.New("down")
	}
	return b.Memory.Kept(ctx, key)
}

// TestRecheckWithoutState: if the state cannot respond, a due session is 503, as every session is then.
func TestRecheckWithoutState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newRechecked(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.State = brokenKept{state.NewMemory(0)} })
		b := a.Browser()
		b.MustSignIn("alice")
		if b.WhoAmI() != "alice" {
			t.Error("a session that is not due needs no check")
		}
		time.Sleep(due)
		if r := b.Fetch("/me"); r.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("%d %s", r.StatusCode, r.Body)
		}
	})
}

// TestRecheckKeepsTokens: the session keeps tokens that a check has refreshed, also if the check failed afterwards.
// With the earlier ones, the provider would revoke the grant after what is shared has expired.
func TestRecheckKeepsTokens(t *testing.T) {
	for name, does := range map[string][]fakeop.Misbehaviour{
		"a check": nil, "a check that failed": {fakeop.UserInfoNull},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newRechecked(t)
				b := a.Browser()
				b.MustSignIn("alice")
				time.Sleep(due)
				a.OP.Misbehave(does...)
				b.Fetch("/me")
				a.OP.Misbehave()
				time.Sleep(3 * time.Hour)
				if r := b.Fetch("/me"); r.StatusCode != http.StatusOK || a.OP.Refreshes() != 2 {
					t.Errorf("%d %s after %d refreshes\n%s", r.StatusCode, r.Body, a.OP.Refreshes(), a.Logs)
				}
			})
		})
	}
}

// slowUserInfo makes userinfo respond after three seconds.
func slowUserInfo(a *testapp.App) {
	a.OP.Intercept(fakeop.UserInfo, func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(3 * time.Second)
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"sub":"alice"}`))
	})
}

// TestSignOutDuringRecheck: a request that waits for a check while the user signs out is 401, and its response sets no
// session again.
func TestSignOutDuringRecheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newRechecked(t)
		b := a.Browser()
		b.MustSignIn("alice")
		time.Sleep(due)
		slowUserInfo(a)
		tab := b.Twin()
		var waiting sync.WaitGroup
		waiting.Go(func() {
			if r := tab.Fetch("/me"); r.StatusCode != http.StatusUnauthorized {
				t.Errorf("%d %s", r.StatusCode, r.Body)
			}
		})
		time.Sleep(time.Second)
		b.Do(http.MethodPost, "/auth/signout", nil)
		waiting.Wait()
		a.OP.Intercept(fakeop.UserInfo, nil)
		if tab.WhoAmI() != "" || b.WhoAmI() != "" {
			t.Error("somebody is signed in")
		}
	})
}

// TestUpdateDuringRecheck: what the app changes in the session during a check is not lost, and neither is what the
// check has found.
func TestUpdateDuringRecheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newRechecked(t, func(c *ginoidc.Config, _ *fakeop.Config) {
			c.RecheckInBackground = true
			c.OnSignIn = func(_ context.Context, s *ginoidc.PendingSignIn) error {
				if !s.Recheck {
					s.User.Data = []byte("0")
				}
				return nil
			}
		})
		a.Engine.POST("/data", func(c *gin.Context) {
			change := func(u *ginoidc.User) error { u.Data = []byte("1"); return nil }
			if err := a.Auth.UpdateSession(c, change); err != nil {
				t.Error(err)
			}
		})
		a.Engine.GET("/data", func(c *gin.Context) {
			if u, ok := ginoidc.UserFrom(c); ok {
				c.String(http.StatusOK, "%s %s", u.Data, u.Groups)
			}
		})
		b := a.Browser()
		b.MustSignIn("alice")
		asMember(a, "root")
		time.Sleep(due)
		slowUserInfo(a)
		b.Fetch("/me") // starts the check
		time.Sleep(time.Second)
		b.Do(http.MethodPost, "/data", nil)
		time.Sleep(3 * time.Second)
		if r := b.Fetch("/data"); r.Body != "1 [root]" {
			t.Errorf("got %s\n%s", r.Body, a.Logs)
		}
	})
}
