package ginoidc_test

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/cookie"
	"github.com/gin-contrib/sessions/memstore"
	"github.com/gin-gonic/gin"
	gsessions "github.com/gorilla/sessions"

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
			a.Engine.POST("/others", func(c *gin.Context) {
				if err := a.Auth.EndOtherSessions(c); !errors.Is(err, tt.want) {
					t.Errorf("others ended: %v", err)
				}
			})
			b := a.Browser()
			b.MustSignIn("alice")
			b.Do(http.MethodPost, "/others", nil)
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
		{"no answer from the start", func(_ *testapp.App, b *testapp.Browser) {
			down = true
			b.Fetch("/asks-later")
		}, false, ginoidc.ErrSessionStore},
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
				a.Engine.GET("/asks-later", func(c *gin.Context) { watched = c.Request.Context() })
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

// failing is a State whose Revoked fails while it is down.
type failing struct {
	ginoidc.SharedState
	down *atomic.Bool
}

func (s failing) Revoked(ctx context.Context, keys ...string) ([]time.Time, error) {
	if s.down.Load() {
		return nil, errors.New("down")
	}
	return s.SharedState.Revoked(ctx, keys...)
}

// TestEnded: a long-lived response learns within two seconds that its session has ended, on any instance, and nothing
// else ends it.
func TestEnded(t *testing.T) {
	const lifetime = time.Hour
	for name, tt := range map[string]struct {
		happens func(t *testing.T, a, other *testapp.App, down *atomic.Bool, hangUp func())
		after   time.Duration // until it ends
	}{
		"sign-out on another instance": {func(t *testing.T, _, other *testapp.App, _ *atomic.Bool, _ func()) {
			if err := other.Auth.EndUserSessions(t.Context(), "alice"); err != nil {
				t.Error(err)
			}
		}, 2 * time.Second},
		"by the provider": {func(_ *testing.T, _, other *testapp.App, _ *atomic.Bool, _ func()) {
			other.BackChannelLogout("alice", "", nil)
		}, 2 * time.Second},
		"the client hangs up": {
			func(_ *testing.T, _, _ *testapp.App, _ *atomic.Bool, hangUp func()) { hangUp() }, time.Second,
		},
		"expiry": {
			func(*testing.T, *testapp.App, *testapp.App, *atomic.Bool, func()) {}, lifetime + 2*time.Second,
		},
		"another user": {func(t *testing.T, _, other *testapp.App, _ *atomic.Bool, _ func()) {
			if err := other.Auth.EndUserSessions(t.Context(), "bob"); err != nil {
				t.Error(err)
			}
		}, lifetime + 2*time.Second},
		"the state is down for a while": {func(_ *testing.T, _, _ *testapp.App, down *atomic.Bool, _ func()) {
			down.Store(true)
			time.AfterFunc(time.Minute, func() { down.Store(false) })
		}, lifetime + 2*time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var down atomic.Bool
				shared := failing{state.NewMemory(0), &down}
				config := func(c *ginoidc.Config, _ *fakeop.Config) { c.State, c.SessionLifetime = shared, lifetime }
				a, other := testapp.New(t, config), testapp.New(t, config)
				ctx, hangUp := context.WithCancel(t.Context())
				defer hangUp()
				begun, ended := make(chan time.Time, 1), make(chan time.Duration, 1)
				a.Engine.GET("/stream", a.Auth.RequireAuth(), func(c *gin.Context) {
					c.Request = c.Request.WithContext(ctx2(c.Request.Context(), ctx))
					watch := a.Auth.Ended(c)
					start := time.Now()
					begun <- start
					<-watch
					ended <- time.Since(start)
				})
				b := a.Browser()
				b.MustSignIn("alice")
				time.Sleep(time.Second)
				go b.Fetch("/stream")
				<-begun
				tt.happens(t, a, other, &down, hangUp)
				if took := <-ended; took > tt.after || tt.after > time.Minute && took < lifetime-time.Minute {
					t.Errorf("ended after %v, want about %v", took, tt.after)
				}
				synctest.Wait()
			})
		})
	}
}

// ctx2 is done when either of its contexts is.
func ctx2(parent, other context.Context) context.Context {
	ctx, cancel := context.WithCancel(parent)
	context.AfterFunc(other, cancel)
	return ctx
}

// TestEndedOfAConnection: a handler that has taken over the connection, as for a WebSocket, learns it too.
func TestEndedOfAConnection(t *testing.T) {
	a := testapp.New(t)
	a.Engine.GET("/socket", a.Auth.RequireAuth(), func(c *gin.Context) {
		ended := a.Auth.Ended(c)
		conn, _, err := c.Writer.Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		_, _ = conn.Write([]byte("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: test\r\n\r\nopen"))
		<-ended
		_, _ = conn.Write([]byte(", ended"))
	})
	server := httptest.NewServer(a.Engine)
	defer server.Close()
	b := a.Browser()
	b.MustSignIn("alice")
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET /socket HTTP/1.1\r\nHost: app.example.com\r\nCookie: %s\r\n\r\n", b.CookieHeader())
	lines := bufio.NewReader(conn)
	r, err := http.ReadResponse(lines, nil)
	if err != nil || r.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("%v %v", r, err)
	}
	opened := make([]byte, len("open"))
	if _, err := io.ReadFull(lines, opened); err != nil || string(opened) != "open" {
		t.Fatalf("%q %v", opened, err)
	}
	b.Do(http.MethodPost, "/auth/signout", nil)
	if rest, err := io.ReadAll(lines); err != nil || string(rest) != ", ended" {
		t.Errorf("%q %v", rest, err)
	}
}

// TestEndedOfNobody: without a signed-in user the channel is closed from the start.
func TestEndedOfNobody(t *testing.T) {
	a := testapp.New(t)
	a.Engine.GET("/stream", func(c *gin.Context) {
		select {
		case <-a.Auth.Ended(c):
		default:
			t.Error("open")
		}
	})
	if r := a.Browser().Fetch("/stream"); r.StatusCode != http.StatusOK {
		t.Errorf("%d", r.StatusCode)
	}
}

// TestEndedWithoutSession: a stream does not outlive the access token. If that does not expire, or an Authenticator
// identified the user, the stream lasts as long as the request.
func TestEndedWithoutSession(t *testing.T) {
	for name, tt := range map[string]struct {
		header  string
		expires bool
		want    time.Duration
	}{
		"a token":                      {"Authorization", true, 5 * time.Minute},
		"a token that does not expire": {"Authorization", false, time.Hour},
		"a key":                        {"X-API-Key", true, time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newAPI(t, func(c *ginoidc.Config, op *fakeop.Config) {
					c.Providers[0].Introspection, op.TokenLife = "json", 5*time.Minute
					keys := map[string]func(*gin.Context) (*ginoidc.User, error){"robot": shows(ginoidc.User{Subject: "robot"})}
					c.Authenticators = []ginoidc.Authenticator{byKey(keys)}
				})
				a.OP.OnIntrospection(func(answer map[string]any) {
					if !tt.expires {
						delete(answer, "exp")
					}
				})
				ctx, hangUp := context.WithTimeout(t.Context(), time.Hour)
				defer hangUp()
				a.Engine.GET("/stream", a.Auth.RequireAuth(), func(c *gin.Context) {
					c.Request = c.Request.WithContext(ctx2(c.Request.Context(), ctx))
					start := time.Now()
					<-a.Auth.Ended(c)
					if took := time.Since(start); took < tt.want-time.Second || took > tt.want+2*time.Second {
						t.Errorf("ended after %v", took)
					}
				})
				credential := "robot"
				if tt.header == "Authorization" {
					token, err := a.OP.OpaqueToken("alice", api)
					if err != nil {
						t.Fatal(err)
					}
					credential = "Bearer " + token
				}
				if r := a.Browser().Do(http.MethodGet, "/stream", nil, tt.header, credential); r.StatusCode != 200 {
					t.Errorf("%d %s", r.StatusCode, a.Logs)
				}
			})
		})
	}
}

// userAgent labels sessions with the header as it is.
func userAgent(c *ginoidc.Config, _ *fakeop.Config) {
	c.SessionLabel = func(r *http.Request) string { return r.UserAgent() }
}

// signInWith signs a user in with a browser that sends this User-Agent.
func signInWith(b *testapp.Browser, subject, agent string) {
	b.App.T.Helper()
	callback := b.Start("/auth/signin", subject)
	r := b.Do(http.MethodGet, callback, nil, append(testapp.Navigation(), "User-Agent", agent)...)
	if r.StatusCode != http.StatusSeeOther {
		b.App.T.Fatalf("%d %s", r.StatusCode, r.Body)
	}
}

// TestSessionLabel: the list shows what the app made of the request of the sign-in, without what could harm a page or a
// terminal and at most 64 bytes of it, as long as the session lives, on every instance, and sealed.
func TestSessionLabel(t *testing.T) {
	for name, tt := range map[string]struct{ agent, want string }{
		"plain":       {"Firefox on Linux", "Firefox on Linux"},
		"none":        {"", ""},
		"controls":    {"Fire\x1b[31mfox\t\u202e", "Fire[31mfox"},
		"not UTF-8":   {"Fire\xfffox", "Firefox"},
		"spaces":      {"  Firefox ", "Firefox"},
		"long":        {strings.Repeat("x", 100), strings.Repeat("x", 64)},
		"half a rune": {strings.Repeat("x", 63) + "é", strings.Repeat("x", 63)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				shared := &recording{Memory: state.NewMemory(0)}
				a := testapp.New(t, userAgent, func(c *ginoidc.Config, _ *fakeop.Config) { c.State = shared })
				other := testapp.New(t, userAgent, func(c *ginoidc.Config, _ *fakeop.Config) { c.State = shared })
				b := a.Browser()
				signInWith(b, "alice", tt.agent)
				for range 13 { // a renewal is due every 6 of 168 hours
					if got := other.Sessions("alice", 1)[0].Label; got != tt.want {
						t.Errorf("label %q, want %q", got, tt.want)
					}
					time.Sleep(10 * time.Hour)
					b.Fetch("/me")
				}
				if tt.want != "" && strings.Contains(shared.kept, tt.want) {
					t.Errorf("in clear: %s", shared.kept)
				}
			})
		})
	}
}

// recording is a state that records what it keeps.
type recording struct {
	*state.Memory
	kept string
	down bool
}

func (s *recording) Keep(ctx context.Context, key, value string, ttl time.Duration) error {
	if s.kept += value; s.down {
		return errors.New("down")
	}
	return s.Memory.Keep(ctx, key, value, ttl)
}

// TestSessionLabelFails: a label that cannot be made or kept prevents no sign-in. The request that the app sees is a
// copy without its body.
func TestSessionLabelFails(t *testing.T) {
	shared := &recording{Memory: state.NewMemory(0)}
	path := "/auth/callback"
	agent := func(r *http.Request) string {
		if r.UserAgent() == "panic" {
			panic("label")
		}
		if body, err := r.Body.Read(make([]byte, 1)); body != 0 || err == nil || r.URL.Path != path {
			t.Errorf("%s has a body: %v", r.URL, err)
		}
		r.Header.Set("Cookie", "x=y")
		return "device"
	}
	var r recorder
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.State, c.SessionLabel, c.OnEvent = shared, agent, r.receive
	})
	for _, agent := range []string{"panic", "Firefox"} {
		shared.down = agent != "panic"
		b := a.Browser()
		signInWith(b, "alice", agent)
		if b.WhoAmI() != "alice" {
			t.Errorf("%s: not signed in", agent)
		}
		if !strings.Contains(fmt.Sprint(r.take()), "session not labelled") {
			t.Errorf("%s: no event", agent)
		}
	}
	for _, info := range a.Sessions("alice", 2) {
		if info.Label != "" {
			t.Errorf("label %q", info.Label)
		}
	}
	a.Engine.POST("/start", func(c *gin.Context) {
		err := a.Auth.StartSession(c, &ginoidc.User{Subject: "bob"})
		body, bodyErr := io.ReadAll(c.Request.Body)
		if err != nil || bodyErr != nil || string(body) != "form" || c.GetHeader("Cookie") != "" {
			t.Errorf("StartSession: %v, the body is %q, %v", err, body, bodyErr)
		}
	})
	path, shared.down = "/start", false
	a.Browser().Do(http.MethodPost, "/start", strings.NewReader("form"))
	if info := a.Sessions("bob", 1)[0]; info.Label != "device" {
		t.Errorf("StartSession: label %q", info.Label)
	}
	plain := testapp.New(t)
	plain.Browser().MustSignIn("alice")
	if info := plain.Sessions("alice", 1)[0]; info.Label != "" {
		t.Errorf("without the setting: %q", info.Label)
	}
}

