package ginoidc_test

import (
	"bufio"
	"bytes"
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// bufferedWriter replaces a writer as that of gin-contrib/timeout does: with its own header, which is copied over the
// real one, name by name, when the handlers return.
type bufferedWriter struct {
	gin.ResponseWriter
	mu     sync.Mutex
	body   bytes.Buffer
	header http.Header
	sent   bool
	status int
}

func (w *bufferedWriter) Header() http.Header { return w.header }

func (w *bufferedWriter) WriteHeader(status int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if status > 0 && !w.sent {
		w.status = status
	}
}

func (w *bufferedWriter) WriteHeaderNow() {
	if !w.sent {
		w.copyHeader()
		w.sent = true
		w.ResponseWriter.WriteHeader(max(w.status, http.StatusOK))
	}
}

func (w *bufferedWriter) copyHeader() {
	for name, lines := range w.header {
		w.ResponseWriter.Header()[name] = lines
	}
}

func (w *bufferedWriter) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.body.Write(b)
}

func (w *bufferedWriter) WriteString(s string) (int, error) { return w.Write([]byte(s)) }

func (w *bufferedWriter) Status() int {
	if w.status == 0 {
		return w.ResponseWriter.Status()
	}
	return w.status
}

// limited does what matters here of gin-contrib/timeout: the handlers run on another goroutine and write to a
// bufferedWriter.
func limited(c *gin.Context) {
	w := &bufferedWriter{ResponseWriter: c.Writer, header: http.Header{}}
	c.Writer = w
	ctx, cancel := context.WithTimeout(c.Request.Context(), time.Minute)
	defer cancel()
	c.Request = c.Request.WithContext(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.Next()
	}()
	<-done
	w.copyHeader()
	if w.status != 0 {
		w.ResponseWriter.WriteHeader(w.status)
	}
	if w.body.Len() > 0 {
		_, _ = w.ResponseWriter.Write(w.body.Bytes())
	}
}

// otherHeader replaces the header by another one, as a middleware that edits headers may.
func otherHeader(c *gin.Context) {
	w := &headerWriter{c.Writer, http.Header{}}
	c.Writer = w
	c.Next()
	if !w.Written() {
		w.WriteHeaderNow()
	}
}

type headerWriter struct {
	gin.ResponseWriter
	header http.Header
}

func (w *headerWriter) Header() http.Header { return w.header }

func (w *headerWriter) WriteHeaderNow() {
	for name, lines := range w.header {
		w.ResponseWriter.Header()[name] = lines
	}
	w.ResponseWriter.WriteHeaderNow()
}

func (w *headerWriter) Write(b []byte) (int, error) {
	w.WriteHeaderNow()
	return w.ResponseWriter.Write(b)
}

func (w *headerWriter) WriteString(s string) (int, error) { return w.Write([]byte(s)) }

// TestOtherWriters: if a middleware replaces the writer after auth.Middleware(), no cookie of a sign-in, a renewal, an
// update or a sign-out is lost, whatever other cookies the handlers set, and responses are still marked private.
func TestOtherWriters(t *testing.T) {
	for name, middleware := range map[string]gin.HandlerFunc{
		"none": func(*gin.Context) {}, "timeout": limited, "another header": otherHeader,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := testapp.New(t)
				a.Engine = gin.New()
				a.Engine.Use(a.Auth.Middleware(), middleware)
				a.Auth.Mount(a.Engine)
				ownCookie := func(c *gin.Context) { c.Header("Set-Cookie", "own=1") } // not Add
				answer := func(c *gin.Context) { c.String(http.StatusOK, "ok") }
				byContext := func(c *gin.Context) {
					if _, ok := ginoidc.UserFromContext(c.Request.Context()); !ok {
						c.AbortWithStatus(http.StatusUnauthorized)
					}
				}
				a.Engine.GET("/me", a.Auth.RequireAuth(), ownCookie, a.Protected)
				a.Engine.GET("/context", byContext, ownCookie, answer)
				a.Engine.GET("/status", a.Auth.RequireAuth(), ownCookie, func(c *gin.Context) { c.Status(http.StatusNoContent) })
				a.Engine.GET("/write", a.Auth.RequireAuth(), ownCookie,
					func(c *gin.Context) { _, _ = c.Writer.Write([]byte("ok")) })
				a.Engine.GET("/write-string", a.Auth.RequireAuth(), ownCookie,
					func(c *gin.Context) { _, _ = c.Writer.WriteString("ok") })
				a.Engine.GET("/public-before", func(c *gin.Context) { c.Header("Cache-Control", "public") },
					a.Auth.RequireAuth(), answer)
				a.Engine.GET("/flush", a.Auth.RequireAuth(), ownCookie, func(c *gin.Context) { c.Writer.Flush() })
				a.Engine.GET("/public", a.Auth.RequireAuth(), ownCookie,
					func(c *gin.Context) { c.Header("Cache-Control", "public, max-age=60") }, answer)
				a.Engine.GET("/update", func(c *gin.Context) {
					if err := a.Auth.UpdateSession(c, func(u *ginoidc.User) error { u.Data = []byte("x"); return nil }); err != nil {
						t.Error(err)
					}
				}, ownCookie, answer)
				a.Engine.GET("/destroy", func(c *gin.Context) {
					if err := a.Auth.EndSession(c); err != nil {
						t.Error(err)
					}
				}, ownCookie, answer)
				b := a.Browser()
				b.MustSignIn("alice")
				if r := b.Fetch("/public-before"); r.StatusCode != http.StatusOK ||
					r.Header.Get("Cache-Control") != "private, no-store" {
					t.Errorf("public before the guard: %d %v", r.StatusCode, r.Header)
				}
				for _, path := range []string{"/me", "/context", "/status", "/write", "/write-string", "/flush",
					"/public", "/update", "/destroy"} {
					time.Sleep(7 * time.Hour) // past half of the idle limit
					r := b.Fetch(path)
					set := r.Header["Set-Cookie"]
					// gin-contrib/timeout ignores its header when it flushes
					own := len(set) == 2 && set[0] == "own=1" || path == "/flush" && len(set) == 1
					if r.StatusCode/100 != 2 || !own || !strings.HasPrefix(set[len(set)-1], "__Host-ginoidc=") {
						t.Errorf("%s: %d %v", path, r.StatusCode, set)
					}
					if got := r.Header.Get("Cache-Control"); got != "private, no-store" || r.Header.Get("Vary") != "Cookie" {
						t.Errorf("%s: Cache-Control %q, Vary %q", path, got, r.Header.Get("Vary"))
					}
				}
				if r := b.Navigate("/me"); r.StatusCode != http.StatusFound || r.Location() != "/auth/signin?return_to=%2Fme" {
					t.Errorf("after EndSession: %d to %q", r.StatusCode, r.Location())
				}
			})
		})
	}
}

