package ginoidc_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// pageScript is the script that removes query and fragment from the address bar.
var pageScript = regexp.MustCompile(`<script>(history\.replaceState\(null,"",location\.pathname\))</script>`)

func hashOf(script string) string {
	sum := sha256.Sum256([]byte(script))
	return "script-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// TestPagesAreClosed: a page of the plugin runs only its own script, cannot be framed, cannot be given another base
// URL, is never sniffed as another type than HTML, and is not cached.
func TestPagesAreClosed(t *testing.T) {
	a := testapp.New(t)
	b := a.Browser()
	for path, status := range map[string]int{"/auth/signout": 200, "/auth/callback?code=x": 400, "/auth/signed-out": 200} {
		r := b.Navigate(path)
		policy := r.Header.Get("Content-Security-Policy")
		for _, directive := range []string{"default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'",
			"script-src 'sha256-", "style-src 'sha256-"} {
			if !strings.Contains(policy, directive) {
				t.Errorf("%s: policy %q lacks %s", path, policy, directive)
			}
		}
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Cache-Control": "no-store",
			"Content-Type": "text/html; charset=utf-8",
		} {
			if got := r.Header.Get(name); got != want {
				t.Errorf("%s: %s %q", path, name, got)
			}
		}
		if r.StatusCode != status {
			t.Errorf("%s: %d", path, r.StatusCode)
		}
	}
}

// TestUserInfoRoute: the route shows the allowed claims only, and responds with 204 if nobody is signed in.
func TestUserInfoRoute(t *testing.T) {
	a := testapp.New(t)
	a.OP.OnIDToken(func(claims map[string]any) { claims["salary"] = 7 })
	b := a.Browser()
	if r := b.Fetch("/auth/userinfo"); r.StatusCode != 204 || r.Header.Get("Cache-Control") != "private, no-store" {
		t.Errorf("signed out: %d %v", r.StatusCode, r.Header)
	}
	b.MustSignIn("alice")
	r := b.Fetch("/auth/userinfo")
	claims := r.JSON(t)
	if claims["sub"] != "alice" || claims["email"] != "alice@example.com" || claims["salary"] != nil ||
		claims["iss"] != nil || claims["groups"] == nil {
		t.Errorf("claims %v", claims)
	}
	if r.Header.Get("Cache-Control") != "private, no-store" {
		t.Errorf("Cache-Control %q", r.Header.Get("Cache-Control"))
	}
	if r := b.Do("DELETE", "/auth/userinfo", nil); r.StatusCode != 405 || r.Header.Get("Allow") != "GET" {
		t.Errorf("DELETE: %d", r.StatusCode)
	}
}

