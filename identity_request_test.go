package ginoidc_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/cookie"
	"github.com/gin-contrib/sessions/memstore"
	"github.com/gin-gonic/gin"
	gsessions "github.com/gorilla/sessions"

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

// TestReplacedRequests: a request that middleware replaces is still the same one for what runs below, and a request
// that only has its context is not.
func TestReplacedRequests(t *testing.T) {
	keys := map[string]func(*gin.Context) (*ginoidc.User, error){"robot": shows(ginoidc.User{Subject: "robot"})}
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.Authenticators = []ginoidc.Authenticator{byKey(keys)}
	})
	who := func(c *gin.Context) string { return subjectOf(ginoidc.UserFrom(c)) }
	inner := gin.New()
	inner.GET("/", a.Auth.Middleware(), func(c *gin.Context) {
		if got := who(c); got != "" {
			t.Errorf("a copy of the request without its key: %q", got)
		}
	})
	a.Engine.GET("/replaced", a.Auth.RequireAuth(), func(c *gin.Context) {
		c.Request = c.Request.WithContext(context.WithValue(c.Request.Context(), asking{}, 1))
		if got := who(c) + " " + who(c.Copy()); got != "robot robot" {
			t.Errorf("with another context: %q", got)
		}
		c.Request = c.Request.Clone(c.Request.Context())
		if got := who(c); got != "robot" {
			t.Errorf("a clone: %q", got)
		}
		r := c.Request.Clone(c.Request.Context())
		r.URL.Path = "/"
		r.Header.Del("X-API-Key")
		inner.ServeHTTP(httptest.NewRecorder(), r)
	})
	a.Browser().Do(http.MethodGet, "/replaced", nil, "X-API-Key", "robot")

	// Gin reuses its contexts, also for a request that is made with the context of an earlier one.
	b := a.Browser()
	b.MustSignIn("alice")
	reused, _ := gin.CreateTestContext(httptest.NewRecorder())
	request := func(ctx context.Context) string {
		reused.Request = httptest.NewRequest(http.MethodGet, "/", nil).WithContext(ctx)
		reused.Request.Header.Set("Cookie", b.CookieHeader())
		a.Auth.Middleware()(reused)
		return who(reused)
	}
	ctx, cancel := context.WithCancel(t.Context())
	before := request(ctx)
	earlier := reused.Request.Context()
	cancel()
	if err := a.Auth.EndUserSessions(t.Context(), "alice"); err != nil {
		t.Error(err)
	}
	if after := request(earlier); before != "alice" || after != "" {
		t.Errorf("%q, and after the sign-out %q", before, after)
	}
	if err := a.Auth.EndUserSessions(&gin.Context{}, "alice"); err != nil {
		t.Errorf("without a request: %v", err)
	}
	if got := subjectOf(a.Auth.UserFrom(&gin.Context{})); got != "" {
		t.Errorf("without a request: %q", got)
	}
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
	asksStaff := func(c *gin.Context) { staff.Auth.UserFrom(c) }
	engine.GET("/asked", asksStaff, who)
	engine.GET("/asked/staff", asksStaff, staff.Auth.RequireAuth(), who)
	starts := func(c *gin.Context) {
		if err := customers.Auth.StartSession(c, &ginoidc.User{Subject: "carol"}); err != nil {
			t.Error(err)
		}
	}
	engine.GET("/starts", starts, staff.Auth.RequireAuth(), customers.Auth.RequireAuth(), who)
	for path, want := range map[string]string{
		"/asked": "alice bob alice", "/asked/staff": "alice bob bob",
		"/both": "alice bob bob", "/both/customers": "alice bob alice", "/both/staff": "alice bob bob",
		"/both/staff-first": "alice bob alice", "/one": "alice bob alice",
	} {
		if r := b.Fetch(path); r.Body != want {
			t.Errorf("%s: %q, want %q", path, r.Body, want)
		}
	}
	if r := b.Twin().Fetch("/starts"); r.Body != "carol bob carol" {
		t.Errorf("/starts: %q", r.Body)
	}
	b.MustSignIn("alice")

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
// response, and renews nothing.
func TestAskedAfterTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.OnEvent = r.receive })
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
		time.Sleep(7 * time.Hour) // past half of the idle limit
		r.take()
		if answer := b.Fetch("/slow"); answer.StatusCode != http.StatusRequestTimeout || len(r.take()) > 0 {
			t.Errorf("%d", answer.StatusCode)
		}
	})
}

// TestRenewalFails: a session that its store cannot save again is in use until it expires, and the log says so. Newer
// cookies of another request are passed on without a renewal.
func TestRenewalFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		store := &readOnlyStore{Store: cookie.NewStore([]byte(testapp.CookieSecret))}
		a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.Store, c.OnEvent = store, r.receive })
		a.Engine.POST("/rename", rename(t, a))
		b := a.Browser()
		b.MustSignIn("alice")
		tab := b.Twin()
		b.Do(http.MethodPost, "/rename", nil)
		r.take()
		if got := tab.Fetch("/me"); got.Header.Get("Set-Cookie") == "" || len(r.take()) > 0 {
			t.Errorf("newer cookies: %d %q\n%s", got.StatusCode, got.Header["Set-Cookie"], a.Logs)
		}
		time.Sleep(7 * time.Hour)
		store.refuses.Store("ginoidc")
		status := b.Fetch("/me").StatusCode
		if told := r.take(); status != http.StatusOK || len(told) != 1 || told[0].Message != "session not renewed" {
			t.Errorf("%d, %+v", status, told)
		}
	})
}

// TestRecheckWithoutAnswers: if the state does not respond before or after a check, it is unknown whether the session
// has ended, and the user is not taken for signed in.
func TestRecheckWithoutAnswers(t *testing.T) {
	for failing, calls := 0, 1; failing <= calls; failing++ { // none fails at first
		synctest.Test(t, func(t *testing.T) {
			n, counted := 0, false
			a := newRechecked(t, func(c *ginoidc.Config, _ *fakeop.Config) {
				c.State = hooked{state.NewMemory(0), func(_ context.Context, method string) error {
					if !counted || method != "Revoked" {
						return nil
					}
					n++
					return errIf(n == failing)
				}}
			})
			b := a.Browser()
			b.MustSignIn("alice")
			time.Sleep(due)
			counted = true
			r := b.Fetch("/me")
			unknown := failing == 1 || failing > 0 && failing == calls // any other call is one of the check itself
			calls = max(calls, n)
			if r.StatusCode != http.StatusServiceUnavailable && (unknown || r.StatusCode != http.StatusOK) {
				t.Errorf("call %d fails: %d %s", failing, r.StatusCode, r.Body)
			}
			if counted = false; b.WhoAmI() != "alice" {
				t.Errorf("call %d failed: nobody is signed in", failing)
			}
		})
	}
}

