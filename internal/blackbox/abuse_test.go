package blackbox_test

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-contrib/sessions/memstore"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// TestGarbageCallbacks: made-up callbacks cause no call to the provider. Case 280.
func TestGarbageCallbacks(t *testing.T) {
	a := testapp.New(t)
	b := a.Browser()
	for i := range 10_000 {
		state := fmt.Sprintf("%043d", i)
		r := b.Do("GET", "/auth/callback?iss=https://idp.example&code=x&state="+state, nil, "Cookie",
			"__Host-ginoidc."+state[:16]+"="+strings.Repeat("A", 200))
		if r.StatusCode != http.StatusBadRequest {
			t.Fatalf("%d %s", r.StatusCode, r.Body)
		}
	}
	for _, e := range []fakeop.Endpoint{fakeop.Discovery, fakeop.JWKS, fakeop.Token} {
		if n := a.OP.Count(e); n != 0 {
			t.Errorf("%d requests to %s", n, e)
		}
	}
}

// TestLogFlood: thousands of refused requests leave a hundred lines, each of which quotes what others wrote, and do not
// hide other failures. Every one of them is an event. Case 287.
func TestLogFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		events := 0
		a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
			c.OnEvent = func(context.Context, ginoidc.Event) { events++ }
		})
		lines := func() int { return strings.Count(a.Logs.String(), "\n") }
		b := a.Browser()
		before := lines()
		for range 2000 {
			b.Do("GET", "/auth/callback?error=x%0Aforged%1B[31m&code=x", nil)
			b.Do("POST", "/auth/backchannel-logout", nil)
		}
		if n := lines() - before; n != 200 || events != 4000 || strings.Contains(a.Logs.String(), "\nforged") {
			t.Errorf("%d lines, %d events", n, events)
		}
		if b.Do("GET", "/auth/callback?code=x&state=y", nil); lines() != before+201 {
			t.Errorf("a failure with another code: %d lines", lines()-before)
		}
		time.Sleep(time.Second)
		if b.Do("POST", "/auth/backchannel-logout", nil); !strings.Contains(a.Logs.String(), "suppressed=1900") {
			t.Errorf("the log does not say how many lines are missing")
		}
	})
}

// TestGarbageCodes: a client with its own attempts and made-up codes causes one call for each. Case 281.
func TestGarbageCodes(t *testing.T) {
	a := testapp.New(t)
	for i := range 50 {
		b := a.Browser()
		state := testapp.ParseURL(t, b.Navigate("/auth/signin").Location()).Query().Get("state")
		for range 3 {
			b.Navigate("/auth/callback?iss=https://idp.example&code=garbage&state=" + state)
		}
		if n := a.OP.Count(fakeop.Token); n != i+1 || b.WhoAmI() != "" {
			t.Fatalf("%d token requests for %d codes", n, i+1)
		}
	}
}

// TestStoreRestarted: if the store has lost its sessions, everybody is signed out cleanly and can sign in again. Cases
// 251 and 292.
func TestStoreRestarted(t *testing.T) {
	b := (*testapp.Browser)(nil)
	for range 2 {
		a := testapp.New(t, func(c *ginoidc.Config,
			_ *fakeop.Config) {
			c.Store = memstore.NewStore([]byte(testapp.CookieSecret))
		})
		next := a.Browser()
		if b != nil {
			next.Jar = b.Jar
			if r := next.Fetch("/me"); r.StatusCode != 401 {
				t.Errorf("fetch: %d", r.StatusCode)
			}
			if r := next.Navigate("/me"); r.Location() != "/auth/signin?return_to=%2Fme" {
				t.Errorf("navigation: %d to %q", r.StatusCode, r.Location())
			}
		}
		b = next
		b.MustSignIn("alice")
		if b.WhoAmI() != "alice" {
			t.Error("signed out after the sign-in")
		}
	}
}

// TestEvents: every event for operators is one log record with a stable message and stable keys. Case 302.
func TestEvents(t *testing.T) {
	a := testapp.New(t)
	b := a.Browser()
	b.MustSignIn("bob")
	b.Fetch("/admin")
	a.OP.Misbehave(fakeop.BadSignature)
	b.SignIn("bob")
	a.OP.Misbehave()
	if r := a.BackChannelLogout("carol", "", nil); r.StatusCode != 200 {
		t.Fatalf("%d %s", r.StatusCode, r.Body)
	}
	a.PostBackChannel("logout_token=x")
	b.Do("POST", "/auth/signout", nil)
	for _, event := range []string{
		`level=INFO msg="ginoidc: signed in" sub=bob`,
		`level=INFO msg="ginoidc: denied" code=forbidden sub=bob route=/admin`,
		`code=invalid_token request_id=`,
		`level=INFO msg="ginoidc: session ended" reason=back_channel sub=carol`,
		`level=WARN msg="ginoidc: back-channel logout refused" code=invalid_request`,
		`level=INFO msg="ginoidc: session ended" reason=sign_out sub=bob`,
	} {
		if n := strings.Count(a.Logs.String(), event); n != 1 {
			t.Errorf("%d times %s", n, event)
		}
	}
}

// TestEverythingAtOnce: many users use every route concurrently, for the race detector, and no goroutine is left. Case
// 276.
func TestEverythingAtOnce(t *testing.T) {
	before := runtime.NumGoroutine()
	a := testapp.New(t)
	var mu sync.Mutex // of the app's counts of calls
	routes := []string{"/", "/me", "/admin", "/auth/signin", "/auth/callback?state=x", "/auth/userinfo", "/auth/signout",
		"/auth/backchannel-logout", "/auth/frontchannel-logout"}
	a.Engine.GET("/who", a.Auth.RequireAuth(), a.Public)
	var people sync.WaitGroup
	for i := range 200 {
		people.Go(func() {
			b := a.Browser()
			subject := []string{"alice", "bob", "carol"}[i%3]
			b.MustSignIn(subject)
			for _, route := range routes {
				if route == "/me" || route == "/admin" {
					mu.Lock()
				}
				b.Navigate(route)
				if route == "/me" || route == "/admin" {
					mu.Unlock()
				}
			}
			if r := b.Fetch("/who"); r.StatusCode != 200 {
				t.Errorf("%s: %d", subject, r.StatusCode)
			}
			b.Do("POST", "/auth/signout", nil)
		})
	}
	people.Wait()
	testapp.Eventually(t, "goroutines to end", func() bool { return runtime.NumGoroutine() <= before+5 })
}
