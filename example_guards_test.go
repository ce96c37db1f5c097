package ginoidc_test

import (
	"errors"
	"fmt"
	"log"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/ginoidctest"
)

// Responses of the app's own to denied requests, for some routes. The chain is aborted before a handler is called.
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
	router.GET("/api/admin", api.RequireGroups("admin"), func(c *gin.Context) {
		c.String(http.StatusOK, "Admin-only data")
	})

	show(router, "/api/admin")
	showAs(auth, router, "/api/admin", ginoidc.User{Subject: "bob", Email: "bob@example.com"})
	// Output:
	// 401 Please sign in
	// 403 User bob@example.com does not have access
}

// Every denied request and every failure as JSON in the app's own format.
func ExampleDenied() {
	auth, router := exampleApp()
	problem := func(c *gin.Context) {
		d := ginoidc.Denied(c)
		c.JSON(d.Status, gin.H{"title": d.Title, "code": d.Code})
	}
	api := auth.With(ginoidc.AbortHandlers{Unauthenticated: problem, Forbidden: problem, Failed: problem})
	router.GET("/api/admin", api.RequireGroups("admin"), func(c *gin.Context) {
		c.String(http.StatusOK, "Admin-only data")
	})

	show(router, "/api/admin")
	showAs(auth, router, "/api/admin", ginoidc.User{Subject: "bob"})
	// Output:
	// 401 {"code":"unauthorized","title":"You are not signed in"}
	// 403 {"code":"forbidden","title":"No access"}
}

// A rule of the app's own, about a claim of the provider.
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
			return errors.New("not from Berlin") // for Reason and the log; the response does not show it
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
			return errors.New("not the owner") // for Reason and the log; the response does not show it
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

// Members of an organization see what belongs to it. The path names the organization; the session decides.
func ExampleAuth_RequireOrganization() {
	auth, router := exampleApp()
	router.GET("/orgs/:org/projects", auth.RequireOrganization("org"), func(c *gin.Context) {
		c.String(http.StatusOK, "Projects of %s", c.Param("org"))
	})

	alice := ginoidc.User{Subject: "alice", Organizations: []string{"acme"}}
	showAs(auth, router, "/orgs/acme/projects", alice)
	showAs(auth, router, "/orgs/globex/projects", alice)
	// Output:
	// 200 Projects of acme
	// 403 {"error":"forbidden","message":"You do not have access to this resource."}
}

// A route for users who have signed in within the last five minutes. A browser is sent to sign in again; a program is
// told what is missing.
func ExampleAuth_RequireFreshSignIn() {
	auth, router := exampleApp()
	router.GET("/password", auth.RequireFreshSignIn(5*time.Minute), func(c *gin.Context) {
		c.String(http.StatusOK, "Change your password")
	})

	for _, age := range []time.Duration{time.Minute, time.Hour} {
		alice := ginoidc.User{Subject: "alice", AuthTime: time.Now().Add(-age)}
		response, err := ginoidctest.SignInAs(noTest{}, auth, router, alice).Get("/password")
		if err != nil {
			log.Panic(err)
		}
		fmt.Println(response.Status, response.Header["Www-Authenticate"])
		response.Body.Close()
	}
	// Output:
	// 200 OK []
	// 401 Unauthorized [Cookie realm="https://shop.example.com", error="insufficient_user_authentication", max_age="300"]
}

// Every route requires sign-in, except for the public ones: a new route is protected unless somebody lists it.
func ExampleAuth_ProtectAll() {
	auth, router := exampleApp()
	router.Use(auth.ProtectAll("/", "/healthz"))
	for _, path := range []string{"/", "/healthz", "/reports"} {
		router.GET(path, func(c *gin.Context) { c.String(http.StatusOK, "This is %s", path) })
	}

	show(router, "/healthz")
	show(router, "/reports")
	// Output:
	// 200 This is /healthz
	// 401 {"error":"unauthorized","message":"Please sign in.","sign_in_url":"/auth/signin"}
}

// A handler that decides itself and answers as a guard does.
func ExampleAuth_Deny() {
	auth, router := exampleApp()
	router.GET("/orders/:id", auth.RequireAuth(), func(c *gin.Context) {
		user, _ := ginoidc.UserFrom(c)
		owner := "bob" // as found in a database
		if user.Subject != owner {
			auth.Deny(c, errors.New("not the customer"))
			return
		}
		c.String(http.StatusOK, "Order %s", c.Param("id"))
	})

	showAs(auth, router, "/orders/7", ginoidc.User{Subject: "bob"})
	showAs(auth, router, "/orders/7", ginoidc.User{Subject: "alice"})
	// Output:
	// 200 Order 7
	// 403 {"error":"forbidden","message":"You do not have access to this resource."}
}

// API keys on the same guards as sessions. A request without a key is left to the session; a wrong key is denied.
func ExampleAuthenticator() {
	keys := map[string]ginoidc.User{"k-1": {Subject: "backup", Groups: []string{"admin"}}}
	cfg, _ := exampleConfig()
	cfg.Authenticators = []ginoidc.Authenticator{func(c *gin.Context) (*ginoidc.User, error) {
		key := c.GetHeader("X-API-Key")
		if key == "" {
			return nil, nil
		}
		user, ok := keys[key]
		if !ok {
			return nil, errors.New("unknown API key")
		}
		return &user, nil
	}}
	auth, router := newApp(cfg)
	router.GET("/dump", auth.RequireGroups("admin"), func(c *gin.Context) { c.String(http.StatusOK, "All the data") })

	show(router, "/dump", "X-API-Key", "k-1")
	show(router, "/dump", "X-API-Key", "guessed")
	// Output:
	// 200 All the data
	// 401 {"error":"unauthorized","message":"Please sign in.","sign_in_url":"/auth/signin"}
}

// Guards refuse requests that another site makes a browser send with the session's cookie, unless the origin is
// trusted.
func ExampleConfig_trustedOrigins() {
	cfg, _ := exampleConfig()
	cfg.TrustedOrigins = []string{"https://admin.example.com"}
	auth, router := newApp(cfg)
	router.POST("/orders", auth.RequireAuth(), func(c *gin.Context) { c.String(http.StatusCreated, "Ordered") })
	alice := ginoidctest.SignInAs(noTest{}, auth, router, ginoidc.User{Subject: "alice"})

	for _, origin := range []string{"https://shop.example.com", "https://admin.example.com", "https://evil.example"} {
		r, _ := http.NewRequest(http.MethodPost, auth.AppURL()+"/orders", http.NoBody)
		r.Header.Set("Origin", origin)
		fmt.Print(origin, " ")
		printResponse(alice.Do(r))
	}
	// Output:
	// https://shop.example.com 201 Ordered
	// https://admin.example.com 201 Ordered
	// https://evil.example 403 {"error":"cross_origin","message":"This request came from another site."}
}
