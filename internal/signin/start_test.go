package signin_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/attempt"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/signin"
)

// newStarter returns what starts sign-ins with a provider, and that provider.
func newStarter(t *testing.T, pushed string) (signin.Starter, *provider.Provider, *fakeop.Provider) {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	op, err := fakeop.New(fakeop.Config{Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	client := provider.New(provider.Config{
		Issuer: op.Issuer(), ClientID: "app", ClientSecret: "secret", AuthMethod: "client_secret_basic",
		RedirectURL: "https://app.example/auth/callback", Scopes: []string{"openid"}, PushedAuthorization: pushed,
		Transport: op.Transport(), Timeout: 5 * time.Second, Report: func(context.Context, provider.Event) {}, Logger: quiet,
	})
	jar, err := attempt.New(attempt.Config{
		Secrets: []string{strings.Repeat("secret", 6)}, CookieName: "app", Path: "/auth", Secure: true, Life: time.Minute,
	})
	if err != nil {
		t.Fatal(err)
	}
	return signin.Starter{Attempts: jar, Home: "/home", Log: quiet}, client, op
}

// started returns the attempt that a response has started, which the browser sends back with its state.
func started(t *testing.T, s signin.Starter, h http.Header, location string) *attempt.Attempt {
	t.Helper()
	u, err := url.Parse(location)
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodGet, "/auth/callback", nil)
	for _, line := range h["Set-Cookie"] {
		c, err := http.ParseSetCookie(line)
		if err != nil {
			t.Fatal(err)
		}
		r.AddCookie(c)
	}
	at, err := s.Attempts.Find(r, u.Query().Get("state"))
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// TestStart: the request has the state, nonce and parameters of the attempt that the cookie keeps. A response that the
// provider's page posts gets its cookie from another site.
func TestStart(t *testing.T) {
	s, client, _ := newStarter(t, "never")
	for _, posts := range []bool{false, true} {
		h := http.Header{"Set-Cookie": {"other=1"}}
		location, err := s.Start(t.Context(), h, httptest.NewRequest(http.MethodGet, "/auth/signin", nil), signin.SignIn{
			Provider: client, Posts: posts, Purpose: attempt.Purpose{ReturnTo: "/orders", MaxAge: 60},
			Params: url.Values{"prompt": {"login"}},
		})
		if err != nil {
			t.Fatal(err)
		}
		at := started(t, s, h, location)
		u, _ := url.Parse(location)
		if at.ReturnTo != "/orders" || at.MaxAge != 60 || u.Query().Get("nonce") != at.Nonce ||
			u.Query().Get("prompt") != "login" {
			t.Errorf("%+v, %s", at, location)
		}
		if len(h["Set-Cookie"]) != 2 || strings.Contains(h["Set-Cookie"][1], "SameSite=None") != posts {
			t.Errorf("posts %t: %q", posts, h["Set-Cookie"])
		}
	}
}

// TestStartTooLarge: a target that does not fit in a cookie together with the app's own state is given up, and the
// sign-in is not.
func TestStartTooLarge(t *testing.T) {
	s, client, _ := newStarter(t, "never")
	var log bytes.Buffer
	s.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	start := func(state int) (http.Header, string, error) {
		h := http.Header{}
		location, err := s.Start(t.Context(), h, httptest.NewRequest(http.MethodGet, "/auth/signin", nil), signin.SignIn{
			Provider: client, Purpose: attempt.Purpose{
				ReturnTo: "/" + strings.Repeat("a", 2000), AppState: strings.Repeat("b", state),
			},
		})
		return h, location, err
	}
	h, location, err := start(1000)
	if err != nil {
		t.Fatal(err)
	}
	if at := started(t, s, h, location); at.ReturnTo != "/home" || len(at.AppState) != 1000 {
		t.Errorf("leads to %q", at.ReturnTo)
	}
	if !strings.Contains(log.String(), "return target ignored") || strings.Contains(log.String(), "aaaa") {
		t.Error(log.String())
	}
	if h, _, err := start(4000); err == nil || len(h) != 0 {
		t.Errorf("an app state that does not fit: %v, %v", h, err)
	}
}

// TestStartFails: if the request cannot be made, no cookie is set. It could push out that of another tab.
func TestStartFails(t *testing.T) {
	s, client, op := newStarter(t, "always")
	op.Intercept(fakeop.PAR, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	h := http.Header{}
	location, err := s.Start(t.Context(), h, httptest.NewRequest(http.MethodGet, "/auth/signin", nil),
		signin.SignIn{Provider: client, Purpose: attempt.Purpose{ReturnTo: "/"}})
	if err == nil || location != "" || len(h) != 0 {
		t.Errorf("%q, %v, %v", location, h, err)
	}
}
