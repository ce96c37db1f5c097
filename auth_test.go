package ginoidc_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/state"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// TestAbortHandlers: handlers of an app and of a route group replace the default response and let nothing through.
func TestAbortHandlers(t *testing.T) {
	var reasons []error
	note := func(c *gin.Context) { reasons = append(reasons, ginoidc.Reason(c)) }
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.AbortHandlers.Unauthenticated = func(c *gin.Context) { note(c); c.JSON(401, gin.H{"app": true}) }
	})
	route := func(path string, h ginoidc.AbortHandlers, guard func(*ginoidc.Auth) gin.HandlerFunc) {
		a.Engine.GET(path, guard(a.Auth.With(h)), a.Protected)
	}
	admins := func(auth *ginoidc.Auth) gin.HandlerFunc { return auth.RequireGroups("admin") }
	route("/inherits", ginoidc.AbortHandlers{}, admins)
	route("/silent", ginoidc.AbortHandlers{Unauthenticated: note, Forbidden: note}, admins)
	// case 212
	route("/forgets", ginoidc.AbortHandlers{Unauthenticated: func(c *gin.Context) { note(c); c.Next() }}, admins)
	route("/teapot", ginoidc.AbortHandlers{Forbidden: func(c *gin.Context) {
		u, _ := ginoidc.UserFrom(c)
		c.JSON(418, gin.H{"who": u.Email})
	}}, admins)
	bob := a.Browser()
	bob.MustSignIn("bob")
	for _, tt := range []struct {
		name, path string
		who        *testapp.Browser
		status     int
		body       string
	}{
		{"the app's handler", "/me", a.Browser(), 401, `{"app":true}`},
		{"inherited by With", "/inherits", a.Browser(), 401, `{"app":true}`},
		{"a handler that writes nothing", "/silent", a.Browser(), 401, ""},
		{"the same, signed in", "/silent", bob, 403, ""},
		{"a handler that goes on", "/forgets", a.Browser(), 401, ""}, // case 212
		{"a group's handler", "/teapot", bob, 418, `{"who":"bob@example.com"}`},
		{"the app's own routes keep theirs", "/admin", bob, 403,
			`{"error":"forbidden","message":"You do not have access to this resource."}`},
	} {
		if r := tt.who.Fetch(tt.path); r.StatusCode != tt.status || r.Body != tt.body {
			t.Errorf("%s: %d %q, want %d %q", tt.name, r.StatusCode, r.Body, tt.status, tt.body)
		}
	}
	if len(a.Ran) != 0 {
		t.Errorf("protected handlers ran: %v", a.Ran)
	}
	for i, err := range reasons {
		if !errors.Is(err, ginoidc.ErrUnauthenticated) && !errors.Is(err, ginoidc.ErrForbidden) {
			t.Errorf("reason %d: %v", i, err)
		}
	}
	if len(reasons) != 5 {
		t.Errorf("%d reasons", len(reasons))
	}
}

// TestIssuerMismatch: the error of Ready names both issuers and says what to configure. Case 111.
func TestIssuerMismatch(t *testing.T) {
	a := testapp.New(t)
	a.OP.Misbehave(fakeop.IssuerTrailingSlash)
	err := a.Auth.Ready(t.Context())
	if err == nil || !strings.Contains(err.Error(), "https://idp.example/") || !strings.Contains(err.Error(), "slash") {
		t.Errorf("Ready: %v", err)
	}
	if r := a.Browser().Navigate("/auth/signin"); r.StatusCode < 502 || strings.Contains(r.Body, "idp.example/") {
		t.Errorf("sign-in: %d %s", r.StatusCode, r.Body)
	}
}

// TestProviderDown: a sign-in gets 503 while the provider is down and works once it is up. Sessions do not need it.
func TestProviderDown(t *testing.T) {
	a := testapp.New(t)
	a.OP.Intercept(fakeop.Discovery, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	b := a.Browser()
	r := b.Navigate("/auth/signin")
	if r.StatusCode != 503 || r.Header.Get("Retry-After") == "" || r.Header.Get("Set-Cookie") != "" ||
		!strings.Contains(r.Body, "Sign in again") {
		t.Errorf("sign-in: %d %v", r.StatusCode, r.Header)
	}
	if err := a.Auth.Ready(t.Context()); !errors.Is(err, ginoidc.ErrProviderUnavailable) {
		t.Errorf("Ready: %v", err)
	}
	a.OP.Intercept(fakeop.Discovery, nil)
	testapp.Eventually(t, "the provider to be found again", func() bool { return a.Auth.Ready(t.Context()) == nil })
	b.MustSignIn("alice")
	a.OP.Intercept(fakeop.Discovery, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	if b.WhoAmI() != "alice" { // case 240
		t.Error("a session needed the provider")
	}
}

// TestReadyAsksState: Ready fails if State is down, because nobody can sign in then and guards cannot decide.
func TestReadyAsksState(t *testing.T) {
	down := false
	shared := hooked{state.NewMemory(0), func(context.Context, string) error { return errIf(down) }}
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.State = shared })
	if err := a.Auth.Ready(t.Context()); err != nil {
		t.Errorf("up: %v", err)
	}
	down = true
	if err := a.Auth.Ready(t.Context()); !errors.Is(err, ginoidc.ErrSessionStore) || !errors.Is(err, errStateDown) {
		t.Errorf("down: %v", err)
	}
}
