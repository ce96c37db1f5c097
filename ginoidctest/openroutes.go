package ginoidctest

import (
	"slices"

	"github.com/gin-gonic/gin"
)

// OpenRoutes returns the routes of the engine ("GET /reports/:id") where no guard of the plugin denied a request of a
// program that is not signed in: those of [Audit] that are Open.
//
//	if open := ginoidctest.OpenRoutes(engine, "/", "/healthz"); len(open) > 0 {
//		t.Errorf("routes without a guard: %q", open)
//	}
//
// Danger: as with Audit, the handlers of open routes really run.
func OpenRoutes(engine *gin.Engine, public ...string) []string {
	var open []string
	for _, r := range Audit(engine, public...) {
		if r.Open() {
			open = append(open, r.Method+" "+r.Path)
		}
	}
	slices.Sort(open)
	return open
}
