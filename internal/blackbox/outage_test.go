package blackbox_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// outageApp is an app with every use of the shared state, of which one call fails.
func outageApp(t *testing.T, outage *testapp.Outage) *testapp.App {
	a := testapp.NewWithTokens(t, func(c *ginoidc.Config, op *fakeop.Config) {
		c.State, c.RecheckEvery, c.RecheckGrace, c.MaxSessions = outage, 20*time.Minute, 20*time.Minute, 2
		c.SessionLabel = func(*http.Request) string { return "a browser" }
		c.Providers[0].Signals = &ginoidc.Signals{
			Audience: []string{fakeop.SignalAudience}, SigningAlgs: []string{"ES256"},
			Token: func(context.Context) (string, error) { return fakeop.SignalToken, nil },
		}
	})
	answer := func(do func(c *gin.Context) error) gin.HandlerFunc {
		return func(c *gin.Context) {
			if err := do(c); err != nil {
				a.Auth.Deny(c, err)
				return
			}
			c.Status(http.StatusNoContent)
		}
	}
	a.Engine.POST("/update", a.Auth.RequireAuth(), answer(func(c *gin.Context) error {
		return a.Auth.UpdateSession(c, func(u *ginoidc.User) error { u.Name = "Alice Brown"; return nil })
	}))
	a.Engine.POST("/end", a.Auth.RequireAuth(), answer(a.Auth.EndSession))
	a.Engine.POST("/others", a.Auth.RequireAuth(), answer(func(c *gin.Context) error {
		return a.Auth.EndOtherSessions(c.Request.Context())
	}))
	a.Engine.POST("/start", answer(func(c *gin.Context) error {
		return a.Auth.StartSession(c, &ginoidc.User{Subject: "alice"})
	}))
	a.Engine.GET("/list", a.Auth.RequireAuth(), answer(func(c *gin.Context) error {
		_, err := a.Auth.UserSessions(c.Request.Context(), "alice")
		return err
	}))
	a.Engine.POST("/everybody", answer(func(c *gin.Context) error { return a.Auth.EndAllSessions(c.Request.Context()) }))
	return a
}

// useOfState is what a browser that is signed in does, and what is true afterwards.
type useOfState struct {
	wait time.Duration
	do   func(b *testapp.Browser) testapp.Reply
	ends bool // if the answer says that it succeeded, a copy of the cookies from before is worth nothing
}

func usesOfState() map[string]useOfState {
	post := func(path string) func(b *testapp.Browser) testapp.Reply {
		return func(b *testapp.Browser) testapp.Reply { return b.Do(http.MethodPost, path, nil) }
	}
	get := func(path string) func(b *testapp.Browser) testapp.Reply {
		return func(b *testapp.Browser) testapp.Reply { return b.Fetch(path) }
	}
	return map[string]useOfState{
		"guarded":      {0, get("/me"), false},
		"re-checked":   {25 * time.Minute, get("/me"), false},
		"refreshed":    {6 * time.Minute, get("/token"), false},
		"signed in":    {0, func(b *testapp.Browser) testapp.Reply { return b.SignIn("alice") }, true},
		"other user":   {0, func(b *testapp.Browser) testapp.Reply { return b.SignIn("bob") }, true},
		"signed out":   {0, post("/auth/signout"), true},
		"ended":        {0, post("/end"), true},
		"others ended": {0, post("/others"), false},
		"everybody":    {0, post("/everybody"), true},
		"updated":      {0, post("/update"), false},
		"started":      {0, post("/start"), true},
		"listed":       {0, get("/list"), false},
		"signalled":    {0, signalled, true},
		"back channel": {0, func(b *testapp.Browser) testapp.Reply {
			return b.App.BackChannelLogout("alice", "", nil)
		}, true},
	}
}

// signalled pushes an event that ends the sessions of alice.
func signalled(b *testapp.Browser) testapp.Reply {
	token, err := b.App.OP.EventToken(provider.EventSessionRevoked, b.App.OP.UserSubject("alice"), nil, nil)
	if err != nil {
		b.App.T.Fatal(err)
	}
	return b.App.Browser().Do(http.MethodPost, "/auth/signals", strings.NewReader(token),
		"Content-Type", "application/secevent+jwt")
}

// TestOutages: whichever single call of the shared state fails, a request is answered as usual or with 503, nobody is
// signed out by it, and a sign-out that was acknowledged holds. So does a new sign-in of the same browser, unless the
// log says that the earlier session lives. Case 250.
func TestOutages(t *testing.T) {
	for name, use := range usesOfState() {
		t.Run(name, func(t *testing.T) {
			all, healthy := 1, 0
			for call := 0; call <= all; call++ {
				synctest.Test(t, func(t *testing.T) {
					calls, status := use.check(t, call, healthy)
					if call == 0 {
						all, healthy = calls, status
					}
				})
			}
			if all < 1 || healthy >= 400 {
				t.Errorf("%d calls, status %d", all, healthy)
			}
		})
	}
}

// check uses the state while one call of it fails, or none if failing is 0. It returns how many calls there were.
func (use useOfState) check(t *testing.T, failing, healthy int) (calls, status int) {
	outage := testapp.NewOutage()
	a := outageApp(t, outage)
	b := a.Browser()
	b.MustSignIn("alice")
	time.Sleep(use.wait + 10*time.Second)
	before := b.Twin()
	outage.Begin(failing)
	r := use.do(b)
	calls, method := outage.End()
	what := fmt.Sprintf("call %d, of %q: %d", failing, method, r.StatusCode)
	switch logs := a.Logs.String(); {
	case strings.Contains(logs, "panic"):
		t.Errorf("%s: %s", what, logs)
	case failing == 0:
	case r.StatusCode == http.StatusServiceUnavailable:
		if who := before.WhoAmI(); who != "alice" && !use.ends {
			t.Errorf("%s: alice is signed out", what)
		}
	case r.StatusCode != healthy:
		t.Errorf("%s, want %d or 503: %s\n%s", what, healthy, r.Body, logs)
	case use.ends:
		if who := before.WhoAmI(); who != "" && !strings.Contains(logs, "earlier session not ended") {
			t.Errorf("%s: a copy of the cookies from before is signed in as %q", what, who)
		}
	}
	return calls, r.StatusCode
}