// The default State of an app with one process. The tests in e2e/store check the same behaviour of redisstate.
var _ ginoidc.SharedState = (*state.Memory)(nil)

// hooked is a State that fails in some methods: before is called with the name of each, and its error is returned
// unless it is nil.
type hooked struct {
	ginoidc.SharedState
	before func(ctx context.Context, method string) error
}

func (s hooked) Revoke(ctx context.Context, key string, at time.Time, ttl time.Duration) error {
	if err := s.before(ctx, "Revoke"); err != nil {
		return err
	}
	return s.SharedState.Revoke(ctx, key, at, ttl)
}

func (s hooked) Revoked(ctx context.Context, keys ...string) ([]time.Time, error) {
	if err := s.before(ctx, "Revoked"); err != nil {
		return nil, err
	}
	return s.SharedState.Revoked(ctx, keys...)
}

func (s hooked) MarkUsed(ctx context.Context, key string, ttl time.Duration) (bool, error) {
	if err := s.before(ctx, "MarkUsed"); err != nil {
		return false, err
	}
	return s.SharedState.MarkUsed(ctx, key, ttl)
}

func (s hooked) Enlist(ctx context.Context, owner, session string, ttl time.Duration) error {
	if err := s.before(ctx, "Enlist"); err != nil {
		return err
	}
	return s.SharedState.Enlist(ctx, owner, session, ttl)
}

func (s hooked) Delist(ctx context.Context, owner, session string) error {
	if err := s.before(ctx, "Delist"); err != nil {
		return err
	}
	return s.SharedState.Delist(ctx, owner, session)
}

func (s hooked) Listed(ctx context.Context, owner string) ([]string, error) {
	if err := s.before(ctx, "Listed"); err != nil {
		return nil, err
	}
	return s.SharedState.Listed(ctx, owner)
}

func (s hooked) Lease(ctx context.Context, key string, ttl time.Duration) (func(context.Context) error, bool, error) {
	if err := s.before(ctx, "Lease"); err != nil {
		return nil, false, err
	}
	return s.SharedState.Lease(ctx, key, ttl)
}

func (s hooked) Keep(ctx context.Context, key, value string, ttl time.Duration) error {
	if err := s.before(ctx, "Keep"); err != nil {
		return err
	}
	return s.SharedState.Keep(ctx, key, value, ttl)
}

func (s hooked) Kept(ctx context.Context, key string) (string, bool, error) {
	if err := s.before(ctx, "Kept"); err != nil {
		return "", false, err
	}
	return s.SharedState.Kept(ctx, key)
}

// without is a State that does not support some methods.
func without(methods ...string) ginoidc.SharedState {
	return hooked{state.NewMemory(0), func(_ context.Context, method string) error {
		if slices.Contains(methods, method) {
			return fmt.Errorf("wrapped: %w", errors.ErrUnsupported)
		}
		return nil
	}}
}

// TestStateThatCanDoLess: a State that lacks methods is an error of New or one warning, depending on what needs them. A
// State with all methods, wrapped or not, and one that does not respond at the moment, is neither.
func TestStateThatCanDoLess(t *testing.T) {
	const list, leases = "keeps no list of sessions", "shares no refreshes"
	for _, tt := range []struct {
		name        string
		state       ginoidc.SharedState
		maxSessions int
		keepTokens  bool
		problems    []string
		warning     string
	}{
		{"everything", state.NewMemory(0), 1, true, nil, ""},
		{"wrapped", struct{ ginoidc.SharedState }{state.NewMemory(0)}, 1, true, nil, ""},
		{"no revocations", without("Revoke"), 0, false, []string{"State "}, ""},
		{"no reading of them", without("Revoked"), 0, false, []string{"State "}, ""},
		{"nothing used once", without("MarkUsed"), 0, false, []string{"State "}, ""},
		{"no list", without("Enlist", "Delist", "Listed"), 0, true, nil, list},
		{"no list, and a limit", without("Enlist", "Delist", "Listed"), 1, false, []string{"MaxSessions "}, ""},
		{"a list that cannot be written", without("Enlist"), 0, false, nil, list},
		{"a list that cannot be written, and a limit", without("Enlist"), 1, false, []string{"MaxSessions "}, ""},
		{"a list that only grows", without("Delist"), 0, false, nil, list},
		{"a list that cannot be read", without("Listed"), 0, false, nil, list},
		{"no leases", without("Lease"), 1, true, nil, leases},
		{"nothing kept", without("Keep", "Kept"), 0, true, nil, leases},
		{"nothing to read back", without("Kept"), 0, true, nil, leases},
		{"no leases, no tokens", without("Lease", "Keep", "Kept"), 0, false, nil, ""},
		{"nothing", without("Revoke", "Revoked", "MarkUsed", "Enlist", "Delist", "Listed", "Lease", "Keep", "Kept"), 1, true,
			[]string{"State ", "MaxSessions "}, ""},
		{"a panic", struct{ ginoidc.SharedState }{}, 1, false, []string{"State ", "MaxSessions "}, ""},
		{"down", hooked{state.NewMemory(0), func(context.Context, string) error { return errStateDown }}, 1, true, nil, ""},
		{"no answer", hooked{state.NewMemory(0),
			func(ctx context.Context, _ string) error { <-ctx.Done(); return ctx.Err() }}, 1, true, nil, ""},
		{"no answer whatever is said", hooked{state.NewMemory(0),
			func(context.Context, string) error { time.Sleep(time.Hour); return nil }}, 1, true, nil, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var logs strings.Builder
				cfg := validConfig()
				cfg.State, cfg.MaxSessions, cfg.KeepTokens = tt.state, tt.maxSessions, tt.keepTokens
				cfg.Logger = slog.New(slog.NewTextHandler(&logs, nil))
				began := time.Now()
				auth, err := ginoidc.New(cfg)
				if took := time.Since(began); took > 2*time.Second {
					t.Errorf("New took %v", took)
				}
				if got := problemsOf(err); !slices.Equal(got, tt.problems) || (auth == nil) != (tt.problems != nil) {
					t.Errorf("problems %q, want %q", got, tt.problems)
				}
				lines := strings.Count(logs.String(), "level=WARN")
				if warned := lines == 1 && strings.Contains(logs.String(), tt.warning); warned != (tt.warning != "") || lines > 1 {
					t.Errorf("logged %q, want %q", logs.String(), tt.warning)
				}
				time.Sleep(2 * time.Hour) // until the slowest call has returned
			})
		})
	}
}

// TestRefreshWithoutSharedLeases: without leases in State, this process still deduplicates its own refreshes.
func TestRefreshWithoutSharedLeases(t *testing.T) {
	for _, methods := range [][]string{{"Lease"}, {"Keep", "Kept"}, {"Lease", "Keep", "Kept"}} {
		t.Run(strings.Join(methods, " "), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := testapp.NewWithTokens(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.State = without(methods...) })
				b := a.Browser()
				b.MustSignIn("alice")
				first := b.Fetch("/token").Body
				time.Sleep(5 * time.Minute)
				if r := b.Fetch("/token"); r.StatusCode != 200 || r.Body == first {
					t.Errorf("token: %d %s", r.StatusCode, r.Body)
				}
			})
		})
	}
}

// TestKeptValuesCannotBeMoved: write access to the shared state is not enough to give a browser the tokens or the
// session of another user, or of another session of the same user.
func TestKeptValuesCannotBeMoved(t *testing.T) {
	for _, victim := range []string{"alice", "bob"} {
		synctest.Test(t, func(t *testing.T) {
			var first string
			on := false
			a := testapp.NewWithTokens(t, func(c *ginoidc.Config,
				_ *fakeop.Config) {
				c.State = swapping{state.NewMemory(0), &first, &on}
			})
			a.Engine.POST("/name", func(c *gin.Context) {
				if err := a.Auth.UpdateSession(c, func(u *ginoidc.User) error { u.Name = "new"; return nil }); err != nil {
					t.Error(err)
				}
			})
			b, mallory := a.Browser(), a.Browser()
			b.MustSignIn(victim)
			mallory.MustSignIn("bob")
			time.Sleep(5 * time.Minute)
			first = ""                       // forget the result of a callback
			stolen := b.Fetch("/token").Body // is refreshed and kept
			if first == "" {
				t.Fatal("nothing was kept")
			}
			on = true
			if r := mallory.Fetch("/token"); r.StatusCode != http.StatusOK || r.Body == stolen {
				t.Errorf("mallory's token: %d, the victim's: %t", r.StatusCode, r.Body == stolen)
			}
			first, on = "", false
			b.Do("POST", "/name", nil) // its cookies are kept
			earlier := mallory.Twin()
			mallory.Do("POST", "/name", nil)
			if on = true; first == "" || earlier.Fetch("/me").StatusCode != http.StatusUnauthorized {
				t.Errorf("mallory has got the victim's session: %q", earlier.WhoAmI())
			}
		})
	}
}

// swapping is a State that returns the first kept value for every key, as if someone had copied it there.
type swapping struct {
	ginoidc.SharedState
	first *string
	on    *bool
}

func (s swapping) Keep(ctx context.Context, key, value string, ttl time.Duration) error {
	if *s.first == "" && key != "probe" {
		*s.first = value
	}
	return s.SharedState.Keep(ctx, key, value, ttl)
}

func (s swapping) Kept(ctx context.Context, key string) (string, bool, error) {
	if *s.on && *s.first != "" {
		return *s.first, true, nil
	}
	return s.SharedState.Kept(ctx, key)
}

var errReadOnly = errors.New("read only")

// readOnlyState answers every query but, while readOnly, fails to write.
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

// readOnlyStore loads every session but does not save those whose name ends in refuses, unless that is "".
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

// sessionEnds returns the ways to end the session of a browser. Each returns the status.
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
		"sign-out": post("/auth/signout"), "EndSession": post("/destroy"), "EndUserSessions": post("/everywhere"),
		"EndUserSession": post("/end"),
		"back channel":   func(*testapp.Browser) int { return a.BackChannelLogout("alice", "", nil).StatusCode },
		"front channel": func(b *testapp.Browser) int {
			return b.Navigate("/auth/frontchannel-logout?iss=https://idp.example&sid=s-1").StatusCode
		},
	}
}

// TestStateThatRefusesToWrite: if a revocation cannot be saved, the response is 503 and the session has not ended.
// Another try ends it.
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

// TestStoreThatRefusesToWrite: if the record of a session or of its tokens cannot be deleted, the request fails or the
// log says so.
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

