// Package testapp is a small app with the plugin, for tests: the app, its provider and the browsers of its users, all
// in memory.
package testapp

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
)

// The configuration of the app, unless a Change edits it.
const (
	URL          = "https://app.example.com"
	Issuer       = "https://idp.example"
	ClientSecret = "client+secret/with:signs"
	CookieSecret = "Zk3v9QmX7rT1pLw8sYb2Nc5HdGf0UjAe"
)

// Change edits the configuration of the app and of its provider before either is made.
type Change = func(*ginoidc.Config, *fakeop.Config)

// App is a Gin app with the plugin, its provider and its log.
type App struct {
	T      testing.TB
	Auth   *ginoidc.Auth
	Engine *gin.Engine
	OP     *fakeop.Provider
	OPs    map[string]*fakeop.Provider // of NewSeveral, by name
	Logs   *bytes.Buffer
	Ran    map[string]int // how often Protected ran, by route

	ResponseMode string
}

// New returns an app with the routes "/", which is public, "/me" for signed-in users, and "/admin" for the group admin.
func New(t testing.TB, change ...Change) *App {
	t.Helper()
	gin.SetMode(gin.ReleaseMode)
	a := &App{T: t, Engine: gin.New(), Logs: &bytes.Buffer{}, Ran: map[string]int{}}
	op := fakeop.Config{Issuer: Issuer, ClientSecret: ClientSecret, SigningAlg: "ES256"}
	cfg := ginoidc.Config{
		Providers: []ginoidc.Provider{{
			Issuer: Issuer, ClientID: "app", ClientSecret: ClientSecret, SigningAlgs: []string{"ES256"},
		}},
		AppURL:        URL,
		CookieSecrets: []string{CookieSecret},
		Logger:        slog.New(slog.NewTextHandler(a.Logs, nil)),
	}
	for _, f := range change {
		f(&cfg, &op)
	}
	var err error
	if a.OP, err = fakeop.New(op); err != nil {
		t.Fatal(err)
	}
	if len(cfg.Providers) > 0 {
		a.connect(&cfg.Providers[0])
	}
	if a.Auth, err = ginoidc.New(cfg); err != nil {
		t.Fatal(err)
	}
	a.Engine.Use(a.Auth.Middleware())
	a.Auth.Mount(a.Engine)
	a.Engine.GET("/", a.Public)
	a.Engine.Any("/me", a.Auth.RequireAuth(), a.Protected)
	a.Engine.Any("/admin", a.Auth.RequireGroups("admin"), a.Protected)
	return a
}

// connect lets the app reach its provider.
func (a *App) connect(p *ginoidc.Provider) {
	switch outer := p.Transport.(type) {
	case nil:
		p.Transport = a.OP.Transport()
	case *Recorder:
		outer.next = a.OP.Transport()
	case Network:
		p.Transport = nil
	}
	a.ResponseMode = p.ResponseMode
}

// NewWithTokens returns an app that keeps tokens, which last for five minutes, and shows the access token at "/token".
func NewWithTokens(t testing.TB, change ...Change) *App {
	t.Helper()
	a := New(t, append([]Change{func(c *ginoidc.Config, op *fakeop.Config) {
		c.KeepTokens, op.TokenLife, op.AlwaysRefreshToken = true, 5*time.Minute, true
	}}, change...)...)
	a.Engine.GET("/token", a.Auth.RequireAuth(), func(c *gin.Context) {
		token, err := a.Auth.Token(c)
		if err != nil {
			a.Auth.Deny(c, err)
			return
		}
		if again, err := a.Auth.Token(c); err != nil || again.AccessToken != token.AccessToken {
			t.Errorf("a second time: %v", err)
		}
		c.String(http.StatusOK, token.AccessToken)
	})
	return a
}

// Public is a handler that needs no user.
func (a *App) Public(c *gin.Context) { c.String(http.StatusOK, "public") }

// Protected is a handler that fails the test without a user, and counts how often it ran.
func (a *App) Protected(c *gin.Context) {
	a.Ran[c.FullPath()]++
	u, ok := ginoidc.UserFrom(c)
	if !ok {
		a.T.Error("a guarded handler ran without a user")
		return
	}
	c.JSON(http.StatusOK, gin.H{"sub": u.Subject, "groups": u.Groups, "organizations": u.Organizations})
}

// BackChannelLogout sends a logout token as the provider does, without cookies.
func (a *App) BackChannelLogout(subject, sid string, edit func(map[string]any)) Reply {
	a.T.Helper()
	token, err := a.OP.LogoutToken(subject, sid, edit)
	if err != nil {
		a.T.Fatal(err)
	}
	return a.PostBackChannel(url.Values{"logout_token": {token}}.Encode())
}

// PostBackChannel sends a form to the back-channel logout route, without cookies.
func (a *App) PostBackChannel(form string) Reply {
	return a.Browser().Do(http.MethodPost, "/auth/backchannel-logout", strings.NewReader(form),
		"Content-Type", "application/x-www-form-urlencoded")
}

// WhoIs sends a request with these Cookie lines and returns the subject of the user, or "" for nobody.
func (a *App) WhoIs(cookieLines ...string) string {
	r := httptest.NewRequest(http.MethodGet, URL+"/me", nil)
	r.Header["Cookie"] = cookieLines
	w := httptest.NewRecorder()
	a.Engine.ServeHTTP(w, r)
	return Reply{w.Result(), w.Body.String()}.subject(a.T)
}
