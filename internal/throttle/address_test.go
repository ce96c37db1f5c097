package throttle_test

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/throttle"
)

// TestByAddress: each client has a limit of its own for each action, and those of excepted networks and of no address
// have none.
func TestByAddress(t *testing.T) {
	except := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	take := throttle.ByAddress(1, except)
	except[0] = netip.MustParsePrefix("192.0.2.0/24") // later changes have no effect
	for _, tt := range []struct {
		clientIP, action string
		waits            bool
	}{
		{"192.0.2.1", "a", false},
		{"192.0.2.1", "a", true},
		{"192.0.2.1", "b", false},
		{"192.0.2.2", "a", false},
		{"2001:db8::1", "a", false},
		{"2001:db8::2", "a", true},
		{"10.1.2.3", "a", false},
		{"10.1.2.3", "a", false},
		{"", "a", false},
		{"", "a", false},
	} {
		if wait := take(tt.clientIP, tt.action); (wait > 0) != tt.waits || wait > time.Minute {
			t.Errorf("%q %s: %v", tt.clientIP, tt.action, wait)
		}
	}
}

func TestError(t *testing.T) {
	err := error(&throttle.Error{Wait: time.Second})
	if !errors.Is(err, throttle.ErrRefused) || err.Error() != throttle.ErrRefused.Error() {
		t.Error(err)
	}
}
