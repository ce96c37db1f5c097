package ginoidc_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/go-jose/go-jose/v4"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/state"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// TestDenial is the table of denials: the user, the request and the response. A denied request never reaches the
// handler and gets no cookie, and its response is always marked private.
func TestDenial(t *testing.T) {
	a := testapp.New(t)
	alice, bob, nobody := a.Browser(), a.Browser(), a.Browser()
	alice.MustSignIn("alice")
	bob.MustSignIn("bob")
	html := []string{"Accept", "text/html,application/xhtml+xml,*/*;q=0.8"}
	for _, tt := range []struct {
		name    string
		who     *testapp.Browser
		method  string
		path    string
		headers []string
		status  int
		want    string // prefix of Location, or part of the body
	}{
		{"navigation", nobody, "GET", "/admin?tab=1&x=2", testapp.Navigation(), 302,
			"/auth/signin?return_to=%2Fadmin%3Ftab%3D1%26x%3D2"}, // case 192
		{"navigation without Fetch Metadata", nobody, "GET", "/me", html, 302, "/auth/signin?return_to=%2Fme"},
		{"HEAD navigation", nobody, "HEAD", "/me", testapp.Navigation(), 302, "/auth/signin"},
		{"HEAD of a tool", nobody, "HEAD", "/me", []string{"Accept", "*/*"}, 401, ""}, // case 11
		{"fetch", nobody, "GET", "/me", []string{"Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty", "Accept", "text/html"},
			401, `"sign_in_url":"/auth/signin"`},
		{"curl", nobody, "GET", "/me", []string{"Accept", "*/*"}, 401, `"error":"unauthorized"`}, // case 192
		{"no Accept", nobody, "GET", "/me", nil, 401, `"message":`},
		{"XHR", nobody, "GET", "/me", append([]string{"X-Requested-With", "XMLHttpRequest"}, html...), 401, "unauthorized"},
		{"html refused by q=0", nobody, "GET", "/me", []string{"Accept", "text/html;q=0,application/json"},
			401, "unauthorized"},
		{"POST of a form", nobody, "POST", "/me", testapp.Navigation(), 401, `<a href="/auth/signin">Sign in</a>`}, // case 10
		{"PUT", nobody, "PUT", "/me", html, 401, "unauthorized"},                                                   // case 10
		{"DELETE", nobody, "DELETE", "/me", nil, 401, "unauthorized"},                                              // case 10
		{"WebSocket", nobody, "GET", "/me", append([]string{"Upgrade", "websocket", "Connection", "Upgrade"}, html...),
			401, "unauthorized"}, // case 215
		{"prefetch", nobody, "GET", "/me", append([]string{"Sec-Purpose", "prefetch;prerender"}, testapp.Navigation()...),
			401, "unauthorized"}, // case 9
		{"image", nobody, "GET", "/me", []string{"Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Dest", "image"}, 401,
			"unauthorized"}, // case 9
		{"iframe", nobody, "GET", "/me", []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe", "Accept",
			"text/html"}, 401, "unauthorized"},
		{"preflight", nobody, "OPTIONS", "/me", []string{"Origin", "https://evil.example", "Access-Control-Request-Method",
			"GET"}, 401, "unauthorized"}, // case 150
		{"method override", nobody, "POST", "/me?_method=GET", []string{"X-HTTP-Method-Override", "GET"}, 401,
			"unauthorized"}, // case 209
		{"identity headers", nobody, "GET", "/admin", []string{"X-Forwarded-User", "alice", "Remote-User", "alice",
			"X_Auth_Groups", "admin"}, 401, "unauthorized"}, // case 216
		{"garbage cookie", nobody, "GET", "/me", []string{"Cookie", "__Host-ginoidc=%%%"}, 401, "unauthorized"},
		{"user agent of a probe", nobody, "GET", "/admin?x=/healthz%23", []string{"User-Agent", "kube-probe/1.0"},
			401, "unauthorized"}, // case 207
		{"not in the group, navigation", bob, "GET", "/admin", testapp.Navigation(), 403,
			`<a href="/auth/signin?prompt=login&amp;return_to=%2Fadmin">`},
		{"not in the group, fetch", bob, "GET", "/admin", nil, 403,
			`{"error":"forbidden","message":"You do not have access to this resource."}`},
		{"not in the group, POST", bob, "POST", "/admin", testapp.Navigation(), 403, `<a href="/auth/signin?prompt=login">`},
		{"allowed", alice, "GET", "/admin", nil, 200, `"sub":"alice"`},
		{"signed in", bob, "GET", "/me", nil, 200, `"sub":"bob"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := a.Ran["/me"] + a.Ran["/admin"]
			r := tt.who.Do(tt.method, tt.path, nil, tt.headers...)
			if r.StatusCode != tt.status {
				t.Fatalf("status %d, want %d: %s", r.StatusCode, tt.status, r.Body)
			}
			if tt.status == 302 && !strings.HasPrefix(r.Location(), tt.want) || tt.status != 302 &&
				!strings.Contains(r.Body, tt.want) {
				t.Errorf("Location %q, body %s, want %q", r.Location(), r.Body, tt.want)
			}
			if ran := a.Ran["/me"] + a.Ran["/admin"] - before; (ran == 1) != (tt.status == 200) {
				t.Errorf("the handler ran %d times", ran)
			}
			if r.Header.Get("Set-Cookie") != "" {
				t.Errorf("Set-Cookie: %s", r.Header.Get("Set-Cookie"))
			}
			if challenge := r.Header.Get("WWW-Authenticate"); (challenge != "") != (tt.status == 401) {
				t.Errorf("WWW-Authenticate: %q", challenge)
			}
			if cc := r.Header.Get("Cache-Control"); !strings.Contains(cc, "no-store") ||
				!strings.Contains(r.Header.Get("Vary"), "Cookie") { // case 145
				t.Errorf("Cache-Control %q, Vary %q", cc, r.Header.Get("Vary"))
			}
		})
	}
}

// TestGroupRules is the truth table of RequireGroups and RequireAllGroups (case 204), and of names that only look alike
// (case 197).
func TestGroupRules(t *testing.T) {
	errTooYoung := errors.New("too young")
	for _, tt := range []struct {
		name   string
		groups any
		guard  func(*ginoidc.Auth) gin.HandlerFunc
		status int
	}{
		{"any: one of two", []string{"b"}, any2("a", "b"), 200},
		{"any: both", []string{"a", "b"}, any2("a", "b"), 200},
		{"any: none", []string{"c"}, any2("a", "b"), 403},
		{"all: one of two", []string{"b"}, all2("a", "b"), 403},
		{"all: both and more", []string{"c", "b", "a"}, all2("a", "b"), 200},
		{"all: none", []string{}, all2("a", "b"), 403},
		{"no groups claim", nil, any2("admin"), 403}, // case 195
		{"case", []string{"Admin", "ADMIN"}, any2("admin"), 403},
		{"space", []string{"admin ", " admin"}, any2("admin"), 403},
		{"zero width", []string{"admin\u200b"}, any2("admin"), 403},
		{"Cyrillic", []string{"\u0430dmin"}, any2("admin"), 403},
		{"plural and path", []string{"admins", "/admin"}, any2("admin"), 403},
		{"check passes", nil, require(func(u *ginoidc.User) error { return nil }), 200},
		{"check denies", nil, require(func(u *ginoidc.User) error { return errTooYoung }), 403},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := testapp.New(t)
			var reason error
			auth := a.Auth.With(ginoidc.AbortHandlers{Forbidden: func(c *gin.Context) { reason = ginoidc.Reason(c) }})
			a.Engine.GET("/x", tt.guard(auth), a.Protected)
			a.OP.OnIDToken(func(claims map[string]any) { claims["groups"] = tt.groups })
			b := a.Browser()
			b.MustSignIn("carol")
			if r := b.Fetch("/x"); r.StatusCode != tt.status {
				t.Errorf("status %d, want %d", r.StatusCode, tt.status)
			}
			if tt.status == 403 && !errors.Is(reason, ginoidc.ErrForbidden) || tt.name == "check denies" &&
				!errors.Is(reason, errTooYoung) {
				t.Errorf("reason %v", reason)
			}
		})
	}
}

func any2(groups ...string) func(*ginoidc.Auth) gin.HandlerFunc {
	return func(a *ginoidc.Auth) gin.HandlerFunc { return a.RequireGroups(groups...) }
}

func all2(groups ...string) func(*ginoidc.Auth) gin.HandlerFunc {
	return func(a *ginoidc.Auth) gin.HandlerFunc { return a.RequireAllGroups(groups...) }
}

func require(check func(*ginoidc.User) error) func(*ginoidc.Auth) gin.HandlerFunc {
	return func(a *ginoidc.Auth) gin.HandlerFunc { return a.Require(check) }
}

// TestRegistrationMistakes: a guard that would allow everybody panics when routes are registered. Case 194.
func TestRegistrationMistakes(t *testing.T) {
	a := testapp.New(t)
	for name, register := range map[string]func(){
		"no group":             func() { a.Auth.RequireGroups() },
		"an empty group":       func() { a.Auth.RequireGroups("admin", "") },
		"an unset variable":    func() { a.Auth.RequireGroups(strings.Split("", ",")...) },
		"no group of all":      func() { a.Auth.RequireAllGroups() },
		"a blank group of all": func() { a.Auth.RequireAllGroups(" ") },
		"no domain":            func() { a.Auth.RequireEmailDomain() },
		"an empty domain":      func() { a.Auth.RequireEmailDomain("corp.example", "") },
		"an address":           func() { a.Auth.RequireEmailDomain("alice@corp.example") },
		"no parameter":         func() { a.Auth.RequireOrganization("") },
		"no check":             func() { a.Auth.Require(nil) },
		"no check either":      func() { a.Auth.RequireFunc(nil) },
		"not a pattern":        func() { a.Auth.ProtectAll("healthz") },
		"two with one path":    func() { a.Auth.Mount(a.Engine) }, // case 309
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			register()
		}()
	}
}

// TestRequireEmailDomain: only a verified address at exactly one of the domains is enough. Case 201.
func TestRequireEmailDomain(t *testing.T) {
	for _, tt := range []struct {
		email    any
		verified any
		status   int
	}{
		{"a@corp.example", true, 200},
		{"a@Corp.Example", true, 200},
		{"a@other.example", true, 200},
		{"a@corp.example", false, 403},
		{"a@corp.example", "true", 403},
		{"a@corp.example", nil, 403},
		{"a@corp.example@evil.example", true, 403},
		{"a@evil.example@corp.example", true, 403},
		{"a@sub.corp.example", true, 403},
		{"a@corp.example.", true, 403},
		{"a@notcorp.example", true, 403},
		{"a@\u0441orp.example", true, 403},
		{"", true, 403},
		{nil, true, 403},
	} {
		a := testapp.New(t)
		var reason error
		auth := a.Auth.With(ginoidc.AbortHandlers{Forbidden: func(c *gin.Context) { reason = ginoidc.Reason(c) }})
		a.Engine.GET("/x", auth.RequireEmailDomain("CORP.example", "other.example"), a.Protected)
		a.OP.OnIDToken(func(claims map[string]any) { claims["email"], claims["email_verified"] = tt.email, tt.verified })
		b := a.Browser()
		b.MustSignIn("carol")
		if r := b.Fetch("/x"); r.StatusCode != tt.status || (tt.status == 403) != errors.Is(reason, ginoidc.ErrForbidden) {
			t.Errorf("%v, verified %v: %d, %v", tt.email, tt.verified, r.StatusCode, reason)
		}
	}
}

// TestOrganization: the path selects the organization but does not grant access to it. Cases 200 and 214.
func TestOrganization(t *testing.T) {
	for _, raw := range []bool{false, true} {
		a := testapp.New(t)
		a.Engine.UseRawPath, a.Engine.UnescapePathValues = raw, !raw
		a.Engine.GET("/t/:tenant/x", a.Auth.RequireOrganization("tenant"), a.Protected)
		a.Engine.GET("/wrong/:org", a.Auth.RequireOrganization("tenant"), a.Protected)
		alice := a.Browser()
		alice.MustSignIn("alice")
		for path, status := range map[string]int{
			"/t/acme/x": 200, "/t/globex/x": 403, "/t/Acme/x": 403, "/t/acme%2fglobex/x": 403, "/t/%2e%2e/x": 403,
			"/t/acme%00/x": 403, "/t/%2561cme/x": 403, "/t//x": 403,
			"/t/acme%20/x": 403, "/t/globex/x?tenant=acme": 403, "/wrong/acme": 403,
		} {
			// Without UseRawPath Gin sees two segments in acme%2fglobex, and no route.
			if r := alice.Fetch(path); r.StatusCode != status &&
				!(r.StatusCode == 404 && strings.Contains(path, "%2f") && !raw) {
				t.Errorf("UseRawPath %v: %s: %d, want %d", raw, path, r.StatusCode, status)
			}
		}
		if r := a.Browser().Fetch("/t/acme/x"); r.StatusCode != 401 {
			t.Errorf("signed out: %d", r.StatusCode)
		}
	}
}

// TestProtectAll: ProtectAll compares route patterns, so other spellings of a public path are not public. Cases 205,
// 206, 207 and 211.
func TestProtectAll(t *testing.T) {
	a := testapp.New(t)
	alice := a.Browser()
	alice.MustSignIn("alice")
	for _, settings := range []func(*gin.Engine){
		func(*gin.Engine) {},
		func(e *gin.Engine) { e.RemoveExtraSlash = true },
		func(e *gin.Engine) { e.UseRawPath = true },
		func(e *gin.Engine) { e.RedirectFixedPath = true },
		func(e *gin.Engine) { e.HandleMethodNotAllowed = true },
	} {
		ran := false
		e := gin.New()
		settings(e)
		e.Use(a.Auth.ProtectAll("/healthz", "/files/*path"))
		a.Auth.Mount(e)
		e.GET("/healthz", func(c *gin.Context) {
			if u, ok := ginoidc.UserFrom(c); ok != (c.Query("as") != "") {
				t.Errorf("%s: the user of a public route is %+v", c.Request.URL, u)
			}
			c.String(200, "ok")
		})
		e.GET("/files/*path", func(c *gin.Context) { c.String(200, "file") })
		e.Any("/admin/users", func(c *gin.Context) { ran = true })
		e.NoRoute(func(c *gin.Context) { ran = true })
		e.NoMethod(func(c *gin.Context) { ran = true })
		get := func(method, target string) int {
			r := httptest.NewRequest(method, "/", nil)
			path, query, _ := strings.Cut(target, "?")
			r.URL.Opaque, r.URL.RawQuery = "", query
			r.URL.Path = path
			if decoded, err := r.URL.Parse(target); err == nil && strings.HasPrefix(target, "/") &&
				!strings.HasPrefix(target, "//") {
				r.URL = decoded
			}
			w := httptest.NewRecorder()
			e.ServeHTTP(w, r)
			return w.Code
		}
		for _, open := range []string{"/healthz", "/files/a", "/files/admin/users"} {
			if code := get("GET", open); code != 200 {
				t.Errorf("%s: %d", open, code)
			}
		}
		r := httptest.NewRequest("GET", "/healthz?as=alice", nil) // without Middleware
		r.Header.Set("Cookie", alice.CookieHeader())
		e.ServeHTTP(httptest.NewRecorder(), r)
		if code := get("GET", "/auth/userinfo"); code != 204 {
			t.Errorf("the plugin's own route: %d", code)
		}
		for _, target := range []string{
			"/admin/users", "//admin/users", "/./admin/users", "/x/../admin/users", "/admin//users", "/admin/./users",
			"/admin/users/", "/admin%2fusers",
			"/%61dmin/users", "/ADMIN/users", "/admin/users;x", "/admin/users%00", "/admin/users?x=/healthz",
			"/admin/users%3f/healthz", "/healthz/../admin/users",
			"/healthz%2f..%2fadmin%2fusers", "/admin/users%23/healthz", "/nowhere", "/healthz/", "/files",
		} {
			for _, method := range []string{"GET", "POST", "HEAD", "OPTIONS", "PROPFIND"} {
				if code := get(method, target); ran || code == 200 {
					t.Fatalf("%s %s reached a handler: %d", method, target, code)
				}
			}
		}
	}
}

// TestNoUser: a nil or empty user passes no guard, and a value under another context key is not a user. Cases 217 and
// 219.
func TestNoUser(t *testing.T) {
	var nobody *ginoidc.User
	if nobody.InGroup("") || nobody.InOrganization("acme") || (&ginoidc.User{Groups: []string{""}}).InGroup("") {
		t.Error("nobody is in a group")
	}
	a := testapp.New(t)
	a.Engine.GET("/start", func(c *gin.Context) {
		if err := a.Auth.StartSession(c, &ginoidc.User{Groups: []string{"admin"}}); !errors.Is(err,
			ginoidc.ErrUnauthenticated) {
			t.Errorf("StartSession without a subject: %v", err)
		}
		if err := a.Auth.StartSession(c, nil); !errors.Is(err, ginoidc.ErrUnauthenticated) {
			t.Errorf("StartSession of nobody: %v", err)
		}
		c.String(http.StatusOK, "started")
		if err := a.Auth.StartSession(c, &ginoidc.User{Subject: "alice"}); err == nil { // case 146
			t.Error("StartSession after the response has started")
		}
	})
	a.Browser().Fetch("/start")
	type requestKey struct{} // as the plugin calls its own
	a.Engine.GET("/forged", func(c *gin.Context) {
		for _, key := range []any{"user", "requestKey", "ginoidc.requestKey", requestKey{}} {
			mallory := &ginoidc.User{Subject: "mallory"}
			c.Set(key, mallory)
			c.Request = c.Request.WithContext(context.WithValue(c.Request.Context(), key, mallory))
		}
	}, a.Auth.RequireAuth(), a.Protected)
	if r := a.Browser().Fetch("/forged"); r.StatusCode != 401 {
		t.Errorf("forged key: %d", r.StatusCode)
	}
	if _, ok := ginoidc.UserFrom(&gin.Context{}); ok {
		t.Error("a user without a request")
	}
	if _, ok := ginoidc.UserFromContext(t.Context()); ok {
		t.Error("a user without a visit")
	}
}

// TestPublicRoute: a route that does not ask for the user does not open the session and stays cacheable. If it asks,
// the response is private, and code called by the handler finds the same user.
func TestPublicRoute(t *testing.T) {
	a := testapp.New(t)
	a.Engine.GET("/greet", func(c *gin.Context) {
		u, ok := ginoidc.UserFromContext(c.Request.Context())
		v, same := ginoidc.UserFrom(c)
		if ok != same || u != v {
			t.Error("two users in one request")
		}
		if ok {
			c.String(http.StatusOK, "hello "+u.Subject)
		}
	})
	b := a.Browser()
	b.MustSignIn("alice")
	if r := b.Fetch("/"); r.Header.Get("Cache-Control") != "" || r.Header.Get("Vary") != "" {
		t.Errorf("public: %v", r.Header)
	}
	if r := b.Fetch("/greet"); r.Body != "hello alice" || r.Header.Get("Cache-Control") != "private, no-store" ||
		r.Header.Get("Vary") != "Cookie" {
		t.Errorf("greet: %q %v", r.Body, r.Header)
	}
	if r := a.Browser().Fetch("/greet"); r.Body != "" || r.Header.Get("Vary") != "Cookie" {
		t.Errorf("greet, signed out: %q %v", r.Body, r.Header)
	}
}

// TestOptionalAuth: a public page knows its user or that there is none. Where that is unknown, the response is 503 and
// not the page of a visitor, and what no guard accepts is refused. Case 246.
func TestOptionalAuth(t *testing.T) {
	up := testapp.New(t)
	b := up.Browser()
	b.MustSignIn("alice")
	stateAway, tokens := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.State = brokenState{state.NewMemory(0)}
	}), testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.Providers[0].Audience = "https://api.example.com" })
	crossSite := []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"}
	for _, tt := range []struct {
		name     string
		app      *testapp.App
		signedIn bool
		method   string
		headers  []string
		status   int
		body     string
	}{
		{"nobody", up, false, "GET", testapp.Navigation(), 200, "nobody"},
		{"a user", up, true, "GET", testapp.Navigation(), 200, "alice"},
		{"a user's form", up, true, "POST", nil, 200, "alice"},
		{"nobody, from another site", up, false, "POST", crossSite, 200, "nobody"},
		{"a user, from another site", up, true, "POST", crossSite, 403, `"error":"cross_origin"`},
		{"a page, the store is away", stateAway, true, "GET", testapp.Navigation(), 503, "Try again"},
		{"a fetch, the store is away", stateAway, true, "GET", nil, 503, `"error":"session_unavailable"`},
		{"nobody, the store is away", stateAway, false, "GET", testapp.Navigation(), 200, "nobody"},
		{"a bad access token", tokens, true, "GET", []string{"Authorization", "Bearer e30"}, 401, `"invalid_access_token"`},
	} {
		engine := gin.New()
		engine.Use(tt.app.Auth.OptionalAuth())
		tt.app.Auth.Mount(engine)
		engine.Any("/page", func(c *gin.Context) {
			name := "nobody"
			if u, ok := ginoidc.UserFrom(c); ok {
				name = u.Subject
			}
			c.String(http.StatusOK, name)
		})
		headers := tt.headers
		if tt.signedIn {
			headers = append(slices.Clone(headers), "Cookie", b.CookieHeader())
		}
		w := request(t, engine, tt.method, "/page", headers...)
		if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.body) ||
			(w.Header().Get("Retry-After") != "") != (tt.status == 503) || w.Header().Get("Vary") != "Cookie" {
			t.Errorf("%s: %d %s %v", tt.name, w.Code, w.Body, w.Header())
		}
		if w := request(t, engine, "GET", "/auth/client.js", headers...); w.Code != http.StatusOK {
			t.Errorf("%s: a route of the plugin is guarded: %d", tt.name, w.Code)
		}
	}
}

// TestUnknownUserIsLogged: a page without a guard shows nobody while the store is away, and the log says so once a
// request.
func TestUnknownUserIsLogged(t *testing.T) {
	up := testapp.New(t)
	b := up.Browser()
	b.MustSignIn("alice")
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.State = brokenState{state.NewMemory(0)} })
	twice := func(c *gin.Context) {
		_, ok := a.Auth.UserFrom(c)
		if _, same := ginoidc.UserFromContext(c.Request.Context()); ok || same {
			t.Error("a user")
		}
	}
	failed := a.Auth.With(ginoidc.AbortHandlers{Failed: twice})
	a.Engine.GET("/page", twice)
	a.Engine.GET("/guarded", failed.RequireAuth())
	there := a.Browser()
	there.Jar = b.Jar
	for path, want := range map[string]string{"/page": "the user is not known", "/guarded": "request failed"} {
		a.Logs.Reset()
		there.Navigate(path)
		if out := a.Logs.String(); strings.Count(out, "\n") != 1 || !strings.Contains(out, want) ||
			!strings.Contains(out, "code=session_unavailable") {
			t.Errorf("%s: log %s", path, out)
		}
	}
	a.Logs.Reset()
	a.Browser().Navigate("/page")
	if a.Logs.Len() > 0 {
		t.Errorf("nobody: log %s", a.Logs)
	}
}

// TestRuleThatAnswers: whatever a check does to the response, the protected handler does not run, and nothing is
// appended to what the check wrote.
func TestRuleThatAnswers(t *testing.T) {
	var a *testapp.App
	for _, tt := range []struct {
		name   string
		rule   func(c *gin.Context) error
		status int
		body   string
	}{
		{"writes and says no", func(c *gin.Context) error {
			c.String(http.StatusTeapot, "short and stout")
			return errors.New("no")
		}, 418, "short and stout"},
		{"writes, and the user has to sign in", func(c *gin.Context) error {
			c.Status(http.StatusTeapot)
			c.Writer.WriteHeaderNow()
			_, _ = c.Writer.WriteString("short and stout") // without a Content-Type a redirect would add a body of its own
			a.Auth.Deny(c, ginoidc.ErrUnauthenticated)
			return nil
		}, 418, "short and stout"},
		{"denies itself", func(c *gin.Context) error {
			a.Auth.Deny(c, ginoidc.ErrProviderUnavailable)
			return nil
		}, 503, "provider_unavailable"},
		{"panics", func(*gin.Context) error { panic("rule") }, 500, "recovered"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a = testapp.New(t)
			// The recovery only writes a response and does not abort, so Gin would go on to the next handler.
			a.Engine.Use(gin.CustomRecovery(func(c *gin.Context, _ any) { c.String(500, "recovered") }))
			rule := func(c *gin.Context, _ *ginoidc.User) error { return tt.rule(c) }
			a.Engine.GET("/rule", a.Auth.RequireFunc(rule), a.Protected)
			alice := a.Browser()
			alice.MustSignIn("alice")
			for _, get := range []func(string) testapp.Reply{alice.Fetch, alice.Navigate} {
				r := get("/rule")
				page := strings.HasPrefix(r.Body, "<!doctype")
				if r.StatusCode != tt.status || !page && !strings.Contains(r.Body, tt.body) {
					t.Errorf("%d %s", r.StatusCode, r.Body)
				}
				if tt.status == 418 && r.Body != tt.body || len(a.Ran) != 0 {
					t.Errorf("%s, ran %v", r.Body, a.Ran)
				}
			}
		})
	}
}

// TestRequestsOfOtherSites: every guard refuses cross-site requests with unsafe methods. Safe methods, clients that are
// not browsers, trusted origins and CrossOriginRoutes pass. Case 149.
func TestRequestsOfOtherSites(t *testing.T) {
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.TrustedOrigins = []string{"https://admin.example.com"}
		c.CrossOriginRoutes = []string{"/hooks/:id"}
		c.Authenticators = []ginoidc.Authenticator{func(c *gin.Context) (*ginoidc.User, error) {
			if c.GetHeader("X-API-Key") == "" {
				return nil, nil
			}
			return &ginoidc.User{Subject: "robot", Groups: []string{"admin"}}, nil
		}}
	})
	a.OP.OnIDToken(func(claims map[string]any) { claims["groups"] = []string{"admin"} })
	guards := map[string]gin.HandlerFunc{
		"auth": a.Auth.RequireAuth(), "groups": a.Auth.RequireGroups("admin"), "all": a.Auth.ProtectAll(),
		"rule": a.Auth.Require(func(*ginoidc.User) error { return nil }),
		"with": a.Auth.With(ginoidc.AbortHandlers{}).RequireAuth(),
	}
	for name, guard := range guards {
		a.Engine.Any("/"+name, guard, a.Protected)
	}
	a.Engine.POST("/hooks/:id", a.Auth.RequireAuth(), a.Protected)
	b, stranger := a.Browser(), a.Browser()
	b.MustSignIn("alice")
	site := func(site string) []string { return []string{"Sec-Fetch-Site", site} }
	otherScheme := strings.Replace(testapp.URL, "https:", "http:", 1)
	for _, tt := range []struct {
		method, path string
		headers      []string
		status       int
	}{
		{"POST", "", site("cross-site"), 403},
		{"POST", "", site("same-site"), 403}, // a sibling domain, whose requests carry the cookie despite SameSite
		{"PUT", "", site("cross-site"), 403},
		{"DELETE", "", site("cross-site"), 403},
		{"PATCH", "", site("cross-site"), 403},
		{"POST", "", []string{"Origin", "https://evil.example"}, 403}, // without Fetch Metadata
		{"POST", "", []string{"Origin", "null"}, 403},
		{"POST", "", []string{"Origin", otherScheme}, 403},
		{"GET", "", []string{"Origin", otherScheme}, 200},
		{"GET", "", []string{"Origin", "https://evil.example", "Upgrade", "websocket", "Connection", "Upgrade"}, 403},
		{"POST", "", site("same-origin"), 200},
		{"POST", "", site("none"), 200},
		{"POST", "", nil, 200}, // no browser
		{"POST", "", []string{"Origin", testapp.URL}, 200},
		{"POST", "", []string{"Sec-Fetch-Site", "same-site", "Origin", "https://admin.example.com"}, 200},
		{"POST", "", []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://admin.example.com.evil.example"}, 403},
		{"GET", "", site("cross-site"), 200},
		{"GET", "", []string{"Origin", testapp.URL, "Upgrade", "websocket", "Connection", "Upgrade"}, 200},
		{"POST", "", append(site("cross-site"), "X-API-Key", "k"), 200}, // browsers do not send the key by themselves
		{"POST", "/hooks/1", site("cross-site"), 200},
	} {
		for name := range guards {
			path := tt.path
			if path == "" {
				path = "/" + name
			}
			r := b.Do(tt.method, path, nil, tt.headers...)
			if r.StatusCode != tt.status || tt.status == 403 && r.JSON(t)["error"] != "cross_origin" {
				t.Errorf("%s %s %v: %d, want %d: %s", tt.method, path, tt.headers, r.StatusCode, tt.status, r.Body)
			}
		}
	}
	if r := stranger.Do("POST", "/auth", nil, site("cross-site")...); r.StatusCode != 401 {
		t.Errorf("a client that may have lost its key: %d", r.StatusCode)
	}
	plain := testapp.New(t) // where only the cookie counts, which browsers have left out
	if r := plain.Browser().Do("POST", "/me", nil, site("cross-site")...); r.StatusCode != 403 {
		t.Errorf("without the cookie: %d", r.StatusCode)
	}
	r := b.Do("POST", "/auth/signout", nil, "Sec-Fetch-Site", "same-site", "Origin", "https://admin.example.com")
	if r.StatusCode != 303 {
		t.Errorf("sign-out from a trusted origin: %d", r.StatusCode)
	}
}

// provesAgain follows the redirect of a denied navigation through a sign-in and returns the response of the page
// afterwards.
func provesAgain(b *testapp.Browser, denied testapp.Reply) testapp.Reply {
	b.App.T.Helper()
	if denied.StatusCode != http.StatusFound || !strings.HasPrefix(denied.Location(), "/auth/signin?") {
		b.App.T.Fatalf("no step-up: %d to %q", denied.StatusCode, denied.Location())
	}
	r := b.Navigate(b.Start(denied.Location(), "alice"))
	if r.StatusCode != http.StatusSeeOther {
		return r
	}
	return b.Navigate(r.Location())
}

// TestRequireFreshSignIn: one step-up renews an old sign-in. If the provider does not send auth_time, the result is 403
// and not a loop. Cases 97, 220.
func TestRequireFreshSignIn(t *testing.T) {
	for _, tt := range []struct {
		name     string
		authTime func(now time.Time) any // of the second sign-in
		after    time.Duration           // time from the first sign-in to the request
		want     int                     // final status
		trips    int
	}{
		{"within the time", nil, 5 * time.Minute, 200, 0},
		{"within the tolerance", nil, 6 * time.Minute, 200, 0},
		{"too old", nil, 7 * time.Minute, 200, 1},
		{"the provider does not ask the user", func(now time.Time) any { return now.Add(-time.Hour).Unix() },
			time.Hour, 401, 1},
		{"the provider does not tell", func(time.Time) any { return nil }, time.Hour, 401, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := testapp.New(t)
				a.Engine.GET("/password", a.Auth.RequireFreshSignIn(5*time.Minute), a.Protected)
				b := a.Browser()
				b.MustSignIn("alice")
				a.OP.OnIDToken(func(claims map[string]any) {
					if tt.authTime != nil {
						claims["auth_time"] = tt.authTime(time.Now())
					}
				})
				time.Sleep(tt.after)
				r := b.Navigate("/password?step=1")
				if tt.trips > 0 {
					if !strings.Contains(r.Location(), "max_age=300") ||
						!strings.Contains(r.Location(), "return_to=%2Fpassword%3Fstep%3D1") {
						t.Fatalf("Location %q", r.Location())
					}
					api := b.Fetch("/password")
					challenge := api.Header.Get("WWW-Authenticate")
					if api.StatusCode != 401 || api.JSON(t)["error"] != "step_up_required" ||
						api.JSON(t)["sign_in_url"] != "/auth/signin?max_age=300" ||
						!strings.Contains(challenge, `error="insufficient_user_authentication", max_age="300"`) {
						t.Errorf("fetch: %d %s %s", api.StatusCode, api.Body, challenge)
					}
					r = provesAgain(b, r)
				}
				if r.StatusCode != tt.want {
					t.Errorf("%d to %q: %s", r.StatusCode, r.Location(), r.Body)
				}
				if b.WhoAmI() != "alice" { // a failed step-up leaves the session unchanged
					t.Error("signed out")
				}
				if tt.want == http.StatusOK && tt.trips > 0 { // and another one is possible once this one is too old
					time.Sleep(time.Hour)
					if r := provesAgain(b, b.Navigate("/password")); r.StatusCode != http.StatusOK {
						t.Errorf("an hour later: %d", r.StatusCode)
					}
				}
			})
		})
	}
}

// TestRequireFreshSignInOfAppsOwnSessions: for a session from StartSession, the AuthTime that the app gives counts. If
// it is missing, too long ago or in the future, the user is redirected to a sign-in. Case 220.
func TestRequireFreshSignInOfAppsOwnSessions(t *testing.T) {
	a := testapp.New(t)
	a.Engine.GET("/password", a.Auth.RequireFreshSignIn(time.Minute), a.Protected)
	for name, tt := range map[string]struct {
		authTime time.Time
		want     int
	}{
		"no time":         {time.Time{}, 302},
		"in the future":   {time.Now().Add(time.Hour), 302},
		"an hour ago":     {time.Now().Add(-time.Hour), 302},
		"a moment ago":    {time.Now(), 200},
		"by a fast clock": {time.Now().Add(30 * time.Second), 200},
	} {
		path := "/start/" + strings.ReplaceAll(name, " ", "-")
		a.Engine.POST(path, func(c *gin.Context) {
			if err := a.Auth.StartSession(c, &ginoidc.User{Subject: "alice", AuthTime: tt.authTime}); err != nil {
				t.Error(err)
			}
		})
		b := a.Browser()
		b.Do("POST", path, nil)
		if r := b.Navigate("/password"); r.StatusCode != tt.want {
			t.Errorf("%s: %d", name, r.StatusCode)
		}
	}
}

// TestRequireACR: if a sign-in was not strong enough, it is repeated once with the classes that the route requires.
// Case 220.
func TestRequireACR(t *testing.T) {
	for _, tt := range []struct {
		name          string
		first, second any // the acr of the sign-ins
		want, trips   int
	}{
		{"strong at once", "gold", nil, 200, 0},
		{"strong the other way", "platinum", nil, 200, 0},
		{"strong at the second time", "silver", "gold", 200, 1},
		{"none at first", nil, "platinum", 200, 1},
		{"never", "silver", "silver", 403, 1},
		{"never told", nil, nil, 403, 1},
		{"another spelling", "Gold", "gold ", 403, 1},
		{"not a text", 1, []string{"gold"}, 403, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := testapp.New(t)
			a.Engine.GET("/pay", a.Auth.RequireACR("gold", "platinum"), a.Protected)
			acr := tt.first
			a.OP.OnIDToken(func(claims map[string]any) { claims["acr"] = acr })
			b := a.Browser()
			b.MustSignIn("alice")
			acr = tt.second
			r := b.Navigate("/pay")
			if tt.trips > 0 {
				if !strings.Contains(r.Location(), "acr_values=gold+platinum") {
					t.Fatalf("Location %q", r.Location())
				}
				if challenge := b.Fetch("/pay").Header.Get("WWW-Authenticate"); !strings.Contains(challenge,
					`acr_values="gold platinum"`) {
					t.Errorf("challenge %s", challenge)
				}
				r = provesAgain(b, r)
			}
			if r.StatusCode != tt.want || a.Ran["/pay"] != map[bool]int{true: 1}[tt.want == 200] {
				t.Errorf("%d to %q, the handler ran %d times", r.StatusCode, r.Location(), a.Ran["/pay"])
			}
		})
	}
}

// TestStepUpBeyondWhatWasAsked: the provider did not satisfy a max_age of an hour. It may still satisfy one of a
// minute, so that step-up is tried.
func TestStepUpBeyondWhatWasAsked(t *testing.T) {
	for asked, want := range map[string]int{"3600": http.StatusFound, "60": http.StatusForbidden} {
		synctest.Test(t, func(t *testing.T) {
			a := testapp.New(t)
			a.Engine.GET("/password", a.Auth.RequireFreshSignIn(time.Minute), a.Protected)
			b := a.Browser()
			a.OP.OnIDToken(func(claims map[string]any) {
				claims["auth_time"] = time.Now().Add(-time.Minute - 30*time.Second).Unix()
			})
			if r := b.Navigate(b.Start("/auth/signin?max_age="+asked, "alice")); r.StatusCode != http.StatusSeeOther {
				t.Fatalf("sign-in: %d %s", r.StatusCode, r.Body)
			}
			time.Sleep(45 * time.Second) // beyond the clock skew tolerated
			if r := b.Navigate("/password"); r.StatusCode != want {
				t.Errorf("after a sign-in with max_age=%s: %d, want %d", asked, r.StatusCode, want)
			}
		})
	}
}

// TestGroupsGoneAtStepUp: a user who has lost all groups since the sign-in has none after a step-up. Case 109.
func TestGroupsGoneAtStepUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := testapp.New(t)
		a.Engine.GET("/password", a.Auth.RequireFreshSignIn(5*time.Minute), a.Protected)
		b := a.Browser()
		b.MustSignIn("alice")
		if r := b.Fetch("/admin"); r.StatusCode != http.StatusOK {
			t.Fatalf("with groups: %d", r.StatusCode)
		}
		gone := func(claims map[string]any) { delete(claims, "groups") }
		a.OP.OnIDToken(gone)
		a.OP.OnUserInfo(gone)
		time.Sleep(time.Hour)
		if r := provesAgain(b, b.Navigate("/password")); r.StatusCode != http.StatusOK {
			t.Fatalf("step-up: %d", r.StatusCode)
		}
		if r := b.Fetch("/admin"); r.StatusCode != http.StatusForbidden || b.WhoAmI() != "alice" {
			t.Errorf("without groups: %d", r.StatusCode)
		}
	})
}

// TestStepUpGuardsRefuse: requirements that nobody or everybody would satisfy panic.
func TestStepUpGuardsRefuse(t *testing.T) {
	a := testapp.New(t)
	a.Auth.RequireFreshSignIn(time.Second)
	for name, register := range map[string]func(){
		"no time":         func() { a.Auth.RequireFreshSignIn(0) },
		"under a second":  func() { a.Auth.RequireFreshSignIn(time.Second - 1) },
		"no class":        func() { a.Auth.RequireACR() },
		"an empty class":  func() { a.Auth.RequireACR("gold", "") },
		"two in one":      func() { a.Auth.RequireACR("gold silver") },
		"a quote":         func() { a.Auth.RequireACR(`go"ld`) },
		"no method":       func() { a.Auth.RequireAMR() },
		"an empty method": func() { a.Auth.RequireAMR("otp", "") },
		"too long":        func() { a.Auth.RequireACR(strings.Repeat("a", 200), strings.Repeat("b", 200)) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			register()
		}()
	}
}

