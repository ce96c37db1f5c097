package revocation_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/state"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// onClock writes ends like an instance whose clock is off, and records for how long.
type onClock struct {
	ginoidc.SharedState
	off  time.Duration
	ttls *[]time.Duration
}

func (s onClock) Revoke(ctx context.Context, key string, at time.Time, ttl time.Duration) error {
	*s.ttls = append(*s.ttls, ttl)
	if time.Until(at).Abs() < time.Hour && !strings.HasSuffix(key, "i") { // the provider's clock is its own
		at = at.Add(s.off)
	}
	return s.SharedState.Revoke(ctx, key, at, ttl)
}

// TestClocksOfInstances: what one instance ends also ends on another whose clock is some seconds ahead, and a user who
// signs in again at once stays signed in, until that session is ended too. Ends are remembered for the lifetime of a
// session whose sign-in is in progress.
func TestClocksOfInstances(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, a *testapp.App){
		"everywhere": func(t *testing.T, a *testapp.App) {
			if err := a.Auth.EndUserSessions(t.Context(), "alice"); err != nil {
				t.Error(err)
			}
		},
		"sub": func(t *testing.T, a *testapp.App) { a.BackChannelLogout("alice", "", nil) },
		"sid": func(t *testing.T, a *testapp.App) { a.BackChannelLogout("", "s-1", nil) },
	} {
		for _, off := range []time.Duration{0, -time.Second, -4 * time.Second} {
			t.Run(name+" "+off.String(), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var ttls []time.Duration
					shared := state.NewMemory(0)
					a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.State = shared })
					slow := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
						c.State, c.SessionLifetime, c.AttemptLife = onClock{shared, off, &ttls}, 20*time.Hour, time.Hour
						c.Providers[0].Transport = a.OP.Transport()
					})
					slow.OP = a.OP
					a.OP.OnIDToken(func(claims map[string]any) { claims["sid"] = "s-1" })
					b := a.Browser()
					for range 3 {
						b.MustSignIn("alice")
						if b.WhoAmI() != "alice" {
							t.Fatal("signed out by what was ended before")
						}
						a.Sessions("alice", 1)
						time.Sleep(500 * time.Millisecond)
						end(t, slow)
						if b.WhoAmI() != "" {
							t.Fatal("not ended")
						}
						a.Sessions("alice", 0)
						time.Sleep(time.Second) // of the provider's clock, which shows seconds
					}
					if slices.ContainsFunc(ttls[1:], func(ttl time.Duration) bool { return ttl != 21*time.Hour }) {
						t.Errorf("remembered for %v", ttls)
					}
				})
			})
		}
	}
}

// TestTokenOfSubAndSID: it also ends the user's sessions without a known sid (Back-Channel Logout 1.0, section 2.7),
// and none of another user (case 174).
func TestTokenOfSubAndSID(t *testing.T) {
	a := testapp.New(t)
	sid := ""
	a.OP.OnIDToken(func(claims map[string]any) {
		if delete(claims, "sid"); sid != "" {
			claims["sid"] = sid
		}
	})
	signedIn := func(subject, with string) *testapp.Browser {
		sid = with
		b := a.Browser()
		b.MustSignIn(subject)
		return b
	}
	without, with, other := signedIn("alice", ""), signedIn("alice", "s-1"), signedIn("alice", "s-2")
	bob, bobWithout := signedIn("bob", "s-1"), signedIn("bob", "")
	for _, tt := range []struct {
		sub, sid string
		left     []*testapp.Browser
	}{
		{"mallory", "s-1", []*testapp.Browser{without, with, other, bob, bobWithout}},
		{"mallory", "", []*testapp.Browser{without, with, other, bob, bobWithout}},
		{"alice", "s-3", []*testapp.Browser{with, other, bob, bobWithout}},
		{"alice", "s-1", []*testapp.Browser{other, bob, bobWithout}},
		{"", "s-2", []*testapp.Browser{bob, bobWithout}},
		{"bob", "", nil},
	} {
		if r := a.BackChannelLogout(tt.sub, tt.sid, nil); r.StatusCode != http.StatusOK {
			t.Fatalf("%d %s", r.StatusCode, r.Body)
		}
		for i, b := range []*testapp.Browser{without, with, other, bob, bobWithout} {
			if alive := b.WhoAmI() != ""; alive != slices.Contains(tt.left, b) {
				t.Errorf("after %s %s: session %d is alive: %t", tt.sub, tt.sid, i, alive)
			}
		}
	}
	if b := signedIn("alice", ""); b.WhoAmI() != "alice" {
		t.Error("no sign-in afterwards")
	}
}

