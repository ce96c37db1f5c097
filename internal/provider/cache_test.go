package provider

import (
	"context"
	"testing"
)

// A flight that starts when another has just finished finds its work done: the time between a caller's look and its
// start costs no second fetch, neither a first one nor a forced one.
func TestFlightAfterFlight(t *testing.T) {
	fetches := 0
	c := cache[int]{fetch: func(context.Context) (*int, error) { fetches++; return new(int), nil }}
	first, err := c.ordinary(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if again, err := c.ordinary(t.Context()); err != nil || again != first || fetches != 1 {
		t.Errorf("%d fetches, %v", fetches, err)
	}
	if newer, err := c.forced(t.Context(), new(int)); err != nil || newer != first || fetches != 1 {
		t.Errorf("%d fetches for a caller that has not seen the newest copy, %v", fetches, err)
	}
	if newer, err := c.forced(t.Context(), first); err != nil || newer == first || fetches != 2 {
		t.Errorf("%d fetches for a caller that has, %v", fetches, err)
	}
}
