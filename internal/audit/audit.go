// Package audit reports which routes of an engine are guarded: the plugin's own routes, and those where a guard was
// seen to deny a request. The status of a response is not enough: other handlers respond with 401, 403 and 503 too.
package audit

import (
	"context"
	"strings"
	"sync/atomic"
)

// Own reports whether handler, a name as Gin prints it, is one of the plugin's own handlers, which decide for
// themselves. Those are methods. Guards are function literals made by methods.
func Own(handler string) bool {
	return strings.HasPrefix(handler, "github.com/seed-d65cea4d/ginoidc.(*") && strings.HasSuffix(handler, "-fm")
}

// Mark is set when a guard denies a request with its context. The zero value is unset.
type Mark struct{ denied atomic.Bool }

type key struct{}

// In returns a context for a request. If the request is denied, m is set.
func (m *Mark) In(ctx context.Context) context.Context { return context.WithValue(ctx, key{}, m) }

// Denied reports whether m was set.
func (m *Mark) Denied() bool { return m.denied.Load() }

// Deny sets the mark of a probed request, found in its context.
func Deny(ctx context.Context) {
	if m, ok := ctx.Value(key{}).(*Mark); ok {
		m.denied.Store(true)
	}
}