// TestSharedStateOfTwoProviders: the same subject and session id at two providers are different users, even in a shared
// state.
func TestSharedStateOfTwoProviders(t *testing.T) {
	shared := state.NewMemory(0)
	apps := map[string]*testapp.App{}
	for _, issuer := range []string{"https://one.example", "https://two.example"} {
		apps[issuer] = testapp.New(t, func(c *ginoidc.Config, op *fakeop.Config) {
			c.Providers[0].Issuer, op.Issuer,
				c.State = issuer, issuer, shared
		})
	}
	one, two := apps["https://one.example"], apps["https://two.example"]
	b := two.Browser()
	b.MustSignIn("alice")
	if r := one.BackChannelLogout("alice", "", nil); r.StatusCode != 200 || b.WhoAmI() != "alice" {
		t.Errorf("logout token: %d, %q is signed in", r.StatusCode, b.WhoAmI())
	}
	if err := one.Auth.EndUserSessions(t.Context(), "alice"); err != nil || b.WhoAmI() != "alice" {
		t.Errorf("everywhere: %v, %q is signed in", err, b.WhoAmI())
	}
}

// forgetfulState returns too few results once a user is signed in.
type forgetfulState struct{ ginoidc.SharedState }

func (s forgetfulState) Revoked(ctx context.Context, keys ...string) ([]time.Time, error) {
	if keys[0][0] != 'e' {
		return s.SharedState.Revoked(ctx, keys...)
	}
	return nil, nil
}

// TestStateThatAnswersTooLittle: a State that returns too few results counts as not responding, so nobody is let in.
func TestStateThatAnswersTooLittle(t *testing.T) {
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.State = forgetfulState{state.NewMemory(0)} })
	b := a.Browser()
	b.MustSignIn("alice")
	if r := b.Fetch("/me"); r.StatusCode != 503 {
		t.Errorf("%d %s", r.StatusCode, r.Body)
	}
}

// brokenState is a shared state that does not respond.
type brokenState struct{ ginoidc.SharedState }

func (brokenState) Revoke(context.Context, string, time.Time, time.Duration) error {
	return errStateDown
}

func (brokenState) Revoked(context.Context, ...string) ([]time.Time, error) { return nil, errStateDown }

func (brokenState) MarkUsed(context.Context, string, time.Duration) (bool, error) {
	return false, errStateDown
}

var errStateDown = errors.New("state down")

// TestStateDown: signed-in users get 503, everyone else gets the public page, and nothing is half done. Cases 164, 189
// and 246.
func TestStateDown(t *testing.T) {
	up := testapp.New(t)
	b := up.Browser()
	callback := b.Start("/auth/signin", "bob")
	b.MustSignIn("alice")
	down := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.State, c.Providers[0].Transport = brokenState{}, up.OP.Transport()
	})
	down.Engine.POST("/start", func(c *gin.Context) {
		if err := down.Auth.StartSession(c, &ginoidc.User{Subject: "bob"}); !errors.Is(err, ginoidc.ErrSessionStore) {
			t.Errorf("StartSession: %v", err)
		}
		c.Header("Retry-After", "1")
		c.Status(http.StatusServiceUnavailable)
	})
	there := down.Browser()
	there.Jar = b.Jar
	for _, tt := range []struct {
		name   string
		got    testapp.Reply
		status int
	}{
		{"public", there.Navigate("/"), 200},
		{"guarded page", there.Navigate("/me"), 503},
		{"guarded call", there.Fetch("/me"), 503},
		{"userinfo", there.Fetch("/auth/userinfo"), 503},
		{"sign-out", there.Do("POST", "/auth/signout", nil), 503},
		{"callback", there.Navigate(callback), 503},
		{"StartSession", there.Do("POST", "/start", nil), 503},
		{"signed out", down.Browser().Fetch("/me"), 401},
	} {
		if tt.got.StatusCode != tt.status || tt.got.Header.Get("Set-Cookie") != "" ||
			(tt.got.Header.Get("Retry-After") != "") != (tt.status == 503) {
			t.Errorf("%s: %d %v", tt.name, tt.got.StatusCode, tt.got.Header)
		}
	}
	token, err := up.OP.LogoutToken("alice", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	if r := down.PostBackChannel("logout_token=" + token); r.StatusCode != 503 {
		t.Errorf("back-channel: %d %s", r.StatusCode, r.Body)
	}
	if b.WhoAmI() != "alice" {
		t.Error("a failure ended the session")
	}
}

func errIf(failed bool) error {
	if failed {
		return errStateDown
	}
	return nil
}

// TestNewSession: a sign-in replaces any earlier session, and a failed one leaves it unchanged. Case 130.
func TestNewSession(t *testing.T) {
	a := testapp.New(t)
	b := a.Browser()
	b.MustSignIn("alice")
	callback := b.Start("/auth/signin", "bob")
	a.OP.Misbehave("bad-signature")
	if r := b.Navigate(callback); r.StatusCode != 401 || b.WhoAmI() != "alice" {
		t.Errorf("failed sign-in: %d, %q is signed in", r.StatusCode, b.WhoAmI())
	}
	a.OP.Misbehave()
	b.MustSignIn("bob")
	if b.WhoAmI() != "bob" {
		t.Errorf("%q is signed in", b.WhoAmI())
	}
}

// TestSessionLife: a request past half of the idle limit renews a session, idleness ends it, and so does its lifetime
// in any case.
func TestSessionLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
			c.SessionIdle, c.SessionLifetime = 2*time.Hour, 5*time.Hour
		})
		b := a.Browser()
		b.MustSignIn("alice")
		for _, step := range []struct {
			after    time.Duration
			renewed  bool
			signedIn bool
		}{
			{50 * time.Minute, false, true}, {20 * time.Minute, true, true}, {100 * time.Minute, true, true},
			{100 * time.Minute, true, true},
			{20 * time.Minute, false, true}, {20 * time.Minute, false, false}, // five hours and ten minutes
		} {
			time.Sleep(step.after)
			r := b.Fetch("/me")
			if (r.Header.Get("Set-Cookie") != "") != step.renewed || (r.StatusCode == 200) != step.signedIn {
				t.Errorf("after %s: %d, Set-Cookie %q", step.after, r.StatusCode, r.Header.Get("Set-Cookie"))
			}
		}
		b.MustSignIn("alice")
		time.Sleep(2*time.Hour + time.Second)
		if b.WhoAmI() != "" {
			t.Error("an idle session lives on")
		}
	})
}

// TestStartSession: the request that starts a session already sees its user.
func TestStartSession(t *testing.T) {
	a := testapp.New(t)
	a.Engine.GET("/support", func(c *gin.Context) {
		if _, ok := ginoidc.UserFrom(c); ok {
			t.Error("signed in before")
		}
		if err := a.Auth.StartSession(c, &ginoidc.User{Subject: "agent", Groups: []string{"staff", "admin"}}); err != nil {
			t.Error(err)
		}
	}, a.Auth.RequireGroups("admin"), a.Protected)
	b := a.Browser()
	if r := b.Fetch("/support"); r.StatusCode != 200 || r.JSON(t)["sub"] != "agent" {
		t.Errorf("%d %s", r.StatusCode, r.Body)
	}
	if b.WhoAmI() != "agent" {
		t.Errorf("later: %q", b.WhoAmI())
	}
}

// TestStartSessionWithoutAnswer: no session starts while the state does not say which of the user's have ended.
func TestStartSessionWithoutAnswer(t *testing.T) {
	down := false
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.State = fallibleState{state.NewMemory(0), &down}
	})
	a.Engine.POST("/start", func(c *gin.Context) {
		if err := a.Auth.StartSession(c, &ginoidc.User{Subject: "bob"}); !errors.Is(err, ginoidc.ErrSessionStore) {
			t.Error(err)
		}
	})
	b := a.Browser()
	down = true
	if r := b.Do(http.MethodPost, "/start", nil); len(r.Header["Set-Cookie"]) > 0 {
		t.Errorf("cookies %q", r.Header["Set-Cookie"])
	}
}

// TestRestOfTheRequest: the rest of a request has the session that a handler has started, and not the earlier one.
func TestRestOfTheRequest(t *testing.T) {
	a := testapp.NewWithTokens(t)
	start := func(c *gin.Context) {
		if err := a.Auth.StartSession(c, &ginoidc.User{Subject: "bob"}); err != nil {
			t.Error(err)
		}
	}
	a.Engine.POST("/guarded", a.Auth.RequireAuth(), start, a.Auth.RequireAuth(), a.Protected)
	a.Engine.POST("/tokens", func(c *gin.Context) {
		if _, err := a.Auth.Token(c); err != nil {
			t.Error(err)
		}
		start(c)
		if token, err := a.Auth.Token(c); !errors.Is(err, ginoidc.ErrNoToken) {
			t.Errorf("the token of the earlier session: %v, %v", token, err)
		}
	})
	for _, path := range []string{"/guarded", "/tokens"} {
		b := a.Browser()
		b.MustSignIn("alice")
		r := b.Do(http.MethodPost, path, nil)
		if r.StatusCode != http.StatusOK || path == "/guarded" && r.JSON(t)["sub"] != "bob" {
			t.Errorf("%s: %d %s", path, r.StatusCode, r.Body)
		}
	}
}

// TestSessionTooLarge: a user who does not fit into the store gets an error, and the log has the sizes of the parts for
// the operator. Case 135. Three hundred groups fit.
func TestSessionTooLarge(t *testing.T) {
	for _, tt := range []struct {
		groups, length int
		status         int
	}{{300, 36, 303}, {3000, 36, 500}} {
		a := testapp.New(t)
		a.OP.OnIDToken(func(c map[string]any) {
			groups := make([]string, tt.groups)
			for i := range groups {
				groups[i] = strings.Repeat(string(rune('a'+i%26)), tt.length-4) + string([]rune{rune('0' + i/1000),
					rune('0' + i/100%10), rune('0' + i/10%10), rune('0' + i%10)})
			}
			c["groups"] = groups
		})
		b := a.Browser()
		r := b.SignIn("alice")
		if r.StatusCode != tt.status {
			t.Fatalf("%d groups: %d %s", tt.groups, r.StatusCode, a.Logs)
		}
		if tt.status == 303 {
			got, _ := b.Fetch("/me").JSON(t)["groups"].([]any)
			if len(got) != tt.groups {
				t.Errorf("%d of %d groups reached the handler", len(got), tt.groups)
			}
		} else if !strings.Contains(a.Logs.String(), "groups") || !strings.Contains(r.Body, "too much data") ||
			b.WhoAmI() != "" {
			t.Errorf("log %s", a.Logs)
		}
	}
}

// TestKeepIDTokenAuto: the ID token is kept if it fits, and a sign-in never fails because of it.
func TestKeepIDTokenAuto(t *testing.T) {
	for _, tt := range []struct {
		name   string
		store  sessions.Store
		keep   string
		groups int
		hint   bool
		chunks int // cookies of the session
	}{
		{"sealed cookies", nil, "", 0, true, 1},
		{"sealed cookies, many groups", nil, "", 100, false, 1},
		{"sealed cookies, always", nil, "always", 100, true, 3},
		{"sealed cookies, never", nil, "never", 0, false, 1},
		{"a store on a server", memstore.NewStore([]byte(testapp.CookieSecret)), "", 100, true, 1},
		{"gin-contrib's cookies", cookie.NewStore([]byte(testapp.CookieSecret)), "", 0, true, 1},
		{"gin-contrib's cookies, nearly full", cookie.NewStore([]byte(testapp.CookieSecret)), "", 60, false, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var log bytes.Buffer
			a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
				c.KeepIDToken, c.Store, c.Providers[0].SkipUserInfo = tt.keep, tt.store, true
				c.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
			})
			a.OP.OnIDToken(func(claims map[string]any) {
				groups := []string{"staff"}
				for i := range tt.groups {
					groups = append(groups, fmt.Sprintf("a-group-of-many-%04d", i))
				}
				claims["groups"] = groups
			})
			b := a.Browser()
			b.MustSignIn("alice")
			chunks := 0
			for _, name := range b.Cookies() {
				if strings.HasPrefix(name, "__Host-ginoidc") && !strings.HasSuffix(name, ".landed") {
					chunks++
				}
			}
			if chunks != tt.chunks || b.WhoAmI() != "alice" {
				t.Errorf("%d cookies %v, and %q is signed in", chunks, b.Cookies(), b.WhoAmI())
			}
			hint := testapp.ParseURL(t, b.Do("POST", "/auth/signout", nil).Location()).Query().Get("id_token_hint")
			if (hint != "") != tt.hint {
				t.Errorf("hint of %d bytes, want one: %t", len(hint), tt.hint)
			}
			if said := strings.Contains(log.String(), "no room for the ID token"); said != (!tt.hint && tt.keep == "") {
				t.Errorf("log %s", log.String())
			}
		})
	}
}

