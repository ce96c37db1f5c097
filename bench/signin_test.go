package bench

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/cookie"
	"github.com/gin-gonic/gin"
	"golang.org/x/oauth2"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// signInApp is an app whose provider is in the same process, without a network between.
func signInApp(t testing.TB) *testapp.App {
	return testapp.New(t, func(c *ginoidc.Config, op *fakeop.Config) {
		c.Logger = slog.New(slog.DiscardHandler)
		c.Providers[0].SigningAlgs, op.SigningAlg = []string{"RS256"}, "RS256"
	})
}

// byHand is a sign-in as tutorials write it, with x/oauth2 and go-oidc.
type byHand struct {
	config   oauth2.Config
	verifier *oidc.IDTokenVerifier
	ctx      context.Context // with the client that reaches the provider
}

func newByHand(t testing.TB, op *fakeop.Provider) byHand {
	t.Helper()
	ctx := oidc.ClientContext(t.Context(), &http.Client{Transport: op.Transport()})
	provider, err := oidc.NewProvider(ctx, testapp.Issuer)
	if err != nil {
		t.Fatal(err)
	}
	return byHand{
		oauth2.Config{
			ClientID: "app", ClientSecret: testapp.ClientSecret, Endpoint: provider.Endpoint(),
			RedirectURL: testapp.URL + "/auth/callback", Scopes: []string{"openid", "profile", "email"},
		},
		provider.Verifier(&oidc.Config{ClientID: "app"}), ctx,
	}
}

// authURL returns the URL of a sign-in at the provider, and its PKCE verifier.
func (h byHand) authURL(state, nonce string) (u, verifier string) {
	verifier = oauth2.GenerateVerifier()
	return h.config.AuthCodeURL(state, oidc.Nonce(nonce), oauth2.S256ChallengeOption(verifier)), verifier
}

// starts returns sign-in routes: that of the plugin, and one by hand on gin-contrib/sessions.
func starts(t testing.TB) []contender {
	t.Helper()
	a := signInApp(t)
	hand, e := newByHand(t, a.OP), gin.New()
	e.Use(sessions.Sessions("session", cookie.NewStore([]byte(testapp.CookieSecret))))
	e.GET("/x", func(c *gin.Context) {
		s, state, nonce := sessions.Default(c), rand.Text(), rand.Text()
		u, verifier := hand.authURL(state, nonce)
		s.Set("state", state)
		s.Set("nonce", nonce)
		s.Set("verifier", verifier)
		if err := s.Save(); err != nil {
			t.Error(err)
		}
		c.Redirect(http.StatusFound, u)
	})
	return []contender{
		{name: "gin-contrib and x/oauth2 by hand", handler: e, status: http.StatusFound},
		{name: "**ginoidc**", handler: a.Engine, path: "/auth/signin", status: http.StatusFound},
	}
}

// callbacks measures three callbacks in turn: of the plugin, of the plugin without the request for userinfo, and
// Exchange and Verify by hand.
func callbacks(t testing.TB, n int) (whole, without, hand time.Duration) {
	t.Helper()
	a, b := signInApp(t), testapp.New(t, func(c *ginoidc.Config, op *fakeop.Config) {
		c.Logger = slog.New(slog.DiscardHandler)
		c.Providers[0].SigningAlgs, op.SigningAlg = []string{"RS256"}, "RS256"
		c.Providers[0].SkipUserInfo = true
	})
	other := newByHand(t, a.OP)
	whole, without, hand = time.Hour, time.Hour, time.Hour
	for range n {
		whole, without, hand = min(whole, callback(t, a)), min(without, callback(t, b)), min(hand, other.callback(t, a.OP))
	}
	return whole, without, hand
}

// callback returns how long the callback of a sign-in takes.
func callback(t testing.TB, a *testapp.App) time.Duration {
	t.Helper()
	b := a.Browser()
	r := httptest.NewRequest(http.MethodGet, b.Start("/auth/signin", "alice"), nil)
	for _, c := range b.Jar.Cookies(r.URL) {
		r.AddCookie(c)
	}
	for i := 0; i < len(testapp.Navigation()); i += 2 {
		r.Header.Set(testapp.Navigation()[i], testapp.Navigation()[i+1])
	}
	w, began := httptest.NewRecorder(), time.Now()
	a.Engine.ServeHTTP(w, r)
	took := time.Since(began)
	if w.Code != http.StatusSeeOther {
		t.Fatalf("callback: %d %s", w.Code, w.Body)
	}
	return took
}

// callback returns how long Exchange and Verify take.
func (h byHand) callback(t testing.TB, op *fakeop.Provider) time.Duration {
	t.Helper()
	u, verifier := h.authURL("state", "nonce")
	answer, err := op.Approve(u, "alice")
	if err != nil {
		t.Fatal(err)
	}
	received, err := url.Parse(answer)
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	token, err := h.config.Exchange(h.ctx, received.Query().Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := h.verifier.Verify(h.ctx, raw)
	took := time.Since(began)
	if err != nil || id.Nonce != "nonce" {
		t.Fatal(err)
	}
	return took
}

func (r *report) signIn(t *testing.T) {
	figures := interleaved(t, starts(t), *rounds)
	r.print("## Sign-in\n\n| start | µs | allocations |\n| --- | ---: | ---: |\n")
	for _, f := range figures {
		r.print("| %s | %.1f | %.0f |\n", f.name, micro(f.least), f.allocs)
	}
	r.print("\nThe start takes %.2f times as long as the one by hand.\n\n",
		ratio(figures, figures[1].name, figures[0].name))
	r.crowd(t)
	whole, without, hand := callbacks(t, 5**rounds)
	a := signInApp(t)
	garbage := interleaved(t, []contender{{
		name: "logout_token=garbage", handler: a.Engine, path: "/auth/backchannel-logout", status: http.StatusBadRequest,
		form: "logout_token=garbage",
	}}, *rounds)
	r.print("Callbacks, with the provider in the same process. By hand, there is neither a session nor a redirect.\n\n"+
		"| callback | µs | × by hand |\n| --- | ---: | ---: |\n"+
		"| Exchange and Verify by hand | %.0f | 1.00 |\n| **ginoidc**, SkipUserInfo | %.0f | %.2f |\n"+
		"| **ginoidc** | %.0f | %.2f |\n\nGarbage on the back channel takes %.1f µs.\n\n",
		micro(hand), micro(without), float64(without)/float64(hand), micro(whole), float64(whole)/float64(hand),
		micro(garbage[0].least))
	r.most(startTarget, ratio(figures, figures[1].name, figures[0].name), 0.5)
	r.most(callbackTarget, float64(without)/float64(hand), 1.15)
	r.most(wholeTarget, float64(whole)/float64(hand), 1.15)
	r.most("garbage on the back channel, µs", micro(garbage[0].least), 5)
}