// newRechecked returns an app that reads users again after five minutes, for up to ten more if the provider does not
// respond. Access tokens last for an hour and there are refresh tokens, unless a change turns them off.
func newRechecked(t testing.TB, change ...testapp.Change) *testapp.App {
	t.Helper()
	return testapp.New(t, append([]testapp.Change{func(c *ginoidc.Config, op *fakeop.Config) {
		c.RecheckEvery, c.RecheckGrace, op.AlwaysRefreshToken = 5*time.Minute, 10*time.Minute, true
	}}, change...)...)
}

// withoutRefreshTokens leaves userinfo as the only way to read a user again.
func withoutRefreshTokens(_ *ginoidc.Config, op *fakeop.Config) { op.AlwaysRefreshToken = false }

func skipUserInfo(c *ginoidc.Config, _ *fakeop.Config) { c.Providers[0].SkipUserInfo = true }

// asMember makes alice a member of these groups at the provider.
func asMember(a *testapp.App, groups ...string) {
	a.OP.AddUser(fakeop.User{Subject: "alice", Name: "Alice Archer", Groups: groups})
}

// TestRecheckedGroups: a group that the provider has taken away or given counts from RecheckEvery on, not earlier,
// whichever way the user is read again, also with the cookies from before. An absent claim means no groups. Each change
// is an event. Cases 202, 340, 346.
func TestRecheckedGroups(t *testing.T) {
	secret := []byte(testapp.CookieSecret)
	for name, tt := range map[string]struct {
		change    testapp.Change
		refreshes int // by three checks
	}{
		"refresh":                  {func(*ginoidc.Config, *fakeop.Config) {}, 3},
		"refresh without userinfo": {skipUserInfo, 3},
		"refresh, tokens kept":     {func(c *ginoidc.Config, _ *fakeop.Config) { c.KeepTokens = true }, 3},
		"refresh, session on a server": {
			func(c *ginoidc.Config, _ *fakeop.Config) { c.Store = memstore.NewStore(secret) }, 3,
		},
		"refresh, groups in userinfo": {func(_ *ginoidc.Config, op *fakeop.Config) { op.GroupsInUserInfoOnly = true }, 3},
		"userinfo":                    {withoutRefreshTokens, 0},
		"userinfo, session on a server": {
			func(c *ginoidc.Config, op *fakeop.Config) {
				c.Store, op.AlwaysRefreshToken = memstore.NewStore(secret), false
			}, 0,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var r recorder
				a := newRechecked(t, tt.change, func(c *ginoidc.Config, _ *fakeop.Config) { c.OnEvent = r.receive })
				b := a.Browser()
				b.MustSignIn("alice")
				for _, step := range []struct {
					groups       []string
					gained, lost string
					status       int
				}{
					{nil, "", "[admin audit staff]", http.StatusForbidden},
					{[]string{"admin", "root"}, "[admin root]", "", http.StatusOK},
					{[]string{"root"}, "", "[admin]", http.StatusForbidden},
				} {
					asMember(a, step.groups...)
					copied := b.Twin()
					time.Sleep(5 * time.Minute)
					before := b.Fetch("/admin").StatusCode
					r.take()
					time.Sleep(time.Second)
					for range 2 { // the second request has the result of the first in its cookie
						if now := b.Fetch("/admin").StatusCode; now != step.status || before == now {
							t.Fatalf("%v: %d, and %d before\n%s", step.groups, now, before, a.Logs)
						}
					}
					if status := copied.Fetch("/admin").StatusCode; status != step.status {
						t.Errorf("%v: %d with the cookies from before", step.groups, status)
					}
					checkChange(t, r.take(), step.gained, step.lost)
				}
				if a.OP.Refreshes() != tt.refreshes {
					t.Errorf("%d refreshes", a.OP.Refreshes())
				}
			})
		})
	}
}

// checkChange fails the test unless one event tells which groups were gained and lost.
func checkChange(t *testing.T, events []ginoidc.Event, gained, lost string) {
	t.Helper()
	told := 0
	for _, e := range events {
		if e.Name != ginoidc.EventMembershipsChanged {
			continue
		}
		told++
		attrs := map[string]string{}
		for _, attr := range e.Attrs {
			attrs[attr.Key] = fmt.Sprint(attr.Value.Any())
		}
		if e.Subject != "alice" || attrs["groups_gained"] != gained || attrs["groups_lost"] != lost {
			t.Errorf("%s: %v", e.Subject, attrs)
		}
	}
	if told != 1 {
		t.Errorf("%d events: %s", told, summary(events))
	}
}

// dexRefuses is Dex's response to a refresh token that has expired or was revoked.
const dexRefuses fakeop.Misbehaviour = "Refresh token is invalid or has already been claimed by another client."

// refusesRequests makes the provider respond to refreshes with invalid_request and this description.
func refusesRequests(a *testapp.App, description string) {
	a.OP.Intercept(fakeop.Token, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = fmt.Fprintf(w, `{"error":"invalid_request","error_description":%q}`, description)
	})
}

