// Package flight runs work once for all who ask for it at the same time.
package flight

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"

	"golang.org/x/sync/singleflight"
)

// Group holds the work that is under way. The zero value is ready.
type Group[T any] struct {
	Log *slog.Logger // gets each panic once, since nobody may be waiting for the work; nil: silent

	group singleflight.Group
}

// PanicError is a panic of the work, as an error for each request that waited for it. The work may call code of the
// app, such as a transport, a store or a hook, on a goroutine that no recovery middleware sees, where a panic would end
// the process.
type PanicError struct {
	Value any
	Stack []byte
}

// Error names what was panicked with and leaves out the stack.
func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// Do runs work unless the same key is under way, whose result it waits for then. shared reports whether another caller
// got the same result. The work runs on a goroutine of its own and outlasts a caller that leaves: with ctx.Err when ctx
// is done. Work that must not see that gets a context of its own.
func (g *Group[T]) Do(ctx context.Context, key string, work func() (T, error)) (value T, shared bool, err error) {
	select {
	case result := <-g.Start(key, work):
		value, _ = result.Val.(T)
		return value, result.Shared, result.Err
	case <-ctx.Done():
		return value, false, ctx.Err()
	}
}

// Start is Do without waiting.
func (g *Group[T]) Start(key string, work func() (T, error)) <-chan singleflight.Result {
	return g.group.DoChan(key, func() (any, error) { return Try(g.Log, work) })
}

// Try runs work and turns a panic of it into a PanicError, which log gets too unless it is nil: for code of the app
// that must not keep what comes after it from being done.
func Try[T any](log *slog.Logger, work func() (T, error)) (value T, err error) {
	defer func() {
		if r := recover(); r != nil {
			panicked := &PanicError{r, debug.Stack()}
			value, err = *new(T), panicked
			panicked.report(log)
		}
	}()
	return work()
}

// report tells the operator where the fault is. The log may be what panics.
func (e *PanicError) report(log *slog.Logger) {
	defer func() { _ = recover() }()
	if log != nil {
		log.Error("ginoidc: a panic in code of the app or of the plugin", "error", e, "stack", string(e.Stack))
	}
}