// lameStore loads sessions but does not save them.
type lameStore struct{ sessions.Store }

func (lameStore) Save(*http.Request, http.ResponseWriter, *gsessions.Session) error {
	return errors.New("disk full")
}

// TestStoreThatDoesNotSave: a sign-in gets 503 and no session, and Ready returns the cause. Case 247.
func TestStoreThatDoesNotSave(t *testing.T) {
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.Store = lameStore{memstore.NewStore([]byte(testapp.CookieSecret))}
	})
	if err := a.Auth.Ready(t.Context()); !errors.Is(err, ginoidc.ErrSessionStore) {
		t.Errorf("Ready: %v", err)
	}
	b := a.Browser()
	if r := b.SignIn("alice"); r.StatusCode != 503 || b.WhoAmI() != "" || len(b.Cookies()) != 0 {
		t.Errorf("%d, %q is signed in, cookies %v", r.StatusCode, b.WhoAmI(), b.Cookies())
	}
}

// TestFormPostReplaces: with form_post the callback comes without the cookie of the earlier session, which ends
// nevertheless, and OnSessionEnd is called.
func TestFormPostReplaces(t *testing.T) {
	var ended []ginoidc.SessionEnd
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.Providers[0].ResponseMode = "form_post"
		c.OnSessionEnd = func(_ context.Context, e ginoidc.SessionEnd) { ended = append(ended, e) }
	})
	b := a.Browser()
	for _, subject := range []string{"alice", "bob"} {
		if r := b.PostCallback(b.Start("/auth/signin", subject)); r.StatusCode != http.StatusSeeOther {
			t.Fatalf("%d %s", r.StatusCode, r.Body)
		}
	}
	if want := (ginoidc.SessionEnd{Subject: "alice", Reason: ginoidc.EndedByNewSignIn}); len(ended) != 1 ||
		ended[0] != want || b.WhoAmI() != "bob" {
		t.Errorf("%+v, and %q is signed in", ended, b.WhoAmI())
	}
}

// TestFormPostThatCannotReplace: if the state cannot end the session that a form replaces, the new one starts, and no
// end is reported, but that the earlier one lives on.
func TestFormPostThatCannotReplace(t *testing.T) {
	shared, r := &readOnlyState{Memory: state.NewMemory(0)}, recorder{}
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.Providers[0].ResponseMode, c.State, c.OnEvent = "form_post", shared, r.receive
	})
	b := a.Browser()
	b.PostCallback(b.Start("/auth/signin", "alice"))
	callback, before := b.Start("/auth/signin", "bob"), b.Twin()
	shared.readOnly = true
	r.take()
	b.PostCallback(callback)
	if told := summary(r.take()); strings.Contains(told, "session_ended") || !strings.Contains(told, "trouble") ||
		b.WhoAmI() != "bob" || before.WhoAmI() != "alice" {
		t.Errorf("%s; %q is signed in, %q before", told, b.WhoAmI(), before.WhoAmI())
	}
}

// TestFormPostWithCookies: if the browser sends its session with the form after all, as within one site, that session
// ends too, even if it began after the attempt.
func TestFormPostWithCookies(t *testing.T) {
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.Providers[0].ResponseMode = "form_post" })
	b := a.Browser()
	b.PostCallback(b.Start("/auth/signin", "alice"))
	callback := b.Start("/auth/signin", "bob")
	b.PostCallback(b.Start("/auth/signin", "carol"))
	before := b.Twin()
	address, form, _ := strings.Cut(callback, "?")
	r := b.Do(http.MethodPost, address, strings.NewReader(form), testapp.CrossSiteForm()...)
	if r.StatusCode != http.StatusSeeOther || b.WhoAmI() != "bob" || before.WhoAmI() != "" {
		t.Errorf("%d, %q is signed in, %q before", r.StatusCode, b.WhoAmI(), before.WhoAmI())
	}
}

// TestTokensOfReplacedSessions: a new sign-in in the same browser revokes the tokens of the earlier session, unless it
// belongs to the same session at the provider, because that would end the new tokens too.
func TestTokensOfReplacedSessions(t *testing.T) {
	for _, tt := range []struct {
		name, mode, second, sid string // the sid of both sign-ins, or ""
		alive                   bool
	}{
		{"the same user", "query", "alice", "", false},
		{"another user", "query", "bob", "", false},
		{"another user with the same sid", "query", "bob", "s-1", false},
		{"a step-up", "query", "alice", "s-1", true},
		{"the same user by a form", "form_post", "alice", "", false},
		{"another user by a form", "form_post", "bob", "", false},
		{"another user with the same sid by a form", "form_post", "bob", "s-1", false},
		{"a step-up by a form", "form_post", "alice", "s-1", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := testapp.NewWithTokens(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.Providers[0].ResponseMode = tt.mode })
			a.OP.OnIDToken(func(claims map[string]any) {
				if tt.sid != "" {
					claims["sid"] = tt.sid
				}
			})
			b := a.Browser()
			b.Callback(b.Start("/auth/signin", "alice"))
			old := b.Fetch("/token").Body
			callback := b.Start("/auth/signin", tt.second)
			if !a.OP.Active(old) {
				t.Error("the old token is revoked before somebody signs in")
			}
			b.Callback(callback)
			if fresh := b.Fetch("/token").Body; a.OP.Active(old) != tt.alive || fresh == old || !a.OP.Active(fresh) {
				t.Errorf("the old token is alive: %t, the new one: %t", a.OP.Active(old), a.OP.Active(fresh))
			}
		})
	}
}

// TestTokensThatAFormReplaces: the callback revokes the tokens as last refreshed since the sign-in started, on any
// instance, but never tokens that someone has put into the shared state.
func TestTokensThatAFormReplaces(t *testing.T) {
	for _, tt := range []struct {
		name          string
		moved         bool // another user's tokens replace them in the state
		failing, says string
	}{
		{"refreshed meanwhile", false, "", ""},
		{"moved", true, "", ""},
		{"not kept", false, "Keep", "cannot revoke the tokens"},
		{"not read", false, "Kept", "tokens not revoked"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				first, on, failing := "", false, ""
				shared := hooked{swapping{state.NewMemory(0), &first, &on}, func(_ context.Context, method string) error {
					return errIf(method == failing)
				}}
				form := func(c *ginoidc.Config, _ *fakeop.Config) { c.Providers[0].ResponseMode, c.State = "form_post", shared }
				one := testapp.NewWithTokens(t, form)
				two := testapp.NewWithTokens(t, form,
					func(c *ginoidc.Config, _ *fakeop.Config) { c.Providers[0].Transport = one.OP.Transport() })
				two.OP = one.OP
				victim, b := one.Browser(), one.Browser()
				victim.Callback(victim.Start("/auth/signin", "carol"))
				others := victim.Fetch("/token").Body
				b.Callback(b.Start("/auth/signin", "alice"))
				first = ""
				victim.Start("/auth/signin", "carol")
				failing = tt.failing
				started := b.Navigate("/auth/signin")
				failing = ""
				time.Sleep(5 * time.Minute)
				old := b.Fetch("/token").Body
				callback, err := one.OP.Approve(started.Location(), "bob")
				if err != nil {
					t.Fatal(err)
				}
				on, failing = tt.moved, tt.failing
				b = otherInstance(b, two)
				if r := b.Callback(callback); r.StatusCode != http.StatusSeeOther {
					t.Errorf("%d %s", r.StatusCode, r.Body)
				}
				on, failing = false, ""
				revoked := !tt.moved && tt.failing == ""
				if one.OP.Active(old) == revoked || b.WhoAmI() != "bob" {
					t.Errorf("the old token is alive: %t, %q is signed in", one.OP.Active(old), b.WhoAmI())
				}
				if token := victim.Fetch("/token"); token.StatusCode != http.StatusOK || token.Body == others {
					t.Errorf("the other user: %d", token.StatusCode)
				}
				logs := one.Logs.String() + two.Logs.String()
				for _, says := range []string{"cannot revoke the tokens", "tokens not revoked"} {
					if strings.Contains(logs, says) != (tt.says == says) {
						t.Errorf("log %s", logs)
					}
				}
			})
		})
	}
}

// TestNoTokensAreLeft: the tokens of a session that a form may replace are left in the state only if the provider can
// revoke them.
func TestNoTokensAreLeft(t *testing.T) {
	for _, revokes := range []bool{true, false} {
		shared := &recording{Memory: state.NewMemory(0)}
		a := testapp.NewWithTokens(t, func(c *ginoidc.Config, _ *fakeop.Config) {
			c.Providers[0].ResponseMode, c.State = "form_post", shared
		})
		a.OP.OnDiscovery(func(doc map[string]any) {
			if !revokes {
				delete(doc, "revocation_endpoint")
			}
		})
		b := a.Browser()
		b.PostCallback(b.Start("/auth/signin", "alice"))
		shared.kept = ""
		if b.Navigate("/auth/signin"); (shared.kept != "") != revokes {
			t.Errorf("revokes %t: kept %q", revokes, shared.kept)
		}
	}
}

// supporting is an app in which admins act as customers.
func supporting(t *testing.T, change ...func(*ginoidc.Config, *fakeop.Config)) *testapp.App {
	a := testapp.New(t, change...)
	a.OP.OnIDToken(func(claims map[string]any) { claims["sid"] = "s-1" })
	start := func(c *gin.Context, u *ginoidc.User) {
		if err := a.Auth.StartSession(c, u); err != nil {
			t.Error(err)
		}
	}
	a.Engine.POST("/view-as/:sub", a.Auth.RequireAuth(), func(c *gin.Context) {
		actor, _ := ginoidc.UserFrom(c)
		start(c, &ginoidc.User{Subject: c.Param("sub"), Actor: cmp.Or(actor.Actor, actor)})
	})
	a.Engine.POST("/rename", rename(t, a))
	a.Engine.POST("/leave", a.Auth.RequireAuth(), func(c *gin.Context) {
		u, _ := ginoidc.UserFrom(c)
		start(c, u.Actor)
	})
	return a
}

