// Package flight runs work once for all concurrent callers.
package flight

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"

	"golang.org/x/sync/singleflight"
)

// Group holds the work in progress. The zero value is ready to use.
type Group[T any] struct {
	Log *slog.Logger // receives each panic once, even if nobody waits for the work; nil means none

	group singleflight.Group
}

// PanicError is a panic of the work, as an error for each request that waited for it. The work may call code of the
// app, such as a transport, a store or a hook, on a goroutine outside of any recovery middleware, where a panic would
// end the process.
type PanicError struct {
	Value any
	Stack []byte
}

// Error returns the value of the panic without the stack.
func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// Do runs work, or waits for the result if work with the same key is in progress. shared reports whether another caller
// got the same result. The work runs on its own goroutine and continues if a caller leaves, which returns ctx.Err when
// ctx is done. Work that must not be canceled needs its own context.
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

// Try runs work and converts a panic to a PanicError, which is also logged unless log is nil. It is for code of the app
// that must not prevent what follows it.
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

// report logs the panic, so that an operator can find the fault. The log handler itself may be what panics.
func (e *PanicError) report(log *slog.Logger) {
	defer func() { _ = recover() }()
	if log != nil {
		log.Error("ginoidc: a panic in code of the app or of the plugin", "error", e, "stack", string(e.Stack))
	}
}
