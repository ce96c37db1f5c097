package ginoidc_test

import (
	"context"
	"errors"
	"net/http"
	"regexp"
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

// TestSessions: a user's sessions are listed, newest first, until they end for any reason, and each can be ended
// separately. Case 151.
func TestSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ended []ginoidc.SessionEnd
		a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
			c.SessionIdle = time.Hour
			c.OnSessionEnd = func(_ context.Context, e ginoidc.SessionEnd) { ended = append(ended, e) }
		})
		sid := ""
		a.OP.OnIDToken(func(claims map[string]any) { claims["sid"] = sid })
		var listed []ginoidc.SessionInfo
		a.Engine.GET("/sessions", a.Auth.RequireAuth(), func(c *gin.Context) {
			u, _ := ginoidc.UserFrom(c)
			listed, _ = a.Auth.UserSessions(c.Request.Context(), u.Subject)
		})
		browsers := map[string]*testapp.Browser{}
		for _, name := range []string{"desk", "phone", "tablet", "car", "train"} {
			sid = "sid-" + name
			browsers[name] = a.Browser()
			browsers[name].MustSignIn("alice")
			time.Sleep(time.Minute)
		}
		other := a.Browser()
		other.MustSignIn("bob")

		browsers["phone"].Fetch("/sessions")
		list := a.Sessions("alice", 5)
		if !slices.IsSortedFunc(list, func(x, y ginoidc.SessionInfo) int { return y.Started.Compare(x.Started) }) ||
			time.Since(list[4].Started) != 5*time.Minute {
			t.Errorf("listed %+v", list)
		}
		for i, info := range listed {
			if info.Current != (i == 3) || len(info.ID) != 32 {
				t.Errorf("asked by the phone: %+v", listed)
			}
		}
		for _, end := range []struct {
			subject, id string
			left        int
		}{{"bob", list[3].ID, 5}, {"alice", "", 5}, {"alice", list[3].ID[:31] + "x", 5}, {"alice", list[3].ID, 4},
			{"alice", list[3].ID, 4}} {
			if err := a.Auth.EndUserSession(t.Context(), end.subject, end.id); err != nil {
				t.Error(err)
			}
			a.Sessions("alice", end.left)
		}
		if browsers["phone"].WhoAmI() != "" || browsers["desk"].WhoAmI() != "alice" || other.WhoAmI() != "bob" {
			t.Error("another session ended than was meant")
		}
		if want := (ginoidc.SessionEnd{Subject: "alice", Reason: ginoidc.EndedByApp}); len(ended) != 1 || ended[0] != want {
			t.Errorf("ended %+v", ended)
		}

		browsers["desk"].Do("POST", "/auth/signout", nil)
		a.Sessions("alice", 3)
		if r := a.BackChannelLogout("", "sid-tablet", nil); r.StatusCode != 200 {
			t.Fatalf("back channel: %d", r.StatusCode)
		}
		a.Sessions("alice", 2)
		time.Sleep(40 * time.Minute)
		browsers["car"].Fetch("/me") // renews the session, so it stays
		time.Sleep(30 * time.Minute)
		a.Sessions("alice", 1)
		if err := a.Auth.EndUserSessions(t.Context(), "alice"); err != nil {
			t.Error(err)
		}
		a.Sessions("alice", 0)
		time.Sleep(time.Second)
		browsers["car"].MustSignIn("alice")
		a.Sessions("alice", 1)
	})
}

// TestMaxSessions: a further sign-in ends the oldest session. Case 152.
func TestMaxSessions(t *testing.T) {
	var ended []ginoidc.EndReason
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.MaxSessions = 2
		c.OnSessionEnd = func(_ context.Context, e ginoidc.SessionEnd) { ended = append(ended, e.Reason) }
	})
	first, second, third, other := a.Browser(), a.Browser(), a.Browser(), a.Browser()
	for _, b := range []*testapp.Browser{first, second} {
		b.MustSignIn("alice")
	}
	other.MustSignIn("bob")
	second.MustSignIn("alice") // again in the same browser, which adds no session
	third.MustSignIn("alice")
	if first.WhoAmI() != "" || second.WhoAmI() != "alice" || third.WhoAmI() != "alice" || other.WhoAmI() != "bob" {
		t.Errorf("signed in: %q %q %q %q", first.WhoAmI(), second.WhoAmI(), third.WhoAmI(), other.WhoAmI())
	}
	if want := []ginoidc.EndReason{ginoidc.EndedByNewSignIn, ginoidc.EndedByLimit}; !slices.Equal(ended, want) {
		t.Errorf("ended by %v", ended)
	}
	a.Sessions("alice", 2)
}

