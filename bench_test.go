// The race detector slows down Go code but not the assembly of AES, and it allocates, so measurements would be wrong.

//go:build !race

package ginoidc_test

import (
	"encoding/gob"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/cookie"
	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// contender is one implementation of GET /x for a signed-in member of the group "staff".
type contender struct {
	name          string
	engine        *gin.Engine
	cookie        string
	authorization string
}

const (
	pluginName  = "ginoidc, sealed cookie"
	contribName = "gin-contrib cookie, gob"
)

func contenders(t testing.TB) []contender {
	plugin := pluginEngine(t)
	bare := contender{name: "bare gin, the cookie unread", engine: gin.New(), cookie: plugin.cookie}
	bare.engine.GET("/x", func(c *gin.Context) { c.Status(http.StatusOK) })
	value := contender{name: "gin with a value set, read and checked", engine: gin.New(), cookie: plugin.cookie}
	value.engine.Use(func(c *gin.Context) {
		c.Set("user", &ginoidc.User{Subject: "alice", Groups: []string{"admin", "audit", "staff"}})
	})
	value.engine.GET("/x", func(c *gin.Context) {
		if u, _ := c.MustGet("user").(*ginoidc.User); u.InGroup("staff") {
			c.Status(http.StatusOK)
		}
	})
	return []contender{bare, value, plugin, tokenEngine(t), contribEngine(t)}
}

// pluginEngine guards with the plugin and its embedded cookie store.
func pluginEngine(t testing.TB) contender {
	gin.SetMode(gin.ReleaseMode)
	auth, err := ginoidc.New(ginoidc.Config{
		Providers:     []ginoidc.Provider{{Issuer: testapp.Issuer, ClientID: "app", ClientSecret: testapp.ClientSecret}},
		AppURL:        testapp.URL,
		CookieSecrets: []string{testapp.CookieSecret}, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	e := gin.New()
	e.Use(auth.Middleware())
	e.GET("/x", auth.RequireGroups("staff"), func(c *gin.Context) { c.Status(http.StatusOK) })
	e.GET("/start", func(c *gin.Context) {
		alice := &ginoidc.User{
			Subject: "alice", Email: "alice@example.com", Name: "Alice Adams", Groups: []string{"admin", "audit", "staff"},
		}
		if err := auth.StartSession(c, alice); err != nil {
			t.Error(err)
		}
	})
	return contender{name: pluginName, engine: e, cookie: startCookie(e)}
}

// tokenEngine guards by an access token that was seen before.
func tokenEngine(t testing.TB) contender {
	const audience = "https://api.example.com"
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.Providers[0].Audience = audience })
	a.OP.OnAccessToken(func(claims map[string]any) { claims["groups"] = []string{"admin", "audit", "staff"} })
	token, err := a.OP.AccessToken("alice", audience)
	if err != nil {
		t.Fatal(err)
	}
	e := gin.New()
	e.Use(a.Auth.Middleware())
	e.GET("/x", a.Auth.RequireGroups("staff"), func(c *gin.Context) { c.Status(http.StatusOK) })
	return contender{name: "ginoidc, access token seen before", engine: e, authorization: "Bearer " + token}
}

// member is the value that an app keeps in a gin-contrib session.
type member struct {
	Sub, Email, Name, SID string
	Groups                []string
	Exp, AuthTime         int64
}

// contribEngine guards by hand, with gin-contrib's cookie store and a struct.
func contribEngine(t testing.TB) contender {
	gob.Register(member{})
	e := gin.New()
	e.Use(sessions.Sessions("session", cookie.NewStore([]byte(testapp.CookieSecret))))
	e.GET("/x", func(c *gin.Context) {
		if m, ok := sessions.Default(c).Get("user").(member); ok && slices.Contains(m.Groups, "staff") {
			c.Status(http.StatusOK)
			return
		}
		c.Status(http.StatusForbidden)
	})
	e.GET("/start", func(c *gin.Context) {
		s := sessions.Default(c)
		s.Set("user", member{
			"alice", "alice@example.com", "Alice Adams", "s-1", []string{"admin", "audit", "staff"}, 1893456000, 1893456000,
		})
		if err := s.Save(); err != nil {
			t.Error(err)
		}
	})
	return contender{name: contribName, engine: e, cookie: startCookie(e)}
}

// startCookie returns the cookie that GET /start sets.
func startCookie(e *gin.Engine) string {
	w := httptest.NewRecorder()
	e.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/start", nil))
	c := w.Result().Cookies()[0]
	return c.Name + "=" + c.Value
}

// blank is a ResponseWriter that only keeps the status.
type blank struct {
	h      http.Header
	status int
}

func (b *blank) Header() http.Header         { return b.h }
func (b *blank) Write(p []byte) (int, error) { return len(p), nil }
func (b *blank) WriteHeader(status int)      { b.status = status }

// serving returns a function that serves a fresh copy of a request each time, because gorilla keeps a decoded session
// with the request.
func (c contender) serving(t testing.TB) (serve func()) {
	t.Helper()
	r, w := httptest.NewRequest(http.MethodGet, "/x", nil), &blank{h: http.Header{}}
	r.Header.Set("Cookie", c.cookie)
	if c.authorization != "" {
		r.Header.Set("Authorization", c.authorization)
	}
	serve = func() {
		clear(w.h)
		fresh := *r
		c.engine.ServeHTTP(w, &fresh)
	}
	if serve(); w.status != http.StatusOK {
		t.Fatalf("%s: status %d", c.name, w.status)
	}
	return serve
}

// BenchmarkGuardedRequest compares a guarded request with bare Gin and with gin-contrib/sessions as apps use it. They
// are measured in one run, because ratios vary less between machines than times do.
//
//	go test -run '^$' -bench . -benchmem -cpu 1 .
func BenchmarkGuardedRequest(b *testing.B) {
	for _, c := range contenders(b) {
		b.Run(c.name, func(b *testing.B) {
			serve := c.serving(b)
			b.ReportAllocs()
			for b.Loop() {
				serve()
			}
		})
	}
}

// TestGuardedRequestAllocations bounds the allocations of a guarded request, those for the copy of the request
// included, to little more than opening a sealed cookie needs.
func TestGuardedRequestAllocations(t *testing.T) {
	if allocs := testing.AllocsPerRun(500, pluginEngine(t).serving(t)); allocs > 12 {
		t.Errorf("%.0f allocations a guarded request", allocs)
	}
}

// TestRatio guards against a loss of speed between releases. The contenders take turns in many short rounds and the
// fastest round of each counts, so that a busy machine does not fail the test.
func TestRatio(t *testing.T) {
	const rounds, requests = 40, 200
	all := contenders(t)
	quickest := map[string]time.Duration{}
	for range rounds {
		for _, c := range all {
			serve, began := c.serving(t), time.Now()
			for range requests {
				serve()
			}
			if d := time.Since(began) / requests; quickest[c.name] == 0 || d < quickest[c.name] {
				quickest[c.name] = d
			}
		}
	}
	for _, c := range all {
		t.Logf("%-42s %8d ns", c.name, quickest[c.name].Nanoseconds())
	}
	if ratio := float64(quickest[contribName]) / float64(quickest[pluginName]); ratio < 7 {
		t.Errorf("only %.1f times as fast as gin-contrib's cookie store", ratio)
	}
}