const api = "https://api.example.com"

// newAPI returns an app that accepts access tokens. It has routes for a scope, for people, for machines, and for a
// strong sign-in.
func newAPI(t *testing.T, change ...testapp.Change) *testapp.App {
	t.Helper()
	a := testapp.New(t, append([]testapp.Change{func(c *ginoidc.Config, _ *fakeop.Config) {
		c.Providers[0].Audience = api
	}}, change...)...)
	a.OP.OnIDToken(func(claims map[string]any) { claims["groups"] = []string{"admin"} })
	show := func(c *gin.Context) {
		u, _ := ginoidc.UserFrom(c)
		c.JSON(http.StatusOK, gin.H{"sub": u.Subject, "client": u.ClientID, "scopes": u.Scopes, "machine": u.IsMachine()})
	}
	a.Engine.GET("/things", a.Auth.RequireScopes("read", "list"), show)
	a.Engine.GET("/people", a.Auth.RequirePerson(), show)
	a.Engine.GET("/machines", a.Auth.RequireMachine(), show)
	a.Engine.GET("/mfa", a.Auth.RequireACR("mfa"), show)
	a.Engine.GET("/fresh", a.Auth.RequireFreshSignIn(time.Minute), show)
	return a
}

// TestBearer: an access token alone identifies the user, even if there is a session. Each refusal has its own response.
func TestBearer(t *testing.T) {
	a := newAPI(t)
	mint := func(token string, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return "Bearer " + token
	}
	alice := mint(a.OP.AccessToken("alice", api, "read", "list"))
	little := mint(a.OP.AccessToken("alice", api, "read"))
	robot := mint(a.OP.ClientToken(api, "read", "list"))
	elsewhere := mint(a.OP.AccessToken("alice", "https://other.example.com", "read"))
	b := a.Browser()
	b.MustSignIn("bob")
	const invalid = `Bearer realm="https://app.example.com", error="invalid_token"`
	for _, tt := range []struct {
		name, path, authorization string
		status                    int
		sub, challenge            string
	}{
		{"a user", "/me", alice, 200, "alice", ""},
		{"a client", "/me", robot, 200, "app", ""},
		{"scheme in lower case", "/me", "bearer " + strings.TrimPrefix(alice, "Bearer "), 200, "alice", ""},
		{"scopes", "/things", alice, 200, "alice", ""},
		{"a scope is missing", "/things", little, 403, "",
			`Bearer realm="https://app.example.com", error="insufficient_scope", scope="read list"`},
		{"a session has no scopes", "/things", "", 403, "", ""},
		{"a person", "/people", alice, 200, "alice", ""},
		{"a person by session", "/people", "", 200, "bob", ""},
		{"no person", "/people", robot, 403, "", ""},
		{"a machine", "/machines", robot, 200, "app", ""},
		{"no machine", "/machines", alice, 403, "", ""},
		{"not strong enough", "/mfa", alice, 401, "",
			`Bearer realm="https://app.example.com", error="insufficient_user_authentication", acr_values="mfa"`},
		{"another audience", "/me", elsewhere, 401, "", invalid},
		{"garbage", "/me", "Bearer garbage", 401, "", invalid},
		{"nothing", "/me", "Bearer ", 401, "", invalid},
		{"no token", "/me", "Bearer", 401, "", invalid},
		{"a tab", "/me", "Bearer\tgarbage", 401, "", invalid},
		{"two tokens", "/me", alice + " " + strings.TrimPrefix(alice, "Bearer "), 401, "", invalid},
		{"quotes", "/me", `Bearer "` + strings.TrimPrefix(alice, "Bearer ") + `"`, 401, "", invalid},
		{"DPoP without a key", "/me", "DPoP " + "garbage", 401, "", invalid},
		{"another scheme", "/me", "Basic Ym9iOmJvYg==", 200, "bob", ""},
		{"no header", "/me", "", 200, "bob", ""},
		{"a public page", "/", "Bearer garbage", 200, "", ""},
	} {
		for _, page := range []bool{false, true} {
			headers := []string{"Authorization", tt.authorization}
			if tt.authorization == "" {
				headers = nil
			}
			if page {
				headers = append(headers, testapp.Navigation()...)
			}
			r := b.Do(http.MethodGet, tt.path, nil, headers...)
			if r.StatusCode != tt.status || r.Header.Get("Set-Cookie") != "" || r.Location() != "" {
				t.Errorf("%s, page %t: %d, want %d; cookies %q, to %q", tt.name, page, r.StatusCode, tt.status,
					r.Header["Set-Cookie"], r.Location())
				continue
			}
			if got := strings.Join(r.Header.Values("WWW-Authenticate"), "\n"); got != tt.challenge {
				t.Errorf("%s: challenge %q, want %q", tt.name, got, tt.challenge)
			}
			if tt.sub != "" && r.JSON(t)["sub"] != tt.sub {
				t.Errorf("%s: %s", tt.name, r.Body)
			}
		}
	}
}