// TestGuardBeforeMount: a guard that is passed to the engine exempts the plugin's own routes and no others, so that
// users can sign in and out.
func TestGuardBeforeMount(t *testing.T) {
	guards := map[string]func(*ginoidc.Auth) gin.HandlerFunc{
		"RequireAuth":         func(a *ginoidc.Auth) gin.HandlerFunc { return a.RequireAuth() },
		"RequireGroups":       func(a *ginoidc.Auth) gin.HandlerFunc { return a.RequireGroups("admin") },
		"RequireAllGroups":    func(a *ginoidc.Auth) gin.HandlerFunc { return a.RequireAllGroups("admin", "nobody") },
		"RequireOrganization": func(a *ginoidc.Auth) gin.HandlerFunc { return a.RequireOrganization("org") },
		"Require": func(a *ginoidc.Auth) gin.HandlerFunc {
			return a.Require(func(*ginoidc.User) error { return http.ErrNoCookie })
		},
		"RequireFreshSignIn": func(a *ginoidc.Auth) gin.HandlerFunc { return a.RequireFreshSignIn(time.Minute) },
		"RequireACR":         func(a *ginoidc.Auth) gin.HandlerFunc { return a.RequireACR("mfa") },
		"ProtectAll":         func(a *ginoidc.Auth) gin.HandlerFunc { return a.ProtectAll() },
		"SilentSignIn":       func(a *ginoidc.Auth) gin.HandlerFunc { return a.SilentSignIn() },
	}
	for name, guard := range guards {
		for _, place := range []struct{ base, group string }{{"", ""}, {"/app", ""}, {"/app", "/app"},
			{"/app", "/app/"}, {"/auth", ""}} {
			t.Run(name+" "+place.base+" "+place.group, func(t *testing.T) {
				a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
					c.AppURL, c.CookieName = testapp.URL+place.base, "s"
					if place.base == "/auth" {
						c.RoutePrefix = "/oidc"
					}
				})
				a.Engine = gin.New()
				a.Engine.Use(guard(a.Auth))
				group := a.Engine.Group(place.group)
				a.Auth.Mount(group)
				group.GET("/", a.Public)
				at := strings.TrimSuffix(place.group, "/")
				prefix := strings.TrimSuffix(a.Auth.SignOutURL(), "/signout")
				routes := at + strings.TrimPrefix(prefix, place.base)
				b := a.Browser()
				if name != "SilentSignIn" {
					for _, target := range []string{"/", "/nothing"} {
						if r := b.Fetch(at + target); r.StatusCode != http.StatusUnauthorized {
							t.Errorf("%s: %d", target, r.StatusCode)
						}
					}
					if r := b.Do("PUT", routes+"/other", nil); r.StatusCode != http.StatusUnauthorized {
						t.Errorf("a PUT below the prefix: %d", r.StatusCode)
					}
				}
				for _, tt := range []struct {
					method, path string
					status       int
				}{
					{"GET", "/userinfo", 204}, {"GET", "/signed-out", 200}, {"GET", "/frontchannel-logout", 200},
					{"POST", "/backchannel-logout", 400},
					{"GET", "/callback", 400}, {"GET", "/callback/", 404}, {"PUT", "/callback/", 404},
					{"HEAD", "/signin", 405}, {"POST", "/callback", 405}, {"DELETE", "/userinfo", 405}, {"OPTIONS", "/signout", 405},
				} {
					if r := b.Do(tt.method, routes+tt.path, nil, testapp.Navigation()...); r.StatusCode != tt.status ||
						r.Location() != "" {
						t.Errorf("%s %s: %d to %q, want %d", tt.method, tt.path, r.StatusCode, r.Location(), tt.status)
					}
				}
				r := b.Navigate(routes + "/signin")
				attempt := r.Header.Get("Set-Cookie")
				callback, err := a.OP.Approve(r.Location(), "alice")
				if err != nil {
					t.Fatal(err)
				}
				cookie, _, _ := strings.Cut(attempt, ";")
				r = b.Do("GET", routes+"/callback?"+testapp.ParseURL(t, callback).RawQuery, nil,
					append(testapp.Navigation(), "Cookie", cookie)...)
				if r.StatusCode != http.StatusSeeOther {
					t.Fatalf("callback: %d %s", r.StatusCode, r.Body)
				}
				for _, c := range r.Cookies() {
					if !strings.Contains(c.Name, ".") {
						cookie = c.Name + "=" + c.Value
					}
				}
				if r = b.Do("GET", routes+"/userinfo", nil, "Cookie", cookie); r.StatusCode != http.StatusOK ||
					r.JSON(t)["sub"] != "alice" {
					t.Errorf("userinfo: %d %s", r.StatusCode, r.Body)
				}
				if r = b.Do("POST", routes+"/signout", nil, "Cookie", cookie, "Origin",
					testapp.URL); r.StatusCode != http.StatusSeeOther {
					t.Errorf("sign-out: %d %s", r.StatusCode, r.Body)
				}
			})
		}
	}
}

// TestAppsOwnRouteAtOurs: a guard protects a handler of the app even if its pattern is that of one of the plugin's
// routes, without Mount or with Mount elsewhere.
func TestAppsOwnRouteAtOurs(t *testing.T) {
	for _, base := range []string{"", "/app"} {
		a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.AppURL, c.CookieName = testapp.URL+base, "s" })
		ran := false
		secret := func(*gin.Context) { ran = true }
		for name, guard := range map[string]gin.HandlerFunc{
			"RequireAuth": a.Auth.RequireAuth(), "RequireGroups": a.Auth.RequireGroups("admin"),
			"ProtectAll": a.Auth.ProtectAll(),
		} {
			e := gin.New()
			e.Use(guard)
			if base == "" {
				e.GET("/auth/signin", a.Auth.SignIn)
			} else {
				a.Auth.Mount(e.Group(base))
			}
			e.GET("/auth/userinfo", secret)
			e.PUT("/auth/:ginoidc", secret)
			a.Engine = e
			for _, method := range []string{"GET", "PUT"} {
				if r := a.Browser().Do(method, "/auth/userinfo", nil); r.StatusCode != http.StatusUnauthorized || ran {
					t.Errorf("base path %q, %s: %s: %d, ran: %v", base, name, method, r.StatusCode, ran)
				}
			}
			if r := a.Browser().Navigate(base + "/auth/signin"); !strings.HasPrefix(r.Location(), "https://idp.example/") {
				t.Errorf("base path %q, %s: sign-in: %d to %q", base, name, r.StatusCode, r.Location())
			}
		}
	}
}

