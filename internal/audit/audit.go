// Package audit tells which routes of an engine guard themselves: the plugin's own ones, and those of which a test sees
// that a guard denied a request. What an answer looks like does not tell: others answer 401, 403 and 503 too.
package audit

import (
	"context"
	"strings"
	"sync/atomic"
)

// Own tells the plugin's own handlers, which decide for themselves and are methods, by the name that Gin gives a
// handler. Guards are functions made by methods.
func Own(handler string) bool {
	return strings.HasPrefix(handler, "github.com/seed-d65cea4d/ginoidc.(*Auth).") && strings.HasSuffix(handler, "-fm")
}

// Mark is set by the guard that denies a request with its context. The zero value is unset.
type Mark struct{ denied atomic.Bool }

type key struct{}

// In returns a context for a request whose denial sets m.
func (m *Mark) In(ctx context.Context) context.Context { return context.WithValue(ctx, key{}, m) }

// Denied reports whether m was set.
func (m *Mark) Denied() bool { return m.denied.Load() }

// Deny sets the mark of a request that is probed, by its context.
func Deny(ctx context.Context) {
	if m, ok := ctx.Value(key{}).(*Mark); ok {
		m.denied.Store(true)
	}
}
