package lograte_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/lograte"
)

// TestAllow: a hundred lines of a kind at once, then ten a second; the next line says how many are missing. Case 287.
func TestAllow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l lograte.Limiter
		flood := func(kind string, n int) (lines, suppressed int) {
			for range n {
				if missing, ok := l.Allow(kind); ok {
					lines++
					suppressed += missing
				}
			}
			return lines, suppressed
		}
		for _, step := range []struct {
			wait              time.Duration
			kind              string
			n                 int
			lines, suppressed int
		}{
			{0, "a", 100, 100, 0},
			{0, "a", 1000, 0, 0},
			{0, "b", 1000, 100, 0}, // other kinds are not affected
			{time.Second, "a", 1000, 10, 1000},
			{time.Second, "a", 3, 3, 990},
			{time.Minute, "a", 1000, 100, 0},
			{time.Hour, "a", 1, 1, 900},
			{0, "b", 1, 1, 900},
		} {
			time.Sleep(step.wait)
			if lines, suppressed := flood(step.kind, step.n); lines != step.lines || suppressed != step.suppressed {
				t.Errorf("%+v: %d lines, %d suppressed", step, lines, suppressed)
			}
		}
	})
}
