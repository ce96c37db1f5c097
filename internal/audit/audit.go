// Package audit reports which routes of an engine are guarded: the plugin's own routes, and those where a guard was
// seen to deny a request. The status of a response is not enough: other handlers respond with 401, 403 and 503 too.
package audit

import (
	"context"
	"slices"
	"strings"
	"sync"
)

const plugin = "github.com/seed-d65cea4d/ginoidc.(*"

// Own reports whether handler, a name as Gin prints it, is one of the plugin's own handlers, which decide for
// themselves. Those are methods. Guards are function literals made by methods.
func Own(handler string) bool {
	return strings.HasPrefix(handler, plugin) && strings.HasSuffix(handler, "-fm")
}

// isGuard reports whether handler, a name as Gin prints it, is a guard. The methods that make guards are not inlined,
// or the literals would have the names of their callers.
func isGuard(handler string) bool {
	return strings.HasPrefix(handler, plugin+"Auth).guard.func") ||
		strings.HasPrefix(handler, plugin+"Auth).ProtectAll.func")
}

// Probe is a request that finds out which guards a route has. Guards that would deny it record themselves instead, and
// only the last one denies, so that no handler behind a guard runs. The zero value is ready for use.
type Probe struct {
	mu     sync.Mutex
	guards []string
	public bool
	passed int
}

type key struct{}

// In returns a context for the request of the probe.
func (p *Probe) In(ctx context.Context) context.Context { return context.WithValue(ctx, key{}, p) }

// Of returns the probe of a request with this context, or nil for the requests of users.
func Of(ctx context.Context) *Probe {
	p, _ := ctx.Value(key{}).(*Probe)
	return p
}

// Guarded records a guard that denies the request. handlers are the names of all handlers of the route. It reports
// whether another guard follows: then this one is to let the request pass, to that one.
func (p *Probe) Guarded(guard string, handlers []string) (pass bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.guards = append(p.guards, guard)
	return p.pass(handlers)
}

// Exempted records that a guard lets everybody pass on this route, as Guarded does otherwise.
func (p *Probe) Exempted(handlers []string) (pass bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.public = true
	return p.pass(handlers)
}

// pass counts the guards that were reached. A guard that a handler of the app calls is not among the handlers, so the
// count may come to its end early: then guards are missing in the record, but no handler runs.
func (p *Probe) pass(handlers []string) bool {
	p.passed++
	guards := 0
	for _, handler := range handlers {
		if isGuard(handler) {
			guards++
		}
	}
	return p.passed < guards
}

// Result returns the guards in the order in which they were reached, and whether one exempts the route.
func (p *Probe) Result() (guards []string, public bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.guards), p.public
}