// TestRecheckRefused: a user whom the provider or the app refuses is signed out, with all copies of the session, and
// tokens that are still valid are revoked. Cases 340, 342.
func TestRecheckRefused(t *testing.T) {
	none := func(*ginoidc.Config, *fakeop.Config) {}
	forbids := func(c *ginoidc.Config, _ *fakeop.Config) {
		c.OnSignIn = func(_ context.Context, s *ginoidc.PendingSignIn) error {
			if s.Recheck {
				return fmt.Errorf("disabled")
			}
			return nil
		}
	}
	for name, tt := range map[string]struct {
		change testapp.Change
		does   fakeop.Misbehaviour
	}{
		"refresh refused":          {none, fakeop.RefreshInvalidGrant},
		"refusal as Dex has it":    {none, dexRefuses},
		"another issuer":           {none, fakeop.RefreshInvalidIssuer},
		"another user":             {none, fakeop.RefreshInvalidSub},
		"another client":           {none, fakeop.RefreshInvalidAud},
		"a forged ID token":        {none, fakeop.RefreshInvalidSig},
		"another sign-in's nonce":  {none, fakeop.NonceInvalid},
		"access token refused":     {none, fakeop.UserInfo401},
		"userinfo of another user": {none, fakeop.UserInfoInvalidSub},
		"the same, no refresh":     {withoutRefreshTokens, fakeop.UserInfo401},
		"OnSignIn":                 {forbids, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var r recorder
				a := newRechecked(t, tt.change, func(c *ginoidc.Config, _ *fakeop.Config) { c.OnEvent = r.receive })
				token := ""
				a.OP.OnTokenAnswer(func(answer map[string]any) { token, _ = answer["access_token"].(string) })
				b := a.Browser()
				b.MustSignIn("alice")
				copied := b.Twin()
				switch tt.does {
				case "":
				case dexRefuses:
					refusesRequests(a, string(tt.does))
				default:
					a.OP.Misbehave(tt.does)
				}
				time.Sleep(due)
				r.take()
				if answer := b.Fetch("/me"); answer.StatusCode != http.StatusUnauthorized {
					t.Fatalf("%d %s\n%s", answer.StatusCode, answer.Body, a.Logs)
				}
				told := summary(r.take())
				for _, want := range []string{"recheck_refused alice", "session_ended alice"} {
					if strings.Count(told, want) != 1 {
						t.Errorf("%s: want one %q", told, want)
					}
				}
				if !strings.Contains(told, string(ginoidc.EndedByRecheck)) {
					t.Errorf("no reason: %s", told)
				}
				a.OP.Misbehave()
				if revocable := name == "OnSignIn" || name == "access token refused"; revocable && a.OP.Active(token) {
					t.Error("the tokens are not revoked")
				}
				if copied.WhoAmI() != "" || b.WhoAmI() != "" {
					t.Error("a copy of the cookie is signed in")
				}
			})
		})
	}
}

// TestRecheckInvalidRequest: a provider that takes the requests of this client for malformed says nothing about the
// user. Otherwise one change there would sign out everybody.
func TestRecheckInvalidRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		a := newRechecked(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.OnEvent = r.receive })
		b := a.Browser()
		b.MustSignIn("alice")
		refusesRequests(a, "a parameter is missing: no token was looked at")
		time.Sleep(due)
		r.take()
		if answer := b.Fetch("/me"); answer.StatusCode != http.StatusOK {
			t.Errorf("%d %s", answer.StatusCode, answer.Body)
		}
		if told := summary(r.take()); !strings.Contains(told, "recheck_failed") || strings.Contains(told, "session_ended") {
			t.Error(told)
		}
		a.OP.Intercept(fakeop.Token, nil)
		time.Sleep(11 * time.Second)
		if answer := b.Fetch("/me"); answer.StatusCode != http.StatusOK {
			t.Errorf("afterwards: %d %s", answer.StatusCode, answer.Body)
		}
	})
}

// TestRecheckedByTheApp: code of the app can refuse a user who is read again. If it cannot decide, or does not return
// in time, it is asked again, and the user is known as long as during an outage of the provider.
func TestRecheckedByTheApp(t *testing.T) {
	for name, tt := range map[string]struct {
		hook, resolver func(context.Context) error
		status, later  int
	}{
		"the hook cannot decide": {
			func(context.Context) error { return fmt.Errorf("no answer: %w", ginoidc.ErrProviderUnavailable) }, nil, 200, 503,
		},
		"the hook has no database": {
			func(context.Context) error { return fmt.Errorf("no answer: %w", ginoidc.ErrSessionStore) }, nil, 200, 503,
		},
		"the hook hangs": {
			func(ctx context.Context) error { <-ctx.Done(); return errors.New("gave up") }, nil, 200, 503,
		},
		"the hook refuses": {func(context.Context) error { return errors.New("disabled") }, nil, 401, 401},
		"the resolver forbids": {
			nil, func(context.Context) error { return fmt.Errorf("disabled: %w", ginoidc.ErrForbidden) }, 401, 401,
		},
		"the resolver knows nobody": {
			nil, func(context.Context) error { return fmt.Errorf("disabled: %w", ginoidc.ErrUnauthenticated) }, 401, 401,
		},
		"the resolver fails": {nil, func(context.Context) error { return errors.New("no directory") }, 200, 503},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				again := false
				call := func(ctx context.Context, f func(context.Context) error) error {
					if f == nil || !again {
						return nil
					}
					return f(ctx)
				}
				a := newRechecked(t, func(c *ginoidc.Config, _ *fakeop.Config) {
					c.OnSignIn = func(ctx context.Context, _ *ginoidc.PendingSignIn) error { return call(ctx, tt.hook) }
					c.Providers[0].GroupsResolver = func(ctx context.Context, u *ginoidc.User, _ string) ([]string, error) {
						return u.Groups, call(ctx, tt.resolver)
					}
				})
				b := a.Browser()
				b.MustSignIn("alice")
				again = true
				time.Sleep(due)
				for _, want := range []int{tt.status, tt.status, tt.later} {
					if r := b.Fetch("/me"); r.StatusCode != want {
						t.Fatalf("%d, want %d: %s\n%s", r.StatusCode, want, r.Body, a.Logs)
					}
					time.Sleep(9 * time.Minute)
				}
			})
		})
	}
}

// TestUnknownUserDuringOutage: a page without a guard shows nobody if the provider could not confirm the user in time,
// and the log says so once.
func TestUnknownUserDuringOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newRechecked(t)
		a.Engine.GET("/greet", func(c *gin.Context) {
			_, ok := ginoidc.UserFrom(c)
			_, again := ginoidc.UserFrom(c)
			c.String(http.StatusOK, "%t %t", ok, again)
		})
		b := a.Browser()
		b.MustSignIn("alice")
		a.OP.Misbehave(fakeop.Refresh503)
		time.Sleep(20 * time.Minute)
		if r := b.Fetch("/greet"); r.Body != "false false" || strings.Count(a.Logs.String(), "the user is not known") != 1 {
			t.Errorf("%s\n%s", r.Body, a.Logs)
		}
	})
}

// TestRecheckHookPanics: tokens of a user who may no longer sign in are revoked, also if OnSessionEnd panics.
func TestRecheckHookPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newRechecked(t, func(c *ginoidc.Config, _ *fakeop.Config) {
			c.OnSignIn = func(_ context.Context, s *ginoidc.PendingSignIn) error {
				if s.Recheck {
					return fmt.Errorf("disabled")
				}
				return nil
			}
			c.OnSessionEnd = func(context.Context, ginoidc.SessionEnd) { panic("a fault of the app") }
		})
		token := ""
		a.OP.OnTokenAnswer(func(answer map[string]any) { token, _ = answer["access_token"].(string) })
		b := a.Browser()
		b.MustSignIn("alice")
		time.Sleep(due)
		b.Fetch("/me")
		if a.OP.Active(token) {
			t.Error("the tokens are not revoked")
		}
		if b.WhoAmI() != "" {
			t.Error("still signed in")
		}
	})
}

