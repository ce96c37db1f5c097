package ginoidc_test

import (
	"bufio"
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/state"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// TestEveryContext: every function that takes a context accepts the gin.Context, the request's context and contexts
// derived from either, with and without the engine's ContextWithFallback, after Middleware alone and after a guard.
func TestEveryContext(t *testing.T) {
	type key struct{}
	contexts := []struct {
		name string
		of   func(*gin.Context) context.Context
	}{
		{"gin", func(c *gin.Context) context.Context { return c }},
		{"a value on gin", func(c *gin.Context) context.Context { return context.WithValue(c, key{}, 1) }},
		{"gin without cancellation", func(c *gin.Context) context.Context { return context.WithoutCancel(c) }},
		{"a copy of gin", func(c *gin.Context) context.Context { return c.Copy() }},
		{"a value on a copy", func(c *gin.Context) context.Context { return context.WithValue(c.Copy(), key{}, 1) }},
		{"the request", func(c *gin.Context) context.Context { return c.Request.Context() }},
		{"a value on the request", func(c *gin.Context) context.Context {
			return context.WithValue(c.Request.Context(),
				key{}, 1)
		}},
		{"a request made anew", func(c *gin.Context) context.Context {
			c.Request = c.Request.WithContext(context.WithValue(c.Request.Context(), key{}, 1))
			return c
		}},
		{"a clone of the request", func(c *gin.Context) context.Context {
			c.Request = c.Request.Clone(c.Request.Context())
			return c
		}},
	}
	for _, fallback := range []bool{false, true} {
		a := testapp.New(t)
		a.Engine.ContextWithFallback = fallback
		alice := a.Browser()
		alice.MustSignIn("alice")
		for i, tt := range contexts {
			ask := func(c *gin.Context) {
				ctx := tt.of(c)
				u, ok := ginoidc.UserFromContext(ctx)
				if !ok || u.Subject != "alice" {
					t.Errorf("%s: no user", tt.name)
				}
				sessions, err := a.Auth.UserSessions(ctx, "alice")
				if err != nil || len(sessions) != 1 || !sessions[0].Current {
					t.Errorf("%s: sessions %v, %v", tt.name, sessions, err)
				}
				endpoint, err := a.Auth.UserInfoURL(ctx)
				if err != nil || endpoint == "" {
					t.Errorf("%s: %q, %v", tt.name, endpoint, err)
				}
				for _, err := range []error{a.Auth.Ready(ctx), a.Auth.EndUserSession(ctx, "alice", "none"),
					a.Auth.EndUserSessions(ctx, "bob")} {
					if err != nil {
						t.Errorf("%s: %v", tt.name, err)
					}
				}
				if u, ok := a.Auth.UserFrom(c); !ok || u.Subject != "alice" {
					t.Errorf("%s: no user of this Auth", tt.name)
				}
				c.Status(http.StatusNoContent)
			}
			path := "/" + strconv.Itoa(i)
			a.Engine.GET(path, ask)
			a.Engine.GET(path+"/guarded", a.Auth.RequireAuth(), ask)
			for _, path := range []string{path, path + "/guarded"} {
				if r := alice.Fetch(path); r.StatusCode != http.StatusNoContent || r.Header.Get("Vary") != "Cookie" &&
					tt.name != "a copy of gin" {
					t.Errorf("%s, %s, fallback %v: %d %v", tt.name, path, fallback, r.StatusCode, r.Header)
				}
			}
		}
	}
}

// TestGinContextIsCancelled: a gin.Context itself is never done, yet a call stops waiting when the browser disconnects.
func TestGinContextIsCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := testapp.New(t)
		a.OP.Intercept(fakeop.Discovery, a.OP.Fault(fakeop.Slow))
		begun := time.Now()
		c, _ := gin.CreateTestContext(httptest.NewRecorder())
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		c.Request = httptest.NewRequest("GET", "/", nil).WithContext(ctx)
		if err := a.Auth.Ready(c); err == nil || time.Since(begun) != time.Second {
			t.Errorf("ready after %s: %v", time.Since(begun), err)
		}
		time.Sleep(time.Minute) // so that the fetch ends
	})
}

// TestInnerRequest: a request that is made with the context of another one has its own user or none.
func TestInnerRequest(t *testing.T) {
	t.Run("alone", func(t *testing.T) { testInnerRequest(t, false) })
	t.Run("with fallback", func(t *testing.T) { testInnerRequest(t, true) })
}