// TestBearerRefusals: only access tokens for this app are accepted, and refused ones cause no fetch of keys. Cases 383,
// 384.
func TestBearerRefusals(t *testing.T) {
	a := newAPI(t)
	good, err := a.OP.AccessToken("alice", api)
	if err != nil {
		t.Fatal(err)
	}
	b := a.Browser()
	if r := b.Do(http.MethodGet, "/me", nil, "Authorization", "Bearer "+good); r.StatusCode != 200 {
		t.Fatalf("%d %s", r.StatusCode, r.Body)
	}
	if s := a.Auth.AccessTokenStats(); s != (ginoidc.TokenStats{Entries: 1, Misses: 1}) {
		t.Errorf("after the first token: %+v", s)
	}
	b.Do(http.MethodGet, "/me", nil, "Authorization", "Bearer "+good)
	if s := a.Auth.AccessTokenStats(); s != (ginoidc.TokenStats{Entries: 1, Hits: 1, Misses: 1}) {
		t.Errorf("the second time: %+v", s)
	}
	bad, err := a.OP.BadAccessTokens("alice", api)
	if err != nil {
		t.Fatal(err)
	}
	if len(bad) < 30 {
		t.Fatalf("%d tokens", len(bad))
	}
	for name, token := range bad {
		r := b.Do(http.MethodGet, "/me", nil, "Authorization", "Bearer "+token)
		if r.StatusCode != 401 || r.JSON(t)["error"] != "invalid_access_token" || r.Header.Get("Set-Cookie") != "" {
			t.Errorf("%s: %d %s", name, r.StatusCode, r.Body)
		}
	}
	if n := a.OP.Count(fakeop.JWKS); n > 2 {
		t.Errorf("%d fetches of keys", n)
	}
	for _, where := range []string{"/me?access_token=" + good, "/me?token=" + good} {
		if r := b.Fetch(where); r.StatusCode != 401 {
			t.Errorf("a token in the query: %d", r.StatusCode)
		}
	}
	form := strings.NewReader("access_token=" + good)
	if r := b.Do("POST", "/me", form, "Content-Type", "application/x-www-form-urlencoded"); r.StatusCode != 401 {
		t.Errorf("a token in the body: %d", r.StatusCode)
	}
	if !strings.Contains(a.Logs.String(), "code=invalid_access_token") {
		t.Error("refused tokens are not in the log")
	}
	if strings.Contains(a.Logs.String(), good) || strings.Contains(a.Logs.String(), "eyJ") {
		t.Error("a token is in the log")
	}
}