// TestRecheckDuringOutage: while the provider does not respond, a session is used until the grace ends. After that
// requests get 503 until the provider responds again, and nobody has to sign in. Cases 344, 345.
func TestRecheckDuringOutage(t *testing.T) {
	for name, tt := range map[string]struct {
		does  fakeop.Misbehaviour
		store sessions.Store
	}{
		"refused connections":  {fakeop.Refresh503, nil},
		"no response":          {fakeop.RefreshSlow, nil},
		"userinfo is nonsense": {fakeop.UserInfoNull, nil},
		"a store":              {fakeop.Refresh503, memstore.NewStore([]byte(testapp.CookieSecret))},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var r recorder
				a := newRechecked(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.Store, c.OnEvent = tt.store, r.receive })
				b := a.Browser()
				b.MustSignIn("alice")
				began := time.Now()
				asMember(a)
				a.OP.Misbehave(tt.does)
				checks := 0
				for time.Since(began) < 16*time.Minute {
					want := http.StatusOK
					if time.Since(began) > 15*time.Minute {
						want = http.StatusServiceUnavailable
					}
					sent := time.Now()
					answer := b.Fetch("/admin")
					crossed := sent.Sub(began) <= 15*time.Minute && time.Since(began) > 15*time.Minute
					if answer.StatusCode != want && !crossed {
						t.Fatalf("%d after %s, want %d", answer.StatusCode, sent.Sub(began), want)
					}
					if want != http.StatusOK && answer.Header.Get("Retry-After") == "" {
						t.Error("no Retry-After")
					}
					checks += strings.Count(summary(r.take()), "recheck_failed")
					time.Sleep(2 * time.Second)
				}
				if checks < 25 || checks > 95 { // in eleven minutes: as the provider asks, or every ten seconds
					t.Errorf("%d failed checks", checks)
				}
				a.OP.Misbehave()
				time.Sleep(11 * time.Second)
				if status := b.Fetch("/admin").StatusCode; status != http.StatusForbidden || b.WhoAmI() != "alice" {
					t.Errorf("%d afterwards\n%s", status, a.Logs)
				}
			})
		})
	}
}

// TestOneRecheck: a hundred concurrent requests on each of two instances make one check. The provider rotates refresh
// tokens and ends the grant if one is replayed. Case 345.
func TestOneRecheck(t *testing.T) {
	for name, store := range map[string]sessions.Store{
		"cookies": nil, "a store": memstore.NewStore([]byte(testapp.CookieSecret)),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				shared := state.NewMemory(0)
				one := newRechecked(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.State, c.Store = shared, store })
				two := newRechecked(t, func(c *ginoidc.Config, _ *fakeop.Config) {
					c.State, c.Store, c.Providers[0].Transport = shared, store, one.OP.Transport()
				})
				b := one.Browser()
				b.MustSignIn("alice")
				one.SlowToken(time.Second)
				for cycle := range 5 {
					time.Sleep(5*time.Minute + time.Second)
					asMember(one, map[bool]string{true: "admin", false: "staff"}[cycle%2 == 1])
					var wg sync.WaitGroup
					var mu sync.Mutex
					statuses := map[int]int{}
					for _, a := range []*testapp.App{one, two} {
						for range 100 {
							request := &testapp.Browser{App: a, Jar: b.Jar}
							wg.Go(func() {
								r := request.Fetch("/auth/userinfo")
								mu.Lock()
								defer mu.Unlock()
								statuses[r.StatusCode]++
								if strings.Contains(r.Body, "admin") != (cycle%2 == 1) {
									t.Errorf("cycle %d: %s", cycle, r.Body)
								}
							})
						}
					}
					wg.Wait()
					if statuses[http.StatusOK] != 200 || one.OP.Refreshes() != cycle+1 {
						t.Fatalf("cycle %d: %v by %d refreshes\n%s", cycle, statuses, one.OP.Refreshes(), one.Logs)
					}
				}
			})
		})
	}
}

// TestRecheckInBackground: within the grace, requests go on with what is known while one check is under way. After it
// they wait for the check.
func TestRecheckInBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newRechecked(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.RecheckInBackground = true })
		b := a.Browser()
		b.MustSignIn("alice")
		asMember(a)
		a.SlowToken(2 * time.Second)
		time.Sleep(due)
		for range 3 {
			began := time.Now()
			if status := b.Fetch("/admin").StatusCode; status != http.StatusOK || time.Since(began) > 0 {
				t.Errorf("at first: %d after %s", status, time.Since(began))
			}
		}
		time.Sleep(2100 * time.Millisecond)
		if status := b.Fetch("/admin").StatusCode; status != http.StatusForbidden || a.OP.Refreshes() != 1 {
			t.Errorf("after the check: %d, %d refreshes\n%s", status, a.OP.Refreshes(), a.Logs)
		}
		asMember(a, "admin")
		time.Sleep(16 * time.Minute)
		if status := b.Fetch("/admin").StatusCode; status != http.StatusOK {
			t.Errorf("after the grace: %d", status)
		}
	})
}

// TestRecheckInBackgroundWithoutHeaders: a handler may change the headers of its request while the check is made.
func TestRecheckInBackgroundWithoutHeaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := &slowLease{Memory: state.NewMemory(0)}
		a := newRechecked(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.RecheckInBackground, c.State = true, slow })
		a.Engine.GET("/proxy", func(c *gin.Context) {
			ginoidc.UserFrom(c)
			c.Request.Header.Del("Cookie")
		})
		b := a.Browser()
		b.MustSignIn("alice")
		time.Sleep(due)
		slow.wait = time.Second
		b.Fetch("/proxy")
		time.Sleep(5 * time.Second)
		if b.WhoAmI() != "alice" || a.OP.Refreshes() != 1 {
			t.Errorf("%q after %d refreshes\n%s", b.WhoAmI(), a.OP.Refreshes(), a.Logs)
		}
	})
}

// slowLease takes its time for a lease.
type slowLease struct {
	*state.Memory
	wait time.Duration
}

func (s *slowLease) Lease(
	ctx context.Context, key string, ttl time.Duration,
) (func(context.Context) error, bool, error) {
	time.Sleep(s.wait)
	return s.Memory.Lease(ctx, key, ttl)
}