func testInnerRequest(t *testing.T, fallback bool) {
	a := testapp.New(t)
	a.Engine.ContextWithFallback = fallback
	alice, bob := a.Browser(), a.Browser()
	alice.MustSignIn("alice")
	bob.MustSignIn("bob")
	who := func(c *gin.Context) {
		u, ok := ginoidc.UserFrom(c)
		v, inContext := ginoidc.UserFromContext(c.Request.Context())
		w, inGin := ginoidc.UserFromContext(c)
		x, ofAuth := a.Auth.UserFrom(c)
		if ok != inContext || ok != inGin || ok != ofAuth || u != v || u != w || u != x {
			t.Errorf("users %v, %v, %v and %v in one request", u, v, w, x)
		}
		if !ok {
			u = &ginoidc.User{Subject: "nobody"}
		}
		sessions, err := a.Auth.UserSessions(c, "alice")
		if err != nil || len(sessions) != 1 || sessions[0].Current != (u.Subject == "alice") {
			t.Errorf("sessions of %s: %v, %v", u.Subject, sessions, err)
		}
		c.String(http.StatusOK, u.Subject)
	}
	a.Engine.GET("/who", who)
	a.Engine.GET("/guarded", a.Auth.RequireAuth(), who)
	serve := func(r *http.Request, b *testapp.Browser) string {
		if b != nil {
			r.Header.Set("Cookie", b.CookieHeader())
		}
		w := httptest.NewRecorder()
		a.Engine.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			return strconv.Itoa(w.Code)
		}
		return w.Body.String()
	}
	inner := func(ctx context.Context, b *testapp.Browser, path string) string {
		r, err := http.NewRequestWithContext(ctx, "GET", path, nil)
		if err != nil {
			t.Fatal(err)
		}
		return serve(r, b)
	}
	var outer context.Context
	check := func(when string) {
		for _, tt := range []struct {
			who        *testapp.Browser
			path, want string
		}{{nil, "/who", "nobody"}, {nil, "/guarded", "401"}, {bob, "/who", "bob"}, {bob, "/guarded", "bob"},
			{alice, "/guarded", "alice"}} {
			if got := inner(outer, tt.who, tt.path); got != tt.want {
				t.Errorf("%s, %s: %s, want %s", when, tt.path, got, tt.want)
			}
		}
	}
	bare := gin.New() // without Middleware
	bare.ContextWithFallback = fallback
	bare.GET("/", func(c *gin.Context) {
		if u, ok := ginoidc.UserFrom(c); ok {
			t.Errorf("without Middleware: %s", u.Subject)
		}
		if u, ok := ginoidc.UserFromContext(c); ok {
			t.Errorf("without Middleware, by context: %s", u.Subject)
		}
		if u, ok := a.Auth.UserFrom(c); ok {
			t.Errorf("without Middleware, by Auth: %s", u.Subject)
		}
	})
	a.Engine.GET("/leaves", a.Auth.RequireAuth(), func(c *gin.Context) { outer = c.Request.Context() })
	alice.Fetch("/leaves")
	check("when it has ended") // Gin reuses the gin.Context for the inner request
	a.Engine.GET("/outer", a.Auth.RequireAuth(), func(c *gin.Context) {
		outer = c.Request.Context()
		check("while the outer request runs")
		bare.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil).WithContext(outer))
		if u, ok := ginoidc.UserFrom(c); !ok || u.Subject != "alice" {
			t.Errorf("the outer request then: %v", u)
		}
	})
	alice.Fetch("/outer")
}

// TestUserOfEndedRequest: work that outlives its request still knows the user and does not affect any response.
func TestUserOfEndedRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := testapp.New(t)
		b := a.Browser()
		b.MustSignIn("alice")
		var left, copied context.Context
		a.Engine.GET("/leaves", func(c *gin.Context) { left, copied = c.Request.Context(), c.Copy() })
		a.Engine.GET("/later", func(c *gin.Context) {
			for name, ctx := range map[string]context.Context{"context": left, "copy": copied} {
				if u, ok := ginoidc.UserFromContext(ctx); !ok || u.Subject != "alice" {
					t.Errorf("%s: %v", name, u)
				}
			}
			c.Status(http.StatusNoContent)
		})
		b.Fetch("/leaves")
		time.Sleep(7 * time.Hour) // the session is due for renewal
		if r := a.Browser().Fetch("/later"); len(r.Header) != 0 {
			t.Errorf("the response to somebody else: %v", r.Header)
		}
	})
}