// TestMaxSessionsSparesTheNewOne: the new session is kept even if its sign-in was started first. Of the others, those
// that were started first end.
func TestMaxSessionsSparesTheNewOne(t *testing.T) {
	for _, most := range []int{1, 2, 3} {
		synctest.Test(t, func(t *testing.T) {
			a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.MaxSessions = most })
			slow := a.Browser()
			begun := slow.Navigate("/auth/signin")
			browsers := []*testapp.Browser{a.Browser(), a.Browser(), a.Browser()}
			for _, b := range browsers {
				time.Sleep(time.Minute)
				b.MustSignIn("alice")
			}
			time.Sleep(time.Minute)
			callback, err := a.OP.Approve(begun.Location(), "alice")
			if err != nil {
				t.Fatal(err)
			}
			if r := slow.Navigate(callback); r.StatusCode != http.StatusSeeOther || slow.WhoAmI() != "alice" {
				t.Errorf("at most %d: the new session: %d, %q\n%s", most, r.StatusCode, slow.WhoAmI(), a.Logs)
			}
			for i, b := range browsers {
				if alive := b.WhoAmI() != ""; alive != (i > len(browsers)-most) {
					t.Errorf("at most %d: session %d is alive: %t", most, i, alive)
				}
			}
			a.Sessions("alice", most)
		})
	}
}

// counting counts the entries in the index.
type counting struct {
	*state.Memory
	listed map[string]bool
}

func (x counting) Enlist(ctx context.Context, owner, session string, ttl time.Duration) error {
	x.listed[owner+session] = true
	return x.Memory.Enlist(ctx, owner, session, ttl)
}

func (x counting) Delist(ctx context.Context, owner, session string) error {
	delete(x.listed, owner+session)
	return x.Memory.Delist(ctx, owner, session)
}

// TestEndedSessionsAreDelisted: whatever ends a single session removes it from the lists of its user and of its sid.
func TestEndedSessionsAreDelisted(t *testing.T) {
	x := counting{state.NewMemory(0), map[string]bool{}}
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.State = x })
	b := a.Browser()
	for name, end := range map[string]func(){
		"sign-out":    func() { b.Do("POST", "/auth/signout", nil) },
		"EndSession":  func() { _ = a.Auth.EndUserSession(t.Context(), "alice", a.Sessions("alice", 1)[0].ID) },
		"new sign-in": func() { b.MustSignIn("alice"); b.Do("POST", "/auth/signout", nil) },
	} {
		b.MustSignIn("alice")
		if len(x.listed) != 2 {
			t.Errorf("%d entries of a session", len(x.listed))
		}
		if end(); len(x.listed) != 0 {
			t.Errorf("%s: %d entries left", name, len(x.listed))
		}
	}
}

// index is a State whose list fails or has entries that the plugin did not write.
type index struct {
	*state.Memory
	err     error
	entries []string
}

func (x index) Enlist(context.Context, string, string, time.Duration) error { return x.err }

func (x index) Delist(context.Context, string, string) error { return x.err }

func (x index) Listed(context.Context, string) ([]string, error) { return x.entries, x.err }

// TestSessionIndexDown: a list that fails does not prevent users from signing in and out, and forged entries are not
// listed.
func TestSessionIndexDown(t *testing.T) {
	for name, tt := range map[string]struct {
		state ginoidc.SharedState
		want  error
	}{
		"down": {index{state.NewMemory(0), errors.New("no route"), nil}, ginoidc.ErrSessionStore},
		"none": {without("Enlist", "Delist", "Listed"), errors.ErrUnsupported},
		"garbage": {index{state.NewMemory(0), nil, []string{"", "x", strings.Repeat("A", 63), strings.Repeat("=", 64),
			strings.Repeat("A", 65), strings.Repeat("A", 128)}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.State = tt.state })
			b := a.Browser()
			b.MustSignIn("alice")
			list, err := a.Auth.UserSessions(t.Context(), "alice")
			if !errors.Is(err, tt.want) || len(list) != 0 {
				t.Errorf("listed %v, error %v", list, err)
			}
			if err := a.Auth.EndUserSession(t.Context(), "alice", strings.Repeat("0", 32)); !errors.Is(err, tt.want) {
				t.Errorf("ended: %v", err)
			}
			if r := b.Do("POST", "/auth/signout", nil); r.StatusCode != http.StatusSeeOther || b.WhoAmI() != "" {
				t.Errorf("sign-out: %d", r.StatusCode)
			}
		})
	}
}

