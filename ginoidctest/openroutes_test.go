package ginoidctest_test

import (
	"context"
	"net/http"
	"reflect"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/ginoidctest"
)

// case 210: a route registered before the guard is open, and found.
func TestOpenRoutes(t *testing.T) {
	auth, engine := ginApp(t, nil)
	var asked []string
	handler := func(c *gin.Context) {
		asked = append(asked, c.Request.Method+" "+c.Request.URL.Path)
		c.String(http.StatusOK, "ran")
	}
	engine.GET("/", handler)
	engine.GET("/healthz", handler)
	engine.DELETE("/notes/:id/*rest", handler)
	engine.GET("/missing", func(c *gin.Context) { c.Status(http.StatusNotFound) })
	engine.GET("/broken", func(*gin.Context) { panic(http.ErrAbortHandler) })
	engine.GET("/down", func(c *gin.Context) { c.Status(http.StatusServiceUnavailable) })
	answers := func(status int) gin.HandlerFunc {
		return func(c *gin.Context) { c.AbortWithStatus(status) }
	}
	for i, status := range []int{401, 403, 429, 503} { // a token check or a rate limiter: what is behind it is unknown
		path := "/first/" + string(rune('a'+i))
		engine.GET(path+"/open", answers(status), handler)
		engine.GET(path+"/guarded", answers(status), auth.RequireAuth(), handler)
		engine.GET(path+"/behind", auth.RequireAuth(), answers(status), handler)
	}
	engine.GET("/denies", func(c *gin.Context) { auth.Deny(c, ginoidc.ErrForbidden) })
	engine.GET("/guard-last", handler, auth.RequireAuth())
	engine.GET("/forward-auth", auth.RequireAuth())
	hidden := auth.With(ginoidc.AbortHandlers{
		Unauthenticated: func(c *gin.Context) { c.String(http.StatusNotFound, "not here") },
	})
	engine.GET("/hidden", hidden.RequireGroups("admin"), handler)
	engine.GET("/replaced", func(c *gin.Context) {
		c.Request = c.Request.WithContext(context.WithoutCancel(c.Request.Context()))
	}, auth.RequireAuth(), handler)
	engine.GET("/own", auth.UserInfo)
	engine.Use(auth.RequireAuth())
	engine.GET("/late", handler)
	engine.PUT("/orgs/:org", auth.RequireOrganization("org"), handler)

	open := ginoidctest.OpenRoutes(engine, "/", "/healthz")
	want := []string{
		"DELETE /notes/:id/*rest", "GET /broken", "GET /denies", "GET /down",
		"GET /first/a/guarded", "GET /first/a/open", "GET /first/b/guarded", "GET /first/b/open",
		"GET /first/c/guarded", "GET /first/c/open", "GET /first/d/guarded", "GET /first/d/open",
		"GET /guard-last", "GET /missing",
	}
	if !reflect.DeepEqual(open, want) {
		t.Errorf("open routes = %q, want %q", open, want)
	}
	slices.Sort(asked)
	if want := []string{"DELETE /notes/x/x", "GET /guard-last"}; !reflect.DeepEqual(asked, want) {
		t.Errorf("handlers that ran: %q, want %q", asked, want)
	}
}

func TestOpenRoutesGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, engine := ginApp(t, nil)
		engine.GET("/hangs", func(c *gin.Context) { <-c.Request.Context().Done() })
		start := time.Now()
		open := ginoidctest.OpenRoutes(engine)
		if !reflect.DeepEqual(open, []string{"GET /hangs"}) || time.Since(start) != 5*time.Second {
			t.Errorf("open routes = %q after %s", open, time.Since(start))
		}
	})
}