// rename is a handler that changes the session.
func rename(t *testing.T, a *testapp.App) gin.HandlerFunc {
	return func(c *gin.Context) {
		err := a.Auth.UpdateSession(c, func(u *ginoidc.User) error {
			u.Name = "Renamed"
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// TestActingAddsNoTime: sessions in which an actor acts as another user, and the actor's own afterwards, end when the
// first one would have. A new sign-in starts anew. Case 385.
func TestActingAddsNoTime(t *testing.T) {
	for name, tt := range map[string]struct {
		posts []string // one after another, ten minutes apart
		anew  bool
		want  string // the user half an hour before the end
	}{
		"acting":                    {[]string{"/view-as/bob"}, false, "bob"},
		"acting as another":         {[]string{"/view-as/bob", "/view-as/carol"}, false, "carol"},
		"acting, an update":         {[]string{"/view-as/bob", "/rename"}, false, "bob"},
		"left":                      {[]string{"/view-as/bob", "/leave"}, false, "alice"},
		"acting, left, again":       {[]string{"/view-as/bob", "/leave", "/view-as/bob"}, false, "bob"},
		"acting, without an issuer": {[]string{"/start/bob?actor=alice"}, false, "bob"},
		"an actor of another issuer": {
			[]string{"/start/bob?actor=alice&iss=https://other.example"}, true, "bob",
		},
		"left for another user": {[]string{"/view-as/bob", "/start/carol"}, true, "carol"},
		"nobody acts":           {[]string{"/start/alice"}, true, "alice"},
		"a new sign-in":         {[]string{"/view-as/bob", "sign-in"}, true, "alice"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const lifetime = 2 * time.Hour
				a := supporting(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.SessionLifetime = lifetime })
				a.Engine.POST("/start/:sub", func(c *gin.Context) {
					u := &ginoidc.User{Subject: c.Param("sub")}
					if actor := c.Query("actor"); actor != "" {
						u.Actor = &ginoidc.User{Subject: actor, Issuer: c.Query("iss")}
					}
					if err := a.Auth.StartSession(c, u); err != nil {
						t.Error(err)
					}
				})
				b := a.Browser()
				b.MustSignIn("alice")
				end := time.Now().Add(lifetime)
				for _, path := range tt.posts {
					time.Sleep(10 * time.Minute)
					if path == "sign-in" {
						b.MustSignIn("alice")
						continue
					}
					b.Do(http.MethodPost, path, nil)
				}
				time.Sleep(time.Until(end) - 30*time.Minute)
				if got := b.WhoAmI(); got != tt.want {
					t.Errorf("before the end: %q", got)
				}
				if time.Sleep(31 * time.Minute); (b.WhoAmI() != "") != tt.anew {
					t.Errorf("after the end: %q", b.WhoAmI())
				}
			})
		})
	}
}

// TestActorIsSignedOut: what ends the sessions of the actor ends those in which the actor acts as another user, and
// those of the actor afterwards. They are sessions of the actor, not of the other user. Case 385.
func TestActorIsSignedOut(t *testing.T) {
	everywhere := func(sub string) func(*testing.T, *testapp.App) {
		return func(t *testing.T, a *testapp.App) {
			if err := a.Auth.EndUserSessions(t.Context(), sub); err != nil {
				t.Error(err)
			}
		}
	}
	provider := func(sub, sid string) func(*testing.T, *testapp.App) {
		return func(_ *testing.T, a *testapp.App) { a.BackChannelLogout(sub, sid, nil) }
	}
	for name, tt := range map[string]struct {
		end         func(*testing.T, *testapp.App)
		acting, own string // who is signed in afterwards: who acted as bob, and who has left
	}{
		"nobody":                      {everywhere("dave"), "bob", "alice"},
		"the actor":                   {everywhere("alice"), "", ""},
		"the user":                    {everywhere("bob"), "", "alice"},
		"the actor, by the provider":  {provider("alice", ""), "", ""},
		"the user, by the provider":   {provider("bob", ""), "", "alice"},
		"the actor's session there":   {provider("", "s-1"), "", ""},
		"both":                        {provider("alice", "s-1"), "", ""},
		"another session of the same": {provider("alice", "s-2"), "bob", "alice"},
	} {
		t.Run(name, func(t *testing.T) {
			a := supporting(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.MaxSessions = 2 })
			everywhere("alice")(t, a) // before the sign-ins, so they do not matter
			var browsers [2]*testapp.Browser
			for i, posts := range [][]string{{"/view-as/bob", "/rename"}, {"/view-as/bob", "/leave", "/rename"}} {
				browsers[i] = a.Browser()
				browsers[i].MustSignIn("alice")
				for _, path := range posts {
					browsers[i].Do(http.MethodPost, path, nil)
				}
			}
			a.Sessions("alice", 2)
			a.Sessions("bob", 0)
			tt.end(t, a)
			for i, want := range []string{tt.acting, tt.own} {
				if got := browsers[i].WhoAmI(); got != want {
					t.Errorf("session %d: %q is signed in, want %q", i, got, want)
				}
			}
		})
	}
}

// TestActorEndsNoSessionOfTheUser: the session of an actor does not count as one of the user's. Case 385.
func TestActorEndsNoSessionOfTheUser(t *testing.T) {
	a := supporting(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.MaxSessions = 1 })
	bob, alice := a.Browser(), a.Browser()
	bob.MustSignIn("bob")
	alice.MustSignIn("alice")
	alice.Do(http.MethodPost, "/view-as/bob", nil)
	if own, acting := bob.WhoAmI(), alice.WhoAmI(); own != "bob" || acting != "bob" {
		t.Errorf("bob's own session: %q, alice as bob: %q", own, acting)
	}
}

// keptFor returns the Max-Age of the session's cookies that a response sets, which must be the same for all: 0 if the
// browser forgets them, -1 if it sets none.
func keptFor(t *testing.T, r testapp.Reply) (seconds int) {
	t.Helper()
	seconds = -1
	for _, line := range r.Header["Set-Cookie"] {
		c, err := http.ParseSetCookie(line)
		if err != nil {
			t.Fatal(err)
		}
		if c.Name != "__Host-ginoidc" && c.Name != "__Host-ginoidc-tokens" || c.MaxAge < 0 {
			continue
		}
		if (c.MaxAge == 0) != (c.Expires.IsZero() && !strings.Contains(line, "Max-Age")) {
			t.Errorf("%s", line)
		}
		if seconds >= 0 && (seconds == 0) != (c.MaxAge == 0) {
			t.Errorf("cookies of one session differ: %q", r.Header["Set-Cookie"])
		}
		seconds = c.MaxAge
	}
	return seconds
}

// TestRemember: the browser keeps the session after it is closed or not, as the app and the user want, and also after a
// renewal, an update, a refresh of tokens and a step-up.
func TestRemember(t *testing.T) {
	for name, tt := range map[string]struct {
		mode, link string
		kept       bool
	}{
		"default":          {"", "", true},
		"always":           {ginoidc.RememberAlways, "", true},
		"never":            {ginoidc.RememberNever, "?remember=true", false},
		"ask, no answer":   {ginoidc.RememberAsk, "", false},
		"ask, no":          {ginoidc.RememberAsk, "?remember=false", false},
		"ask, yes":         {ginoidc.RememberAsk, "?remember=true", true},
		"ask, a long lure": {ginoidc.RememberAsk, "?remember=truest", false},
	} {
		for kind, store := range testapp.Stores(t) {
			t.Run(name+" "+kind, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					a := testapp.NewWithTokens(t, func(c *ginoidc.Config, op *fakeop.Config) {
						c.Store, c.Remember, op.TokenLife = store, tt.mode, 10*time.Minute
					})
					a.Engine.POST("/rename", rename(t, a))
					a.Engine.GET("/use", func(c *gin.Context) {
						if _, err := a.Auth.Token(c); err != nil {
							t.Error(err)
						}
					})
					check := func(what string, r testapp.Reply) {
						t.Helper()
						if seconds := keptFor(t, r); seconds < 0 || seconds > 0 != tt.kept {
							t.Errorf("%s: %d, cookies for %d seconds", what, r.StatusCode, seconds)
						}
					}
					b := a.Browser()
					check("the sign-in", b.Callback(b.Start("/auth/signin"+tt.link, "alice")))
					check("a step-up", b.Callback(b.Start("/auth/signin?max_age=0", "alice")))
					check("an update", b.Do(http.MethodPost, "/rename", nil))
					time.Sleep(7 * time.Hour)
					check("a renewal", b.Fetch("/me"))
					check("a refresh", b.Fetch("/use"))
				})
			})
		}
	}
}

// TestRememberOfOtherUsers: a session that continues a remembered one is remembered, and one of another user is not.
func TestRememberOfOtherUsers(t *testing.T) {
	for name, tt := range map[string]struct {
		next func(*testapp.Browser) testapp.Reply
		kept bool
	}{
		"the same user": {func(b *testapp.Browser) testapp.Reply { return b.SignIn("alice") }, true},
		"another user":  {func(b *testapp.Browser) testapp.Reply { return b.SignIn("bob") }, false},
		"as another user": {
			func(b *testapp.Browser) testapp.Reply { return b.Do(http.MethodPost, "/view-as/bob", nil) }, true,
		},
		"in a new browser": {func(b *testapp.Browser) testapp.Reply { return b.App.Browser().SignIn("alice") }, false},
	} {
		t.Run(name, func(t *testing.T) {
			a := supporting(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.Remember = ginoidc.RememberAsk })
			b := a.Browser()
			b.Callback(b.Start("/auth/signin?remember=true", "alice"))
			if seconds := keptFor(t, tt.next(b)); seconds < 0 || seconds > 0 != tt.kept {
				t.Errorf("cookies for %d seconds", seconds)
			}
		})
	}
}

// TestSessionExpiry: session_expiry of the ID token ends the session whatever its use. One in the past, or one that
// cannot be read, starts none and leaves an earlier session as it is.
func TestSessionExpiry(t *testing.T) {
	for name, tt := range map[string]struct {
		claim  func(now time.Time) any
		status int
		ends   time.Duration // after the sign-in; 0 for not within 20 hours
	}{
		"none":         {func(time.Time) any { return nil }, 303, 0},
		"in two hours": {func(now time.Time) any { return now.Add(2 * time.Hour).Unix() }, 303, 2 * time.Hour},
		"in a year":    {func(now time.Time) any { return now.Add(8760 * time.Hour).Unix() }, 303, 0},
		"now":          {func(now time.Time) any { return now.Unix() }, 401, 0},
		"in the past":  {func(now time.Time) any { return now.Add(-time.Hour).Unix() }, 401, 0},
		"a string":     {func(now time.Time) any { return fmt.Sprint(now.Add(time.Hour).Unix()) }, 401, 0},
		"negative":     {func(time.Time) any { return -1 }, 401, 0},
		"milliseconds": {func(now time.Time) any { return now.UnixMilli() }, 401, 0},
		"an object":    {func(time.Time) any { return map[string]any{} }, 401, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := testapp.New(t)
				b := a.Browser()
				b.MustSignIn("bob")
				a.OP.OnIDToken(func(claims map[string]any) { claims["session_expiry"] = tt.claim(time.Now()) })
				r := b.SignIn("alice")
				if r.StatusCode != tt.status || tt.status == 401 && !strings.Contains(a.Logs.String(), "code=invalid_token") {
					t.Fatalf("%d %s\n%s", r.StatusCode, r.Body, a.Logs)
				}
				want := "alice"
				if tt.status != http.StatusSeeOther {
					want = "bob"
				}
				for elapsed := time.Duration(0); elapsed < 20*time.Hour; elapsed += 30 * time.Minute {
					if tt.ends > 0 && elapsed >= tt.ends {
						want = ""
					}
					if who := b.WhoAmI(); who != want {
						t.Fatalf("%q is signed in after %s, want %q", who, elapsed, want)
					}
					time.Sleep(30 * time.Minute)
				}
			})
		})
	}
}

// TestSessionExpiryIsSeen: the end that the provider sets shows in the times of the session and in the cookie, and an
// update of the session does not put it off.
func TestSessionExpiryIsSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := testapp.New(t)
		a.Engine.POST("/update", func(c *gin.Context) {
			if err := a.Auth.UpdateSession(c, func(u *ginoidc.User) error { u.Name = "A"; return nil }); err != nil {
				t.Error(err)
			}
		})
		a.OP.OnIDToken(func(claims map[string]any) { claims["session_expiry"] = time.Now().Add(time.Hour).Unix() })
		b := a.Browser()
		if r := b.SignIn("alice"); !strings.Contains(strings.Join(r.Header["Set-Cookie"], "\n"), "Max-Age=3600") {
			t.Errorf("cookies %q", r.Header["Set-Cookie"])
		}
		time.Sleep(10 * time.Minute)
		b.Do(http.MethodPost, "/update", nil)
		times, _ := b.Fetch("/auth/userinfo?session").JSON(t)["session"].(map[string]any)
		if times["expires_in"] != 3000.0 || times["idle_expires_in"] != 3000.0 {
			t.Errorf("%v", times)
		}
		time.Sleep(50*time.Minute + time.Second)
		if who := b.WhoAmI(); who != "" {
			t.Errorf("%s is signed in", who)
		}
	})
}