// TestSessionEnded: a long-lived request learns that its session has ended, whatever ended it. Case 215.
func TestSessionEnded(t *testing.T) {
	var watched context.Context
	down := false
	for _, test := range []struct {
		name    string
		happens func(*testapp.App, *testapp.Browser)
		want    bool
		err     error
	}{
		{"nothing", func(_ *testapp.App, _ *testapp.Browser) {}, false, nil},
		{"another user signs out", func(a *testapp.App, _ *testapp.Browser) {
			_ = a.Auth.EndUserSessions(a.T.Context(),
				"bob")
		}, false, nil},
		{"sign-out", func(_ *testapp.App, b *testapp.Browser) {
			b.Do(http.MethodPost, "/auth/signout", nil, "Sec-Fetch-Site", "same-origin")
		}, true, nil},
		{"sign out everywhere", func(a *testapp.App, _ *testapp.Browser) {
			_ = a.Auth.EndUserSessions(a.T.Context(),
				"alice")
		}, true, nil},
		{"by its id", func(a *testapp.App, _ *testapp.Browser) {
			_ = a.Auth.EndUserSession(a.T.Context(), "alice", a.Sessions("alice", 1)[0].ID)
		}, true, nil},
		{"at the provider", func(a *testapp.App, _ *testapp.Browser) { a.BackChannelLogout("alice", "", nil) }, true, nil},
		{"a new sign-in", func(_ *testapp.App, b *testapp.Browser) { b.MustSignIn("alice") }, true, nil},
		{"a minute below the idle limit", func(_ *testapp.App, _ *testapp.Browser) { time.Sleep(59 * time.Minute) },
			false, nil},
		{"the idle limit", func(_ *testapp.App, _ *testapp.Browser) { time.Sleep(time.Hour) }, true, nil},
		{"nobody's request", func(a *testapp.App, _ *testapp.Browser) { a.Browser().Navigate("/watch") }, true, nil},
		{"no request", func(a *testapp.App, _ *testapp.Browser) { watched = a.T.Context() }, true, nil},
		{"no answer", func(_ *testapp.App, _ *testapp.Browser) { down = true }, false, ginoidc.ErrSessionStore},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				down = false
				a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
					c.SessionIdle, c.State = time.Hour, fallibleState{state.NewMemory(0), &down}
				})
				a.Engine.GET("/watch", func(c *gin.Context) {
					watched = c.Request.Context()
					byGin, err1 := a.Auth.SessionEnded(c)
					byContext, err2 := a.Auth.SessionEnded(watched)
					if byGin != byContext || err1 != nil || err2 != nil {
						t.Errorf("the gin.Context says %v, %v, and the request's %v, %v", byGin, err1, byContext, err2)
					}
				})
				b := a.Browser()
				b.MustSignIn("alice")
				b.Fetch("/watch")
				if ended, err := a.Auth.SessionEnded(watched); ended || err != nil {
					t.Fatalf("at the beginning: %v, %v", ended, err)
				}
				test.happens(a, b)
				if ended, err := a.Auth.SessionEnded(watched); ended != test.want || !errors.Is(err, test.err) {
					t.Errorf("%v, %v; want %v, %v", ended, err, test.want, test.err)
				}
			})
		})
	}
}

// fallibleState fails once it is down.
type fallibleState struct {
	*state.Memory
	down *bool
}

func (s fallibleState) Revoked(ctx context.Context, keys ...string) ([]time.Time, error) {
	if *s.down {
		return nil, errStateDown
	}
	return s.Memory.Revoked(ctx, keys...)
}

// TestEndOtherSessions: all sessions of the user end except the one of the request, and none of another user.
func TestEndOtherSessions(t *testing.T) {
	var ended []ginoidc.SessionEnd
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.OnSessionEnd = func(_ context.Context, e ginoidc.SessionEnd) { ended = append(ended, e) }
	})
	a.Engine.POST("/others", func(c *gin.Context) {
		if err := a.Auth.EndOtherSessions(c); err != nil {
			a.Auth.Deny(c, err)
		}
	})
	desk, phone, car, other := a.Browser(), a.Browser(), a.Browser(), a.Browser()
	for _, b := range []*testapp.Browser{desk, phone, car} {
		b.MustSignIn("alice")
	}
	other.MustSignIn("bob")
	if r := a.Browser().Do("POST", "/others", nil); r.StatusCode != http.StatusUnauthorized || len(ended) != 0 {
		t.Errorf("signed out: %d, ended %v", r.StatusCode, ended)
	}
	for range 2 {
		if r := phone.Do("POST", "/others", nil); r.StatusCode != http.StatusOK {
			t.Errorf("%d %s", r.StatusCode, r.Body)
		}
		if desk.WhoAmI()+car.WhoAmI() != "" || phone.WhoAmI() != "alice" || other.WhoAmI() != "bob" {
			t.Errorf("signed in: %q %q %q %q", desk.WhoAmI(), phone.WhoAmI(), car.WhoAmI(), other.WhoAmI())
		}
	}
	want := ginoidc.SessionEnd{Subject: "alice", Reason: ginoidc.EndedByApp}
	if !slices.Equal(ended, []ginoidc.SessionEnd{want, want}) {
		t.Errorf("ended %+v", ended)
	}
	if err := a.Auth.EndOtherSessions(t.Context()); !errors.Is(err, ginoidc.ErrUnauthenticated) {
		t.Errorf("without a request: %v", err)
	}
}