// TestTwoAuths: on one request, each Auth returns its own user, whatever their order, and opens its session once.
// UserFrom and UserFromContext use the one whose guard or Middleware ran last.
func TestTwoAuths(t *testing.T) {
	customers := testapp.New(t)
	staff := testapp.New(t, func(c *ginoidc.Config, op *fakeop.Config) {
		c.Providers[0].Issuer, op.Issuer = "https://staff.example", "https://staff.example"
		c.CookieName, c.RoutePrefix = "staff", "/staff-auth"
	})
	engine := customers.Engine
	staff.Auth.Mount(engine)
	b := customers.Browser()
	b.MustSignIn("alice")
	callback, err := staff.OP.Approve(b.Navigate("/staff-auth/signin").Location(), "bob")
	if err != nil {
		t.Fatal(err)
	}
	if r := b.Navigate(callback); r.StatusCode != http.StatusSeeOther {
		t.Fatalf("%d %s", r.StatusCode, r.Body)
	}
	who := func(c *gin.Context) {
		ofCustomers, ofStaff := subjectOf(customers.Auth.UserFrom(c)), subjectOf(staff.Auth.UserFrom(c))
		last := subjectOf(ginoidc.UserFrom(c))
		if ctx := subjectOf(ginoidc.UserFromContext(c.Request.Context())); ctx != last {
			t.Errorf("UserFrom says %q, UserFromContext %q", last, ctx)
		}
		c.String(http.StatusOK, ofCustomers+" "+ofStaff+" "+last)
	}
	both := engine.Group("/", customers.Auth.Middleware(), staff.Auth.Middleware())
	both.GET("/both", who)
	both.GET("/both/customers", customers.Auth.RequireAuth(), who)
	both.GET("/both/staff", customers.Auth.RequireAuth(), staff.Auth.RequireAuth(), who)
	both.GET("/both/staff-first", staff.Auth.RequireAuth(), customers.Auth.RequireAuth(), who)
	engine.GET("/one", who) // after the Middleware of customers
	for path, want := range map[string]string{
		"/both": "alice bob bob", "/both/customers": "alice bob alice", "/both/staff": "alice bob bob",
		"/both/staff-first": "alice bob alice", "/one": "alice bob alice",
	} {
		if r := b.Fetch(path); r.Body != want {
			t.Errorf("%s: %q, want %q", path, r.Body, want)
		}
	}

	current := func(ctx context.Context) bool {
		sessions, err := customers.Auth.UserSessions(ctx, "alice")
		if err != nil || len(sessions) != 1 {
			t.Errorf("sessions %v, %v", sessions, err)
		}
		return sessions[0].Current
	}
	desk := gin.New()
	desk.GET("/", staff.Auth.Middleware(), func(c *gin.Context) {
		if current(c.Request.Context()) || current(c) {
			t.Error("an inner request has the session of the outer one")
		}
	})
	both.GET("/both/sessions", func(c *gin.Context) {
		if !current(c.Request.Context()) || !current(c) {
			t.Error("the session is not that of this request")
		}
		desk.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil).WithContext(c.Request.Context()))
	})
	b.Fetch("/both/sessions")

	if r := b.Do("POST", "/auth/signout", nil, "Origin", testapp.URL); r.StatusCode != http.StatusSeeOther {
		t.Fatalf("sign-out: %d", r.StatusCode)
	}
	if r := b.Fetch("/both"); r.Body != " bob bob" {
		t.Errorf("signed out by one: %q", r.Body)
	}
}

// asking is a log handler that adds the user to every line, as apps may do.
type asking struct{ lines *[]string }

func (h asking) Enabled(context.Context, slog.Level) bool { return true }
func (h asking) WithAttrs([]slog.Attr) slog.Handler       { return h }
func (h asking) WithGroup(string) slog.Handler            { return h }

func (h asking) Handle(ctx context.Context, r slog.Record) error {
	u, ok := ginoidc.UserFromContext(ctx)
	*h.lines = append(*h.lines, r.Message+" "+subjectOf(u, ok))
	return nil
}

func subjectOf(u *ginoidc.User, ok bool) string {
	if !ok {
		return ""
	}
	return u.Subject
}

// TestAskedWhileOpening: a log handler and a State that call UserFromContext do not deadlock, although they are called
// while the session is opened.
func TestAskedWhileOpening(t *testing.T) {
	var lines []string
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.Logger = slog.New(asking{&lines})
		c.State = hooked{state.NewMemory(0), func(ctx context.Context, _ string) error {
			ginoidc.UserFromContext(ctx)
			return nil
		}}
	})
	alice, bob := a.Browser(), a.Browser()
	alice.MustSignIn("alice")
	bob.MustSignIn("bob")
	for cookies, want := range map[string]string{
		alice.CookieHeader():                               "alice",
		alice.CookieHeader() + "; " + bob.CookieHeader():   "",
		alice.CookieHeader() + "; __Host-ginoidc=garbage":  "alice",
		"__Host-ginoidc=garbage; __Host-ginoidc=garbage_2": "",
	} {
		if got := a.WhoIs(cookies); got != want {
			t.Errorf("%q is signed in, want %q", got, want)
		}
	}
	bob.Fetch("/admin")
	if !slices.Contains(lines, "ginoidc: denied bob") {
		t.Errorf("log: %q", lines)
	}
}

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
	for path, status := range map[string]int{
		"/auth/signed-out": 200, "/auth/frontchannel-logout": 200, "/auth/callback": 400,
	} {
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
