package ginoidc_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/state"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

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