// proofOf makes a DPoP proof; edit may change its header and claims.
func proofOf(
	t *testing.T, key *ecdsa.PrivateKey, method, url, token string, edit func(header, claims map[string]any),
) string {
	t.Helper()
	sum := sha256.Sum256([]byte(token))
	header := map[string]any{"typ": "dpop+jwt", "jwk": jose.JSONWebKey{Key: &key.PublicKey}}
	claims := map[string]any{"jti": rand.Text(), "htm": method, "htu": url, "iat": time.Now().Unix(),
		"ath": base64.RawURLEncoding.EncodeToString(sum[:])}
	if edit != nil {
		edit(header, claims)
	}
	options := &jose.SignerOptions{}
	for name, value := range header {
		options = options.WithHeader(jose.HeaderKey(name), value)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, options)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := signer.Sign(text)
	if err != nil {
		t.Fatal(err)
	}
	proof, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return proof
}

// TestIntrospectedUsers: a token of a client that acts on its own behalf identifies the client, and one that identifies
// nobody is refused. A header without a token is refused without a call.
func TestIntrospectedUsers(t *testing.T) {
	for name, tt := range map[string]struct {
		answer map[string]any
		want   string // the subject, or "" for a refusal
	}{
		"a user":              {map[string]any{"sub": "alice", "client_id": "svc"}, "alice"},
		"a client":            {map[string]any{"client_id": "svc"}, "svc"},
		"a client as subject": {map[string]any{"sub": "svc", "client_id": "svc"}, "svc"},
		"nobody":              {map[string]any{}, ""},
		"no token":            {nil, ""},
	} {
		a := newAPI(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.Providers[0].Introspection = "json" })
		a.OP.OnIntrospection(func(answer map[string]any) {
			delete(answer, "sub")
			delete(answer, "client_id")
			maps.Copy(answer, tt.answer)
		})
		token, err := a.OP.OpaqueToken("alice", api)
		if err != nil {
			t.Fatal(err)
		}
		if tt.answer == nil {
			token = ""
		}
		r := a.Browser().Do(http.MethodGet, "/me", nil, "Authorization", "Bearer "+token)
		if tt.want == "" {
			calls := a.OP.Count(fakeop.Introspection)
			if r.StatusCode != 401 || r.JSON(t)["error"] != "invalid_access_token" || (calls > 0) != (token != "") {
				t.Errorf("%s: %d %s after %d calls", name, r.StatusCode, r.Body, calls)
			}
		} else if r.StatusCode != 200 || r.JSON(t)["sub"] != tt.want {
			t.Errorf("%s: %d %s", name, r.StatusCode, r.Body)
		}
	}
}