// TestSlowRecheck: a request waits for a check no longer than Provider.Timeout, and the check continues when its
// browser has disconnected.
func TestSlowRecheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newRechecked(t)
		leaves, leave := context.WithCancel(t.Context())
		a.Engine.GET("/leaves", func(c *gin.Context) {
			c.Request = c.Request.WithContext(leaves)
			ginoidc.UserFrom(c)
		})
		b := a.Browser()
		b.MustSignIn("alice")
		asMember(a)
		time.Sleep(due)
		slowUserInfo(a)
		a.SlowToken(4 * time.Second)
		go b.Fetch("/leaves")
		synctest.Wait()
		leave()
		began := time.Now()
		if status := b.Twin().Fetch("/admin").StatusCode; status != http.StatusOK || time.Since(began) != 5*time.Second {
			t.Errorf("%d after %s", status, time.Since(began))
		}
		if status := b.Twin().Fetch("/admin").StatusCode; status != http.StatusForbidden || a.OP.Refreshes() != 1 {
			t.Errorf("%d with the result, %d refreshes\n%s", status, a.OP.Refreshes(), a.Logs)
		}
	})
}

// TestSignOutWithoutRecheck: sign-out and a new sign-in need no check, so they also end a session that the provider
// cannot confirm, and its tokens are revoked.
func TestSignOutWithoutRecheck(t *testing.T) {
	for name, leave := range map[string]func(*testapp.Browser){
		"sign-out":       func(b *testapp.Browser) { b.Do(http.MethodPost, "/auth/signout", nil) },
		"sign-out later": func(b *testapp.Browser) { b.WhoAmI(); b.Do(http.MethodPost, "/auth/signout", nil) },
		"EndSession":     func(b *testapp.Browser) { b.Do(http.MethodPost, "/leave", nil) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var token string
				a := newRechecked(t)
				a.Engine.POST("/leave", func(c *gin.Context) {
					if _, ok := ginoidc.UserFrom(c); ok {
						t.Error("the user is not confirmed")
					}
					if err := a.Auth.EndSession(c); err != nil {
						t.Error(err)
					}
				})
				a.OP.OnTokenAnswer(func(answer map[string]any) { token, _ = answer["access_token"].(string) })
				b := a.Browser()
				b.MustSignIn("alice")
				copied := b.Twin()
				time.Sleep(16 * time.Minute)
				a.OP.Misbehave(fakeop.Refresh503)
				if status := b.Twin().Fetch("/me").StatusCode; status != http.StatusServiceUnavailable {
					t.Errorf("%d", status)
				}
				leave(b)
				a.OP.Misbehave()
				time.Sleep(time.Minute)
				if copied.WhoAmI() != "" || len(b.Cookies()) != 0 || token == "" || a.OP.Active(token) {
					t.Errorf("cookies %v, token active %t\n%s", b.Cookies(), a.OP.Active(token), a.Logs)
				}
			})
		})
	}
}

// TestRecheckAndTokens: checks and Token share one refresh token, which the provider rotates, and neither uses one
// twice. Without KeepTokens the app gets no token.
func TestRecheckAndTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		every := func(c *ginoidc.Config, _ *fakeop.Config) { c.RecheckEvery = 2 * time.Minute }
		a := testapp.NewWithTokens(t, every)
		b := a.Browser()
		b.MustSignIn("alice")
		for n := range 20 {
			time.Sleep(time.Duration(n) * 20 * time.Second)
			copied := b.Twin()
			var wg sync.WaitGroup
			for _, path := range []string{"/token", "/me", "/token"} {
				wg.Go(func() {
					if r := copied.Fetch(path); r.StatusCode != http.StatusOK {
						t.Errorf("%d: %s %d %s\n%s", n, path, r.StatusCode, r.Body, a.Logs)
					}
				})
			}
			wg.Wait()
			if r := b.Fetch("/token"); !a.OP.Active(r.Body) {
				t.Errorf("%d: %s is not active", n, r.Body)
			}
		}
		without := newRechecked(t)
		without.Engine.GET("/token", func(c *gin.Context) {
			if token, err := without.Auth.Token(c); token != nil || err == nil {
				t.Errorf("%v, %v", token, err)
			}
		})
		b = without.Browser()
		b.MustSignIn("alice")
		b.Fetch("/token")
	})
}

// TestRecheckAfterTheResponse: a handler that asks for the user only after it has written gets the result too. The
// session cannot keep it any longer, but the next request takes it from the state.
func TestRecheckAfterTheResponse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		saves := 0
		a := newRechecked(t, func(c *ginoidc.Config, _ *fakeop.Config) {
			c.Store = &savingStore{memstore.NewStore([]byte(testapp.CookieSecret)), func() { saves++ }}
		})
		a.Engine.GET("/done", func(c *gin.Context) {
			ctx, cancel := context.WithCancel(c.Request.Context())
			c.String(http.StatusOK, "done")
			cancel()
			ginoidc.UserFromContext(ctx)
		})
		a.Engine.GET("/late", func(c *gin.Context) {
			c.String(http.StatusOK, "late ")
			c.Writer.Flush()
			u, _ := ginoidc.UserFrom(c)
			c.String(http.StatusOK, strings.Join(u.Groups, " "))
		})
		b := a.Browser()
		b.MustSignIn("alice")
		asMember(a, "root")
		time.Sleep(due)
		before := saves
		if b.Fetch("/done"); saves != before || a.OP.Refreshes() != 1 {
			t.Errorf("%d refreshes, saved %d times", a.OP.Refreshes(), saves-before)
		}
		for range 2 {
			if r := b.Fetch("/late"); r.Body != "late root" || len(r.Header["Set-Cookie"]) != 0 || a.OP.Refreshes() != 1 {
				t.Errorf("%s, cookies %v, %d refreshes", r.Body, r.Header["Set-Cookie"], a.OP.Refreshes())
			}
		}
	})
}

// TestRecheckOfManyGroups: a user who is too large for the shared state is read by each request itself, and the tokens
// of a check are not lost.
func TestRecheckOfManyGroups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newRechecked(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.RecheckInBackground = true })
		groups := []string{"admin"}
		for n := range 400 {
			groups = append(groups, strings.Repeat(string(rune('a'+n%26)), 30)+strings.Repeat("x", n/26))
		}
		b := a.Browser()
		b.MustSignIn("alice")
		asMember(a, groups...)
		for n := range 3 {
			time.Sleep(due)
			copied := b.Twin()
			b.Fetch("/me") // in the background
			synctest.Wait()
			for _, browser := range []*testapp.Browser{b, copied} {
				if r := browser.Fetch("/me"); r.StatusCode != http.StatusOK || !strings.Contains(r.Body, groups[400]) {
					t.Fatalf("%d: %d, %d bytes\n%.3000s", n, r.StatusCode, len(r.Body), a.Logs)
				}
			}
		}
		if !strings.Contains(a.Logs.String(), "not shared") {
			t.Errorf("no warning\n%.3000s", a.Logs)
		}
	})
}

