package ginoidc_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
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