// TestServiceAccount: a client that the provider gives a subject of its own is identified by that one.
func TestServiceAccount(t *testing.T) {
	a := newAPI(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.Providers[0].AccessTokenProfile = "auth0" })
	a.OP.OnAccessToken(func(claims map[string]any) {
		maps.Copy(claims, map[string]any{"sub": "svc@clients", "azp": "svc", "client_id": "svc"})
	})
	token, err := a.OP.AccessToken("alice", api)
	if err != nil {
		t.Fatal(err)
	}
	r := a.Browser().Do(http.MethodGet, "/machines", nil, "Authorization", "Bearer "+token)
	if r.StatusCode != 200 || r.JSON(t)["sub"] != "svc@clients" || r.JSON(t)["client"] != "svc" {
		t.Errorf("%d %s\n%s", r.StatusCode, r.Body, a.Logs)
	}
}

// TestBearerBoundToKey: an access token that is bound to a key is accepted only with a fresh proof of that key, made
// for this request, once on all instances. Case 380.
func TestBearerBoundToKey(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	thief, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public := jose.JSONWebKey{Key: &key.PublicKey}
	thumbprint, err := public.Thumbprint(crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	shared := state.NewMemory(0)
	a := newAPI(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.State = shared })
	other := newAPI(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.State, c.Providers[0].Transport = shared, a.OP.Transport()
	})
	unbound, err := a.OP.AccessToken("alice", api)
	if err != nil {
		t.Fatal(err)
	}
	a.OP.OnAccessToken(func(claims map[string]any) {
		claims["cnf"] = map[string]any{"jkt": base64.RawURLEncoding.EncodeToString(thumbprint)}
	})
	token, err := a.OP.AccessToken("alice", api)
	if err != nil {
		t.Fatal(err)
	}
	const url = testapp.URL + "/me"
	claim := func(name string, value any) func(header, claims map[string]any) {
		return func(_, claims map[string]any) { claims[name] = value }
	}
	header := func(name string, value any) func(header, claims map[string]any) {
		return func(header, _ map[string]any) { header[name] = value }
	}
	proof := func(edit func(header, claims map[string]any)) []string {
		return []string{proofOf(t, key, "GET", url, token, edit)}
	}
	past := func(age time.Duration) int64 { return time.Now().Add(-age).Unix() }
	for _, tt := range []struct {
		name, scheme, token string
		proofs              []string
		status              int
	}{
		{"a proof", "DPoP", token, proof(nil), 200},
		{"scheme in lower case", "dpop", token, proof(nil), 200},
		{"the default port", "DPoP", token, proof(claim("htu", "https://APP.example.com:443/me")), 200},
		{"a query", "DPoP", token, proof(claim("htu", url+"?x=1")), 200},
		{"a minute old", "DPoP", token, proof(claim("iat", past(time.Minute))), 200},
		{"as a bearer token", "Bearer", token, nil, 401},
		{"as a bearer token with a proof", "Bearer", token, proof(nil), 401},
		{"an unbound token", "DPoP", unbound, proof(nil), 401},
		{"no proof", "DPoP", token, nil, 401},
		{"two proofs", "DPoP", token, append(proof(nil), proof(nil)...), 401},
		{"garbage", "DPoP", token, []string{"garbage"}, 401},
		{"another key", "DPoP", token, []string{proofOf(t, thief, "GET", url, token, nil)}, 401},
		{"another key's signature", "DPoP", token,
			[]string{proofOf(t, thief, "GET", url, token, header("jwk", public))}, 401},
		{"another method", "DPoP", token, proof(claim("htm", "POST")), 401},
		{"another path", "DPoP", token, proof(claim("htu", testapp.URL+"/admin")), 401},
		{"another host", "DPoP", token, proof(claim("htu", "https://evil.example/me")), 401},
		{"another scheme", "DPoP", token, proof(claim("htu", "http://app.example.com/me")), 401},
		{"another token", "DPoP", token, []string{proofOf(t, key, "GET", url, unbound, nil)}, 401},
		{"no ath", "DPoP", token, proof(claim("ath", nil)), 401},
		{"no jti", "DPoP", token, proof(claim("jti", "")), 401},
		{"old", "DPoP", token, proof(claim("iat", past(3*time.Minute))), 401},
		{"of the future", "DPoP", token, proof(claim("iat", past(-2*time.Minute))), 401},
		{"no time", "DPoP", token, proof(claim("iat", "now")), 401},
		{"another type", "DPoP", token, proof(header("typ", "JWT")), 401},
		{"critical", "DPoP", token, proof(header("crit", []string{"exp"})), 401},
		{"a private key", "DPoP", token, proof(header("jwk", jose.JSONWebKey{Key: key})), 401},
	} {
		headers := []string{"Authorization", tt.scheme + " " + tt.token}
		for _, p := range tt.proofs {
			headers = append(headers, "DPoP", p)
		}
		r := a.Browser().Do("GET", "/me", nil, headers...)
		if r.StatusCode != tt.status {
			t.Errorf("%s: %d %s", tt.name, r.StatusCode, r.Body)
		}
		challenge := r.Header.Get("WWW-Authenticate")
		if tt.status == 401 && !strings.HasPrefix(challenge, `DPoP realm="`) &&
			!strings.Contains(challenge, "invalid_token") {
			t.Errorf("%s: challenge %q", tt.name, challenge)
		}
	}
	strict := newAPI(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.Providers[0].Transport, c.Providers[0].RequireBoundTokens = a.OP.Transport(), true
	})
	for authorization, want := range map[string]int{"DPoP " + token: 200, "Bearer " + unbound: 401} {
		r := strict.Browser().Do("GET", "/me", nil, "Authorization", authorization, "DPoP", proof(nil)[0])
		if r.StatusCode != want {
			t.Errorf("where tokens have to be bound, %.8s: %d %s", authorization, r.StatusCode, r.Body)
		}
	}
	replayed := proof(nil)[0]
	for i, on := range []*testapp.App{other, a, other} {
		r := on.Browser().Do("GET", "/me", nil, "Authorization", "DPoP "+token, "DPoP", replayed)
		if want := []int{200, 401, 401}[i]; r.StatusCode != want {
			t.Errorf("time %d: %d, want %d", i+1, r.StatusCode, want)
		}
	}
}