// TestMaxAuthAge: a session ends when the authentication at the provider is too old, whatever its use, and a sign-in
// asks for a recent one.
func TestMaxAuthAge(t *testing.T) {
	for name, tt := range map[string]struct {
		age    time.Duration // of the authentication at the sign-in
		silent bool          // the provider does not say
		status int
		ends   time.Duration
	}{
		"just now":               {0, false, 303, 61 * time.Minute},
		"half an hour":           {30 * time.Minute, false, 303, 31 * time.Minute},
		"within the tolerance":   {time.Hour + 30*time.Second, false, 303, 30 * time.Second},
		"too old":                {2 * time.Hour, false, 401, 0},
		"the provider says none": {0, true, 401, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.MaxAuthAge = time.Hour })
				a.OP.OnIDToken(func(claims map[string]any) {
					if claims["auth_time"] = time.Now().Add(-tt.age).Unix(); tt.silent {
						delete(claims, "auth_time")
					}
				})
				b := a.Browser()
				if asked := testapp.ParseURL(t, b.Navigate("/auth/signin").Location()).Query()["max_age"]; len(asked) != 1 ||
					asked[0] != "3600" {
					t.Errorf("max_age %q", asked)
				}
				if r := b.SignIn("alice"); r.StatusCode != tt.status {
					t.Fatalf("%d %s", r.StatusCode, r.Body)
				}
				for left := tt.ends; left > 0; left -= time.Minute {
					if b.WhoAmI() != "alice" {
						t.Fatalf("nobody is signed in %s before the end", left)
					}
					time.Sleep(min(left, time.Minute))
				}
				if who := b.WhoAmI(); who != "" {
					t.Errorf("%s is signed in", who)
				}
			})
		})
	}
}

// TestMaxAuthAgeOfAppSessions: of a session that the app started, the start counts unless the app says when it
// authenticated the user.
func TestMaxAuthAgeOfAppSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.MaxAuthAge = time.Hour })
		a.Engine.GET("/start/:ago", func(c *gin.Context) {
			u := &ginoidc.User{Subject: "alice"}
			if ago, err := time.ParseDuration(c.Param("ago")); err == nil {
				u.AuthTime = time.Now().Add(-ago)
			}
			if err := a.Auth.StartSession(c, u); err != nil {
				a.Auth.Deny(c, err)
			}
		})
		for _, tt := range []struct {
			ago  string
			left time.Duration
		}{{"unknown", 61 * time.Minute}, {"20m", 41 * time.Minute}, {"2h", 0}} {
			b := a.Browser()
			if r := b.Fetch("/start/" + tt.ago); (r.StatusCode == http.StatusOK) != (tt.left > 0) {
				t.Errorf("%s: %d %s", tt.ago, r.StatusCode, r.Body)
			}
			if tt.left > 0 {
				time.Sleep(tt.left - time.Second)
				if b.WhoAmI() != "alice" {
					t.Errorf("%s: signed out too early", tt.ago)
				}
				time.Sleep(2 * time.Second)
			}
			if b.WhoAmI() != "" {
				t.Errorf("%s: still signed in", tt.ago)
			}
		}
	})
}

// TestMaxAuthAgeOfEarlierSessions: sessions from before the limit was set have it too. If the provider did not say when
// it authenticated the user, that was too long ago.
func TestMaxAuthAgeOfEarlierSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before := testapp.New(t)
		after := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.MaxAuthAge = time.Hour })
		known, unknown := before.Browser(), before.Browser()
		known.MustSignIn("alice")
		before.OP.OnIDToken(func(claims map[string]any) { delete(claims, "auth_time") })
		unknown.MustSignIn("bob")
		known.App, unknown.App = after, after
		if known.WhoAmI() != "alice" || unknown.WhoAmI() != "" {
			t.Errorf("%q and %q are signed in", known.WhoAmI(), unknown.WhoAmI())
		}
	})
}

// TestMaxAuthAgeRequest: a sign-in asks for the smaller of MaxAuthAge and a configured max_age.
func TestMaxAuthAgeRequest(t *testing.T) {
	for configured, want := range map[string]string{"": "3600", "60": "60", "7200": "3600"} {
		a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
			c.MaxAuthAge = time.Hour
			if configured != "" {
				c.Providers[0].SignInParameters = url.Values{"max_age": {configured}}
			}
		})
		for target, want := range map[string]string{
			"/auth/signin": want, "/auth/signin?max_age=30": "30", "/auth/signin?max_age=90000": want,
		} {
			location := a.Browser().Navigate(target).Location()
			if got := testapp.ParseURL(t, location).Query().Get("max_age"); got != want {
				t.Errorf("configured %q, %s: %q, want %q", configured, target, got, want)
			}
		}
	}
}

// TestRequireAMR: any of the methods is enough, of a session or of an access token. Without one it is 403, not a
// redirect, and other shapes of the claim count as none.
func TestRequireAMR(t *testing.T) {
	for name, tt := range map[string]struct {
		amr  any
		want int
	}{
		"one of them":      {[]string{"pwd", "otp"}, 200},
		"a bare string":    {"hwk", 200},
		"another":          {[]string{"pwd"}, 403},
		"none":             {nil, 403},
		"empty":            {[]string{}, 403},
		"other case":       {[]string{"OTP"}, 403},
		"words in one":     {"otp hwk", 403},
		"no strings":       {[]any{7, nil, map[string]any{"otp": true}}, 403},
		"an object":        {map[string]any{"otp": true}, 403},
		"a string further": {[]any{7, "otp"}, 200},
	} {
		t.Run(name, func(t *testing.T) {
			const audience = "https://api.example.com"
			a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.Providers[0].Audience = audience })
			a.Engine.GET("/safe", a.Auth.RequireAMR("otp", "hwk"), a.Protected)
			set := func(claims map[string]any) { claims["amr"] = tt.amr }
			a.OP.OnIDToken(set)
			a.OP.OnAccessToken(set)
			a.OP.OnUserInfo(func(claims map[string]any) { claims["amr"] = []string{"otp"} }) // it does not count
			b := a.Browser()
			b.MustSignIn("alice")
			if r := b.Navigate("/safe"); r.StatusCode != tt.want {
				t.Errorf("session: %d to %q", r.StatusCode, r.Location())
			}
			token, err := a.OP.AccessToken("alice", audience)
			if err != nil {
				t.Fatal(err)
			}
			if r := a.Browser().Do(http.MethodGet, "/safe", nil, "Authorization", "Bearer "+token); r.StatusCode != tt.want {
				t.Errorf("access token: %d %s", r.StatusCode, r.Body)
			}
			if r := a.Browser().Fetch("/safe"); r.StatusCode != http.StatusUnauthorized {
				t.Errorf("nobody: %d", r.StatusCode)
			}
		})
	}
}

// TestAMRIsAClaim: handlers see the methods in User.AMR and among the claims, in the order of the provider.
func TestAMRIsAClaim(t *testing.T) {
	a := testapp.New(t)
	a.OP.OnIDToken(func(claims map[string]any) { claims["amr"] = []string{"pwd", "otp"} })
	var seen []string
	var claims struct{ AMR []string }
	a.Engine.GET("/amr", a.Auth.RequireAuth(), func(c *gin.Context) {
		u, _ := ginoidc.UserFrom(c)
		seen = u.AMR
		if err := u.Claims(&claims); err != nil || strings.Contains(string(u.Extra), "amr") {
			t.Errorf("%v, Extra %s", err, u.Extra)
		}
	})
	b := a.Browser()
	b.MustSignIn("alice")
	b.Fetch("/amr")
	if fmt.Sprint(seen, claims.AMR) != "[pwd otp] [pwd otp]" {
		t.Errorf("%q and %q", seen, claims.AMR)
	}
}

// updatable adds routes that change the session: "/name?is=x" sets the name, "/demote" removes all groups, and "/data"
// shows both.
func updatable(t *testing.T, change ...func(*ginoidc.Config, *fakeop.Config)) *testapp.App {
	t.Helper()
	a := testapp.New(t, change...)
	a.OP.OnIDToken(func(claims map[string]any) { claims["groups"] = []string{"admin"} })
	update := func(change func(*gin.Context, *ginoidc.User)) gin.HandlerFunc {
		return func(c *gin.Context) {
			if err := a.Auth.UpdateSession(c, func(u *ginoidc.User) error { change(c, u); return nil }); err != nil {
				a.Auth.Deny(c, err)
			}
		}
	}
	a.Engine.POST("/name", update(func(c *gin.Context, u *ginoidc.User) { u.Name = c.Query("is") }))
	a.Engine.POST("/demote", update(func(_ *gin.Context, u *ginoidc.User) { u.Groups = nil }))
	a.Engine.GET("/data", a.Auth.RequireAuth(), func(c *gin.Context) {
		u, _ := ginoidc.UserFrom(c)
		c.String(http.StatusOK, "%s %s %v", u.Subject, u.Name, u.Groups)
	})
	return a
}

func data(b *testapp.Browser) string {
	if r := b.Fetch("/data"); r.StatusCode == http.StatusOK {
		return r.Body
	}
	return ""
}

// TestUpdateEndsTheEarlierCookie with every store: replaying it does not undo the update. For some seconds, requests
// with it see the updated user. In all other respects it is still the same session.
func TestUpdateEndsTheEarlierCookie(t *testing.T) {
	for name, store := range testapp.Stores(t) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var ended []ginoidc.EndReason
				a := updatable(t, func(c *ginoidc.Config, _ *fakeop.Config) {
					c.Store, c.MaxSessions = store, 1
					c.OnSessionEnd = func(_ context.Context, e ginoidc.SessionEnd) { ended = append(ended, e.Reason) }
				})
				b := a.Browser()
				b.MustSignIn("alice")
				before := a.Sessions("alice", 1)[0]
				if b.Fetch("/admin").StatusCode != 200 {
					t.Fatal("no admin to begin with")
				}
				time.Sleep(time.Second)
				parallel, late := b.Twin(), b.Twin()
				if r := b.Do("POST", "/demote", nil); r.StatusCode != 200 {
					t.Fatalf("update: %d %s\n%s", r.StatusCode, r.Body, a.Logs)
				}
				if b.Fetch("/admin").StatusCode != 403 {
					t.Error("the update is not seen")
				}
				time.Sleep(9 * time.Second)
				r := parallel.Fetch("/admin")
				if r.StatusCode != 403 || r.JSON(t)["error"] != "forbidden" || len(r.Header["Set-Cookie"]) == 0 {
					t.Errorf("in time: %d %s %v", r.StatusCode, r.Body, r.Header["Set-Cookie"])
				}
				if r := parallel.Fetch("/data"); r.Body != "alice Alice Archer []" || len(r.Header["Set-Cookie"]) != 0 {
					t.Errorf("with the cookie that it got: %q %v", r.Body, r.Header["Set-Cookie"])
				}
				time.Sleep(2 * time.Second)
				if r := late.Fetch("/admin"); r.StatusCode != 401 {
					t.Errorf("too late: %d", r.StatusCode)
				}
				if data(b) != "alice Alice Archer []" || data(parallel) != "alice Alice Archer []" {
					t.Errorf("the session: %q, %q", data(b), data(parallel))
				}
				if after := a.Sessions("alice", 1)[0]; after != before || len(ended) != 0 {
					t.Errorf("before %+v, after %+v; ended %v", before, after, ended)
				}
			})
		})
	}
}

