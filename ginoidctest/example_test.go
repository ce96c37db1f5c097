package ginoidctest_test

import (
	"fmt"
	"log"
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/ginoidctest"
)

// t stands for the test's *testing.T.
var t exampleT

// A signed-in client for tests of the app's pages. No provider is needed.
func ExampleSignInAs() {
	auth, engine := exampleApp(ginoidc.Config{Providers: []ginoidc.Provider{{Issuer: "https://login.example.com"}}})

	client := ginoidctest.SignInAs(t, auth, engine, ginoidc.User{Subject: "alice", Groups: []string{"staff"}})
	for _, path := range []string{"/profile", "/admin"} {
		resp, err := client.Get(path)
		if err != nil {
			t.Fatalf("%v", err)
		}
		defer resp.Body.Close()
		fmt.Println(path, resp.Status)
	}
	// Output:
	// /profile 200 OK
	// /admin 403 Forbidden
}

// A complete sign-in through a provider in memory.
func ExampleSignIn() {
	idp, err := ginoidctest.New(ginoidctest.Config{})
	if err != nil {
		t.Fatalf("%v", err)
	}
	auth, engine := exampleApp(ginoidc.Config{
		Providers: []ginoidc.Provider{{Issuer: idp.Issuer(), Transport: idp.Transport()}},
	})

	client := ginoidctest.SignIn(t, auth, engine, idp, "alice") // one of the DemoUsers
	resp, err := client.Get("/admin")
	if err != nil {
		t.Fatalf("%v", err)
	}
	defer resp.Body.Close()
	fmt.Println(resp.Status)
	fmt.Println("token requests:", idp.Count(t, "/token"))
	// Output:
	// 200 OK
	// token requests: 1
}

// A test that every route follows the rules of the app, and a table for people.
func ExampleAudit() {
	auth, engine := exampleApp(ginoidc.Config{Providers: []ginoidc.Provider{{Issuer: "https://login.example.com"}}})
	reports := engine.Group("/reports", auth.RequireAuth())
	reports.GET("", func(c *gin.Context) { c.Status(http.StatusOK) })
	reports.DELETE("/:id", auth.RequireGroups("admin"), func(c *gin.Context) { c.Status(http.StatusNoContent) })

	routes := ginoidctest.Audit(engine)
	for _, r := range routes {
		if r.Open() || r.Method == "DELETE" && !r.GuardedBy("RequireGroups") {
			t.Fatalf("%s %s: %q", r.Method, r.Path, r.Guards)
		}
	}
	fmt.Print(slices.DeleteFunc(routes, func(r ginoidctest.Route) bool { return r.Plugin }))
	// Output:
	// GET     /admin        RequireGroups(admin)
	// GET     /profile      RequireAuth
	// GET     /reports      RequireAuth
	// DELETE  /reports/:id  RequireAuth, RequireGroups(admin)
}

// How the app responds while its provider is down, and to a provider that names another issuer.
func ExampleProvider_Misbehave() {
	idp, err := ginoidctest.New(ginoidctest.Config{})
	if err != nil {
		t.Fatalf("%v", err)
	}
	auth, engine := exampleApp(ginoidc.Config{
		Providers: []ginoidc.Provider{{Issuer: idp.Issuer(), Transport: idp.Transport()}},
	})
	client := ginoidctest.SignInAs(t, auth, engine, ginoidc.User{Subject: "alice"})
	begin := func() string {
		resp, err := client.Get(auth.SignInURL("/profile"))
		if err != nil {
			t.Fatalf("%v", err)
		}
		defer resp.Body.Close()
		return resp.Status
	}

	idp.Intercept(t, "/.well-known/openid-configuration", http.NotFound)
	fmt.Println(begin())
	idp.Intercept(t, "/.well-known/openid-configuration", nil)

	idp.Misbehave(t, ginoidctest.IssuerMismatch)
	fmt.Println(begin())
	// Output:
	// 503 Service Unavailable
	// 503 Service Unavailable
}

// A groups claim of a kind that the app is not configured for: the user is in no group.
func ExampleProvider_OnIDToken() {
	idp, err := ginoidctest.New(ginoidctest.Config{})
	if err != nil {
		t.Fatalf("%v", err)
	}
	idp.OnIDToken(func(claims map[string]any) { claims["groups"] = "admin staff" })
	auth, engine := exampleApp(ginoidc.Config{
		Providers: []ginoidc.Provider{{Issuer: idp.Issuer(), Transport: idp.Transport()}},
	})

	client := ginoidctest.SignIn(t, auth, engine, idp, "alice")
	resp, err := client.Get("/admin")
	if err != nil {
		t.Fatalf("%v", err)
	}
	defer resp.Body.Close()
	fmt.Println(resp.Status)
	// Output: 403 Forbidden
}

// An access token for the tests of an API.
func ExampleProvider_AccessToken() {
	idp, err := ginoidctest.New(ginoidctest.Config{})
	if err != nil {
		t.Fatalf("%v", err)
	}

	req, err := http.NewRequest(http.MethodGet, "https://api.example.com/orders", nil)
	if err != nil {
		t.Fatalf("%v", err)
	}
	token := idp.AccessToken(t, "alice", "https://api.example.com", "orders:read")
	req.Header.Set("Authorization", "Bearer "+token)

	fmt.Println("parts of a JWT:", len(strings.Split(token, ".")))
	// Output: parts of a JWT: 3
}

// Finding a route that was registered before the guard.
func ExampleOpenRoutes() {
	auth, engine := exampleApp(ginoidc.Config{Providers: []ginoidc.Provider{{Issuer: "https://login.example.com"}}})
	list := func(c *gin.Context) { c.String(http.StatusOK, "all reports") }
	engine.GET("/reports", list)
	engine.Use(auth.RequireAuth())
	engine.GET("/reports/:id", list)

	fmt.Println(ginoidctest.OpenRoutes(engine, "/"))
	// Output: [GET /reports]
}

// exampleApp is an app with a profile for users and a page for admins.
func exampleApp(cfg ginoidc.Config) (*ginoidc.Auth, *gin.Engine) {
	gin.SetMode(gin.ReleaseMode)
	p := &cfg.Providers[0]
	p.ClientID, p.ClientSecret, cfg.AppURL = "app", "secret", "https://app.example.com"
	cfg.CookieSecrets = []string{"Zk3v9QmX7rT1pLw8sYb2Nc5HdGf0UjAe"}
	auth, err := ginoidc.New(cfg)
	if err != nil {
		t.Fatalf("%v", err)
	}
	engine := gin.New()
	auth.Mount(engine)
	page := func(c *gin.Context) { c.String(http.StatusOK, "hello") }
	engine.GET("/profile", auth.RequireAuth(), page)
	engine.GET("/admin", auth.RequireGroups("admin"), page)
	return auth, engine
}

// exampleT stands in for a *testing.T in the examples.
type exampleT struct{}

func (exampleT) Helper()                           {}
func (exampleT) Fatalf(format string, args ...any) { log.Panicf(format, args...) }
