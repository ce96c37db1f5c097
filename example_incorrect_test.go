package ginoidc_test

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/ginoidctest"
)

// Incorrect: the guard comes after a route. Gin applies middleware to later routes only, so the first one is open to
// everybody. Register guards first, and let a test ask ginoidctest.OpenRoutes.
func Example_incorrectGuardAfterRoutes() {
	auth, router := exampleApp()
	page := func(c *gin.Context) { c.String(http.StatusOK, "the secrets") }
	router.GET("/early", page)
	router.Use(auth.RequireAuth()) // too late
	router.GET("/late", page)

	show(router, "/early")
	show(router, "/late")
	fmt.Println("open:", ginoidctest.OpenRoutes(router))
	// Output:
	// 200 the secrets
	// 401 {"error":"unauthorized","message":"Please sign in.","sign_in_url":"/auth/signin"}
	// open: [GET /early]
}

// Incorrect: groups compared by hand. "admin" is a part of "sales-admin", and a provider that left the groups out
// because there were too many is not noticed. Use a guard, or User.InGroup.
func Example_incorrectGroupsByHand() {
	auth, router := exampleApp()
	page := func(c *gin.Context) { c.String(http.StatusOK, "the secrets") }
	byHand := func(c *gin.Context) {
		user, ok := ginoidc.UserFrom(c)
		if !ok || !strings.Contains(strings.Join(user.Groups, ","), "admin") {
			c.AbortWithStatus(http.StatusForbidden)
		}
	}
	router.GET("/wrong", auth.Middleware(), byHand, page)
	router.GET("/right", auth.RequireGroups("admin"), page)

	bob := ginoidc.User{Subject: "bob", Groups: []string{"sales-admin"}}
	showAs(auth, router, "/wrong", bob)
	showAs(auth, router, "/right", bob)
	// Output:
	// 200 the secrets
	// 403 {"error":"forbidden","message":"You do not have access to this resource."}
}

// Incorrect: a redirect without Abort. The chain goes on, so the protected handler runs and its response follows the
// redirect, where any program reads it. A guard aborts first.
func Example_incorrectRedirectWithoutAbort() {
	auth, router := exampleApp()
	page := func(c *gin.Context) { c.String(http.StatusOK, "the secrets") }
	byHand := func(c *gin.Context) {
		if _, signedIn := ginoidc.UserFrom(c); !signedIn {
			c.Redirect(http.StatusSeeOther, "/auth/signin") // and the chain goes on
		}
	}
	router.GET("/wrong", auth.Middleware(), byHand, page)
	router.GET("/right", auth.RequireAuth(), page)

	for _, path := range []string{"/wrong", "/right"} {
		w := get(router, path)
		fmt.Println(path, w.Code, "shows the secrets:", strings.Contains(w.Body.String(), "the secrets"))
	}
	// Output:
	// /wrong 303 shows the secrets: true
	// /right 401 shows the secrets: false
}
