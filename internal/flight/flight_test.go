package flight_test

import (
	"context"
	"errors"
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
