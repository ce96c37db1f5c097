package timing_test

import (
	"bytes"
	"crypto/subtle"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/timing"
)

// TestDistinguishable: a comparison that stops at the first difference is found out, and one in constant time is not.
// Case 304.
func TestDistinguishable(t *testing.T) {
	secret := bytes.Repeat([]byte("s"), 4096)
	guess := func(second bool) []byte {
		guess := bytes.Clone(secret)
		if second {
			guess[len(guess)-1] = 'x'
		} else {
			guess[0] = 'x'
		}
		return guess
	}
	equal := 0
	naive := func(second bool) func() {
		guess := guess(second)
		return func() {
			for i := range secret {
				if guess[i] != secret[i] {
					return
				}
			}
			equal++
		}
	}
	constant := func(second bool) func() {
		guess := guess(second)
		return func() { equal += subtle.ConstantTimeCompare(guess, secret) }
	}
	if value, ok := timing.Distinguishable(10_000, naive); !ok {
		t.Errorf("naive: t = %.1f", value)
	}
	if value, ok := timing.Distinguishable(10_000, constant); ok {
		t.Errorf("constant: t = %.1f", value)
	}
	if equal != 0 {
		t.Errorf("%d guesses were right", equal)
	}
}
