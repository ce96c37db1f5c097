package attempt_test

import (
	"net/http/httptest"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/attempt"
	"github.com/seed-d65cea4d/ginoidc/internal/timing"
)

// TestFindTiming: the time that Find takes does not say how much of a guessed state is right. Case 304.
func TestFindTiming(t *testing.T) {
	jar := newJar(t, config("0123456789abcdef0123456789abcdef"))
	w := httptest.NewRecorder()
	at, err := jar.Start(w.Header(), httptest.NewRequest("GET", "/", nil), attempt.Purpose{ReturnTo: "/"})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Cookie", w.Result().Cookies()[0].Name+"="+w.Result().Cookies()[0].Value)
	if _, err := jar.Find(r, at.State); err != nil {
		t.Fatal(err)
	}
	found := 0
	guess := func(second bool) func() {
		wrong := 20 // the name of the cookie has what precedes it, which is no secret in the browser that sends both
		if second {
			wrong = 41
		}
		state := []byte(at.State)
		if state[wrong]++; !isBase64URL(state[wrong]) {
			state[wrong] = 'A'
		}
		return func() {
			if _, err := jar.Find(r, string(state)); err == nil {
				found++
			}
		}
	}
	const samples = 100_000
	if value, ok := timing.Distinguishable(samples, guess); ok || found != 0 {
		t.Errorf("t = %.1f, %d found", value, found)
	} else {
		t.Logf("figure timing: `state` of a callback | %d | %.1f", samples, value)
	}
}

func isBase64URL(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
}