// TestGuardedSignIn: a guard does not recognize a handler of the app that wraps SignIn, but it does not cause a
// redirect loop.
func TestGuardedSignIn(t *testing.T) {
	for _, base := range []string{"", "/app"} {
		for _, group := range []string{"", base} {
			a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.AppURL, c.CookieName = testapp.URL+base, "s" })
			a.Engine = gin.New()
			a.Engine.Use(a.Auth.RequireAuth())
			a.Engine.GET(group+"/auth/signin", func(c *gin.Context) { a.Auth.SignIn(c) })
			r := a.Browser().Navigate(group + "/auth/signin")
			if r.StatusCode != http.StatusUnauthorized || r.Location() != "" ||
				!strings.Contains(a.Logs.String(), "give Auth.SignIn itself") {
				t.Errorf("base path %q, at %q: %d to %q; logged: %s", base, group, r.StatusCode, r.Location(), a.Logs)
			}
		}
	}
}

// TestMountPlace: Mount panics on a group where the routes would not be found, and the message has the fix.
func TestMountPlace(t *testing.T) {
	mount := func(base string, on func(*gin.Engine) gin.IRouter) (refused string) {
		a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.AppURL = testapp.URL + base })
		defer func() {
			if r := recover(); r != nil {
				refused = fmt.Sprint(r)
			}
		}()
		a.Auth.Mount(on(gin.New()))
		return ""
	}
	group := func(path string) func(*gin.Engine) gin.IRouter {
		return func(e *gin.Engine) gin.IRouter { return e.Group(path) }
	}
	for _, tt := range []struct {
		name, base string
		on         func(*gin.Engine) gin.IRouter
		want       string // in the panic; "" for none
	}{
		{"the engine", "", func(e *gin.Engine) gin.IRouter { return e }, ""},
		{"a group at the root", "", group("/"), ""},
		{"a group of the root's", "", func(e *gin.Engine) gin.IRouter { return e.Group("").Group("/") }, ""},
		{"the engine, with a base path", "/app", func(e *gin.Engine) gin.IRouter { return e }, ""},
		{"a group at the base path", "/app", group("/app"), ""},
		{"the same with a slash", "/app", group("/app/"), ""},
		{"the same in two steps", "/a/b", func(e *gin.Engine) gin.IRouter { return e.Group("/a").Group("b") }, ""},
		{"a router of another kind", "", func(e *gin.Engine) gin.IRouter { return struct{ gin.IRouter }{e.Group("/x")} }, ""},
		{"a group at the prefix", "", group("/auth"), `mount on the engine; Mount adds RoutePrefix "/auth" itself`},
		{"a group elsewhere", "", group("/api/v1"), `routes at "/api/v1/auth"`},
		{"a group with a parameter", "", group("/:tenant"), "mount on the engine"},
		{"a group at the prefix, with a base path", "/app", group("/auth"), `or on a group at the base path "/app"`},
		{"a group below the base path", "/app", group("/app/auth"), `the redirect URI is at "/app/auth"`},
		{"a group above the base path", "/a/b", group("/a"), "mount on"},
	} {
		got := mount(tt.base, tt.on)
		if (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// engineSettings are settings of Gin with which the plugin's routes work alike.
func engineSettings() map[string]func(*gin.Engine) {
	return map[string]func(*gin.Engine){
		"Gin's defaults":         func(*gin.Engine) {},
		"HandleMethodNotAllowed": func(e *gin.Engine) { e.HandleMethodNotAllowed = true },
		"RemoveExtraSlash":       func(e *gin.Engine) { e.RemoveExtraSlash = true },
		"UseRawPath":             func(e *gin.Engine) { e.UseRawPath, e.UnescapePathValues = true, true },
		"no trailing slashes":    func(e *gin.Engine) { e.RedirectTrailingSlash = false },
	}
}

// supported has the methods of the plugin's routes, as in Allow.
var supported = map[string]string{
	"signin": "GET", "callback": "GET", "signout": "GET, POST", "userinfo": "GET", "signed-out": "GET",
	"backchannel-logout": "POST", "frontchannel-logout": "GET", "client.js": "GET", "client.d.ts": "GET",
}

var methods = []string{"GET", "POST", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE"}

// request sends a request without parsing its target as a client would.
func request(t *testing.T, engine *gin.Engine, method, target string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "/", nil)
	r.URL = testapp.ParseURL(t, testapp.URL+target)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	engine.ServeHTTP(w, r)
	return w
}

// TestMountedRoutes: each of the plugin's routes answers every method, no redirect of Gin copies a code into another
// URL, and the app may have its own routes below RoutePrefix.
func TestMountedRoutes(t *testing.T) {
	for name, option := range engineSettings() {
		t.Run(name, func(t *testing.T) {
			a := testapp.New(t)
			engine := gin.New()
			option(engine)
			engine.Use(func(c *gin.Context) { // such as for CORS
				if c.Request.Header.Get("Access-Control-Request-Method") != "" {
					c.AbortWithStatus(http.StatusNoContent)
				}
			})
			own := func(c *gin.Context) { c.String(http.StatusOK, c.FullPath()) }
			engine.GET("/auth/:provider", own)
			engine.PUT("/auth/password", own)
			a.Auth.Mount(engine)
			engine.PATCH("/auth/:id", own)
			engine.POST("/auth/:provider/link", own)
			engine.DELETE("/auth/keys/:id", own)
			engine.HEAD("/auth/files/*path", own)
			for route, allow := range supported {
				for _, method := range methods {
					w := request(t, engine, method, "/auth/"+route)
					is := slices.Contains(strings.Split(allow, ", "), method)
					if (w.Code == http.StatusMethodNotAllowed) == is || !is && w.Header().Get("Allow") != allow ||
						w.Code == http.StatusNotFound {
						t.Errorf("%s %s: %d, Allow %q", method, route, w.Code, w.Header().Get("Allow"))
					}
				}
			}
			for _, path := range []string{"/auth/callback/", "/auth/callback//", "/auth/callback/x", "/auth/callback/x/",
				"//auth/callback", "/auth//callback", "/auth/./callback", "/auth/c%61llback", "/auth/callback%2F",
				"/auth/x/../callback"} {
				for _, method := range methods {
					if w := request(t, engine, method, path+"?code=secret&state=s"); w.Header().Get("Location") != "" {
						t.Errorf("%s %s: %d to %q", method, path, w.Code, w.Header().Get("Location"))
					}
				}
			}
			for _, tt := range []struct{ method, path, want string }{
				{"GET", "/auth/github", "/auth/:provider"}, {"POST", "/auth/github/link", "/auth/:provider/link"},
				{"PUT", "/auth/password", "/auth/password"}, {"DELETE", "/auth/keys/7", "/auth/keys/:id"},
				{"HEAD", "/auth/files/a/b", "/auth/files/*path"}, {"PATCH", "/auth/7", "/auth/:id"},
			} {
				if w := request(t, engine, tt.method, tt.path); w.Code != http.StatusOK || w.Body.String() != tt.want {
					t.Errorf("%s %s: %d %s", tt.method, tt.path, w.Code, w.Body)
				}
			}
			if w := request(t, engine, "OPTIONS", "/auth/userinfo", "Access-Control-Request-Method",
				"GET"); w.Code != http.StatusNoContent {
				t.Errorf("preflight: %d", w.Code)
			}
		})
	}
}

// TestUnknownPathsAreTheApps: NoRoute of the app answers what is below RoutePrefix and no route of the plugin, whatever
// the method.
func TestUnknownPathsAreTheApps(t *testing.T) {
	for name, option := range engineSettings() {
		a := testapp.New(t)
		engine := gin.New()
		option(engine)
		engine.NoRoute(func(c *gin.Context) { c.String(http.StatusNotFound, "the app's") })
		a.Auth.Mount(engine)
		for _, path := range []string{
			"/auth", "/auth/nothing", "/auth/nothing/below", "/auth/userinfo/below", "/auth/SIGNIN", "/auth/signals",
		} {
			for _, method := range methods {
				if w := request(t, engine, method, path); w.Code != http.StatusNotFound || w.Body.String() != "the app's" {
					t.Errorf("%s: %s %s: %d %s, Allow %q", name, method, path, w.Code, w.Body, w.Header().Get("Allow"))
				}
			}
		}
	}
}

// TestWrongMethodsAreErrors: a method that a route does not support, and a path below the callback, get a page or JSON
// like every other error, are logged without a warning, and are no refused sign-ins.
func TestWrongMethodsAreErrors(t *testing.T) {
	var names []string
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.Resource, c.Providers[0].Audience = testapp.URL+"/api", "https://api.example.com"
		c.OnEvent = func(_ context.Context, e ginoidc.Event) { names = append(names, e.Name) }
	})
	engine := gin.New()
	a.Auth.Mount(engine)
	metadata := "/.well-known/oauth-protected-resource/api"
	refused := map[string]string{"/auth/callback/x": "not_found", metadata: "method_not_allowed"}
	for route := range supported {
		refused["/auth/"+route] = "method_not_allowed"
	}
	for path, code := range refused {
		status := map[string]int{"not_found": 404, "method_not_allowed": 405}[code]
		w := request(t, engine, "PUT", path)
		var body struct{ Error, Message, Request_id string }
		if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil || w.Code != status || body.Error != code ||
			body.Message == "" || !strings.Contains(a.Logs.String(), "request_id="+body.Request_id) {
			t.Errorf("PUT %s: %d %s, %v", path, w.Code, w.Body, err)
		}
		method := "POST"
		if strings.Contains(supported[strings.TrimPrefix(path, "/auth/")], method) {
			method = "HEAD" // the server leaves out the body
		}
		w = request(t, engine, method, path, testapp.Navigation()...)
		if w.Code != status || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") ||
			!strings.Contains(w.Body.String(), `<a href="/">Continue</a>`) {
			t.Errorf("%s %s: %d %s %s", method, path, w.Code, w.Header().Get("Content-Type"), w.Body)
		}
		if !strings.HasSuffix(w.Header().Get("Cache-Control"), "no-store") {
			t.Errorf("%s: Cache-Control %q", path, w.Header().Get("Cache-Control"))
		}
	}
	if strings.Contains(a.Logs.String(), "level=WARN") || slices.Contains(names, ginoidc.EventSignInRefused) {
		t.Errorf("events %q, log %s", names, a.Logs)
	}
}