// TestEndAllSessions: one mark ends all sessions on all instances, and everybody can sign in again at once. While the
// state is down it fails and ends none.
func TestEndAllSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ended []ginoidc.SessionEnd
		shared := &marks{Memory: state.NewMemory(0)}
		change := func(c *ginoidc.Config, _ *fakeop.Config) {
			c.State = shared
			c.OnSessionEnd = func(_ context.Context, e ginoidc.SessionEnd) { ended = append(ended, e) }
		}
		a := testapp.New(t, change)
		b := testapp.New(t, change)
		alice, bob := a.Browser(), b.Browser()
		for range 2 {
			alice.MustSignIn("alice")
			bob.MustSignIn("bob")
			if alice.WhoAmI() != "alice" || bob.WhoAmI() != "bob" {
				t.Fatal("not signed in")
			}
			shared.down = true
			if err := a.Auth.EndAllSessions(t.Context()); !errors.Is(err, ginoidc.ErrSessionStore) {
				t.Errorf("the state is down: %v", err)
			}
			shared.down = false
			before := shared.revoked
			if err := a.Auth.EndAllSessions(t.Context()); err != nil || shared.revoked != before+1 {
				t.Errorf("%v, %d marks", err, shared.revoked-before)
			}
			if alice.WhoAmI() != "" || bob.WhoAmI() != "" {
				t.Error("still signed in")
			}
			a.Sessions("alice", 0)
			time.Sleep(time.Millisecond)
		}
		want := ginoidc.SessionEnd{Reason: ginoidc.EndedByApp}
		if len(ended) != 2 || ended[0] != want || ended[1] != want {
			t.Errorf("ended %+v", ended)
		}
	})
}

// marks is a state that counts what is revoked.
type marks struct {
	*state.Memory
	revoked int
	down    bool
}

func (s *marks) Revoke(ctx context.Context, key string, at time.Time, ttl time.Duration) error {
	if s.down {
		return errors.New("down")
	}
	s.revoked++
	return s.Memory.Revoke(ctx, key, at, ttl)
}

// TestDevicesPage: the page of docs/sessions.md shows the user's sessions with what they were labelled, and ends them.
func TestDevicesPage(t *testing.T) {
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.SessionLabel = deviceOf })
	devicesPage(a.Engine, a.Auth)
	browsers := map[string]*testapp.Browser{}
	for _, agent := range []string{"Mozilla/5.0 (iPhone)", "Mozilla/5.0 (X11; Linux x86_64)", "<script>"} {
		browsers[agent] = a.Browser()
		signInWith(browsers[agent], "alice", agent)
	}
	phone := browsers["Mozilla/5.0 (iPhone)"]
	other := a.Browser()
	signInWith(other, "bob", "Android")
	page := phone.Navigate("/devices").Body
	for _, text := range []string{"<li>iPhone, since", "<li>Linux, since", "<li>Another device, since", "(this one)"} {
		if strings.Count(page, text) != 1 {
			t.Errorf("%q is not on the page once:\n%s", text, page)
		}
	}
	if strings.Contains(page, "Android") || strings.Count(page, "Sign out</button>") != 2 {
		t.Errorf("%s", page)
	}
	forms := regexp.MustCompile(`action="([^"]+)"`).FindAllStringSubmatch(page, -1)
	if r := phone.Do("POST", forms[0][1], nil); r.StatusCode != http.StatusSeeOther || r.Location() != "/devices" {
		t.Errorf("%d %s", r.StatusCode, r.Body)
	}
	a.Sessions("alice", 2)
	cross := append(testapp.CrossSiteForm(), "Cookie", phone.CookieHeader())
	if r := a.Browser().Do("POST", "/devices/end-others", nil, cross...); r.StatusCode != http.StatusForbidden {
		t.Errorf("from another site: %d", r.StatusCode)
	}
	a.Sessions("alice", 2)
	phone.Do("POST", "/devices/end-others", nil)
	if a.Sessions("alice", 1); phone.WhoAmI() != "alice" || other.WhoAmI() != "bob" {
		t.Error("another session ended")
	}
}
