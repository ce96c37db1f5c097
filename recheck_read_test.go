package ginoidc_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// due is just above the RecheckEvery of newRechecked.
const due = 5*time.Minute + time.Second

// TestRecheckResolver: the resolver's groups count, also for a session that the app started, which OnSignIn has never
// seen. It never sees what it returned before. Its failure is an outage.
func TestRecheckResolver(t *testing.T) {
	for _, byApp := range []bool{false, true} {
		t.Run(fmt.Sprint("by the app ", byApp), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var groups []string
				var failure error
				a := newRechecked(t, withoutRefreshTokens, func(c *ginoidc.Config, op *fakeop.Config) {
					op.TokenLife = time.Minute
					c.OnSignIn = func(context.Context, *ginoidc.PendingSignIn) error {
						if byApp {
							t.Error("OnSignIn was called")
						}
						return nil
					}
					c.Providers[0].GroupsResolver = func(_ context.Context, u *ginoidc.User, _ string) ([]string, error) {
						if slices.Contains(u.Groups, "resolved") {
							t.Error("the resolver got its own groups")
						}
						return groups, failure
					}
				})
				startAs(a, "carol")
				b := a.Browser()
				groups = []string{"admin", "resolved"}
				if byApp {
					b.Fetch("/start")
					time.Sleep(due)
				} else {
					b.MustSignIn("carol")
				}
				if status := b.Fetch("/admin").StatusCode; status != http.StatusOK {
					t.Fatalf("%d\n%s", status, a.Logs)
				}
				groups = []string{"resolved"}
				time.Sleep(due)
				if status := b.Fetch("/admin").StatusCode; status != http.StatusForbidden {
					t.Errorf("after the loss of a group: %d", status)
				}
				failure = errors.New("directory down")
				time.Sleep(due)
				if status := b.Fetch("/admin").StatusCode; status != http.StatusForbidden {
					t.Errorf("in the grace: %d", status)
				}
				time.Sleep(10 * time.Minute)
				if status := b.Fetch("/admin").StatusCode; status != http.StatusServiceUnavailable {
					t.Errorf("after the grace: %d", status)
				}
			})
		})
	}
}

// startAs adds a route at which the app starts a session itself.
func startAs(a *testapp.App, subject string) {
	a.Engine.GET("/start", func(c *gin.Context) {
		if err := a.Auth.StartSession(c, &ginoidc.User{Subject: subject, Groups: []string{"staff"}}); err != nil {
			a.T.Error(err)
		}
	})
}

// TestRecheckNeedsASource: a session of which nothing can be read again ends, unless the app started it: there the
// provider has never said anything. Case 341.
func TestRecheckNeedsASource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newRechecked(t, withoutRefreshTokens, func(_ *ginoidc.Config, op *fakeop.Config) { op.TokenLife = time.Minute })
		startAs(a, "carol")
		own, b := a.Browser(), a.Browser()
		own.Fetch("/start")
		b.MustSignIn("alice")
		time.Sleep(due)
		if own.WhoAmI() != "carol" || b.WhoAmI() != "" {
			t.Errorf("own %q, signed in %q", own.WhoAmI(), b.WhoAmI())
		}
	})
}

// TestRecheckedHook: OnSignIn sees the claims as they are and the Data of the session, and may change the latter. An
// error that leaves open whether the user may sign in is an outage.
func TestRecheckedHook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var failure error
		seen := []string{}
		a := newRechecked(t, func(c *ginoidc.Config, _ *fakeop.Config) {
			c.AppState = func(*gin.Context) (string, error) { return "state", nil }
			c.OnSignIn = func(_ context.Context, s *ginoidc.PendingSignIn) error {
				seen = append(seen, fmt.Sprintln(s.Recheck, s.User.Groups, string(s.User.Data), s.AppState != "",
					s.Request != nil, s.AccessToken != ""))
				s.User.Data = []byte(fmt.Sprintf(`%d`, len(seen)))
				return failure
			}
		})
		a.Engine.GET("/data", func(c *gin.Context) {
			if u, ok := ginoidc.UserFrom(c); ok {
				c.String(http.StatusOK, string(u.Data))
			}
		})
		b := a.Browser()
		b.MustSignIn("alice")
		asMember(a, "a")
		time.Sleep(due)
		if data := b.Fetch("/data").Body; data != "2" {
			t.Errorf("data %s\n%s", data, a.Logs)
		}
		for _, failure = range []error{
			fmt.Errorf("directory: %w", ginoidc.ErrProviderUnavailable), fmt.Errorf("database: %w", ginoidc.ErrSessionStore),
		} {
			time.Sleep(due)
			if data := b.Fetch("/data").Body; data != "2" {
				t.Errorf("data %s after %v\n%s", data, failure, a.Logs)
			}
		}
		want := []string{
			"false [admin audit staff]  true true true\n", "true [a] 1 false false true\n",
			"true [a] 2 false false true\n", "true [a] 2 false false true\n",
		}
		if !slices.Equal(seen, want) {
			t.Errorf("got %q\nwant %q", seen, want)
		}
	})
}

// TestRecheckProvesNothing: a check replaces the profile and the end that the provider sets. It never raises what the
// sign-in proved: a new ID token does not mean that the user was there. Case 343.
func TestRecheckProvesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newRechecked(t)
		a.Engine.GET("/user", func(c *gin.Context) {
			u, ok := ginoidc.UserFrom(c)
			if !ok {
				c.String(http.StatusOK, "nobody")
				return
			}
			c.String(http.StatusOK, "%s %s %s %s %s", u.Name, u.ACR, u.AMR, time.Since(u.AuthTime), u.Extra)
		})
		edit := map[string]any{"acr": "low", "amr": []any{"pwd"}, "auth_time": time.Now().Unix(), "plan": "free"}
		a.OP.OnIDToken(func(claims map[string]any) {
			for name, value := range edit {
				claims[name] = value
			}
		})
		b := a.Browser()
		b.MustSignIn("alice")
		time.Sleep(due)
		edit = map[string]any{
			"acr": "gold", "amr": []any{"hwk"}, "auth_time": time.Now().Unix(), "plan": "paid", "name": "Alice Brown",
			"session_expiry": time.Now().Add(time.Minute).Unix(),
		}
		if got := b.Fetch("/user").Body; got != `Alice Brown low [pwd] 5m1s {"plan":"paid"}` {
			t.Errorf("got %s", got)
		}
		time.Sleep(time.Minute + time.Second)
		if got := b.Fetch("/user").Body; got != "nobody" {
			t.Errorf("after session_expiry: %s", got)
		}
	})
}

// TestRecheckSessionExpiry: a session_expiry that has passed, or cannot be read, ends the session.
func TestRecheckSessionExpiry(t *testing.T) {
	for name, value := range map[string]any{"past": 1, "odd": "soon"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newRechecked(t)
				b := a.Browser()
				b.MustSignIn("alice")
				a.OP.OnIDToken(func(claims map[string]any) { claims["session_expiry"] = value })
				time.Sleep(due)
				if who := b.WhoAmI(); who != "" || !strings.Contains(a.Logs.String(), "session_expiry") {
					t.Errorf("%q\n%s", who, a.Logs)
				}
			})
		})
	}
}