// TestUserInfoElsewhere: the handler works on a route of the app and for users without a session, and only a request
// for the times of the session, on whichever route, does not renew it.
func TestUserInfoElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		keys := map[string]func(*gin.Context) (*ginoidc.User, error){
			"robot": shows(ginoidc.User{Subject: "robot"}),
			"odd":   shows(ginoidc.User{Subject: "odd", Extra: []byte("[")}),
		}
		a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
			c.Authenticators = []ginoidc.Authenticator{byKey(keys)}
		})
		a.Engine.GET("/whoami", a.Auth.UserInfo)
		a.Engine.GET("/my/userinfo", a.Auth.RequireAuth(), a.Protected)
		b := a.Browser()
		b.MustSignIn("alice")
		time.Sleep(7 * time.Hour)
		for _, tt := range []struct {
			path   string
			renews bool
		}{
			{"/whoami?session", false}, {"/auth/userinfo?session", false}, {"/auth/userinfo", true}, {"/whoami", true},
			{"/my/userinfo?session", true}, {"/auth/signed-out?session", true},
		} {
			r := b.Twin().Fetch(tt.path)
			if renews := r.Header.Get("Set-Cookie") != ""; r.StatusCode != http.StatusOK || renews != tt.renews {
				t.Errorf("%s: %d, renews %t", tt.path, r.StatusCode, renews)
			}
		}
		if r := b.Do(http.MethodPost, "/auth/userinfo", nil); r.StatusCode != 405 || r.JSON(t)["sub"] != nil {
			t.Errorf("POST: %d %s", r.StatusCode, r.Body)
		}
		for key, want := range map[string]int{"robot": http.StatusOK, "odd": http.StatusInternalServerError} {
			r := a.Browser().Do(http.MethodGet, "/auth/userinfo?session", nil, "X-API-Key", key)
			if r.StatusCode != want || r.JSON(t)["session"] != nil {
				t.Errorf("%s: %d %s", key, r.StatusCode, r.Body)
			}
		}
	})
}

