package provider_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

// TestTimes: a claim is a time in seconds from 1970 to 9999, or none; and an end of the session that cannot be read is
// an error, since the session would outlive it.
func TestTimes(t *testing.T) {
	for _, tt := range []struct {
		value any
		want  int64 // 0: none
		end   bool  // without an error
	}{
		{json.Number("1700000000"), 1_700_000_000, true}, {json.Number("1.9"), 1, true}, {json.Number("1"), 1, true},
		{nil, 0, true}, {json.Number("0"), 0, false}, {json.Number("0.9"), 0, false}, {json.Number("-1"), 0, false},
		{json.Number("1e12"), 0, false}, {"1700000000", 0, false}, {true, 0, false},
	} {
		claims := provider.Claims{"session_expiry": tt.value}
		got := claims.Time("session_expiry")
		if got.IsZero() != (tt.want == 0) || tt.want != 0 && !got.Equal(time.Unix(tt.want, 0)) {
			t.Errorf("%v: %v", tt.value, got)
		}
		end, err := claims.SessionExpiry()
		if (err == nil) != tt.end || !end.Equal(got) {
			t.Errorf("%v: ends %v, %v", tt.value, end, err)
		}
	}
}