// brokenKept is a State that cannot say what a check has found.
type brokenKept struct{ *state.Memory }

func (b brokenKept) Kept(ctx context.Context, key string) (string, bool, error) {
	if key[0] == 'k' {
		return "", false, errors.New("down")
	}
	return b.Memory.Kept(ctx, key)
}

// TestRecheckWithoutState: if the state cannot respond, a due session is 503, as every session is then.
func TestRecheckWithoutState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newRechecked(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.State = brokenKept{state.NewMemory(0)} })
		b := a.Browser()
		b.MustSignIn("alice")
		if b.WhoAmI() != "alice" {
			t.Error("a session that is not due needs no check")
		}
		time.Sleep(due)
		if r := b.Fetch("/me"); r.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("%d %s", r.StatusCode, r.Body)
		}
	})
}

// TestRecheckKeepsTokens: the session keeps tokens that a check has refreshed, also if the check failed afterwards.
// With the earlier ones, the provider would revoke the grant after what is shared has expired.
func TestRecheckKeepsTokens(t *testing.T) {
	for name, does := range map[string][]fakeop.Misbehaviour{
		"a check": nil, "a check that failed": {fakeop.UserInfoNull},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newRechecked(t)
				b := a.Browser()
				b.MustSignIn("alice")
				time.Sleep(due)
				a.OP.Misbehave(does...)
				b.Fetch("/me")
				a.OP.Misbehave()
				time.Sleep(3 * time.Hour)
				if r := b.Fetch("/me"); r.StatusCode != http.StatusOK || a.OP.Refreshes() != 2 {
					t.Errorf("%d %s after %d refreshes\n%s", r.StatusCode, r.Body, a.OP.Refreshes(), a.Logs)
				}
			})
		})
	}
}

