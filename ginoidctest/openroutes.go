package ginoidctest

import (
	"context"
	"net/http"
	"regexp"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/audit"
)

var wildcard = regexp.MustCompile(`[:*][^/]*`)

// OpenRoutes requests every route of the engine as a program that is not signed in, and returns those ("GET
// /reports/:id") where no guard of the plugin denied the request. A guard registered after a route does not protect
// that route, and a test with OpenRoutes detects this:
//
//	if open := ginoidctest.OpenRoutes(engine, "/", "/healthz"); len(open) > 0 {
//		t.Errorf("routes without a guard: %q", open)
//	}
//
// The status proves nothing. If something else responds before a guard runs, such as a check of a CSRF token or a rate
// limiter, OpenRoutes cannot know whether there is a guard, and the route is listed: put the guard first, or leave that
// check out of the test's engine. A middleware that gives c.Request a context which is not derived from its own hides
// the guards behind it in the same way.
//
// Public route patterns, as for ProtectAll, and the plugin's own routes are neither requested nor listed.
//
// Danger: the handlers of open routes really run, with "x" for each path parameter and no body. Run it against test
// data only: a DELETE route without a guard deletes. A route that does not respond within five seconds, or panics,
// counts as open.
func OpenRoutes(engine *gin.Engine, public ...string) []string {
	var open []string
	for _, route := range engine.Routes() {
		if slices.Contains(public, route.Path) || audit.Own(route.Handler) {
			continue
		}
		if !guarded(engine, route.Method, wildcard.ReplaceAllLiteralString(route.Path, "x")) {
			open = append(open, route.Method+" "+route.Path)
		}
	}
	slices.Sort(open)
	return open
}

func guarded(engine *gin.Engine, method, path string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, "https://localhost"+path, nil)
	if err != nil {
		return false
	}
	var mark audit.Mark
	pipe := inMemory(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		engine.ServeHTTP(w, r.WithContext(mark.In(r.Context())))
	}))
	resp, err := pipe.RoundTrip(r)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return mark.Denied()
}
