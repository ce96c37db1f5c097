package signals_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/signals"
	"github.com/seed-d65cea4d/ginoidc/internal/timing"
)

// TestAuthorizationTiming: the time that ReadPushed takes does not say how much of a guessed Authorization header is
// right. Case 304.
func TestAuthorizationTiming(t *testing.T) {
	secret := "Bearer " + strings.Repeat("s", 4<<10) // longer than any, so that a comparison that stops early shows
	r := signals.New(signals.Config{Authorization: secret})
	read := 0
	guess := func(second bool) func() {
		wrong := len("Bearer ")
		if second {
			wrong = len(secret) - 1
		}
		w, req := httptest.NewRecorder(), httptest.NewRequest("POST", "/events", nil)
		req.Header.Set("Authorization", secret[:wrong]+"x"+secret[wrong+1:])
		return func() {
			if _, err := r.ReadPushed(w, req); signals.Code(err) != "authentication_failed" {
				read++
			}
		}
	}
	const samples = 100_000
	if value, ok := timing.Distinguishable(samples, guess); ok || read != 0 {
		t.Errorf("t = %.1f, %d read", value, read)
	} else {
		t.Logf("figure timing: `Authorization` of pushed events | %d | %.1f", samples, value)
	}
}
