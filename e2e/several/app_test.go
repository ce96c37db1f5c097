// Package several_test has one app with three providers side by side: oidc-provider, which is certified, Dex, and the
// test provider. What one issues must be of no use with another.
package several_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/e2e/start"
	"github.com/seed-d65cea4d/ginoidc/e2e/visitor"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
)

// app is an app with a client at each provider, which keeps tokens.
type app struct {
	*testing.T
	url   string
	wires map[string]*wire
	fake  *fakeop.Provider
	ends  map[string]string // the address that signs the user out at the provider

	mu      sync.Mutex
	held    bool                   // requests of and by way of the providers are recorded and not served
	logouts map[string]chan string // logout tokens that came, by provider
}

func startApp(t *testing.T) *app {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	a := &app{T: t, url: "http://localhost:" + port, wires: map[string]*wire{}, ends: map[string]string{},
		logouts: map[string]chan string{}}
	cfg := ginoidc.Config{
		Providers: a.startProviders(), AppURL: a.url, CookieSecrets: []string{rand.Text() + rand.Text()}, KeepTokens: true,
		Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
	for i := range cfg.Providers {
		p := &cfg.Providers[i]
		a.wires[p.Name], a.logouts[p.Name] = &wire{}, make(chan string, 9)
		p.Transport = a.wires[p.Name]
	}
	auth, err := ginoidc.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	auth.Mount(r)
	r.GET("/", auth.Middleware(), who)
	r.GET("/admin", auth.RequireGroups("admin"), who)
	r.GET("/token", auth.RequireAuth(), func(c *gin.Context) {
		if _, err := auth.Token(c); err != nil {
			auth.Deny(c, err)
			return
		}
		who(c)
	})
	server.Config.Handler = a.watched(r)
	server.Start()
	t.Cleanup(server.Close)
	return a
}

// startProviders starts the three with a client for the app.
func (a *app) startProviders() []ginoidc.Provider {
	op := start.RunOpenProvider(a, "").Register(a, map[string]any{
		"redirect_uris":          []string{a.url + "/auth/callback/op"},
		"backchannel_logout_uri": a.url + "/auth/backchannel-logout/op",
		"grant_types":            []string{"authorization_code", "refresh_token"},
	})
	dex := start.BuildDex(a).RunNamed(a, a.url, "dex", time.Hour, true)
	a.fake = fakeop.Start(a, fakeop.Config{AlwaysRefreshToken: true})
	a.ends["op"], a.ends["dex"] = op.Issuer+"/session/end", dex.Issuer+"/logout"
	offline := []string{"openid", "profile", "email", "offline_access"}
	return []ginoidc.Provider{
		{Name: "op", Issuer: op.Issuer, ClientID: op.ClientID, ClientSecret: op.ClientSecret, Scopes: offline,
			SignInParameters: url.Values{"prompt": {"consent"}}},
		{Name: "dex", Issuer: dex.Issuer, ClientID: dex.ClientID, ClientSecret: dex.ClientSecret,
			Scopes: append([]string{"groups"}, offline...), UntypedLogoutTokens: true},
		{Name: "fake", Issuer: a.fake.Issuer(), ClientID: "app", ClientSecret: "secret"},
	}
}

// watched records logout tokens, and holds responses while the app holds.
func (a *app) watched(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		held := a.held
		a.mu.Unlock()
		name, logout := strings.CutPrefix(r.URL.Path, "/auth/backchannel-logout/")
		switch {
		case held && logout:
			a.logouts[name] <- r.FormValue("logout_token")
		case held && strings.HasPrefix(r.URL.Path, "/auth/callback/"):
			_, _ = io.WriteString(w, "held")
		default:
			next.ServeHTTP(w, r)
		}
	})
}

func (a *app) hold(on bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.held = on
}

func who(c *gin.Context) {
	user, ok := ginoidc.UserFrom(c)
	if !ok {
		c.String(http.StatusOK, "nobody")
		return
	}
	c.String(http.StatusOK, "%s %s", user.Provider, user.Email)
}

// wire is the Transport of one provider. It can change the answers of the token endpoint.
type wire struct {
	mu     sync.Mutex
	codes  int            // token requests
	last   map[string]any // the last answer as it came
	change func(answer map[string]any)
}

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil || r.Method != http.MethodPost || !strings.HasSuffix(r.URL.Path, "/token") {
		return resp, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.codes++
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode == http.StatusOK {
		answer := map[string]any{}
		if err := json.Unmarshal(text, &answer); err != nil {
			return nil, err
		}
		if w.last = answer; w.change != nil {
			answer = map[string]any{}
			_ = json.Unmarshal(text, &answer)
			w.change(answer)
			text, _ = json.Marshal(answer)
		}
	}
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
	resp.Header.Del("Content-Length")
	return resp, nil
}

func (w *wire) set(change func(answer map[string]any)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.change = change
}

func (w *wire) requests() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.codes
}

// person is alice in a browser of her own.
type person struct {
	*visitor.Visitor
	app *app
}

func (a *app) alice() person { return person{visitor.New(a), a} }

// answer has a provider sign alice in, and returns the response that her browser is to take to the app.
func (p person) answer(name string) *url.URL {
	p.app.Helper()
	p.app.hold(true)
	defer p.app.hold(false)
	shown := p.Open(p.app.url + "/auth/signin?provider=" + name)
	for range 3 {
		switch {
		case strings.HasPrefix(shown.At.String(), p.app.url+"/auth/callback/"+name+"?"):
			return shown.At
		case name == "fake":
			callback, err := p.app.fake.Approve(shown.At.String(), "alice")
			if err != nil {
				p.app.Fatal(err)
			}
			shown = p.Open(callback)
		default:
			shown = p.Submit(shown, url.Values{
				"account": {"alice"}, "login": {"alice@example.com"}, "password": {"password"},
			})
		}
	}
	p.app.Fatalf("%s does not sign alice in: %d %s\n%s", name, shown.Status, shown.At, shown.Text)
	return nil
}

// is returns whom the app sees.
func (p person) is() string { return p.Fetch(p.app.url + "/").Text }

// signIn signs alice in with a provider.
func (p person) signIn(name string) {
	p.app.Helper()
	if shown := p.Open(p.app.cross(p.answer(name), name)); !strings.HasPrefix(shown.Text, name+" alice") {
		p.app.Fatalf("%s: %d %s %s", name, shown.Status, shown.At, shown.Text)
	}
}

// cross returns a response with the callback of this provider.
func (a *app) cross(response *url.URL, to string) string {
	crossed := *response
	crossed.Path = "/auth/callback/" + to
	return crossed.String()
}