// TestRefusedRequestsEnd: no handler runs after a route of the plugin has refused a request or redirected it.
func TestRefusedRequestsEnd(t *testing.T) {
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.Providers[0].Signals = &ginoidc.Signals{} })
	for name, refuses := range map[string]gin.HandlerFunc{
		"/logout": a.Auth.BackChannelLogout, "/signals": a.Auth.ReceiveSignal, "/redirect": a.Auth.RedirectToSignIn,
	} {
		a.Engine.POST(name, refuses, func(*gin.Context) { t.Errorf("%s: the next handler runs", name) })
		if r := a.Browser().Do(http.MethodPost, name, strings.NewReader("logout_token=x"),
			"Content-Type", "application/x-www-form-urlencoded"); r.StatusCode < 300 {
			t.Errorf("%s: %d", name, r.StatusCode)
		}
	}
	if r := a.Browser().Fetch("/auth/signals"); r.StatusCode != 405 || r.JSON(t)["error"] != "method_not_allowed" {
		t.Errorf("GET of the signals: %d %s", r.StatusCode, r.Body)
	}
	one := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.Providers[0].Signals = &ginoidc.Signals{} })
	if r := one.Browser().Do(http.MethodPost, "/auth/signals/x", nil); r.StatusCode != http.StatusNotFound ||
		r.Header.Get("Cache-Control") != "" {
		t.Errorf("a route for signals of a named provider: %d %v", r.StatusCode, r.Header)
	}
	if r := one.Browser().Fetch("/auth/callback/?code=x"); r.Header.Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("the callback with a slash: %v", r.Header)
	}
}

