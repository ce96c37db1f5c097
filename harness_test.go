package ginoidc_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
)

const (
	appURL       = "https://app.example.com"
	clientSecret = "client+secret/with:signs"
	secret       = "Zk3v9QmX7rT1pLw8sYb2Nc5HdGf0UjAe"
)

// app is a Gin app with the plugin, its provider and what it logged, all in memory.
type app struct {
	t      *testing.T
	auth   *ginoidc.Auth
	engine *gin.Engine
	op     *fakeop.Provider
	logs   *bytes.Buffer
	ran    map[string]int // how often a protected handler ran

	responseMode string
}

// ownTransport stands for the plugin's, on a real network.
type ownTransport struct{ http.RoundTripper }

// newApp builds the app; change may edit the configuration of either side.
func newApp(t *testing.T, change ...func(*ginoidc.Config, *fakeop.Config)) *app {
	t.Helper()
	gin.SetMode(gin.ReleaseMode)
	a := &app{t: t, engine: gin.New(), logs: &bytes.Buffer{}, ran: map[string]int{}}
	opConfig := fakeop.Config{Issuer: "https://idp.example", ClientSecret: clientSecret, SigningAlg: "ES256"}
	cfg := ginoidc.Config{
		Issuer: "https://idp.example", ClientID: "app", ClientSecret: clientSecret, AppURL: appURL,
		CookieSecrets: []string{secret}, SigningAlgs: []string{"ES256"},
		Logger: slog.New(slog.NewTextHandler(a.logs, nil)),
	}
	for _, f := range change {
		f(&cfg, &opConfig)
	}
	var err error
	if a.op, err = fakeop.New(opConfig); err != nil {
		t.Fatal(err)
	}
	switch outer := cfg.Transport.(type) {
	case nil:
		cfg.Transport = a.op.Transport()
	case *recorder:
		outer.RoundTripper = a.op.Transport()
	case ownTransport:
		cfg.Transport = nil
	}
	a.responseMode = cfg.ResponseMode
	if a.auth, err = ginoidc.New(cfg); err != nil {
		t.Fatal(err)
	}
	a.engine.Use(a.auth.Middleware())
	a.auth.Mount(a.engine)
	a.engine.GET("/", a.public)
	a.engine.Any("/me", a.auth.RequireAuth(), a.protected)
	a.engine.Any("/admin", a.auth.RequireGroups("admin"), a.protected)
	return a
}

func (a *app) public(c *gin.Context) { c.String(http.StatusOK, "public") }

func (a *app) protected(c *gin.Context) {
	a.ran[c.FullPath()]++
	u, ok := ginoidc.UserFrom(c)
	if !ok {
		a.t.Error("a guarded handler ran without a user")
		return
	}
	c.JSON(http.StatusOK, gin.H{"sub": u.Subject, "groups": u.Groups, "organizations": u.Organizations})
}

// browser keeps cookies as browsers do and never follows a redirect.
type browser struct {
	app *app
	jar http.CookieJar
}

func (a *app) browser() *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		a.t.Fatal(err)
	}
	return &browser{a, jar}
}

// reply is a response read to its end.
type reply struct {
	*http.Response
	body string
}

func (r reply) location() string { return r.Header.Get("Location") }

func (r reply) json(t *testing.T) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(r.body), &v); err != nil {
		t.Fatalf("body is not a JSON object: %v: %s", err, r.body)
	}
	return v
}

// do sends one request; headers are name, value pairs.
func (b *browser) do(method, target string, body io.Reader, headers ...string) reply {
	b.app.t.Helper()
	if strings.HasPrefix(target, "/") {
		target = appURL + target
	}
	r := httptest.NewRequest(method, target, body)
	r = r.WithContext(context.WithValue(r.Context(), jarKey{}, b.jar))
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	for _, c := range b.jar.Cookies(r.URL) {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	b.app.engine.ServeHTTP(w, r)
	response := w.Result()
	b.jar.SetCookies(r.URL, response.Cookies())
	return reply{response, w.Body.String()}
}

// navigation are the headers of a browser that opens a page.
func navigation() []string {
	return []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Sec-Fetch-Site", "none", "Accept", "text/html,*/*;q=0.8"}
}

func (b *browser) navigate(target string) reply {
	b.app.t.Helper()
	return b.do(http.MethodGet, target, nil, navigation()...)
}

func (b *browser) fetch(target string) reply {
	b.app.t.Helper()
	return b.do(http.MethodGet, target, nil, "Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty", "Accept", "*/*")
}

// start begins a sign-in at the given path of the sign-in route and returns the callback's URL after the user
// has agreed at the provider.
func (b *browser) start(signIn, subject string) string {
	b.app.t.Helper()
	r := b.navigate(signIn)
	if r.StatusCode != http.StatusFound {
		b.app.t.Fatalf("sign-in: %d %s", r.StatusCode, r.body)
	}
	callback, err := b.app.op.Approve(r.location(), subject)
	if err != nil {
		b.app.t.Fatal(err)
	}
	return callback
}

// signIn goes all the way and returns the callback's answer.
func (b *browser) signIn(subject string) reply {
	b.app.t.Helper()
	return b.navigate(b.start("/auth/signin", subject))
}

// mustSignIn is signIn that has to succeed.
func (b *browser) mustSignIn(subject string) {
	b.app.t.Helper()
	if r := b.signIn(subject); r.StatusCode != http.StatusSeeOther {
		b.app.t.Fatalf("callback: %d %s\n%s", r.StatusCode, r.body, b.app.logs)
	}
}

// cookies are the names of the cookies that the browser holds for the app.
func (b *browser) cookies() []string {
	u, _ := url.Parse(appURL + "/auth/")
	var names []string
	for _, c := range b.jar.Cookies(u) {
		names = append(names, c.Name)
	}
	return names
}

func (b *browser) whoami() string {
	r := b.fetch("/me")
	if r.StatusCode != http.StatusOK {
		return ""
	}
	sub, _ := r.json(b.app.t)["sub"].(string)
	return sub
}

// eventually waits for what another goroutine brings about. Only the deadline of the whole test bounds it: how long a busy
// machine takes says nothing.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	deadline, ok := t.Deadline()
	for !is() {
		if ok && time.Until(deadline) < 30*time.Second {
			t.Fatalf("still waiting: %s", what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
