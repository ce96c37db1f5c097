package ginoidc_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
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