// TestGraceEndsWithTheSession, whatever ends it and whichever cookie the request has.
func TestGraceEndsWithTheSession(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, a *testapp.App, earlier, b *testapp.Browser){
		"sign-out": func(_ *testing.T, _ *testapp.App, _, b *testapp.Browser) { b.Do("POST", "/auth/signout", nil) },
		"sign-out with the earlier": func(_ *testing.T, _ *testapp.App, earlier, _ *testapp.Browser) {
			earlier.Twin().Do("POST", "/auth/signout", nil)
		},
		"everywhere": func(t *testing.T, a *testapp.App, _, _ *testapp.Browser) {
			_ = a.Auth.EndUserSessions(t.Context(), "alice")
		},
		"listed": func(t *testing.T, a *testapp.App, _, _ *testapp.Browser) {
			_ = a.Auth.EndUserSession(t.Context(), "alice", a.Sessions("alice", 1)[0].ID)
		},
		"back channel": func(t *testing.T, a *testapp.App, _, _ *testapp.Browser) { a.BackChannelLogout("alice", "", nil) },
	} {
		for kind, store := range testapp.Stores(t) {
			t.Run(name+" "+kind, func(t *testing.T) {
				a := updatable(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.Store = store })
				b := a.Browser()
				b.MustSignIn("alice")
				earlier := b.Twin()
				b.Do("POST", "/name?is=new", nil)
				if data(earlier.Twin()) != "alice new [admin]" {
					t.Fatal("no grace")
				}
				end(t, a, earlier, b)
				if data(earlier) != "" || data(b) != "" {
					t.Errorf("alive: %q, %q", data(earlier), data(b))
				}
			})
		}
	}
}

// TestUpdatesInARow: each update has its own grace, and a request follows several updates.
func TestUpdatesInARow(t *testing.T) {
	for name, store := range testapp.Stores(t) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := updatable(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.Store = store })
				b := a.Browser()
				b.MustSignIn("alice")
				first := b.Twin()
				for i := range 4 {
					b.Do("POST", fmt.Sprintf("/name?is=%d", i), nil)
					time.Sleep(3 * time.Second)
				}
				if data(first.Twin()) != "" { // twelve seconds after the update that ended it
					t.Error("served after its grace, since there were more updates")
				}
				second := b.Twin()
				b.Do("POST", "/name?is=4", nil)
				b.Do("POST", "/name?is=5", nil)
				if got := data(second); got != "alice 5 [admin]" {
					t.Errorf("past two updates: %q", got)
				}
				if r := second.Do("POST", "/name?is=6", nil); r.StatusCode != 200 || data(b) != "alice 6 [admin]" {
					t.Errorf("an update by the other: %d, %q", r.StatusCode, data(b))
				}
			})
		})
	}
}

// TestUpdatesAtOnce with the same cookie, on two instances: the later update gets the result of the earlier one, in
// whatever order the responses reach the browser.
func TestUpdatesAtOnce(t *testing.T) {
	for name, store := range testapp.Stores(t) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				shared := state.NewMemory(0)
				change := func(c *ginoidc.Config, _ *fakeop.Config) { c.Store, c.State = store, shared }
				one, two := updatable(t, change), updatable(t, change)
				two.OP = one.OP
				for _, a := range []*testapp.App{one, two} {
					a.Engine.POST("/slow", func(c *gin.Context) {
						if err := a.Auth.UpdateSession(c, func(u *ginoidc.User) error {
							data := map[string]int{}
							_ = json.Unmarshal(u.Data, &data)
							time.Sleep(time.Second)
							data[c.Query("add")]++
							u.Data, _ = json.Marshal(data)
							return nil
						}); err != nil {
							t.Error(err)
						}
					})
					a.Engine.GET("/sum", a.Auth.RequireAuth(), func(c *gin.Context) {
						u, _ := ginoidc.UserFrom(c)
						c.String(http.StatusOK, string(u.Data))
					})
				}
				b := one.Browser()
				b.MustSignIn("alice")
				twins := []*testapp.Browser{b.Twin(), b.Twin(), {App: two, Jar: b.Twin().Jar}, {App: two, Jar: b.Twin().Jar}}
				var wg sync.WaitGroup
				for i, twin := range twins {
					wg.Go(func() { twin.Do("POST", fmt.Sprintf("/slow?add=%d", i), nil) })
				}
				wg.Wait()
				for _, twin := range twins {
					if got := twin.Fetch("/sum").Body; got != `{"0":1,"1":1,"2":1,"3":1}` {
						t.Errorf("%s", got)
					}
				}
			})
		})
	}
}

// TestRefusedUpdateLeavesTheUser: a refused update leaves the user of the request unchanged, slices included. If change
// keeps a reference to its copy, later changes through it have no effect.
func TestRefusedUpdateLeavesTheUser(t *testing.T) {
	a := testapp.New(t)
	a.OP.OnIDToken(func(claims map[string]any) {
		maps.Copy(claims, map[string]any{"groups": []string{"a", "b"}, "organizations": []string{"o"}, "further": 1})
	})
	spoil := func(u *ginoidc.User) {
		u.Name, u.Groups[0], u.Organizations[0], u.Extra[0] = "spoilt", "admin", "admin", 'x'
		if len(u.Data) > 0 {
			u.Data[0] = 'x'
		}
	}
	a.Engine.POST("/update", func(c *gin.Context) {
		want, _ := ginoidc.UserFrom(c)
		before := fmt.Sprintf("%+v", *want)
		if err := a.Auth.UpdateSession(c, func(u *ginoidc.User) error { spoil(u); return errors.New("no") }); err == nil {
			t.Error("updated")
		}
		if u, _ := ginoidc.UserFrom(c); fmt.Sprintf("%+v", *u) != before {
			t.Errorf("became %+v", *u)
		}
		var kept *ginoidc.User
		if err := a.Auth.UpdateSession(c, func(u *ginoidc.User) error {
			u.Data, kept = json.RawMessage(`{"n":1}`),
				u
			return nil
		}); err != nil {
			t.Error(err)
		}
		u, _ := ginoidc.UserFrom(c)
		before = fmt.Sprintf("%+v", *u)
		spoil(kept)
		if u, _ := ginoidc.UserFrom(c); fmt.Sprintf("%+v", *u) != before {
			t.Errorf("later became %+v", *u)
		}
	})
	b := a.Browser()
	b.MustSignIn("alice")
	b.Do("POST", "/update", nil)
	if b.Fetch("/admin").StatusCode != 403 {
		t.Error("an admin by a refused update")
	}
}

// TestUpdateWithAStateThatFails: if the update cannot be saved in State, nothing changes. If only the new cookies
// cannot be kept for concurrent requests, the update succeeds without a grace.
func TestUpdateWithAStateThatFails(t *testing.T) {
	for method, want := range map[string]struct {
		status     int
		b, earlier string
		cookie     bool
	}{
		"Revoke": {status: 503, b: "alice Alice Archer [admin]", earlier: "alice Alice Archer [admin]"},
		"Lease":  {status: 503, b: "alice Alice Archer [admin]", earlier: "alice Alice Archer [admin]"},
		"Keep":   {status: 200, b: "alice new [admin]", earlier: "", cookie: true},
	} {
		for kind, store := range testapp.Stores(t) {
			t.Run(method+" "+kind, func(t *testing.T) {
				failing := false
				shared := hooked{state.NewMemory(0),
					func(_ context.Context, asked string) error { return errIf(failing && asked == method) }}
				a := updatable(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.State, c.Store = shared, store })
				b := a.Browser()
				b.MustSignIn("alice")
				earlier := b.Twin()
				failing = true
				r := b.Do("POST", "/name?is=new", nil)
				failing = false
				if r.StatusCode != want.status || (len(r.Header["Set-Cookie"]) > 0) != want.cookie {
					t.Errorf("%d %v\n%s", r.StatusCode, r.Header["Set-Cookie"], a.Logs)
				}
				if data(b) != want.b || data(earlier) != want.earlier {
					t.Errorf("%q, the earlier %q", data(b), data(earlier))
				}
			})
		}
	}
}

// TestUpdateTooLargeForGrace: without a grace, the earlier cookie is invalid at once.
func TestUpdateTooLargeForGrace(t *testing.T) {
	a := updatable(t)
	b := a.Browser()
	b.MustSignIn("alice")
	earlier := b.Twin()
	long := strings.Repeat("n", 20_000)
	if r := b.Do("POST", "/name?is="+long, nil); r.StatusCode != 200 || data(b) != "alice "+long+" [admin]" {
		t.Errorf("update: %d %.100s", r.StatusCode, data(b))
	}
	if data(earlier) != "" {
		t.Error("the earlier cookie is served")
	}
	small := b.Twin()
	if b.Do("POST", "/name?is=s", nil); len(slices.DeleteFunc(b.Cookies(),
		func(name string) bool { return !strings.HasPrefix(name, "__Host-ginoidc") })) != 1 {
		t.Errorf("parts are left: %v", b.Cookies())
	}
	if got := data(small); got != "alice s [admin]" || len(small.Cookies()) != len(b.Cookies()) {
		t.Errorf("from many parts to one: %q, %v", got, small.Cookies())
	}
}

// TestUpdateKeepsTokens: an update of the user does not affect the tokens of the session.
func TestUpdateKeepsTokens(t *testing.T) {
	for kind, store := range testapp.Stores(t) {
		t.Run(kind, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := testapp.NewWithTokens(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.Store = store })
				a.Engine.POST("/name", func(c *gin.Context) {
					if err := a.Auth.UpdateSession(c, func(u *ginoidc.User) error { u.Name = "new"; return nil }); err != nil {
						t.Error(err)
					}
				})
				b := a.Browser()
				b.MustSignIn("alice")
				first := b.Fetch("/token").Body
				earlier := b.Twin()
				b.Do("POST", "/name", nil)
				if now, then := b.Fetch("/token").Body, earlier.Fetch("/token").Body; now != first || then != first {
					t.Errorf("%q, with the earlier cookie %q, before %q", now, then, first)
				}
				time.Sleep(5 * time.Minute)
				if r := b.Fetch("/token"); r.StatusCode != 200 || r.Body == first {
					t.Errorf("refresh: %d %s", r.StatusCode, r.Body)
				}
				if r := b.Do("POST", "/auth/signout", nil); r.StatusCode != 303 || a.OP.Active(first) {
					t.Errorf("sign-out: %d", r.StatusCode)
				}
			})
		})
	}
}

// TestUpdateDropsTheHint: the ID token is dropped if the session would otherwise need another cookie, and kept if there
// is room.
func TestUpdateDropsTheHint(t *testing.T) {
	full := map[string]int{"sealed cookies": 2300, "cookie": 1200, "filesystem": 1200} // its files are limited too
	for kind, store := range testapp.Stores(t) {
		for _, size := range []int{10, cmp.Or(full[kind], 5000)} {
			a := updatable(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.Store = store })
			b := a.Browser()
			b.MustSignIn("alice")
			before := len(b.Cookies())
			name := strings.Repeat("n", size)
			if r := b.Do("POST", "/name?is="+name, nil); r.StatusCode != 200 || data(b) != "alice "+name+" [admin]" ||
				len(b.Cookies()) != before {
				t.Errorf("%s, %d more bytes: %d %s, %v", kind, size, r.StatusCode, r.Body, b.Cookies())
			}
			hint := testapp.ParseURL(t, b.Do("POST", "/auth/signout", nil).Location()).Query().Get("id_token_hint")
			if want := size == 10 || full[kind] == 0; (hint != "") != want {
				t.Errorf("%s, %d more bytes: a hint of %d bytes, want one: %t", kind, size, len(hint), want)
			}
		}
	}
}

