package routes_test

import (
	"fmt"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/routes"
)

func pathsOf(t *testing.T, app, prefix string) routes.Paths {
	t.Helper()
	u, err := url.Parse(app)
	if err != nil {
		t.Fatal(err)
	}
	return routes.New(u, prefix)
}

// TestNew: the paths have the base path of the app, once, and all of them are reserved.
func TestNew(t *testing.T) {
	for _, tt := range []struct{ app, prefix, at string }{
		{"https://app.example", "/auth", "/auth"},
		{"https://app.example/", "/auth/", "/auth"},
		{"https://app.example/shop", "/auth", "/shop/auth"},
		{"https://app.example/shop/", "/login/oidc", "/shop/login/oidc"},
	} {
		p := pathsOf(t, tt.app, tt.prefix)
		for _, want := range []struct{ path, name string }{
			{p.SignIn, "/signin"}, {p.Callback, "/callback"}, {p.SignOut, "/signout"}, {p.UserInfo, "/userinfo"},
			{p.BackChannel, "/backchannel-logout"}, {p.FrontChannel, "/frontchannel-logout"}, {p.SignedOut, "/signed-out"},
			{p.Signals, "/signals"},
		} {
			if want.path != tt.at+want.name || !slices.Contains(p.All(), want.path) {
				t.Errorf("%s %s: %q is not %q, or not in %q", tt.app, tt.prefix, want.path, tt.at+want.name, p.All())
			}
		}
		if p.Base+p.Prefix != tt.at || p.Metadata != "" {
			t.Errorf("%s %s: %+v", tt.app, tt.prefix, p)
		}
	}
}

// TestOwn: a handler of the app at the path of a route is guarded like any other. The route is known by its pattern,
// with and without the base path, however the path of the request is spelled.
func TestOwn(t *testing.T) {
	p := pathsOf(t, "https://app.example/shop", "/auth")
	for _, tt := range []struct {
		pattern, path string
		signsIn       bool
	}{
		{"/auth/signin", "/auth/signin", true},
		{"/shop/auth/signin", "/shop/auth/signin", true},
		{"/auth/callback", "/auth/callback", true},
		{"/auth/callback" + routes.Below, "/auth/callback/google", true},
		{"/auth/userinfo", "/auth/userinfo", false},
		{"/:any/signin", "/auth/signin", false},
	} {
		engine := gin.New()
		engine.GET(tt.pattern, func(c *gin.Context) {
			if p.Own(c) {
				t.Errorf("%s: a handler of the app counts as the plugin's", tt.pattern)
			}
			if p.SignsIn(c) != tt.signsIn {
				t.Errorf("%s at %s: on the way to a session is %t", tt.path, tt.pattern, !tt.signsIn)
			}
		})
		w := httptest.NewRecorder()
		if engine.ServeHTTP(w, httptest.NewRequest("GET", tt.path, nil)); w.Code != 200 {
			t.Errorf("%s: %d", tt.path, w.Code)
		}
	}
}

// TestCheck: routes are mounted where the links of the plugin lead. The message says where that is.
func TestCheck(t *testing.T) {
	engine := gin.New()
	for _, tt := range []struct {
		app    string
		router gin.IRouter
		said   string // "": accepted
	}{
		{"https://app.example", engine, ""},
		{"https://app.example/shop", engine, ""},
		{"https://app.example/shop", engine.Group("/shop"), ""},
		{"https://app.example/shop", engine.Group("/shop/"), ""},
		{"https://app.example", engine.Group("/auth"), "mount on the engine;"},
		{"https://app.example/shop", engine.Group("/shop/api"), `or on a group at the base path "/shop"`},
	} {
		func() {
			defer func() {
				said := fmt.Sprint(recover())
				if accepted := said == "<nil>"; accepted != (tt.said == "") || !strings.Contains(said, tt.said) {
					t.Errorf("%s: %s", tt.app, said)
				}
			}()
			pathsOf(t, tt.app, "/auth").Check(tt.router)
		}()
	}
}

// TestMount: handlers serve all methods, and those of several providers each path below the route. Gin redirects to
// none of them.
func TestMount(t *testing.T) {
	engine, served := gin.New(), ""
	handler := func(name string) gin.HandlerFunc {
		return func(c *gin.Context) { served = name + " " + c.Param(routes.BelowParam) }
	}
	routes.Table{
		Own:   map[string]gin.HandlerFunc{"callback": handler("own"), "signin": handler("signin")},
		Named: map[string]gin.HandlerFunc{"callback": handler("named")},
	}.Mount(engine, "/auth")
	for path, want := range map[string]string{
		"/auth/callback": "own ", "/auth/callback/google": "named /google", "/auth/callback/": "named /",
		"/auth/signin": "signin ",
	} {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"} {
			w := httptest.NewRecorder()
			served = ""
			if engine.ServeHTTP(w, httptest.NewRequest(method, path, nil)); w.Code != 200 || served != want {
				t.Errorf("%s %s: %d %q, want %q", method, path, w.Code, served, want)
			}
		}
	}
}