// TestBearerBoundToCertificate: an access token that is bound to a TLS client certificate is accepted only over a
// connection with that certificate. Case 381.
func TestBearerBoundToCertificate(t *testing.T) {
	own, stolen := testapp.SelfSigned(t), testapp.SelfSigned(t)
	a := newAPI(t)
	sum := sha256.Sum256(own.Certificate[0])
	a.OP.OnAccessToken(func(claims map[string]any) {
		claims["cnf"] = map[string]any{"x5t#S256": base64.RawURLEncoding.EncodeToString(sum[:])}
	})
	token, err := a.OP.AccessToken("alice", api)
	if err != nil {
		t.Fatal(err)
	}
	parsed := func(certificate tls.Certificate) []*x509.Certificate {
		leaf, err := x509.ParseCertificate(certificate.Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		return []*x509.Certificate{leaf}
	}
	for name, tt := range map[string]struct {
		connection *tls.ConnectionState
		status     int
	}{
		"no TLS":              {nil, 401},
		"no certificate":      {&tls.ConnectionState{}, 401},
		"another certificate": {&tls.ConnectionState{PeerCertificates: parsed(stolen)}, 401},
		"the certificate":     {&tls.ConnectionState{PeerCertificates: parsed(own)}, 200},
	} {
		r := httptest.NewRequest("GET", testapp.URL+"/me", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		r.TLS = tt.connection
		w := httptest.NewRecorder()
		if a.Engine.ServeHTTP(w, r); w.Code != tt.status {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
}

// TestThreeKindsOfClient: browsers, clients with access tokens and clients with API keys share one route at one time,
// and each is refused in its own form. Case 382.
func TestThreeKindsOfClient(t *testing.T) {
	a := newAPI(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.Authenticators = []ginoidc.Authenticator{byKey(map[string]func(*gin.Context) (*ginoidc.User, error){
			"robot": shows(ginoidc.User{Subject: "robot"}),
		})}
	})
	a.Engine.GET("/who", a.Auth.RequireAuth(), func(c *gin.Context) {
		u, _ := ginoidc.UserFrom(c)
		c.String(http.StatusOK, u.Subject)
	})
	token, err := a.OP.AccessToken("alice", api)
	if err != nil {
		t.Fatal(err)
	}
	browser := a.Browser()
	for _, credential := range [][]string{{"Authorization", "Bearer x"}, {"X-API-Key", "unknown"}} {
		r := browser.Do("GET", browser.Start("/auth/signin", "bob"), nil, append(testapp.Navigation(), credential...)...)
		if r.StatusCode != http.StatusSeeOther || browser.WhoAmI() != "bob" {
			t.Errorf("a sign-in with %q: %d %s", credential, r.StatusCode, r.Body)
		}
	}
	cookie, page := browser.CookieHeader(), testapp.Navigation()
	var wg sync.WaitGroup
	for _, tt := range []struct {
		headers []string
		status  int
		want    string // the body, or the beginning of a header that says how to authenticate
	}{
		{[]string{"Cookie", cookie}, 200, "bob"},
		{[]string{"Authorization", "Bearer " + token}, 200, "alice"},
		{[]string{"X-API-Key", "robot"}, 200, "robot"},
		{[]string{"Cookie", cookie, "Authorization", "Bearer " + token}, 200, "alice"},
		{[]string{"Cookie", cookie, "Authorization", "Bearer " + token, "X-API-Key", "robot"}, 200, "robot"},
		{page, 302, "/auth/signin?return_to=%2Fwho"},
		{nil, 401, `Cookie realm="https://app.example.com"`},
		{[]string{"Cookie", cookie, "Authorization", "Bearer x"}, 401, `Bearer realm="https://app.example.com", error=`},
		{[]string{"Cookie", cookie, "X-API-Key", "unknown"}, 401, `Cookie realm="https://app.example.com"`},
	} {
		for range 8 {
			wg.Go(func() {
				r := httptest.NewRequest("GET", testapp.URL+"/who", nil)
				for i := 0; i < len(tt.headers); i += 2 {
					r.Header.Add(tt.headers[i], tt.headers[i+1])
				}
				w := httptest.NewRecorder()
				a.Engine.ServeHTTP(w, r)
				got := w.Body.String()
				switch w.Code {
				case http.StatusFound:
					got = w.Header().Get("Location")
				case http.StatusUnauthorized:
					got = w.Header().Get("WWW-Authenticate")
				}
				if w.Code != tt.status || !strings.HasPrefix(got, tt.want) {
					t.Errorf("%q: %d %s", tt.headers, w.Code, got)
				}
			})
		}
	}
	wg.Wait()
}

// TestResourceMetadata: a client that is refused finds the metadata of the resource, and in it who issues tokens.
func TestResourceMetadata(t *testing.T) {
	const resource = testapp.URL + "/v1"
	a := newAPI(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.Resource = resource })
	const address = testapp.URL + "/.well-known/oauth-protected-resource/v1"
	b := a.Browser()
	for name, authorization := range map[string]string{"no token": "Basic x", "a bad token": "Bearer x"} {
		r := b.Do("GET", "/me", nil, "Authorization", authorization)
		challenge := strings.Join(r.Header.Values("WWW-Authenticate"), "\n")
		if r.StatusCode != 401 || strings.Count(challenge, `, resource_metadata="`+address+`"`) != 1 {
			t.Errorf("%s: %d, challenge %q", name, r.StatusCode, challenge)
		}
	}
	r := b.Do("GET", strings.TrimPrefix(address, testapp.URL), nil, "Origin", "https://client.example")
	want := map[string]any{
		"resource": resource, "authorization_servers": []any{testapp.Issuer},
		"bearer_methods_supported": []any{"header"},
		"dpop_signing_alg_values_supported": []any{
			"ES256", "ES384", "ES512", "EdDSA", "PS256", "PS384", "PS512", "RS256",
		},
	}
	if got := r.JSON(t); r.StatusCode != 200 || !reflect.DeepEqual(got, want) {
		t.Errorf("%d %v", r.StatusCode, got)
	}
	h := r.Header
	if h.Get("Access-Control-Allow-Origin") != "*" || !strings.HasPrefix(h.Get("Cache-Control"), "public") ||
		!strings.HasPrefix(h.Get("Content-Type"), "application/json") || h.Get("Set-Cookie") != "" {
		t.Errorf("%v", h)
	}
	preflight := b.Do("OPTIONS", strings.TrimPrefix(address, testapp.URL), nil, "Origin", "https://client.example",
		"Access-Control-Request-Method", "GET", "Access-Control-Request-Headers", "mcp-protocol-version")
	if preflight.StatusCode != 204 || preflight.Header.Get("Access-Control-Allow-Headers") != "*" {
		t.Errorf("preflight: %d %v", preflight.StatusCode, preflight.Header)
	}
	for _, method := range []string{"POST", "PUT", "DELETE"} {
		r := b.Do(method, strings.TrimPrefix(address, testapp.URL), nil)
		if r.StatusCode != 405 || r.Header.Get("Allow") == "" {
			t.Errorf("%s: %d", method, r.StatusCode)
		}
	}
	off := newAPI(t).Browser()
	if r := off.Fetch("/.well-known/oauth-protected-resource"); r.StatusCode != 404 {
		t.Errorf("without Resource: %d", r.StatusCode)
	}
}

// TestResourceMetadataPath: the metadata is at the root of the host, wherever the app is mounted, and a guard in front
// of it lets it pass.
func TestResourceMetadataPath(t *testing.T) {
	gin.SetMode(gin.ReleaseMode)
	for _, tt := range []struct{ app, resource, group, want string }{
		{"", "", "", "/.well-known/oauth-protected-resource"},
		{"", "/", "", "/.well-known/oauth-protected-resource"},
		{"/shop", "/shop", "", "/.well-known/oauth-protected-resource/shop"},
		{"/shop", "/shop", "/shop", "/.well-known/oauth-protected-resource/shop"},
		{"/a/shop", "/a/shop/api", "/a/shop", "/.well-known/oauth-protected-resource/a/shop/api"},
	} {
		a := newAPI(t, func(c *ginoidc.Config, _ *fakeop.Config) {
			c.AppURL, c.Resource = testapp.URL+tt.app, testapp.URL+tt.resource
		})
		engine := gin.New()
		engine.Use(a.Auth.RequireAuth())
		var mounted gin.IRouter = engine
		if tt.group != "" {
			mounted = engine.Group(tt.group)
		}
		a.Auth.Mount(mounted)
		w := httptest.NewRecorder()
		engine.ServeHTTP(w, httptest.NewRequest("GET", tt.want, nil))
		if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"resource":"`+testapp.URL+tt.resource+`"`) {
			t.Errorf("%+v: %d %s", tt, w.Code, w.Body)
		}
	}
}

// newProver returns a client's key, and a function that makes access tokens of alice that are bound to it.
func newProver(t *testing.T, op *fakeop.Provider) (*ecdsa.PrivateKey, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public := jose.JSONWebKey{Key: &key.PublicKey}
	thumbprint, err := public.Thumbprint(crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	op.OnAccessToken(func(claims map[string]any) {
		claims["cnf"] = map[string]any{"jkt": base64.RawURLEncoding.EncodeToString(thumbprint)}
	})
	token, err := op.AccessToken("alice", api)
	if err != nil {
		t.Fatal(err)
	}
	return key, token
}

// TestDPoPNonce: a proof needs a nonce of the app. A refusal has one, every instance accepts it for five minutes, and
// the client gets the next one before the end of that time. Case 380.
func TestDPoPNonce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		needNonce := func(c *ginoidc.Config, _ *fakeop.Config) { c.Providers[0].RequireDPoPNonce = true }
		a := newAPI(t, needNonce)
		other := newAPI(t, needNonce, func(c *ginoidc.Config, _ *fakeop.Config) {
			c.Providers[0].Transport = a.OP.Transport()
		})
		key, token := newProver(t, a.OP)
		get := func(a *testapp.App, nonce any, edit func(claims map[string]any)) testapp.Reply {
			proof := proofOf(t, key, "GET", testapp.URL+"/me", token, func(_, claims map[string]any) {
				claims["nonce"] = nonce
				if edit != nil {
					edit(claims)
				}
			})
			return a.Browser().Do("GET", "/me", nil, "Authorization", "DPoP "+token, "DPoP", proof)
		}
		refused := get(a, nil, nil)
		nonce := refused.Header.Get("DPoP-Nonce")
		if challenge := refused.Header.Get("WWW-Authenticate"); refused.StatusCode != 401 || nonce == "" ||
			!strings.HasPrefix(challenge, `DPoP realm="https://app.example.com", error="use_dpop_nonce", algs="`) {
			t.Fatalf("%d, nonce %q, challenge %q", refused.StatusCode, nonce, challenge)
		}
		for name, garbage := range map[string]any{"garbage": "garbage", "a number": 1, "altered": nonce + "A"} {
			if r := get(a, garbage, nil); r.StatusCode != 401 || r.Header.Get("DPoP-Nonce") == "" {
				t.Errorf("%s: %d", name, r.StatusCode)
			}
		}
		bad := get(a, nil, func(claims map[string]any) { claims["htm"] = "POST" })
		if bad.StatusCode != 401 || strings.Contains(bad.Header.Get("WWW-Authenticate"), "use_dpop_nonce") {
			t.Errorf("a nonce cannot correct the proof: %q", bad.Header.Get("WWW-Authenticate"))
		}
		if r := get(a, nonce, nil); r.StatusCode != 200 || r.Header.Get("DPoP-Nonce") != "" {
			t.Errorf("with the nonce: %d, next %q", r.StatusCode, r.Header.Get("DPoP-Nonce"))
		}
		time.Sleep(3 * time.Minute)
		next := get(other, nonce, nil)
		if next.StatusCode != 200 || next.Header.Get("DPoP-Nonce") == "" {
			t.Errorf("on another instance: %d, next %q", next.StatusCode, next.Header.Get("DPoP-Nonce"))
		}
		time.Sleep(2 * time.Minute)
		if r := get(a, nonce, nil); r.StatusCode != 401 {
			t.Errorf("after five minutes: %d", r.StatusCode)
		}
		if r := get(a, next.Header.Get("DPoP-Nonce"), nil); r.StatusCode != 200 {
			t.Errorf("with the next one: %d %s", r.StatusCode, r.Body)
		}
	})
}

