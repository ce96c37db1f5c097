package ginoidc_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/memstore"
	"github.com/gin-gonic/gin"
	gsessions "github.com/gorilla/sessions"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/state"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

var errReadOnly = errors.New("read only")

// readOnlyState answers every question and, while readOnly, remembers nothing.
type readOnlyState struct {
	*state.Memory
	readOnly bool
}

func (s *readOnlyState) Revoke(ctx context.Context, key string, at time.Time, ttl time.Duration) error {
	if s.readOnly {
		return errReadOnly
	}
	return s.Memory.Revoke(ctx, key, at, ttl)
}

// readOnlyStore loads every session and does not save those whose name ends in refuses, unless that is "".
type readOnlyStore struct {
	sessions.Store
	refuses atomic.Value
}

func (s *readOnlyStore) Save(r *http.Request, w http.ResponseWriter, session *gsessions.Session) error {
	if refuses, _ := s.refuses.Load().(string); refuses != "" && strings.HasSuffix(session.Name(), refuses) {
		return errReadOnly
	}
	return s.Store.Save(r, w, session)
}

// sessionEnds are the ways of ending the session of a browser, with the status of each.
func sessionEnds(a *testapp.App) map[string]func(b *testapp.Browser) int {
	answer := func(c *gin.Context, err error) {
		if err != nil {
			a.Auth.Deny(c, err)
			return
		}
		c.Status(http.StatusNoContent)
	}
	a.Engine.POST("/destroy", func(c *gin.Context) { answer(c, a.Auth.EndSession(c)) })
	a.Engine.POST("/everywhere", func(c *gin.Context) { answer(c, a.Auth.EndUserSessions(c, "alice")) })
	a.Engine.POST("/end", func(c *gin.Context) {
		list, err := a.Auth.UserSessions(c.Request.Context(), "alice")
		if err != nil || len(list) != 1 {
			a.T.Errorf("sessions: %v, %v", list, err)
			return
		}
		answer(c, a.Auth.EndUserSession(c, "alice", list[0].ID))
	})
	post := func(path string) func(b *testapp.Browser) int {
		return func(b *testapp.Browser) int { return b.Do("POST", path, nil).StatusCode }
	}
	return map[string]func(b *testapp.Browser) int{
		"sign-out": post("/auth/signout"), "EndSession": post("/destroy"), "EndUserSessions": post("/everywhere"), "EndUserSession": post("/end"),
		"back channel": func(*testapp.Browser) int { return a.BackChannelLogout("alice", "", nil).StatusCode },
		"front channel": func(b *testapp.Browser) int {
			return b.Navigate("/auth/frontchannel-logout?iss=https://idp.example&sid=s-1").StatusCode
		},
	}
}

// TestStateThatRefusesToWrite: an end that cannot be remembered is none, and says so: 503, and the session lives until the
// end is asked for again.
func TestStateThatRefusesToWrite(t *testing.T) {
	shared := &readOnlyState{Memory: state.NewMemory(0)}
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.State = shared })
	a.OP.OnIDToken(func(claims map[string]any) { claims["sid"] = "s-1" })
	for name, end := range sessionEnds(a) {
		shared.readOnly = false
		b := a.Browser()
		b.MustSignIn("alice")
		shared.readOnly = true
		if status := end(b); status != http.StatusServiceUnavailable || b.WhoAmI() != "alice" {
			t.Errorf("%s: %d, and %q is signed in", name, status, b.WhoAmI())
		}
		shared.readOnly = false
		if status := end(b); status >= 400 || b.WhoAmI() != "" {
			t.Errorf("%s, asked for again: %d, and %q is signed in", name, status, b.WhoAmI())
		}
	}
}

// TestStoreThatRefusesToWrite: neither the record of the session nor that of its tokens may be left behind without a word.
func TestStoreThatRefusesToWrite(t *testing.T) {
	for _, refuses := range []string{"ginoidc", "-tokens"} {
		store := &readOnlyStore{Store: memstore.NewStore([]byte(testapp.CookieSecret))}
		a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.Store, c.KeepTokens = store, true })
		ends := sessionEnds(a)
		for _, name := range []string{"sign-out", "EndSession"} {
			b := a.Browser()
			b.MustSignIn("alice")
			store.refuses.Store(refuses)
			if status := ends[name](b); status != http.StatusServiceUnavailable {
				t.Errorf("%s while %s cannot be written: %d", name, refuses, status)
			}
			store.refuses.Store("")
		}
	}
}

// TestRefusedRefreshThatIsNotRemembered: the provider refuses a refresh, which ends the session, and that cannot be
// remembered: 503 and not 401, which would say that it has ended.
func TestRefusedRefreshThatIsNotRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := &readOnlyState{Memory: state.NewMemory(0)}
		a := testapp.NewWithTokens(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.State = shared })
		b := a.Browser()
		b.MustSignIn("alice")
		a.OP.Misbehave(fakeop.RefreshInvalidGrant)
		time.Sleep(10 * time.Minute)
		shared.readOnly = true
		if r := b.Fetch("/token"); r.StatusCode != http.StatusServiceUnavailable || b.WhoAmI() != "alice" {
			t.Errorf("%d %s, and %q is signed in", r.StatusCode, r.Body, b.WhoAmI())
		}
		shared.readOnly = false
		if r := b.Fetch("/token"); r.StatusCode != http.StatusUnauthorized || b.WhoAmI() != "" {
			t.Errorf("asked again: %d %s, and %q is signed in", r.StatusCode, r.Body, b.WhoAmI())
		}
	})
}

// TestUpdateOfAnExpiredSession: a session that reaches its limit while a handler runs is not saved by that handler.
func TestUpdateOfAnExpiredSession(t *testing.T) {
	for name, store := range map[string]sessions.Store{"cookies": nil, "a store": memstore.NewStore([]byte(testapp.CookieSecret))} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.Store, c.SessionIdle = store, time.Hour })
				a.Engine.POST("/slow", a.Auth.RequireAuth(), func(c *gin.Context) {
					time.Sleep(time.Hour + time.Second)
					err := a.Auth.UpdateSession(c, func(u *ginoidc.User) error { u.Name = "late"; return nil })
					if !errors.Is(err, ginoidc.ErrUnauthenticated) {
						t.Errorf("UpdateSession: %v", err)
					}
				})
				b := a.Browser()
				b.MustSignIn("alice")
				r := b.Do("POST", "/slow", nil)
				for _, c := range r.Cookies() {
					if c.MaxAge >= 0 {
						t.Errorf("a cookie: %s", c)
					}
				}
				if b.WhoAmI() != "" {
					t.Error("signed in again")
				}
			})
		})
	}
}
