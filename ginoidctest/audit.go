package ginoidctest

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/audit"
)

// Route is a route of an engine and who may use it.
type Route struct {
	Method string `json:"method"` // "*" for the plugin's own routes, which answer every method
	Path   string `json:"path"`   // the pattern, as Gin writes it
	// Guards are the guards of the plugin in front of the handler, outermost first, with what they require, such as
	// "RequireAuth" and "RequireGroups(admin, staff)".
	Guards []string `json:"guards"`
	Public bool     `json:"public,omitempty"` // named as public, in the call of Audit or of ProtectAll
	Plugin bool     `json:"plugin,omitempty"` // one of the plugin's own routes, which decide for themselves
}

// Open reports whether everybody may use the route, although nothing says that it is public.
func (r Route) Open() bool { return len(r.Guards) == 0 && !r.Public && !r.Plugin }

// GuardedBy reports whether a guard of this name is in front of the handler, such as "RequireGroups", whatever it
// requires, or "RequireGroups(admin)".
func (r Route) GuardedBy(guard string) bool {
	return slices.ContainsFunc(r.Guards, func(g string) bool { return g == guard || strings.HasPrefix(g, guard+"(") })
}

// access says in one line who may use the route.
func (r Route) access() string {
	switch {
	case r.Plugin:
		return "plugin"
	case r.Open():
		return "OPEN"
	case len(r.Guards) == 0:
		return "public"
	}
	return strings.Join(r.Guards, ", ")
}

// Routes are the routes of an engine, sorted by path and method.
type Routes []Route

// String returns a table with one line for each route: method, path, and the guards, "public", "plugin" or "OPEN".
func (rs Routes) String() string {
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	for _, r := range rs {
		fmt.Fprintf(table, "%s\t%s\t%s\n", r.Method, r.Path, r.access())
	}
	_ = table.Flush() // a strings.Builder returns no errors
	return text.String()
}

// Audit lists the routes of the engine with their guards, for a test of a rule that all of them must follow, and for
// people, who see in one table who may do what:
//
//	for _, r := range ginoidctest.Audit(engine, "/", "/healthz") {
//		if r.Open() || strings.HasPrefix(r.Path, "/admin") && !r.GuardedBy("RequireGroups") {
//			t.Errorf("%s %s: %q", r.Method, r.Path, r.Guards)
//		}
//	}
//
// It sends each route a request of a program that is not signed in, which the guards recognize. A guard registered
// after a route does not protect it, and is not listed. Guards are found only if nothing else responds before them,
// such as a check of a CSRF token or a rate limiter: put guards first, or leave that check out of the test's engine. A
// middleware that gives c.Request a context which is not derived from its own hides the guards behind it in the same
// way. What a handler decides itself is not listed.
//
// Public route patterns, as for ProtectAll, and the plugin's own routes are listed without being requested.
//
// Danger: the handlers of open routes really run, with "x" for each path parameter and no body, and so does other
// middleware in front of a guard. Run it against test data only: a DELETE route without a guard deletes. A route that
// does not respond within five seconds, or panics, has no guards.
func Audit(engine *gin.Engine, public ...string) Routes {
	var all Routes
	for _, route := range engine.Routes() {
		r := Route{Method: route.Method, Path: route.Path, Guards: []string{}}
		switch {
		case audit.Own(route.Handler):
			r.Method, r.Plugin = "*", true
		case slices.Contains(public, route.Path):
			r.Public = true
		default:
			r.Guards, r.Public = probe(engine, route.Method, wildcard.ReplaceAllLiteralString(route.Path, "x"))
		}
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b Route) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), strings.Compare(a.Method, b.Method))
	})
	return slices.CompactFunc(all, func(a, b Route) bool { return a.Plugin && b.Plugin && a.Path == b.Path })
}

var wildcard = regexp.MustCompile(`[:*][^/]*`)

// probe requests a path and returns the guards that it met, and whether one of them exempts the route.
func probe(engine *gin.Engine, method, path string) (guards []string, public bool) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, "https://localhost"+path, nil)
	if err != nil {
		return []string{}, false
	}
	var p audit.Probe
	pipe := inMemory(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		engine.ServeHTTP(w, r.WithContext(p.In(r.Context())))
	}))
	resp, err := pipe.RoundTrip(r)
	if err != nil { // it panicked, or has not responded
		return []string{}, false
	}
	_ = resp.Body.Close()
	guards, public = p.Result()
	return append([]string{}, guards...), public && len(guards) == 0
}