// slowUserInfo makes userinfo respond after three seconds.
func slowUserInfo(a *testapp.App) {
	a.OP.Intercept(fakeop.UserInfo, func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(3 * time.Second)
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"sub":"alice"}`))
	})
}

// TestSignOutDuringRecheck: a request that waits for a check while the user signs out is 401, and its response sets no
// session again.
func TestSignOutDuringRecheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newRechecked(t)
		b := a.Browser()
		b.MustSignIn("alice")
		time.Sleep(due)
		slowUserInfo(a)
		tab := b.Twin()
		var waiting sync.WaitGroup
		waiting.Go(func() {
			if r := tab.Fetch("/me"); r.StatusCode != http.StatusUnauthorized {
				t.Errorf("%d %s", r.StatusCode, r.Body)
			}
		})
		time.Sleep(time.Second)
		b.Do(http.MethodPost, "/auth/signout", nil)
		waiting.Wait()
		a.OP.Intercept(fakeop.UserInfo, nil)
		if tab.WhoAmI() != "" || b.WhoAmI() != "" {
			t.Error("somebody is signed in")
		}
	})
}

// savingStore calls before ahead of each Save.
type savingStore struct {
	sessions.Store
	before func()
}

func (s *savingStore) Save(r *http.Request, w http.ResponseWriter, session *gsessions.Session) error {
	s.before()
	return s.Store.Save(r, w, session)
}

// TestCookiesDuringRecheck: when a handler ends or replaces the session while another goroutine of the same request
// saves it after a check, the browser keeps the cookies of the handler.
func TestCookiesDuringRecheck(t *testing.T) {
	for want, change := range map[string]func(*testapp.App, *gin.Context) error{
		"": func(a *testapp.App, c *gin.Context) error { return a.Auth.EndSession(c) },
		"bob": func(a *testapp.App, c *gin.Context) error {
			return a.Auth.StartSession(c, &ginoidc.User{Subject: "bob"})
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			var ctx context.Context // of the request, while its handler runs
			var written atomic.Int32
			var other sync.WaitGroup
			saving := make(chan struct{})
			write := func() { // to the store or the State
				switch {
				case ctx == nil:
				case written.Add(1) == 1: // by the handler, which goes on when the other goroutine is about to save
					other.Go(func() { ginoidc.UserFromContext(ctx) })
					<-saving
				case written.Load() == 2: // by the other goroutine
					close(saving)
					for range 100_000 { // meanwhile the handler comes as far as it can
						runtime.Gosched()
					}
				}
			}
			a := newRechecked(t, func(c *ginoidc.Config, _ *fakeop.Config) {
				c.Store = &savingStore{cookie.NewStore([]byte(testapp.CookieSecret)), write}
				c.State = hooked{state.NewMemory(0), func(_ context.Context, method string) error {
					if method == "Revoke" {
						write()
					}
					return nil
				}}
			})
			a.Engine.POST("/change", func(c *gin.Context) {
				ctx = c.Request.Context()
				err := change(a, c)
				other.Wait()
				if ctx = nil; err != nil {
					t.Error(err)
				}
			})
			b := a.Browser()
			b.MustSignIn("alice")
			time.Sleep(due)
			b.Do(http.MethodPost, "/change", nil)
			if got := b.WhoAmI(); got != want || len(b.Cookies()) != min(1, len(want)) {
				t.Errorf("%q is signed in with %q, want %q\n%s", got, b.Cookies(), want, a.Logs)
			}
		})
	}
}

// TestUpdateDuringRecheck: what the app changes in the session during a check is not lost, and neither is what the
// check has found.
func TestUpdateDuringRecheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newRechecked(t, func(c *ginoidc.Config, _ *fakeop.Config) {
			c.RecheckInBackground = true
			c.OnSignIn = func(_ context.Context, s *ginoidc.PendingSignIn) error {
				if !s.Recheck {
					s.User.Data = []byte("0")
				}
				return nil
			}
		})
		a.Engine.POST("/data", func(c *gin.Context) {
			change := func(u *ginoidc.User) error { u.Data = []byte("1"); return nil }
			if err := a.Auth.UpdateSession(c, change); err != nil {
				t.Error(err)
			}
		})
		a.Engine.GET("/data", func(c *gin.Context) {
			if u, ok := ginoidc.UserFrom(c); ok {
				c.String(http.StatusOK, "%s %s", u.Data, u.Groups)
			}
		})
		b := a.Browser()
		b.MustSignIn("alice")
		asMember(a, "root")
		time.Sleep(due)
		slowUserInfo(a)
		b.Fetch("/me") // starts the check
		time.Sleep(time.Second)
		b.Do(http.MethodPost, "/data", nil)
		time.Sleep(3 * time.Second)
		if r := b.Fetch("/data"); r.Body != "1 [root]" {
			t.Errorf("got %s\n%s", r.Body, a.Logs)
		}
	})
}

// fadingStore is a store that can lose its sessions and refuse to save others.
type fadingStore struct {
	readOnlyStore
	lost atomic.Bool
}

func (s *fadingStore) New(r *http.Request, name string) (*gsessions.Session, error) {
	if s.lost.Load() {
		return gsessions.NewSession(s, name), nil
	}
	return s.Store.New(r, name)
}

// TestRecheckNotSaved: a session that its store loses during a check has ended. If the store only fails to save the
// user, the log says so, and the user of this request is the new one.
func TestRecheckNotSaved(t *testing.T) {
	const notSaved = "user read again and not saved"
	for name, tt := range map[string]struct {
		happens func(*fadingStore)
		status  int
		logged  bool
	}{
		"nothing":              {func(*fadingStore) {}, http.StatusForbidden, false},
		"the store loses it":   {func(s *fadingStore) { s.lost.Store(true) }, http.StatusUnauthorized, false},
		"the store is full":    {func(s *fadingStore) { s.refuses.Store("ginoidc") }, http.StatusForbidden, true},
		"no room for the rest": {func(s *fadingStore) { s.refuses.Store("-tokens") }, http.StatusForbidden, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := &fadingStore{readOnlyStore: readOnlyStore{Store: memstore.NewStore([]byte(testapp.CookieSecret))}}
				a := newRechecked(t, func(c *ginoidc.Config, _ *fakeop.Config) {
					c.Store = store
					c.OnSignIn = func(_ context.Context, s *ginoidc.PendingSignIn) error {
						if s.Recheck {
							tt.happens(store)
						}
						return nil
					}
				})
				b := a.Browser()
				b.MustSignIn("alice")
				asMember(a)
				time.Sleep(due)
				if r := b.Fetch("/admin"); r.StatusCode != tt.status {
					t.Errorf("%d %s", r.StatusCode, r.Body)
				}
				if strings.Contains(a.Logs.String(), notSaved) != tt.logged {
					t.Error(a.Logs)
				}
			})
		})
	}
}

// TestRefusalNotRecorded: a refusal that the state does not record ends nothing yet. The next request asks again.
func TestRefusalNotRecorded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		shared := &readOnlyState{Memory: state.NewMemory(0)}
		a := newRechecked(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.State, c.OnEvent = shared, r.receive })
		b := a.Browser()
		b.MustSignIn("alice")
		a.OP.Misbehave(fakeop.UserInfo401)
		time.Sleep(due)
		shared.readOnly = true
		answer, told := b.Fetch("/me"), summary(r.take())
		if answer.StatusCode == http.StatusUnauthorized || strings.Contains(told, "session_ended") {
			t.Errorf("%d %s", answer.StatusCode, told)
		}
		shared.readOnly = false
		time.Sleep(time.Minute)
		if answer := b.Twin().Fetch("/me"); answer.StatusCode != http.StatusUnauthorized {
			t.Errorf("afterwards: %d %s\n%s", answer.StatusCode, answer.Body, a.Logs)
		}
	})
}

// TestUpdateDuringFailingRecheck: a request whose check fails has what the app has changed in the meantime, and its
// response has the new cookies.
func TestUpdateDuringFailingRecheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newRechecked(t)
		a.Engine.POST("/slow", func(c *gin.Context) { // knows the user before the check is due
			ginoidc.UserFrom(c)
			time.Sleep(4 * time.Second)
			rename(t, a)(c)
		})
		b := a.Browser()
		b.MustSignIn("alice")
		tab := b.Twin()
		a.OP.Intercept(fakeop.Token, func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(3 * time.Second)
			w.WriteHeader(http.StatusServiceUnavailable)
		})
		time.Sleep(due - 2*time.Second)
		var slow sync.WaitGroup
		slow.Go(func() { b.Do(http.MethodPost, "/slow", nil) })
		time.Sleep(2 * time.Second)
		if r := tab.Fetch("/me"); r.StatusCode != http.StatusOK || len(r.Header["Set-Cookie"]) == 0 {
			t.Errorf("%d %s", r.StatusCode, r.Body)
		}
		slow.Wait()
		time.Sleep(11 * time.Second) // the earlier cookies are no longer accepted
		if r := tab.Fetch("/auth/userinfo"); !strings.Contains(r.Body, "Renamed") {
			t.Errorf("afterwards: %d %s\n%s", r.StatusCode, r.Body, a.Logs)
		}
	})
}

// TestRecheckKeepsListed: a check starts the idle limit again, and the session stays in the list as long.
func TestRecheckKeepsListed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newRechecked(t, func(c *ginoidc.Config, _ *fakeop.Config) {
			c.SessionIdle, c.RecheckEvery = time.Hour, 20*time.Minute
		})
		b := a.Browser()
		b.MustSignIn("alice")
		time.Sleep(25 * time.Minute) // below half of the idle limit
		b.Fetch("/me")
		time.Sleep(50 * time.Minute)
		a.Sessions("alice", 1)
		if b.WhoAmI() != "alice" {
			t.Error("nobody is signed in")
		}
	})
}

// TestPageOfRefusedUser: a page that is shown to nobody may stay in the history, as the handler says.
func TestPageOfRefusedUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newRechecked(t)
		a.Engine.GET("/asks", func(c *gin.Context) {
			_, ok := ginoidc.UserFrom(c)
			c.Header("Cache-Control", "private")
			c.String(http.StatusOK, "%t", ok)
		})
		b := a.Browser()
		b.MustSignIn("alice")
		a.OP.Misbehave(fakeop.UserInfo401)
		time.Sleep(due)
		if r := b.Navigate("/asks"); r.Body != "false" || r.Header.Get("Cache-Control") != "private" {
			t.Errorf("%s %v", r.Body, r.Header)
		}
	})
}

// due is just above the RecheckEvery of newRechecked.
const due = 5*time.Minute + time.Second

// TestRecheckResolver: the resolver's groups count, also for a session that the app started, which OnSignIn has never
// seen. It never sees what it returned before. Its failure is an outage.
func TestRecheckResolver(t *testing.T) {
	for _, byApp := range []bool{false, true} {
		t.Run(fmt.Sprint("by the app ", byApp), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var groups []string
				var failure error
				a := newRechecked(t, withoutRefreshTokens, func(c *ginoidc.Config, op *fakeop.Config) {
					op.TokenLife = time.Minute
					c.OnSignIn = func(context.Context, *ginoidc.PendingSignIn) error {
						if byApp {
							t.Error("OnSignIn was called")
						}
						return nil
					}
					c.Providers[0].GroupsResolver = func(_ context.Context, u *ginoidc.User, _ string) ([]string, error) {
						if slices.Contains(u.Groups, "resolved") {
							t.Error("the resolver got its own groups")
						}
						return groups, failure
					}
				})
				startAs(a, "carol")
				b := a.Browser()
				groups = []string{"admin", "resolved"}
				if byApp {
					b.Fetch("/start")
					time.Sleep(due)
				} else {
					b.MustSignIn("carol")
				}
				if status := b.Fetch("/admin").StatusCode; status != http.StatusOK {
					t.Fatalf("%d\n%s", status, a.Logs)
				}
				groups = []string{"resolved"}
				time.Sleep(due)
				if status := b.Fetch("/admin").StatusCode; status != http.StatusForbidden {
					t.Errorf("after the loss of a group: %d", status)
				}
				failure = errors.New("directory down")
				time.Sleep(due)
				if status := b.Fetch("/admin").StatusCode; status != http.StatusForbidden {
					t.Errorf("in the grace: %d", status)
				}
				time.Sleep(10 * time.Minute)
				if status := b.Fetch("/admin").StatusCode; status != http.StatusServiceUnavailable {
					t.Errorf("after the grace: %d", status)
				}
			})
		})
	}
}

// startAs adds a route at which the app starts a session itself.
func startAs(a *testapp.App, subject string) {
	a.Engine.GET("/start", func(c *gin.Context) {
		if err := a.Auth.StartSession(c, &ginoidc.User{Subject: subject, Groups: []string{"staff"}}); err != nil {
			a.T.Error(err)
		}
	})
}

// TestRecheckNeedsASource: a session of which nothing can be read again ends, unless the app started it: there the
// provider has never said anything. Case 341.
func TestRecheckNeedsASource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newRechecked(t, withoutRefreshTokens, func(_ *ginoidc.Config, op *fakeop.Config) { op.TokenLife = time.Minute })
		startAs(a, "carol")
		own, b := a.Browser(), a.Browser()
		own.Fetch("/start")
		b.MustSignIn("alice")
		time.Sleep(due)
		if own.WhoAmI() != "carol" || b.WhoAmI() != "" {
			t.Errorf("own %q, signed in %q", own.WhoAmI(), b.WhoAmI())
		}
	})
}

// TestRecheckedHook: OnSignIn sees the claims as they are and the Data of the session, and may change the latter. An
// error that leaves open whether the user may sign in is an outage.
func TestRecheckedHook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var failure error
		seen := []string{}
		a := newRechecked(t, func(c *ginoidc.Config, _ *fakeop.Config) {
			c.AppState = func(*gin.Context) (string, error) { return "state", nil }
			c.OnSignIn = func(_ context.Context, s *ginoidc.PendingSignIn) error {
				seen = append(seen, fmt.Sprintln(s.Recheck, s.User.Groups, string(s.User.Data), s.AppState != "",
					s.Request != nil, s.AccessToken != ""))
				s.User.Data = []byte(fmt.Sprintf(`%d`, len(seen)))
				return failure
			}
		})
		a.Engine.GET("/data", func(c *gin.Context) {
			if u, ok := ginoidc.UserFrom(c); ok {
				c.String(http.StatusOK, string(u.Data))
			}
		})
		b := a.Browser()
		b.MustSignIn("alice")
		asMember(a, "a")
		time.Sleep(due)
		if data := b.Fetch("/data").Body; data != "2" {
			t.Errorf("data %s\n%s", data, a.Logs)
		}
		for _, failure = range []error{
			fmt.Errorf("directory: %w", ginoidc.ErrProviderUnavailable), fmt.Errorf("database: %w", ginoidc.ErrSessionStore),
		} {
			time.Sleep(due)
			if data := b.Fetch("/data").Body; data != "2" {
				t.Errorf("data %s after %v\n%s", data, failure, a.Logs)
			}
		}
		want := []string{
			"false [admin audit staff]  true true true\n", "true [a] 1 false false true\n",
			"true [a] 2 false false true\n", "true [a] 2 false false true\n",
		}
		if !slices.Equal(seen, want) {
			t.Errorf("got %q\nwant %q", seen, want)
		}
	})
}

// TestRecheckProvesNothing: a check replaces the profile and the end that the provider sets. It never raises what the
// sign-in proved: a new ID token does not mean that the user was there. Case 343.
func TestRecheckProvesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newRechecked(t)
		a.Engine.GET("/user", func(c *gin.Context) {
			u, ok := ginoidc.UserFrom(c)
			if !ok {
				c.String(http.StatusOK, "nobody")
				return
			}
			c.String(http.StatusOK, "%s %s %s %s %s", u.Name, u.ACR, u.AMR, time.Since(u.AuthTime), u.Extra)
		})
		edit := map[string]any{"acr": "low", "amr": []any{"pwd"}, "auth_time": time.Now().Unix(), "plan": "free"}
		a.OP.OnIDToken(func(claims map[string]any) {
			for name, value := range edit {
				claims[name] = value
			}
		})
		b := a.Browser()
		b.MustSignIn("alice")
		time.Sleep(due)
		edit = map[string]any{
			"acr": "gold", "amr": []any{"hwk"}, "auth_time": time.Now().Unix(), "plan": "paid", "name": "Alice Brown",
			"session_expiry": time.Now().Add(time.Minute).Unix(),
		}
		if got := b.Fetch("/user").Body; got != `Alice Brown low [pwd] 5m1s {"plan":"paid"}` {
			t.Errorf("got %s", got)
		}
		time.Sleep(time.Minute + time.Second)
		if got := b.Fetch("/user").Body; got != "nobody" {
			t.Errorf("after session_expiry: %s", got)
		}
	})
}

// TestRecheckSessionExpiry: a session_expiry that has passed, or cannot be read, ends the session.
func TestRecheckSessionExpiry(t *testing.T) {
	for name, value := range map[string]any{"past": 1, "odd": "soon"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newRechecked(t)
				b := a.Browser()
				b.MustSignIn("alice")
				a.OP.OnIDToken(func(claims map[string]any) { claims["session_expiry"] = value })
				time.Sleep(due)
				if who := b.WhoAmI(); who != "" || !strings.Contains(a.Logs.String(), "session_expiry") {
					t.Errorf("%q\n%s", who, a.Logs)
				}
			})
		})
	}
}