// TestCertificateHeader: behind a proxy, the certificate that a token is bound to comes in a header. From anyone else
// the header is refused, even with a token that needs none. Case 381.
func TestCertificateHeader(t *testing.T) {
	own, stolen := testapp.SelfSigned(t).Certificate[0], testapp.SelfSigned(t).Certificate[0]
	sum := sha256.Sum256(own)
	sequence := func(der []byte) string { return ":" + base64.StdEncoding.EncodeToString(der) + ":" }
	escaped := func(der []byte) string {
		return url.PathEscape(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	}
	const proxy, elsewhere = "10.0.0.9:1", "203.0.113.5:1"
	for _, tt := range []struct {
		name, format, peer string
		bound              bool
		values             []string
		status             int
	}{
		{"the certificate", "", proxy, true, []string{sequence(own)}, 200},
		{"the certificate in PEM", "pem", proxy, true, []string{escaped(own)}, 200},
		{"the other format", "", proxy, true, []string{escaped(own)}, 401},
		{"another certificate", "", proxy, true, []string{sequence(stolen)}, 401},
		{"no certificate", "", proxy, true, nil, 401},
		{"twice", "", proxy, true, []string{sequence(own), sequence(own)}, 401},
		{"not the proxy", "", elsewhere, true, []string{sequence(own)}, 401},
		{"not the proxy, an unbound token", "", elsewhere, false, []string{sequence(own)}, 401},
		{"an unbound token", "", proxy, false, []string{sequence(own)}, 200},
		{"no header, an unbound token", "", elsewhere, false, nil, 200},
	} {
		a := newAPI(t, func(c *ginoidc.Config, _ *fakeop.Config) {
			c.CertificateHeader, c.CertificateFormat = "Client-Cert", tt.format
			c.CertificateProxies = []string{"10.0.0.0/8"}
		})
		if tt.bound {
			a.OP.OnAccessToken(func(claims map[string]any) {
				claims["cnf"] = map[string]any{"x5t#S256": base64.RawURLEncoding.EncodeToString(sum[:])}
			})
		}
		token, err := a.OP.AccessToken("alice", api)
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest("GET", testapp.URL+"/me", nil)
		r.RemoteAddr, r.Header["Client-Cert"] = tt.peer, tt.values
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		if a.Engine.ServeHTTP(w, r); w.Code != tt.status {
			t.Errorf("%s: %d %s", tt.name, w.Code, w.Body)
		}
	}
}