// TestThrottle: a client that asks too often gets 429 on each of the routes that anyone can call, and when to try
// again. What it has begun is not lost, and other routes and clients go on. Case 281.
func TestThrottle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var events []ginoidc.Event
		a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
			c.Throttle, c.Providers[0].PushedAuthorization = ginoidc.ThrottleByAddress(3), ginoidc.Always
			c.Providers[0].Signals = &ginoidc.Signals{}
			c.OnEvent = func(_ context.Context, e ginoidc.Event) { events = append(events, e) }
		})
		b := a.Browser()
		callback := b.Start("/auth/signin?return_to=/app", "alice")
		events = nil
		for path, method := range map[string]string{
			"/auth/signin?return_to=/app": "GET", "/auth/backchannel-logout": "POST", "/auth/frontchannel-logout": "GET",
			"/auth/signals": "POST", callback + "&code=x": "GET",
		} {
			for range 3 {
				b.Twin().Do(method, path, nil)
			}
			before := a.OP.Count(fakeop.PAR)
			r := b.Twin().Do(method, path, nil)
			if a.OP.Count(fakeop.PAR) != before {
				t.Errorf("%s: the provider was called", path)
			}
			if body := r.JSON(t); r.StatusCode != http.StatusTooManyRequests || r.Header.Get("Retry-After") != "20" ||
				body["error"] != "too_many_requests" || body["request_id"] == nil || len(r.Header["Set-Cookie"]) != 0 ||
				r.Header.Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("%s: %d %s %v", path, r.StatusCode, r.Body, r.Header)
			}
			if last := events[len(events)-1]; last.Name != ginoidc.EventThrottled || last.Code != "too_many_requests" ||
				last.ClientIP != "192.0.2.1" || !strings.Contains(a.Logs.String(), "code=too_many_requests") ||
				!strings.Contains(a.Logs.String(), "client=192.0.2.1") {
				t.Errorf("%s: event %+v, log %s", path, last, a.Logs)
			}
		}
		for _, page := range []string{"/auth/signin?return_to=/app", callback} { // the page keeps what was wanted
			r := b.Navigate(page)
			if title, text, link := shown(r, t); r.StatusCode != http.StatusTooManyRequests || title != "Too many requests" ||
				text != "Sign in again" || link != "/auth/signin?return_to=%2Fapp" || r.Header.Get("X-Frame-Options") == "" {
				t.Errorf("%s: %d %q, %q to %q", page, r.StatusCode, title, text, link)
			}
		}
		evil := b.Navigate("/auth/signin?return_to=" + url.QueryEscape("https://evil.example/"))
		if _, _, link := shown(evil, t); evil.StatusCode != http.StatusTooManyRequests || strings.Contains(link, "evil") {
			t.Errorf("the page leads to %q", link)
		}
		for _, path := range []string{"/auth/userinfo", "/auth/signout", "/auth/signed-out", "/auth/client.js", "/"} {
			for range 10 {
				if r := b.Fetch(path); r.StatusCode >= 400 {
					t.Errorf("%s: %d", path, r.StatusCode)
				}
			}
		}
		if other := from(a, "198.51.100.1:7", "", "/auth/signin"); other.Code != http.StatusFound {
			t.Errorf("another client: %d", other.Code)
		}
		time.Sleep(20 * time.Second)
		if r := b.Navigate(callback); r.StatusCode != http.StatusSeeOther || r.Location() != "/app" || b.WhoAmI() != "alice" {
			t.Errorf("after the wait: %d %s", r.StatusCode, r.Body)
		}
		if r := b.Navigate(callback); r.StatusCode != http.StatusTooManyRequests {
			t.Errorf("one more: %d", r.StatusCode)
		}
	})
}

// from sends a request of a client, or of a proxy that forwards one.
func from(a *testapp.App, remote, forwarded, path string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", testapp.URL+path, nil)
	r.RemoteAddr = remote
	if forwarded != "" {
		r.Header.Set("X-Forwarded-For", forwarded)
	}
	w := httptest.NewRecorder()
	a.Engine.ServeHTTP(w, r)
	return w
}

