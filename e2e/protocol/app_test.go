// Package protocol_test signs in with each protocol feature of the plugin at a certified provider, and looks at what goes
// over the wire.
package protocol_test

import (
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"mime"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/e2e/start"
)

const mfa = "urn:example:mfa" // the authentication context class that alice can reach

// app is a small app with the plugin, a client of its own at the provider.
type app struct {
	url, issuer string
	wire        *wire
	answers     chan *http.Request // what has come to the callback; for tests that look
}

// startApp registers a client with this metadata (RFC 7591, section 2) and starts an app that is it. change has the last
// say on the configuration.
func startApp(t *testing.T, provider start.Provider, metadata map[string]any, change func(*ginoidc.Config)) *app {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	a := &app{url: "http://localhost:" + port, issuer: provider.Issuer, wire: &wire{}, answers: make(chan *http.Request, 16)}
	all := maps.Clone(metadata)
	if all == nil {
		all = map[string]any{}
	}
	all["redirect_uris"] = []string{a.url + "/auth/callback"}
	all["backchannel_logout_uri"] = a.url + "/auth/backchannel-logout"
	all["post_logout_redirect_uris"] = []string{a.url + "/auth/signed-out"}
	client := provider.Register(t, all)
	cfg := ginoidc.Config{
		Issuer: client.Issuer, ClientID: client.ClientID, ClientSecret: client.ClientSecret, AppURL: a.url,
		CookieSecrets: []string{rand.Text() + rand.Text()}, Transport: a.wire,
		Logger: slog.New(slog.NewTextHandler(t.Output(), nil)), Handlers: ginoidc.Handlers{Failed: why},
	}
	cfg.ClientAuthMethod, _ = metadata["token_endpoint_auth_method"].(string)
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
	r.GET("/admin", auth.RequireGroups("admin"), who)
	r.GET("/fresh", auth.RequireFreshSignIn(5*time.Minute), who)
	r.GET("/strong", auth.RequireACR(mfa), who)
	return r
}

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

// why shows what operators see in the log.
func why(c *gin.Context) { c.String(c.Writer.Status(), "%v", ginoidc.Reason(c)) }

// wire is a Config.Transport that writes down the calls of an app to its provider: of what kind each is and what names
// stand in it, never a value. Metadata and keys are left out.
type wire struct {
	mu    sync.Mutex
	lines []string
}

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	var words []string
	if scheme, _, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok {
		words = append(words, scheme)
	}
	if r.Header.Get("DPoP") != "" {
		words = append(words, proof)
	}
	if r.GetBody != nil {
		form, err := formOf(r)
		if err != nil {
			return nil, err
		}
		words = append(words, slices.Collect(maps.Keys(form))...)
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil || strings.HasPrefix(r.URL.Path, "/.well-known/") || r.URL.Path == "/jwks" {
		return resp, err
	}
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lines = append(w.lines, call(r.Method, r.URL.Path, resp.StatusCode, kind, words...))
	return resp, nil
}

// take returns the calls so far and forgets them.
func (w *wire) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	lines := w.lines
	w.lines = nil
	return lines
}

func formOf(r *http.Request) (url.Values, error) {
	body, err := r.GetBody()
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(body)
	if err != nil {
		return nil, err
	}
	return url.ParseQuery(string(text))
}

// Words in a line of calls. Those for header fields begin with a capital, and so come first; the others are names of the
// form's parameters.
const (
	basic, bearer, dpop = "Basic", "Bearer", "DPoP" // schemes of Authorization
	proof               = "Proof"                   // DPoP header field

	request   = "client_id code_challenge code_challenge_method nonce redirect_uri response_type scope state"
	grant     = "code code_verifier grant_type redirect_uri"
	secret    = "client_id client_secret"
	assertion = "client_assertion client_assertion_type client_id"
)

// names are words in order, each once.
func names(lists ...string) string {
	words := strings.Fields(strings.Join(lists, " "))
	slices.Sort(words)
	return strings.Join(slices.Compact(words), " ")
}

func call(method, path string, status int, kind string, words ...string) string {
	return fmt.Sprintf("%s %s [%s] %d %s", method, path, names(words...), status, kind)
}

func pushes(words ...string) string {
	return call("POST", "/request", 201, "application/json", words...)
}

func redeems(words ...string) string {
	return call("POST", "/token", 200, "application/json", append(words, grant)...)
}

func asks(words ...string) string { return call("GET", "/me", 200, "application/json", words...) }
