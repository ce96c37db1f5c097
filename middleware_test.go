package ginoidc_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"

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
			"/t/acme%00/x": 403,
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
		e.GET("/healthz", func(c *gin.Context) { c.String(200, "ok") })
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
	a.Engine.GET("/forged", func(c *gin.Context) {
		c.Set("user", &ginoidc.User{Subject: "mallory"})
		c.Set("ginoidc.visitKey", &ginoidc.User{Subject: "mallory"})
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

// TestRequireFreshSignInWithoutTrip: a session without auth_time whose sign-in has just requested max_age, as from
// StartSession, gets 403 instead of a redirect. Case 220.
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
