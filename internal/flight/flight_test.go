package flight_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/flight"
)

func TestOneRunForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var group flight.Group[int]
		runs := 0
		var callers sync.WaitGroup
		for range 10 {
			callers.Go(func() {
				value, shared, err := group.Do(t.Context(), "key", func() (int, error) {
					time.Sleep(time.Second)
					runs++
					return 7, nil
				})
				if value != 7 || !shared || err != nil {
					t.Errorf("got %d, %t, %v", value, shared, err)
				}
			})
		}
		callers.Wait()
		if runs != 1 {
			t.Errorf("%d runs", runs)
		}
	})
}

func TestWorkOutlastsItsCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var group flight.Group[string]
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		finished := false
		_, _, err := group.Do(ctx, "key", func() (string, error) {
			time.Sleep(time.Minute)
			finished = true
			return "", nil
		})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if !finished {
			t.Error("the work ended with its caller")
		}
	})
}

func TestPanicIsAnErrorOfAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var group flight.Group[int]
		var callers sync.WaitGroup
		for range 3 {
			callers.Go(func() {
				value, _, err := group.Do(t.Context(), "key", func() (int, error) {
					time.Sleep(time.Second)
					panic("app")
				})
				var panicked *flight.PanicError
				if value != 0 || !errors.As(err, &panicked) || panicked.Value != "app" || len(panicked.Stack) == 0 {
					t.Errorf("got %d, %v", value, err)
				}
			})
		}
		callers.Wait()
	})
}

// TestPanicIsLogged: an operator finds the place of a panic in the log, also if nobody waits for the work. A log
// handler that panics too ends no process.
func TestPanicIsLogged(t *testing.T) {
	var text bytes.Buffer
	for name, handler := range map[string]slog.Handler{
		"works": slog.NewTextHandler(&text, nil), "panics": panicking{slog.DiscardHandler},
	} {
		group := flight.Group[int]{Log: slog.New(handler)}
		result := <-group.Start("key", func() (int, error) { panic("app") })
		if !errors.As(result.Err, new(*flight.PanicError)) {
			t.Errorf("a handler that %s: %v", name, result.Err)
		}
	}
	if logged := text.String(); strings.Count(logged, "panic: app") != 1 || !strings.Contains(logged, "flight_test.go") {
		t.Errorf("logged %s", logged)
	}
}

type panicking struct{ slog.Handler }

func (panicking) Enabled(context.Context, slog.Level) bool { panic("log") }