// TestUpdateOfEndedSession: an update does not restore a session that ends in the meantime, even in a sealed cookie.
func TestUpdateOfEndedSession(t *testing.T) {
	a := testapp.New(t)
	a.Engine.POST("/update", func(c *gin.Context) {
		err := a.Auth.UpdateSession(c, func(u *ginoidc.User) error {
			return a.Auth.EndUserSessions(c.Request.Context(),
				u.Subject)
		})
		if _, ok := ginoidc.UserFrom(c); ok || !errors.Is(err, ginoidc.ErrUnauthenticated) {
			t.Errorf("user %v, error %v", ok, err)
		}
	})
	b := a.Browser()
	b.MustSignIn("alice")
	b.Do("POST", "/update", nil)
	if b.WhoAmI() != "" {
		t.Error("the session lives")
	}
}

// TestUpdatedSessionStaysTheSame for the provider: a logout token still ends an updated session, and one issued before
// the sign-in still does not.
func TestUpdatedSessionStaysTheSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := testapp.New(t)
		a.OP.OnIDToken(func(claims map[string]any) { claims["sid"] = "s-1" })
		a.Engine.POST("/update", func(c *gin.Context) {
			if err := a.Auth.UpdateSession(c, func(u *ginoidc.User) error { u.Name = "new"; return nil }); err != nil {
				t.Error(err)
			}
		})
		late, err := a.OP.LogoutToken("", "s-1", nil)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		b := a.Browser()
		b.MustSignIn("alice")
		b.Do("POST", "/update", nil)
		if r := a.PostBackChannel("logout_token=" + late); r.StatusCode != 200 || b.WhoAmI() != "alice" {
			t.Errorf("a late token: %d, %q is signed in", r.StatusCode, b.WhoAmI())
		}
		time.Sleep(10 * time.Second)
		if r := a.BackChannelLogout("", "s-1", nil); r.StatusCode != 200 || b.WhoAmI() != "" {
			t.Errorf("a token: %d, %q is signed in", r.StatusCode, b.WhoAmI())
		}
	})
}

// TestTwoUpdates of one session at once: the later one takes effect as a whole, and an update cannot change who is
// signed in. Case 274.
func TestTwoUpdates(t *testing.T) {
	for name, store := range map[string]sessions.Store{"cookies": nil,
		"a store": memstore.NewStore([]byte(testapp.CookieSecret))} {
		a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.Store = store })
		update := func(key string) func(*gin.Context) {
			return func(c *gin.Context) {
				if err := a.Auth.UpdateSession(c, func(u *ginoidc.User) error {
					u.Data = json.RawMessage(`{"` + key + `":1}`)
					return nil
				}); err != nil {
					t.Error(err)
				}
			}
		}
		a.Engine.POST("/second", update("second"))
		a.Engine.POST("/first", func(c *gin.Context) {
			if _, ok := ginoidc.UserFrom(c); !ok { // has loaded the session before the other update
				t.Error("not signed in")
			}
			other := a.Browser()
			other.Jar = testapp.JarOf(c.Request)
			other.Do("POST", "/second", nil)
			update("first")(c)
		})
		var data string
		a.Engine.GET("/data", func(c *gin.Context) {
			u, _ := ginoidc.UserFrom(c)
			data = u.Subject + string(u.Data)
		})
		b := a.Browser()
		b.MustSignIn("alice")
		b.Do("POST", "/first", nil)
		b.Do("GET", "/data", nil)
		if data != `alice{"first":1}` {
			t.Errorf("%s: %s", name, data)
		}
	}
}

// TestUpdateSession: an update takes effect in this request and in later ones, and does not restore an ended session.
func TestUpdateSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.SessionLifetime = 20 * time.Hour })
		refuse := errors.New("no change")
		a.Engine.POST("/update", func(c *gin.Context) {
			err := a.Auth.UpdateSession(c, func(u *ginoidc.User) error {
				u.Data, u.Groups, u.Subject = json.RawMessage(`{"n":1}`), []string{"zeta", "admin"}, "mallory"
				if c.Query("refuse") != "" {
					return refuse
				}
				return nil
			})
			u, _ := ginoidc.UserFrom(c)
			c.JSON(http.StatusOK, gin.H{"user": u, "unauthenticated": errors.Is(err, ginoidc.ErrUnauthenticated),
				"refused": errors.Is(err, refuse), "failed": err != nil})
			if err := a.Auth.UpdateSession(c, func(*ginoidc.User) error { return nil }); err == nil { // case 146
				t.Error("updated after the response has started")
			}
			if err := a.Auth.EndSession(c); err == nil {
				t.Error("destroyed after the response has started")
			}
		})
		b := a.Browser()
		if r := b.Do("POST", "/update", nil); r.JSON(t)["unauthenticated"] != true || r.Header.Get("Set-Cookie") != "" {
			t.Errorf("nobody: %s", r.Body)
		}
		b.MustSignIn("bob")
		if r := b.Do("POST", "/update?refuse=1", nil); r.JSON(t)["refused"] != true || b.Fetch("/admin").StatusCode != 403 {
			t.Errorf("refused: %s", r.Body)
		}
		time.Sleep(10 * time.Hour)
		r := b.Do("POST", "/update", nil)
		now, _ := r.JSON(t)["user"].(map[string]any)
		if r.JSON(t)["failed"] != false || now["Subject"] != "bob" || fmt.Sprint(now["Data"]) != "map[n:1]" ||
			len(r.Header["Set-Cookie"]) != 1 {
			t.Errorf("update: %s %v", r.Body, r.Header["Set-Cookie"])
		}
		if r := b.Fetch("/admin"); r.StatusCode != 200 {
			t.Errorf("later: %d %s", r.StatusCode, r.Body)
		}
		time.Sleep(9 * time.Hour) // an update renews the idle limit but not the lifetime
		if b.WhoAmI() != "bob" {
			t.Error("an update does not count as use")
		}
		time.Sleep(2 * time.Hour)
		if b.WhoAmI() != "" {
			t.Error("an update moved the lifetime")
		}
	})
}

// trackingStore is a store that knows which records it has to keep for longer than a minute.
type trackingStore struct {
	sessions.Store
	kept map[string]bool
}

func (s *trackingStore) Save(r *http.Request, w http.ResponseWriter, session *gsessions.Session) error {
	err := s.Store.Save(r, w, session)
	if s.kept[session.ID] = true; session.Options.MaxAge < 60 {
		delete(s.kept, session.ID)
	}
	return err
}

// TestSignOutLeavesNoRecord: a sign-out with cookies from before an update leaves nothing in the store, and so does one
// in the request that updates the session, also if that ends during an update.
func TestSignOutLeavesNoRecord(t *testing.T) {
	for _, path := range []string{"/auth/signout", "/rename-and-end", "/rename-ended"} {
		store := &trackingStore{memstore.NewStore([]byte(testapp.CookieSecret)), map[string]bool{}}
		a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.Store = store })
		a.Engine.POST("/rename", rename(t, a))
		end := func(c *gin.Context) {
			if err := a.Auth.EndSession(c); err != nil {
				t.Error(err)
			}
		}
		a.Engine.POST("/rename-and-end", rename(t, a), rename(t, a), end)
		a.Engine.POST("/rename-ended", rename(t, a), func(c *gin.Context) {
			during := func(*ginoidc.User) error { return a.Auth.EndUserSessions(c, "alice") }
			if err := a.Auth.UpdateSession(c, during); !errors.Is(err, ginoidc.ErrUnauthenticated) {
				t.Error(err)
			}
		}, end)
		b := a.Browser()
		b.MustSignIn("alice")
		tab := b.Twin()
		b.Do(http.MethodPost, "/rename", nil)
		if len(store.kept) != 1 {
			t.Errorf("%d records before", len(store.kept))
		}
		if tab.Do(http.MethodPost, path, nil); len(store.kept) != 0 || b.WhoAmI() != "" {
			t.Errorf("%s: %d records, %q is signed in", path, len(store.kept), b.WhoAmI())
		}
	}
}

// TestEndedSessionIsForgotten: a redirect to the sign-in deletes the cookies of a session that has ended elsewhere. If
// its store cannot delete the record, the log says so.
func TestEndedSessionIsForgotten(t *testing.T) {
	for _, refuses := range []string{"", "ginoidc"} {
		store := &readOnlyStore{Store: memstore.NewStore([]byte(testapp.CookieSecret))}
		var log bytes.Buffer
		a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
			c.Store, c.Logger = store, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		})
		b := a.Browser()
		b.MustSignIn("alice")
		if got := b.Twin().Navigate("/me"); got.StatusCode != http.StatusOK {
			t.Errorf("%d", got.StatusCode)
		}
		a.BackChannelLogout("alice", "", nil)
		store.refuses.Store(refuses)
		got := b.Navigate("/me")
		if got.StatusCode != http.StatusFound || (len(b.Cookies()) == 0) != (refuses == "") {
			t.Errorf("%d, cookies %q", got.StatusCode, b.Cookies())
		}
		if strings.Contains(log.String(), "cookies of an ended session not deleted") != (refuses != "") {
			t.Error(log.String())
		}
	}
}

// duringLease returns a state that calls *do once, when the next lease is asked for.
func duringLease(do *func()) hooked {
	return hooked{state.NewMemory(0), func(_ context.Context, method string) error {
		if now := *do; now != nil && method == "Lease" {
			*do = nil
			now()
		}
		return nil
	}}
}

// TestUpdateDuringUpdate: an update that the app refuses, after it has waited for one of another request, passes on the
// cookies of that one.
func TestUpdateDuringUpdate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var during func()
		a := updatable(t, func(c *ginoidc.Config, _ *fakeop.Config) {
			c.State = duringLease(&during)
		})
		a.Engine.POST("/rename", rename(t, a))
		refused := errors.New("refused")
		a.Engine.POST("/refuse", func(c *gin.Context) {
			err := a.Auth.UpdateSession(c, func(u *ginoidc.User) error {
				if u.Name != "Renamed" {
					t.Errorf("the user is %q", u.Name)
				}
				return refused
			})
			if !errors.Is(err, refused) {
				t.Error(err)
			}
		})
		b := a.Browser()
		b.MustSignIn("alice")
		tab := b.Twin()
		during = func() { b.Do(http.MethodPost, "/rename", nil) }
		tab.Do(http.MethodPost, "/refuse", nil)
		if time.Sleep(11 * time.Second); tab.WhoAmI() != "alice" {
			t.Errorf("the cookies of the other update were not sent\n%s", a.Logs)
		}
	})
}

// TestUpdateOfAnEndedSession: a session that ends while an update of it waits for its turn is not updated.
func TestUpdateOfAnEndedSession(t *testing.T) {
	var during func()
	a := updatable(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.State = duringLease(&during)
	})
	a.Engine.POST("/late", func(c *gin.Context) {
		err := a.Auth.UpdateSession(c, func(*ginoidc.User) error {
			t.Error("the update runs")
			return nil
		})
		if !errors.Is(err, ginoidc.ErrUnauthenticated) {
			t.Error(err)
		}
	})
	b := a.Browser()
	b.MustSignIn("alice")
	during = func() {
		if err := a.Auth.EndUserSessions(t.Context(), "alice"); err != nil {
			t.Error(err)
		}
	}
	b.Do(http.MethodPost, "/late", nil)
	if during != nil || b.WhoAmI() != "" {
		t.Errorf("ended: %t, %q is signed in", during == nil, b.WhoAmI())
	}
}

// TestUpdateOfAnExpiredSession: a handler cannot save a session that expires while the handler runs.
func TestUpdateOfAnExpiredSession(t *testing.T) {
	for name, store := range map[string]sessions.Store{"cookies": nil,
		"a store": memstore.NewStore([]byte(testapp.CookieSecret))} {
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