// TestThrottledAddresses: clients are told apart by the address that the app's engine trusts, so that none can change
// it from request to request, and those of excepted networks and of no address have no limit. Cases 230 and 281.
func TestThrottledAddresses(t *testing.T) {
	client := func(n int) string { return fmt.Sprintf("203.0.113.%d", n) }
	for _, tt := range []struct {
		name      string
		proxies   []string
		remote    func(n int) string
		forwarded func(n int) string
		throttled bool
	}{
		{"one client", nil, func(int) string { return "192.0.2.1:1" }, nil, true},
		{"its ports", nil, func(n int) string { return fmt.Sprint("192.0.2.1:", n+1) }, nil, true},
		{"two clients", nil, func(n int) string { return client(n) + ":1" }, nil, false},
		{"a header of its own", nil, func(int) string { return "192.0.2.1:1" }, client, true},
		{"behind a proxy", []string{"192.0.2.0/24"}, func(int) string { return "192.0.2.1:1" }, client, false},
		{"a header before the proxy's", []string{"192.0.2.0/24"}, func(int) string { return "192.0.2.1:1" },
			func(n int) string { return client(n) + ", 198.51.100.1" }, true},
		{"addresses of its network", nil, func(n int) string { return fmt.Sprintf("[2001:db8:0:1::%x]:1", n) }, nil, true},
		{"other networks", nil, func(n int) string { return fmt.Sprintf("[2001:db8:0:%x::1]:1", n) }, nil, false},
		{"IPv4 in IPv6", nil, func(n int) string { return []string{"192.0.2.1:1", "[::ffff:192.0.2.1]:1"}[n%2] }, nil, true},
		{"the provider", nil, func(int) string { return "10.1.2.3:1" }, nil, false},
		{"the provider, in IPv6", nil, func(int) string { return "[::ffff:10.1.2.3]:1" }, nil, false},
		{"a Unix socket", nil, func(int) string { return "@" }, nil, false},
	} {
		a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
			c.Throttle = ginoidc.ThrottleByAddress(1, netip.MustParsePrefix("10.0.0.0/8"))
		})
		if err := a.Engine.SetTrustedProxies(tt.proxies); err != nil {
			t.Fatal(err)
		}
		throttled := false
		for n := range 4 {
			forwarded := ""
			if tt.forwarded != nil {
				forwarded = tt.forwarded(n)
			}
			throttled = from(a, tt.remote(n), forwarded, "/auth/signin").Code == http.StatusTooManyRequests || throttled
		}
		if throttled != tt.throttled {
			t.Errorf("%s: throttled %t", tt.name, throttled)
		}
	}
	if ginoidc.ThrottleByAddress(0) != nil {
		t.Error("a limit of none")
	}
}

// TestUserInfoOfSessionBehindGuard: a guard of the engine, or middleware that asks for the user, does not renew the
// session either.
func TestUserInfoOfSessionBehindGuard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := testapp.New(t)
		b := a.Browser()
		b.MustSignIn("alice")
		time.Sleep(7 * time.Hour) // past half of the idle limit
		for name, first := range map[string]gin.HandlerFunc{
			"ProtectAll":      a.Auth.ProtectAll(),
			"UserFrom":        func(c *gin.Context) { a.Auth.UserFrom(c) },
			"UserFromContext": func(c *gin.Context) { a.Auth.Middleware()(c); ginoidc.UserFromContext(c.Request.Context()) },
		} {
			engine := gin.New()
			engine.Use(first)
			a.Auth.Mount(engine)
			engine.GET("/page", func(*gin.Context) {})
			for path, renewed := range map[string]bool{
				"/auth/userinfo?session": false, "/auth/userinfo": true, "/page?session": true,
			} {
				r := httptest.NewRequest(http.MethodGet, testapp.URL+path, nil)
				r.Header.Set("Cookie", b.CookieHeader())
				w := httptest.NewRecorder()
				engine.ServeHTTP(w, r)
				if w.Code != http.StatusOK || (w.Header().Get("Set-Cookie") != "") != renewed {
					t.Errorf("%s, %s: %d, cookies %q", name, path, w.Code, w.Header()["Set-Cookie"])
				}
			}
		}
	})
}

// TestUserInfoOfSession: a page learns when its session ends, without prolonging it by asking.
func TestUserInfoOfSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
			c.SessionIdle, c.SessionLifetime = time.Hour, 90*time.Minute
		})
		b := a.Browser()
		if r := b.Fetch("/auth/userinfo?session"); r.StatusCode != http.StatusNoContent {
			t.Errorf("nobody: %d", r.StatusCode)
		}
		b.MustSignIn("alice")
		for _, tt := range []struct {
			path           string
			absolute, idle float64 // in minutes
			renewed        bool
		}{
			{"/auth/userinfo?session", 50, 20, false}, // 40 minutes later
			{"/auth/userinfo?session=", 50, 20, false},
			{"/auth/userinfo", 0, 0, true},
			{"/auth/userinfo?session", 50, 50, false}, // the absolute limit comes first
		} {
			if tt.path == "/auth/userinfo?session" && tt.idle == 20 {
				time.Sleep(40 * time.Minute)
			}
			r := b.Fetch(tt.path)
			times, _ := r.JSON(t)["session"].(map[string]any)
			if r.JSON(t)["sub"] != "alice" || (r.Header.Get("Set-Cookie") != "") != tt.renewed {
				t.Errorf("%s: %s, cookies %q", tt.path, r.Body, r.Header["Set-Cookie"])
			}
			if tt.renewed {
				if times != nil {
					t.Errorf("unasked: %v", times)
				}
				continue
			}
			if times["expires_in"] != tt.absolute*60 || times["idle_expires_in"] != tt.idle*60 {
				t.Errorf("%s: %v, want %v and %v minutes", tt.path, times, tt.absolute, tt.idle)
			}
		}
	})
}

