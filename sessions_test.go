package ginoidc_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
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

// TestEndedOfAccessToken: a stream does not outlive the access token.
func TestEndedOfAccessToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t, func(_ *ginoidc.Config, op *fakeop.Config) { op.TokenLife = 5 * time.Minute })
		a.Engine.GET("/stream", a.Auth.RequireAuth(), func(c *gin.Context) {
			start := time.Now()
			<-a.Auth.Ended(c)
			if took := time.Since(start); took < 299*time.Second || took > 302*time.Second {
				t.Errorf("ended after %v", took)
			}
		})
		token, err := a.OP.AccessToken("alice", api)
		if err != nil {
			t.Fatal(err)
		}
		if r := a.Browser().Do(http.MethodGet, "/stream", nil, "Authorization", "Bearer "+token); r.StatusCode != 200 {
			t.Errorf("%d", r.StatusCode)
		}
	})
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
