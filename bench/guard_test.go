package bench

import (
	"encoding/gob"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/cookie"
	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/ginoidctest"
)

// contender is one way to answer GET /x for a signed-in member of the group "staff".
type contender struct {
	name   string
	engine *gin.Engine
	cookie string
}

func contenders(t testing.TB) []contender {
	gin.SetMode(gin.ReleaseMode)
	plugin := ginoidcEngine(t)
	stock := contribEngine(t)
	bare := contender{"bare gin, the cookie unread", gin.New(), plugin.cookie}
	bare.engine.GET("/x", func(c *gin.Context) { c.Status(http.StatusOK) })
	value := contender{"gin with a value set, read and checked", gin.New(), plugin.cookie}
	value.engine.Use(func(c *gin.Context) {
		c.Set("user", &ginoidc.User{Subject: "alice", Groups: []string{"admin", "audit", "staff"}})
	})
	value.engine.GET("/x", func(c *gin.Context) {
		if u, _ := c.MustGet("user").(*ginoidc.User); u.InGroup("staff") {
			c.Status(http.StatusOK)
		}
	})
	return []contender{bare, value, plugin, stock}
}

// ginoidcEngine guards with the plugin and its embedded cookie store.
func ginoidcEngine(t testing.TB) contender {
	auth, err := ginoidc.New(ginoidc.Config{
		Issuer: "https://idp.example", ClientID: "app", ClientSecret: "secret", AppURL: "https://app.example.com",
		CookieSecrets: []string{"Zk3v9QmX7rT1pLw8sYb2Nc5HdGf0UjAe"},
	})
	if err != nil {
		t.Fatal(err)
	}
	e := gin.New()
	e.Use(auth.Middleware())
	e.GET("/x", auth.RequireGroups("staff"), func(c *gin.Context) { c.Status(http.StatusOK) })
	e.GET("/start", func(c *gin.Context) {
		alice := ginoidctest.DemoUsers()[0]
		if err := auth.StartSession(c, &ginoidc.User{Subject: alice.Subject, Email: alice.Email, Name: alice.Name, Groups: alice.Groups}); err != nil {
			t.Error(err)
		}
	})
	return contender{"ginoidc, sealed cookie", e, signIn(e)}
}

// member is what an app keeps in a gin-contrib session.
type member struct {
	Sub, Email, Name, SID string
	Groups                []string
	Exp, AuthTime         int64
}

// contribEngine does the same by hand with gin-contrib's cookie store and a struct.
func contribEngine(t testing.TB) contender {
	gob.Register(member{})
	e := gin.New()
	e.Use(sessions.Sessions("session", cookie.NewStore([]byte("Zk3v9QmX7rT1pLw8sYb2Nc5HdGf0UjAe"))))
	e.GET("/x", func(c *gin.Context) {
		if m, ok := sessions.Default(c).Get("user").(member); ok && slices.Contains(m.Groups, "staff") {
			c.Status(http.StatusOK)
			return
		}
		c.Status(http.StatusForbidden)
	})
	e.GET("/start", func(c *gin.Context) {
		s := sessions.Default(c)
		s.Set("user", member{"alice", "alice@example.com", "Alice Adams", "s-1", []string{"admin", "audit", "staff"}, 1893456000, 1893456000})
		if err := s.Save(); err != nil {
			t.Error(err)
		}
	})
	return contender{"gin-contrib cookie, gob", e, signIn(e)}
}

// signIn returns the cookie that GET /start sets.
func signIn(e *gin.Engine) string {
	w := httptest.NewRecorder()
	e.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/start", nil))
	c := w.Result().Cookies()[0]
	return c.Name + "=" + c.Value
}

// blank is a ResponseWriter that costs nothing and keeps the status.
type blank struct {
	h      http.Header
	status int
}

func (b *blank) Header() http.Header         { return b.h }
func (b *blank) Write(p []byte) (int, error) { return len(p), nil }
func (b *blank) WriteHeader(status int)      { b.status = status }

func (c contender) request() *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/x", nil)
	r.Header.Set("Cookie", c.cookie)
	return r
}

// serve answers a fresh copy of r, as gorilla keeps a decoded session with the request.
func (c contender) serve(r *http.Request, w *blank) {
	clear(w.h)
	fresh := *r
	c.engine.ServeHTTP(w, &fresh)
}

func BenchmarkGuardedRequest(b *testing.B) {
	for _, c := range contenders(b) {
		b.Run(c.name, func(b *testing.B) {
			r, w := c.request(), &blank{h: http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				c.serve(r, w)
			}
			if w.status != http.StatusOK {
				b.Fatalf("status %d", w.status)
			}
		})
	}
}

// TestRatio holds what must not be lost between releases, with slack for a noisy machine: the least of rounds that take turns.
func TestRatio(t *testing.T) {
	nanoseconds := map[string]float64{}
	all := contenders(t)
	for range 5 {
		for _, c := range all {
			result := testing.Benchmark(func(b *testing.B) {
				r, w := c.request(), &blank{h: http.Header{}}
				for b.Loop() {
					c.serve(r, w)
				}
			})
			if ns := float64(result.NsPerOp()); nanoseconds[c.name] == 0 || ns < nanoseconds[c.name] {
				nanoseconds[c.name] = ns
			}
		}
	}
	for _, c := range all {
		t.Logf("%-42s %8.0f ns", c.name, nanoseconds[c.name])
	}
	if ratio := nanoseconds["gin-contrib cookie, gob"] / nanoseconds["ginoidc, sealed cookie"]; ratio < 7 {
		t.Errorf("only %.1f times as fast as gin-contrib's cookie store", ratio)
	}
}