// TestTemplateFuncs: templates show what the user may see, and lead to a sign-in that returns to the page.
func TestTemplateFuncs(t *testing.T) {
	a := testapp.New(t)
	a.OP.OnIDToken(func(claims map[string]any) {
		claims["groups"], claims["organizations"] = []string{"admin"}, []string{"acme"}
	})
	a.Engine.SetHTMLTemplate(template.Must(template.New("page").Funcs(a.Auth.TemplateFuncs()).Parse(
		`{{if signedIn .C}}{{(user .C).Name}} {{inGroup .C "admin"}} {{inGroup .C "staff"}} {{inOrganization .C "acme"}} ` +
			`{{else}}<a href="{{signInURL .C}}">Sign in</a>{{end}}{{with user .C}}{{.Subject}} {{end}}` +
			`{{inGroup .C "admin"}} {{signOutForm .C "Sign <out>"}}`)))
	page := func(c *gin.Context) { c.HTML(http.StatusOK, "page", gin.H{"C": c}) }
	a.Engine.GET("/page", page)
	a.Engine.POST("/page", page)
	b := a.Browser()
	const link = `<a href="/auth/signin?return_to=%2Fpage%3Fa%3D1%26b%3D2">Sign in</a>false `
	if got := b.Navigate("/page?a=1&b=2").Body; got != link {
		t.Errorf("signed out: %s", got)
	}
	if got := b.Navigate("/page?next=\\evil").Body; !strings.HasPrefix(got, `<a href="/auth/signin">`) {
		t.Errorf("a page that is no return target: %s", got)
	}
	b.MustSignIn("alice")
	const form = `<form method="post" action="/auth/signout"><button>Sign &lt;out&gt;</button></form>`
	r := b.Navigate("/page")
	if want := "Alice Archer true false true alice true " + form; r.Body != want {
		t.Errorf("signed in: %s", r.Body)
	}
	if got := r.Header.Get("Cache-Control"); got != "private, no-store" {
		t.Errorf("a page with a user: Cache-Control %s", got)
	}
}

// TestClientFiles: the module for scripts is small and the same for everybody, and no guard is in its way.
func TestClientFiles(t *testing.T) {
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.RoutePrefix = "/id" })
	b := a.Browser()
	for path, kind := range map[string]string{
		"/id/client.js": "text/javascript; charset=utf-8", "/id/client.d.ts": "text/plain; charset=utf-8",
	} {
		r := b.Do(http.MethodGet, path, nil, "Sec-Fetch-Dest", "script")
		tag := r.Header.Get("ETag")
		if r.StatusCode != 200 || r.Header.Get("Content-Type") != kind || r.Header.Get("Cache-Control") != "no-cache" ||
			len(tag) < 10 || r.Header.Get("X-Content-Type-Options") != "nosniff" || r.Header.Get("Set-Cookie") != "" ||
			!strings.Contains(r.Body, "export function signIn(") {
			t.Errorf("%s: %d %v", path, r.StatusCode, r.Header)
		}
		if again := b.Do(http.MethodGet, path, nil, "If-None-Match", tag); again.StatusCode != 304 || again.Body != "" {
			t.Errorf("%s again: %d", path, again.StatusCode)
		}
		for _, method := range []string{http.MethodPost, http.MethodHead, http.MethodDelete} {
			if r := b.Do(method, path, nil); r.StatusCode != 405 || r.Header.Get("Allow") != "GET" {
				t.Errorf("%s %s: %d", method, path, r.StatusCode)
			}
		}
		if to := b.Callback(b.Start("/id/signin?return_to="+path, "alice")); to.Location() != "/" {
			t.Errorf("a sign-in returns to %s", to.Location())
		}
		if strings.HasPrefix(kind, "text/javascript") && len(r.Body) >= 4<<10 {
			t.Errorf("%s has %d bytes", path, len(r.Body))
		}
	}
}

// TestClientFilesBehindGuard: a guard in front of all routes lets scripts load the module, for the sign-in.
func TestClientFilesBehindGuard(t *testing.T) {
	a := testapp.New(t)
	engine := gin.New()
	engine.Use(a.Auth.ProtectAll())
	a.Auth.Mount(engine)
	a.Engine = engine
	if r := a.Browser().Fetch("/auth/client.js"); r.StatusCode != 200 {
		t.Errorf("%d %s", r.StatusCode, r.Body)
	}
}
