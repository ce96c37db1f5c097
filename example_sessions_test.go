package ginoidc_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/ginoidctest"
)

// A sign-in that the app refuses, and data of its own that the session keeps.
func ExampleConfig_onSignIn() {
	cfg, idp := exampleConfig()
	cfg.OnSignIn = func(ctx context.Context, s *ginoidc.PendingSignIn) error {
		if !s.User.EmailVerified {
			return errors.New("the e-mail address is not verified") // 403, and no session
		}
		s.User.Data = json.RawMessage(`{"plan":"basic"}`)
		return nil
	}
	auth, router := newApp(cfg)
	router.GET("/plan", auth.RequireAuth(), func(c *gin.Context) {
		user, _ := ginoidc.UserFrom(c)
		c.Data(http.StatusOK, "application/json", user.Data)
	})

	alice := ginoidctest.SignIn(noTest{}, auth, router, idp, "alice")
	printResponse(alice.Get("/plan"))
	// Output: 200 {"plan":"basic"}
}

// Groups from a directory of the app's own instead of the provider's claim. It is asked once, at sign-in.
func ExampleProvider_groupsResolver() {
	directory := map[string][]string{"alice": {"buyers"}}
	cfg, idp := exampleConfig()
	cfg.Providers[0].GroupsResolver = func(ctx context.Context, u *ginoidc.User, _ string) ([]string, error) {
		return directory[u.Subject], nil // an error would end the sign-in
	}
	auth, router := newApp(cfg)
	router.GET("/purchases", auth.RequireGroups("buyers"), func(c *gin.Context) { c.String(http.StatusOK, "None yet") })

	for _, subject := range []string{"alice", "bob"} {
		client := ginoidctest.SignIn(noTest{}, auth, router, idp, subject)
		printResponse(client.Get("/purchases"))
	}
	// Output:
	// 200 None yet
	// 403 {"error":"forbidden","message":"You do not have access to this resource."}
}

// Changing what the session keeps of its user, here after a payment.
func ExampleAuth_UpdateSession() {
	auth, router := exampleApp()
	router.POST("/upgrade", auth.RequireAuth(), func(c *gin.Context) {
		err := auth.UpdateSession(c, func(u *ginoidc.User) error {
			u.Groups = append(u.Groups, "premium")
			return nil
		})
		if err != nil {
			auth.Deny(c, err)
			return
		}
		c.String(http.StatusOK, "Upgraded")
	})
	router.GET("/lounge", auth.RequireGroups("premium"), func(c *gin.Context) { c.String(http.StatusOK, "Have a seat") })
	alice := ginoidctest.SignInAs(noTest{}, auth, router, ginoidc.User{Subject: "alice"})

	printResponse(alice.Get("/lounge"))
	printResponse(alice.Post("/upgrade", "", nil))
	printResponse(alice.Get("/lounge"))
	// Output:
	// 403 {"error":"forbidden","message":"You do not have access to this resource."}
	// 200 Upgraded
	// 200 Have a seat
}

// A page on which users see their sessions and end the others, such as that of a lost phone.
func ExampleAuth_UserSessions() {
	auth, router := exampleApp()
	router.POST("/sessions/end-others", auth.RequireAuth(), func(c *gin.Context) {
		ctx, ended := c.Request.Context(), 0
		user, _ := ginoidc.UserFrom(c)
		sessions, err := auth.UserSessions(ctx, user.Subject)
		for _, s := range sessions {
			if !s.Current && err == nil {
				err = auth.EndUserSession(ctx, user.Subject, s.ID)
				ended++
			}
		}
		if err != nil {
			auth.Deny(c, err)
			return
		}
		c.String(http.StatusOK, "%d ended", ended)
	})

	ginoidctest.SignInAs(noTest{}, auth, router, ginoidc.User{Subject: "alice"}) // on the phone
	laptop := ginoidctest.SignInAs(noTest{}, auth, router, ginoidc.User{Subject: "alice"})
	printResponse(laptop.Post("/sessions/end-others", "", nil))
	// Output: 200 1 ended
}

// A call to another service in the user's name.
func ExampleAuth_Client() {
	calendar := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "called with a token: ", r.Header.Get("Authorization") != "")
	}))
	defer calendar.Close()
	cfg, idp := exampleConfig()
	cfg.KeepTokens = true
	auth, router := newApp(cfg)
	router.GET("/calendar", auth.RequireAuth(), func(c *gin.Context) {
		client, err := auth.Client(c)
		if err != nil {
			auth.Deny(c, err)
			return
		}
		response, err := client.Get(calendar.URL)
		if err != nil {
			c.Status(http.StatusBadGateway)
			return
		}
		defer response.Body.Close()
		c.DataFromReader(http.StatusOK, response.ContentLength, "text/plain", response.Body, nil)
	})

	printResponse(ginoidctest.SignIn(noTest{}, auth, router, idp, "alice").Get("/calendar"))
	// Output: 200 called with a token: true
}

// Code below the handler finds the user in the request's context.
func ExampleUserFromContext() {
	greeting := func(ctx context.Context) string {
		user, ok := ginoidc.UserFromContext(ctx)
		if !ok {
			return "Hello, stranger"
		}
		return "Hello, " + user.Name
	}
	auth, router := exampleApp()
	router.GET("/", auth.Middleware(), func(c *gin.Context) {
		c.String(http.StatusOK, greeting(c.Request.Context()))
	})

	show(router, "/")
	showAs(auth, router, "/", ginoidc.User{Subject: "alice", Name: "Alice"})
	// Output:
	// 200 Hello, stranger
	// 200 Hello, Alice
}
