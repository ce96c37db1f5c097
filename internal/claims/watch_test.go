package claims_test

import (
	"sync/atomic"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/claims"
)

// TestWatch: the tenth sign-in without groups is one too many, if guards require groups and no other had any.
func TestWatch(t *testing.T) {
	for name, tt := range map[string]struct {
		guarded bool
		found   int // the sign-in with groups; 0 for none
		want    int // the sign-in that warns; 0 for none
	}{
		"never any":        {true, 0, 10},
		"no guard":         {false, 0, 0},
		"the first":        {true, 1, 0},
		"the tenth":        {true, 10, 0},
		"only a later one": {true, 11, 10},
	} {
		guarded := &atomic.Bool{}
		guarded.Store(tt.guarded)
		w, warned := claims.Watch{Guarded: guarded}, 0
		for n := 1; n <= 30; n++ {
			if w.Observe(n == tt.found) {
				if warned != 0 {
					t.Errorf("%s: again at sign-in %d", name, n)
				}
				warned = n
			}
		}
		if warned != tt.want {
			t.Errorf("%s: warned at sign-in %d, want %d", name, warned, tt.want)
		}
	}
}
