// Package audit lets a test of all routes see that a guard denied a request. What an answer looks like does not tell: others answer 401,
// 403 and 503 too.
package audit

import (
	"context"
	"sync/atomic"
)

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
