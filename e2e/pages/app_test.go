// Package pages_test tests the plugin's pages, and those it guards, as a person sees them in Chromium.
package pages_test

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/e2e/browser"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
)

// app is a small app with its own provider. To a browser they are two sites: localhost and 127.0.0.1.
type app struct {
	*testing.T
	auth   *ginoidc.Auth
	routes *gin.RouterGroup
	op     *fakeop.Provider
	origin string
	url    string // with the base path
	pages  ginoidc.Pages

	mu    sync.Mutex
	asked []string // paths, in turn
}

// startApp starts the app below base, which may be "". The provider shows its page each time, so nobody is signed in
// silently.
func startApp(t *testing.T, scheme, base string, change ...func(*ginoidc.Config)) *app {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	a := &app{T: t, origin: scheme + "://localhost:" + port}
	a.op = fakeop.Start(t, fakeop.Config{ACRValues: []string{"urn:example:password", "urn:example:mfa"}})
	a.url = a.origin + base
	cfg := ginoidc.Config{
		Providers: []ginoidc.Provider{{
			Issuer: a.op.Issuer(), ClientID: "app", ClientSecret: "secret", SignInParameters: url.Values{"prompt": {"login"}},
		}},
		AppURL:        a.url,
		CookieSecrets: []string{rand.Text() + rand.Text()},
		Logger:        slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
	for _, f := range change {
		f(&cfg)
	}
	a.pages = cfg.Pages
	if a.auth, err = ginoidc.New(cfg); err != nil {
		t.Fatal(err)
	}
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	engine.Use(a.note)
	a.routes = engine.Group(base)
	a.routes.Use(a.auth.Middleware())
	a.auth.Mount(a.routes)
	a.routes.GET("/", a.show)
	a.routes.GET("/public", func(c *gin.Context) {
		c.Data(http.StatusOK, "text/html", []byte("<title>Public</title>public"))
	})
	server.Config.Handler = engine
	if scheme == "https" {
		server.StartTLS()
	} else {
		server.Start()
	}
	t.Cleanup(server.Close)
	return a
}

// note records what browsers request, except icons.
func (a *app) note(c *gin.Context) {
	if strings.HasSuffix(c.Request.URL.Path, ".ico") {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked = append(a.asked, c.Request.URL.Path)
}

// asks returns what browsers have requested since the last call.
func (a *app) asks() (paths []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	paths, a.asked = a.asked, nil
	return paths
}

// show responds with a page that shows the signed-in user and a button to sign out.
func (a *app) show(c *gin.Context) {
	name := "nobody"
	if u, ok := ginoidc.UserFrom(c); ok {
		name = u.Name
	}
	c.Data(http.StatusOK, "text/html; charset=utf-8", fmt.Appendf(nil, `<!doctype html><title>App</title><h1>%s of %s</h1>
<form method="post" action="%s"><button>Sign out</button></form>`, c.FullPath(), name, a.auth.SignOutURL()))
}

// signIn opens a guarded page, and signs in on the way.
func (a *app) signIn(tab *browser.Tab, path string) browser.Page {
	a.Helper()
	tab.Open(a.url + path)
	page := tab.Click("alice")
	if !strings.Contains(page.Text, "Alice") || !strings.HasPrefix(page.URL, a.url) {
		a.Fatalf("after the sign-in: %+v", page)
	}
	return page
}
