package seal_test

import (
	"encoding/base64"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/seal"
	"github.com/seed-d65cea4d/ginoidc/internal/timing"
)

// TestOpenTiming: the time that Open takes does not say how much of a forged tag is right. Case 304.
func TestOpenTiming(t *testing.T) {
	ring, err := seal.NewRing("timing", []string{"a secret of more than thirty-two bytes"})
	if err != nil {
		t.Fatal(err)
	}
	place := []byte("name")
	sealed, err := base64.RawURLEncoding.DecodeString(ring.Seal(make([]byte, 64), place))
	if err != nil {
		t.Fatal(err)
	}
	opened := 0
	open := func(second bool) func() {
		wrong := len(sealed) - 16 // the first byte of the tag
		if second {
			wrong = len(sealed) - 1
		}
		forged := append([]byte(nil), sealed...)
		forged[wrong] ^= 1
		text := base64.RawURLEncoding.EncodeToString(forged)
		return func() {
			if _, _, ok := ring.Open(text, place); ok {
				opened++
			}
		}
	}
	const samples = 100_000
	if value, ok := timing.Distinguishable(samples, open); ok || opened != 0 {
		t.Errorf("t = %.1f, %d opened", value, opened)
	} else {
		t.Logf("figure timing: tag of a sealed cookie | %d | %.1f", samples, value)
	}
}