// TestWriterStaysWhole: the plugin's writer supports everything that Gin's own writer supports.
func TestWriterStaysWhole(t *testing.T) {
	a := testapp.New(t)
	a.Engine.GET("/hijack", func(c *gin.Context) {
		conn, _, err := c.Writer.Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = conn.Write([]byte("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhijacked"))
		_ = conn.Close()
	})
	a.Engine.GET("/rest", func(c *gin.Context) {
		w := c.Writer
		if w.Written() || w.Size() != -1 || w.Status() != http.StatusOK || w.CloseNotify() == nil || w.Pusher() != nil {
			t.Errorf("before: %v %d %d", w.Written(), w.Size(), w.Status())
		}
		if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(time.Hour)); err != nil {
			t.Error(err)
		}
		c.String(http.StatusAccepted, "four")
		if !w.Written() || w.Size() != 4 || w.Status() != http.StatusAccepted {
			t.Errorf("after: %v %d %d", w.Written(), w.Size(), w.Status())
		}
	})
	server := httptest.NewServer(a.Engine)
	defer server.Close()
	for path, want := range map[string]string{"/hijack": "hijacked", "/rest": "four"} {
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_, _ = conn.Write([]byte("GET " + path + " HTTP/1.1\r\nHost: app\r\nConnection: close\r\n\r\n"))
		r, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		var body bytes.Buffer
		_, _ = body.ReadFrom(r.Body)
		_ = conn.Close()
		if body.String() != want {
			t.Errorf("%s: %q", path, body.String())
		}
	}
}

