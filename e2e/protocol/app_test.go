// Package protocol_test signs in with each protocol feature of the plugin at a certified provider, and checks the
// requests on the wire.
package protocol_test

import (
	"crypto/rand"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/e2e/start"
)

const mfa = "urn:example:mfa" // the authentication context class that alice can reach

// app is a small app with the plugin and its own client at the provider.
type app struct {
	url, issuer string
	wire        *wire
	answers     chan *http.Request // what came to the callback first, for tests that look
}

// startApp registers a client with this metadata (RFC 7591, section 2) and starts an app that uses it. change is
// applied to the configuration last.
func startApp(t *testing.T, provider start.Provider, metadata map[string]any, change func(*ginoidc.Config)) *app {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	a := &app{url: "http://localhost:" + port, issuer: provider.Issuer, wire: &wire{},
		answers: make(chan *http.Request, 9)}
	all := map[string]any{
		"redirect_uris":             []string{a.url + "/auth/callback"},
		"backchannel_logout_uri":    a.url + "/auth/backchannel-logout",
		"post_logout_redirect_uris": []string{a.url + "/auth/signed-out"},
	}
	maps.Copy(all, metadata)
	client := provider.Register(t, all)
	cfg := ginoidc.Config{
		Providers: []ginoidc.Provider{{
			Issuer: client.Issuer, ClientID: client.ClientID, ClientSecret: client.ClientSecret, Transport: a.wire,
		}},
		AppURL:        a.url,
		CookieSecrets: []string{rand.Text() + rand.Text()},
		Logger:        slog.New(slog.NewTextHandler(t.Output(), nil)), AbortHandlers: ginoidc.AbortHandlers{Failed: why},
	}
	cfg.Providers[0].ClientAuthMethod, _ = metadata["token_endpoint_auth_method"].(string)
	if change != nil {
		change(&cfg)
	}
	auth, err := ginoidc.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	server.Config.Handler = a.watched(routes(auth))
	server.Start()
	t.Cleanup(server.Close)
	return a
}

func routes(auth *ginoidc.Auth) http.Handler {
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	auth.Mount(r)
	r.GET("/", auth.Middleware(), who)
	r.GET("/news", auth.SilentSignIn(), auth.Middleware(), who)
	r.GET("/me", auth.RequireAuth(), who)
	r.GET("/userinfo", auth.RequireAuth(), userInfo(auth)) // needs KeepTokens
	r.GET("/for", auth.RequireAuth(), tokenFor(auth))      // needs KeepTokens
	r.GET("/token", func(c *gin.Context) { c.String(http.StatusOK, c.GetHeader("Authorization")) })
	r.GET("/admin", auth.RequireGroups("admin"), who)
	r.GET("/fresh", auth.RequireFreshSignIn(5*time.Minute), who)
	r.GET("/strong", auth.RequireACR(mfa), who)
	return r
}

// watched records requests to the callback.
func (a *app) watched(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/auth/callback" {
			select {
			case a.answers <- r.Clone(r.Context()):
			default:
			}
		}
		next.ServeHTTP(w, r)
	})
}

func who(c *gin.Context) {
	user, ok := ginoidc.UserFrom(c)
	if !ok {
		c.String(http.StatusOK, "nobody")
		return
	}
	c.String(http.StatusOK, user.Subject)
}

// why shows the reason that operators see in the log.
func why(c *gin.Context) { c.String(c.Writer.Status(), "%v", ginoidc.Reason(c)) }