// TestEndedSessionLosesItsCookies: only at the redirect to the sign-in; a store loses its records then too.
func TestEndedSessionLosesItsCookies(t *testing.T) {
	for kind, store := range testapp.Stores(t) {
		for name, end := range map[string]func(t *testing.T, a *testapp.App){
			"everywhere":   func(t *testing.T, a *testapp.App) { _ = a.Auth.EndUserSessions(t.Context(), "alice") },
			"back channel": func(t *testing.T, a *testapp.App) { a.BackChannelLogout("alice", "", nil) },
			"limit":        func(_ *testing.T, a *testapp.App) { a.Browser().MustSignIn("alice") },
		} {
			t.Run(kind+" "+name, func(t *testing.T) {
				a := testapp.NewWithTokens(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.Store, c.MaxSessions = store, 1 })
				b, bystander := a.Browser(), a.Browser()
				b.MustSignIn("alice")
				bystander.MustSignIn("bob")
				copied := b.Twin()
				if n := len(b.Cookies()); n != 2 {
					t.Fatalf("%v", b.Cookies())
				}
				end(t, a)
				if r := b.Fetch("/me"); r.StatusCode != 401 || r.Header.Get("Set-Cookie") != "" {
					t.Errorf("a fetch: %d %v", r.StatusCode, r.Header["Set-Cookie"])
				}
				if r := b.Navigate("/"); r.StatusCode != 200 || r.Header.Get("Set-Cookie") != "" {
					t.Errorf("a public page: %d %v", r.StatusCode, r.Header["Set-Cookie"])
				}
				if r := b.Navigate("/me"); r.StatusCode != 302 || len(b.Cookies()) != 0 {
					t.Errorf("a page: %d, left %v", r.StatusCode, b.Cookies())
				}
				if r := a.Browser().Navigate("/me"); r.StatusCode != 302 || r.Header.Get("Set-Cookie") != "" {
					t.Errorf("without a session: %d %v", r.StatusCode, r.Header["Set-Cookie"])
				}
				if bystander.WhoAmI() != "bob" {
					t.Error("another session is gone")
				}
				if kind != "memstore" && kind != "filesystem" {
					return
				}
				// It has forgotten what was ended.
				restarted := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.Store = store })
				if (&testapp.Browser{App: restarted, Jar: copied.Jar}).WhoAmI() != "" ||
					(&testapp.Browser{App: restarted, Jar: bystander.Jar}).WhoAmI() != "bob" {
					t.Error("the record is in the store still")
				}
			})
		}
	}
}

// TestForgettingStateIsLogged where it matters: with sealed cookies and in-memory state.
func TestForgettingStateIsLogged(t *testing.T) {
	for kind, store := range testapp.Stores(t) {
		for _, shared := range []ginoidc.SharedState{nil, state.NewMemory(0)} {
			a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.Store, c.State = store, shared })
			want := shared == nil && strings.Contains(kind, "cookie")
			if got := strings.Count(a.Logs.String(), "a restart forgets"); got > 1 || got == 1 != want ||
				strings.Contains(a.Logs.String(), "level=WARN") {
				t.Errorf("%s, a State %t: %s", kind, shared != nil, a.Logs)
			}
		}
	}
}

// TestPageOfAnEndedSession: the app's own handler decides whether to redirect.
func TestPageOfAnEndedSession(t *testing.T) {
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.AbortHandlers.Unauthenticated = func(c *gin.Context) { c.String(http.StatusUnauthorized, "go away") }
	})
	b := a.Browser()
	b.MustSignIn("alice")
	if err := a.Auth.EndUserSessions(t.Context(), "alice"); err != nil {
		t.Fatal(err)
	}
	if r := b.Navigate("/me"); r.StatusCode != 401 || r.Header.Get("Set-Cookie") != "" {
		t.Errorf("%d %v", r.StatusCode, r.Header["Set-Cookie"])
	}
}

// noted records the keys of what was ended.
type noted struct {
	*state.Memory
	keys []string
}

func (s *noted) Revoke(ctx context.Context, key string, at time.Time, ttl time.Duration) error {
	s.keys = append(s.keys, key)
	return s.Memory.Revoke(ctx, key, at, ttl)
}

// TestEndAtTheEqualMoment: an end at the very microsecond at which a session begins applies to it; an end a microsecond
// before applies to an earlier one.
func TestEndAtTheEqualMoment(t *testing.T) {
	for before, want := range map[time.Duration]string{5 * time.Second: "", 5*time.Second + time.Microsecond: "alice"} {
		synctest.Test(t, func(t *testing.T) {
			shared := &noted{Memory: state.NewMemory(0)}
			a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.State = shared })
			if err := a.Auth.EndUserSessions(t.Context(), "alice"); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Hour)
			b := a.Browser()
			b.MustSignIn("alice")
			if err := shared.Revoke(t.Context(), shared.keys[len(shared.keys)-1], time.Now().Add(-before),
				time.Hour); err != nil || b.WhoAmI() != want {
				t.Errorf("ended %v before the sign-in: %v, and %q is signed in, want %q", before, err, b.WhoAmI(), want)
			}
		})
	}
}
