package ginoidc_test

import (
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/ginoidctest"
)

// A group of routes for the members of a group.
func Example() {
	auth, router := exampleApp()
	admin := router.Group("/admin", auth.RequireGroups("admin"))
	admin.GET("/users", func(c *gin.Context) {
		user, _ := ginoidc.UserFrom(c)
		c.String(http.StatusOK, "Welcome, %s", user.Name)
	})

	show(router, "/admin/users")
	showAs(auth, router, "/admin/users", ginoidc.User{Subject: "bob", Name: "Bob", Groups: []string{"staff"}})
	showAs(auth, router, "/admin/users", ginoidc.User{Subject: "alice", Name: "Alice", Groups: []string{"admin"}})
	// Output:
	// 401 {"error":"unauthorized","message":"Please sign in.","sign_in_url":"/auth/signin"}
	// 403 {"error":"forbidden","message":"You do not have access to this resource."}
	// 200 Welcome, Alice
}

// The settings that every app needs. New asks nothing of the provider, so the app starts while its provider is down.
func ExampleNew() {
	auth, err := ginoidc.New(ginoidc.Config{
		Providers: []ginoidc.Provider{{
			Issuer:   "https://login.example.com", // as in the provider's discovery document
			ClientID: "shop", ClientSecret: "registered at the provider",
		}},
		AppURL:        "https://shop.example.com",
		CookieSecrets: []string{"q2V9tYx0mB7kLr4WcZ8nJf1sHd6uGp3A"}, // openssl rand -base64 32
	})
	if err != nil {
		log.Fatal(err)
	}
	gin.SetMode(gin.ReleaseMode)
	router := gin.New()
	auth.Mount(router)

	fmt.Println(auth.AppURL())
	fmt.Println(auth.SignInURL("/cart"))
	// Output:
	// https://shop.example.com
	// /auth/signin?return_to=%2Fcart
}

// New reports every problem at once, each with the variable to change. Printing err shows how to fix it too.
func ExampleConfigFromEnv() {
	for name, value := range map[string]string{
		"SHOP_ISSUER": "http://login.example.com", "SHOP_CLIENT_ID": "shop", "SHOP_CLIENT_SECRET": "s",
		"SHOP_COOKIE_SECRET": "too-short", "SHOP_SESSION_IDLE": "soon",
	} {
		os.Setenv(name, value)
		defer os.Unsetenv(name)
	}
	cfg, _ := ginoidc.ConfigFromEnv("SHOP_") // New reports what it cannot read
	_, err := ginoidc.New(cfg)
	for _, problem := range err.(interface{ Unwrap() []error }).Unwrap() {
		var e *ginoidc.ConfigError
		if errors.As(problem, &e) {
			fmt.Println(e.Variable, e.Problem)
		}
	}
	// Output:
	// SHOP_SESSION_IDLE "soon" is not a positive duration
	// SHOP_ISSUER uses http outside loopback
	// SHOP_COOKIE_SECRET secret 1 has 9 bytes instead of at least 32
}

// A link that asks the provider for more than the usual: here, to show its form for new accounts. The parameters are
// sealed into the link, so that nobody else can make one with other parameters.
func ExampleAuth_SignInURLWith() {
	auth, router := exampleApp()
	link, err := auth.SignInURLWith("/welcome", url.Values{"prompt": {"create"}})
	if err != nil {
		log.Panic(err)
	}

	w := get(router, link)
	authorization, err := w.Result().Location()
	if err != nil {
		log.Panic(err)
	}
	fmt.Println(authorization.Host, authorization.Query().Get("prompt"))
	// Output: idp.example create
}

// exampleConfig describes an app and a provider in memory, whose users are those of ginoidctest.DemoUsers.
func exampleConfig() (ginoidc.Config, *ginoidctest.Provider) {
	idp, err := ginoidctest.New(ginoidctest.Config{ClientID: "shop", ClientSecret: "s"})
	if err != nil {
		log.Panic(err)
	}
	return ginoidc.Config{
		Providers: []ginoidc.Provider{{
			Issuer: idp.Issuer(), Transport: idp.Transport(), ClientID: "shop", ClientSecret: "s",
		}},
		AppURL:        "https://shop.example.com",
		CookieSecrets: []string{"q2V9tYx0mB7kLr4WcZ8nJf1sHd6uGp3A"}, Logger: slog.New(slog.DiscardHandler),
	}, idp
}

// newApp returns the app that cfg describes, with the plugin's routes.
func newApp(cfg ginoidc.Config) (*ginoidc.Auth, *gin.Engine) {
	gin.SetMode(gin.ReleaseMode)
	auth, err := ginoidc.New(cfg)
	if err != nil {
		log.Panic(err)
	}
	router := gin.New()
	auth.Mount(router)
	return auth, router
}

func exampleApp() (*ginoidc.Auth, *gin.Engine) {
	cfg, _ := exampleConfig()
	return newApp(cfg)
}

// get sends the request of a program that is not signed in. headers are names and values in turn.
func get(engine *gin.Engine, path string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	engine.ServeHTTP(w, r)
	return w
}

// show prints the response to a program that is not signed in.
func show(engine *gin.Engine, path string, headers ...string) {
	w := get(engine, path, headers...)
	fmt.Println(w.Code, w.Body)
}

// showAs prints the response to the user.
func showAs(auth *ginoidc.Auth, engine *gin.Engine, path string, user ginoidc.User) {
	printResponse(ginoidctest.SignInAs(noTest{}, auth, engine, user).Get(path))
}

// printResponse prints a response.
func printResponse(response *http.Response, err error) {
	if err != nil {
		log.Panic(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		log.Panic(err)
	}
	fmt.Println(response.StatusCode, string(body))
}

// noTest stands in for the *testing.T that an example does not have.
type noTest struct{}

func (noTest) Helper()                           {}
func (noTest) Fatalf(format string, args ...any) { log.Panicf(format, args...) }
func (noTest) Cleanup(func())                    {}