// TestPrivate: values of Cache-Control and Vary that are set before a guard, a call of UserFrom or a route of the
// plugin are kept only if they are at least as strict.
func TestPrivate(t *testing.T) {
	const strict = "private, no-store"
	cache := []struct {
		before []string
		want   string // all lines, joined
	}{
		{nil, strict},
		{[]string{""}, strict},
		{[]string{"public, max-age=600"}, strict},
		{[]string{"max-age=600"}, strict},
		{[]string{"no-cache"}, strict},
		{[]string{"PUBLIC"}, strict},
		{[]string{"s-maxage=10", "must-revalidate"}, strict},
		{[]string{`max-age=1, ext="no-store, private"`}, strict},
		{[]string{`ext="a\", no-store, b"`}, strict},
		{[]string{`no-cache="a, private, b"`}, strict},
		{[]string{`private="Set-Cookie", max-age=60`}, strict},
		{[]string{"public, private"}, strict},
		{[]string{"x-no-store, privateer"}, strict},
		{[]string{"private"}, "private"},
		{[]string{"Private ,max-age=60"}, "Private ,max-age=60"},
		{[]string{"max-age=0,  NO-STORE"}, "max-age=0,  NO-STORE"},
		{[]string{"max-age=60", "private"}, "max-age=60;private"},
		{[]string{`ext="a, b",no-store`}, `ext="a, b",no-store`},
	}
	vary := []struct {
		before []string
		want   string
	}{
		{nil, "Cookie"}, {[]string{"Accept"}, "Accept;Cookie"}, {[]string{"*"}, "*"}, {[]string{"cookie"}, "cookie"},
		{[]string{"Accept, COOKIE"}, "Accept, COOKIE"}, {[]string{"Accept", "Origin ,Cookie"}, "Accept;Origin ,Cookie"},
		{[]string{"X-Cookie"}, "X-Cookie;Cookie"}, {[]string{"Set-Cookie, Cookies"}, "Set-Cookie, Cookies;Cookie"},
	}
	a := testapp.New(t)
	var before http.Header
	a.Engine = gin.New()
	a.Engine.Use(func(c *gin.Context) {
		for name, lines := range before {
			c.Writer.Header()[name] = lines
		}
	}, a.Auth.Middleware())
	a.Auth.Mount(a.Engine)
	a.Engine.GET("/me", a.Auth.RequireAuth(), a.Protected)
	a.Engine.GET("/admin", a.Auth.RequireGroups("admin"), a.Protected)
	a.Engine.GET("/asks", func(c *gin.Context) { ginoidc.UserFrom(c); c.Status(http.StatusNoContent) })
	a.Engine.GET("/asks-first", func(c *gin.Context) {
		ginoidc.UserFrom(c)
		for name, lines := range before {
			c.Writer.Header()[name] = lines
		}
	}, a.Auth.RequireAuth(), a.Protected)
	a.Engine.GET("/denies/401", func(c *gin.Context) { a.Auth.Deny(c, ginoidc.ErrNoToken) })
	a.Engine.GET("/denies", func(c *gin.Context) { a.Auth.Deny(c, ginoidc.ErrForbidden) })
	nobody, bob := a.Browser(), a.Browser()
	bob.MustSignIn("bob")
	down := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.State = brokenState{} })
	a.Engine.GET("/down", down.Auth.RequireAuth(), a.Protected)
	check := func(name, joined string) {
		for _, tt := range []struct {
			who    *testapp.Browser
			path   string
			status int
		}{
			{nobody, "/me", 401}, {bob, "/me", 200}, {bob, "/admin", 403}, {nobody, "/asks", 204}, {bob, "/asks", 204},
			{bob, "/asks-first", 200}, {nobody, "/asks-first", 401}, {bob, "/denies", 403}, {nobody, "/denies/401", 401},
			{bob, "/down", 503},
		} {
			r := tt.who.Fetch(tt.path)
			if got := strings.Join(r.Header[name], ";"); r.StatusCode != tt.status || got != joined {
				t.Errorf("%s %d: %s: %q becomes %q, want %q", tt.path, r.StatusCode, name, before[name], got, joined)
			}
		}
	}
	for _, tt := range []struct { // the redirect and the pages of a guard have the same headers as its JSON
		who    *testapp.Browser
		path   string
		status int
	}{{nobody, "/me", 302}, {bob, "/admin", 403}, {bob, "/down", 503}} {
		for _, lines := range [][]string{nil, {"public"}, {"max-age=60, private, no-store"}} {
			before = http.Header{"Cache-Control": lines}
			want := strict
			if len(lines) > 0 && lines[0] != "public" {
				want = lines[0]
			}
			if r := tt.who.Navigate(tt.path); r.StatusCode != tt.status || strings.Join(r.Header["Cache-Control"], ";") != want {
				t.Errorf("%s: %d: %q becomes %q, want %q", tt.path, r.StatusCode, lines, r.Header["Cache-Control"], want)
			}
		}
	}
	for _, tt := range cache {
		before = http.Header{"Cache-Control": tt.before}
		check("Cache-Control", tt.want)
	}
	for _, tt := range vary {
		before = http.Header{"Vary": tt.before}
		check("Vary", tt.want)
	}
	before = http.Header{"Cdn-Cache-Control": {"max-age=60"}}
	check("Cdn-Cache-Control", "no-store")
	before = http.Header{"Cache-Control": {"public"}, "Vary": {"Accept"}}
	for path, status := range map[string]int{"/auth/userinfo": 204, "/auth/signed-out": 200,
		"/auth/frontchannel-logout": 200, "/auth/callback": 400} {
		if r := nobody.Fetch(path); r.StatusCode != status && path != "/auth/callback" ||
			r.Header.Get("Cache-Control") != "no-store" || r.Header["Vary"][1] != "Cookie" {
			t.Errorf("%s: %d %v", path, r.StatusCode, r.Header)
		}
	}
}

// TestAskedAfterTheLimit: a handler that calls UserFrom after a timeout middleware has responded does not change that
// response.
func TestAskedAfterTheLimit(t *testing.T) {
	a := testapp.New(t)
	b := a.Browser()
	b.MustSignIn("alice")
	a.Engine.GET("/slow", func(c *gin.Context) {
		ctx, cancel := context.WithCancel(c.Request.Context())
		cancel()
		c.String(http.StatusRequestTimeout, "too slow")
		before := c.Writer.Header().Clone()
		if u, ok := ginoidc.UserFromContext(ctx); !ok || u.Subject != "alice" {
			t.Errorf("user %v", u)
		}
		if after := c.Writer.Header(); len(after) != len(before) {
			t.Errorf("%v became %v", before, after)
		}
	})
	if r := b.Fetch("/slow"); r.StatusCode != http.StatusRequestTimeout {
		t.Errorf("%d", r.StatusCode)
	}
}
