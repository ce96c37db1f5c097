package ginoidc_test

import (
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/ginoidctest"
)

// A group of routes for the members of a group.
func Example() {
	auth, router := exampleApp()
	auth.Mount(router)
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

// Answers of one's own to denied requests, for some routes. The chain is aborted before they are called.
func ExampleAuth_With() {
	auth, router := exampleApp()
	api := auth.With(ginoidc.AbortHandlers{
		Unauthenticated: func(c *gin.Context) {
			c.String(http.StatusUnauthorized, "Please sign in")
		},
		Forbidden: func(c *gin.Context) {
			user, _ := ginoidc.UserFrom(c)
			c.String(http.StatusForbidden, "User %s does not have access", user.Email)
		},
	})
	router.GET("/api/admin", api.RequireGroups("admin"), func(c *gin.Context) { c.String(http.StatusOK, "Admin-only data") })

	show(router, "/api/admin")
	showAs(auth, router, "/api/admin", ginoidc.User{Subject: "bob", Email: "bob@example.com"})
	// Output:
	// 401 Please sign in
	// 403 User bob@example.com does not have access
}

// A rule of one's own, about a claim of the provider.
func ExampleAuth_Require() {
	auth, router := exampleApp()
	fromBerlin := auth.Require(func(u *ginoidc.User) error {
		var claims struct {
			Office string `json:"office"`
		}
		if err := u.Claims(&claims); err != nil {
			return err
		}
		if claims.Office != "Berlin" {
			return errors.New("not from Berlin") // Reason returns it, the answer does not show it
		}
		return nil
	})
	router.GET("/canteen", fromBerlin, func(c *gin.Context) { c.String(http.StatusOK, "Today: soup") })

	showAs(auth, router, "/canteen", ginoidc.User{Subject: "alice", Extra: []byte(`{"office":"Berlin"}`)})
	showAs(auth, router, "/canteen", ginoidc.User{Subject: "bob", Extra: []byte(`{"office":"Paris"}`)})
	// Output:
	// 200 Today: soup
	// 403 {"error":"forbidden","message":"You do not have access to this resource."}
}

// A rule that sees the request: notes are for their owners.
func ExampleAuth_RequireFunc() {
	auth, router := exampleApp()
	owners := map[string]string{"1": "alice", "2": "bob"} // by note
	owned := auth.RequireFunc(func(c *gin.Context, u *ginoidc.User) error {
		if owners[c.Param("id")] != u.Subject {
			return errors.New("not the owner") // in the log, and not in the answer
		}
		return nil
	})
	router.GET("/notes/:id", owned, func(c *gin.Context) { c.String(http.StatusOK, "Buy milk") })

	showAs(auth, router, "/notes/1", ginoidc.User{Subject: "alice"})
	showAs(auth, router, "/notes/2", ginoidc.User{Subject: "alice"})
	// Output:
	// 200 Buy milk
	// 403 {"error":"forbidden","message":"You do not have access to this resource."}
}

// Every problem is reported at once, with the variable to mend.
func ExampleConfigFromEnv() {
	for name, value := range map[string]string{
		"SHOP_ISSUER": "http://login.example.com", "SHOP_CLIENT_ID": "shop", "SHOP_CLIENT_SECRET": "s",
		"SHOP_COOKIE_SECRET": "too short", "SHOP_SESSION_IDLE": "soon",
	} {
		os.Setenv(name, value)
		defer os.Unsetenv(name)
	}
	cfg, _ := ginoidc.ConfigFromEnv("SHOP_") // New reports what it cannot read
	_, err := ginoidc.New(cfg)
	fmt.Println(err)
	// Output:
	// ginoidc: SHOP_SESSION_IDLE (SessionIdle): "soon" is not a positive duration; write a Go duration such as 12h or 90s
	// ginoidc: SHOP_ISSUER (Providers[0].Issuer): uses http outside loopback; set the issuer exactly as the provider's discovery document spells it
	// ginoidc: SHOP_COOKIE_SECRET (CookieSecrets): secret 1 has 3 bytes instead of at least 32; set a random secret: openssl rand -base64 32
	// ginoidc: SHOP_COOKIE_SECRET (CookieSecrets): secret 2 has 5 bytes instead of at least 32; set a random secret: openssl rand -base64 32
}

// What many apps write themselves. The redirect does not end the chain, so the protected handler runs and its answer
// goes out behind the redirect, where any program reads it. A guard aborts first.
func Example_incorrectRedirectWithoutAbort() {
	auth, router := exampleApp()
	secrets := func(c *gin.Context) { c.String(http.StatusOK, "the secrets") }
	wrong := func(c *gin.Context) {
		if _, signedIn := ginoidc.UserFrom(c); !signedIn {
			c.Redirect(http.StatusSeeOther, "/auth/signin") // and then?
		}
	}
	router.GET("/wrong", auth.Middleware(), wrong, secrets)
	router.GET("/right", auth.RequireAuth(), secrets)

	for _, path := range []string{"/wrong", "/right"} {
		w := httptest.NewRecorder()
		router.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		fmt.Println(path, w.Code, "shows the secrets:", strings.Contains(w.Body.String(), "the secrets"))
	}
	// Output:
	// /wrong 303 shows the secrets: true
	// /right 401 shows the secrets: false
}

// exampleApp is an app whose provider the examples do not ask.
func exampleApp() (*ginoidc.Auth, *gin.Engine) {
	gin.SetMode(gin.ReleaseMode)
	auth, err := ginoidc.New(ginoidc.Config{
		Providers:     []ginoidc.Provider{{Issuer: "https://login.example.com", ClientID: "shop", ClientSecret: "s"}},
		AppURL:        "https://shop.example.com",
		CookieSecrets: []string{"q2V9tYx0mB7kLr4WcZ8nJf1sHd6uGp3A"}, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		log.Panic(err)
	}
	return auth, gin.New()
}

// show prints what a program gets that is not signed in.
func show(engine *gin.Engine, path string) {
	w := httptest.NewRecorder()
	engine.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	fmt.Println(w.Code, w.Body)
}

// showAs prints what the user gets.
func showAs(auth *ginoidc.Auth, engine *gin.Engine, path string, user ginoidc.User) {
	answer, err := ginoidctest.SignInAs(noTest{}, auth, engine, user).Get(path)
	if err != nil {
		log.Panic(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		log.Panic(err)
	}
	fmt.Println(answer.StatusCode, string(body))
}

// noTest stands in for the *testing.T that an example does not have.
type noTest struct{}

func (noTest) Helper()                           {}
func (noTest) Fatalf(format string, args ...any) { log.Panicf(format, args...) }
func (noTest) Cleanup(func())                    {}
