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

// OpenRoutes asks every route of the engine as a program that is not signed in
// would, and lists those ("GET /reports/:id") that no guard of the plugin denied.
// A guard registered after a route does not protect that route, and a test with
// OpenRoutes notices:
//
//	if open := ginoidctest.OpenRoutes(engine, "/", "/healthz"); len(open) > 0 {
//		t.Errorf("routes without a guard: %q", open)
//	}
//
// The status proves nothing. Where something else answers before a guard is
// asked, such as a check of a CSRF token or a rate limiter, nobody can tell
// whether there is one, and the route is listed: put the guard first, or let the
// test's engine do without that check. A middleware that gives c.Request a context
// which is not derived from its own hides the guards behind it in the same way.
//
// Public route patterns, as for ProtectAll, and the plugin's own routes are not
// asked and not listed.
//
// Danger: the handlers of open routes really run, with "x" for each path
// parameter and no body. Run it against test data only: a DELETE route without
// a guard deletes. A route that does not answer within five seconds, or
// panics, counts as open.
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
