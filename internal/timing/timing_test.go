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
	early, late := bytes.Clone(secret), bytes.Clone(secret)
	early[0], late[len(late)-1] = 'x', 'x'
	equal := 0
	naive := func(guess []byte) func() {
		return func() {
			for i := range secret {
				if guess[i] != secret[i] {
					return
				}
			}
			equal++
		}
	}
	constant := func(guess []byte) func() {
		return func() { equal += subtle.ConstantTimeCompare(guess, secret) }
	}
	if value, ok := timing.Distinguishable(10_000, naive(early), naive(late)); !ok {
		t.Errorf("naive: t = %.1f", value)
	}
	if value, ok := timing.Distinguishable(10_000, constant(early), constant(late)); ok {
		t.Errorf("constant: t = %.1f", value)
	}
	if equal != 0 {
		t.Errorf("%d guesses were right", equal)
	}
}
