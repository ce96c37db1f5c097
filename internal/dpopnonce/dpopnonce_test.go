package dpopnonce_test

import (
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/dpopnonce"
	"github.com/seed-d65cea4d/ginoidc/internal/sealed"
)

var older, newer = strings.Repeat("old secret ", 4), strings.Repeat("new secret ", 4)

func newIssuer(t *testing.T, audience string, secrets ...string) dpopnonce.Issuer {
	t.Helper()
	seal, err := sealed.New("nonces", secrets, audience)
	if err != nil {
		t.Fatal(err)
	}
	return dpopnonce.Issuer{Seal: seal}
}

// TestLife: a nonce is good for five minutes, and past half of them the client gets another one.
func TestLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := newIssuer(t, "app", newer)
		nonce := issuer.New()
		for _, tt := range []struct {
			after     time.Duration
			ok, aging bool
		}{
			{0, true, false},
			{2 * time.Minute, true, false},
			{3 * time.Minute, true, true},
			{5*time.Minute - time.Second, true, true},
			{5 * time.Minute, false, true},
		} {
			time.Sleep(tt.after - time.Since(start()))
			if ok, aging := issuer.Check(nonce); ok != tt.ok || aging != tt.aging {
				t.Errorf("after %s: ok %t, aging %t", tt.after, ok, aging)
			}
		}
	})
}

// start is the time at which a synctest bubble begins.
func start() time.Time { return time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) }

// TestTimes: clocks of instances may differ by less than half a minute, and what is no time is no nonce.
func TestTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := newIssuer(t, "app", newer)
		at := func(age time.Duration) string { return strconv.FormatInt(time.Now().Add(-age).Unix(), 10) }
		for text, want := range map[string][2]bool{
			at(0): {true, false}, at(-29 * time.Second): {true, false}, at(-30 * time.Second): {false, false},
			at(150 * time.Second): {true, false}, at(151 * time.Second): {true, true},
			"": {false, false}, "x": {false, false}, at(0) + ".5": {false, false},
		} {
			ok, aging := issuer.Check(issuer.Seal.Seal(text, ""))
			if ok != want[0] || aging != want[1] {
				t.Errorf("%q: ok %t, aging %t", text, ok, aging)
			}
		}
	})
}

// TestInstances: instances with the same secrets accept the nonces of each other, during a rotation of secrets too.
// Those of other apps and other texts are refused.
func TestInstances(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here := newIssuer(t, "app", newer, older)
		before := newIssuer(t, "app", older).New()
		time.Sleep(time.Minute)
		other := newIssuer(t, "app", newer).New()
		for name, tt := range map[string]struct {
			nonce string
			ok    bool
		}{
			"of another instance": {other, true},
			"an earlier secret":   {before, true},
			"another app":         {newIssuer(t, "other", newer).New(), false},
			"another secret":      {newIssuer(t, "app", strings.Repeat("third ", 8)).New(), false},
			"empty":               {"", false},
			"garbage":             {"garbage", false},
			"endless":             {strings.Repeat("A", 1<<20), false},
		} {
			if ok, _ := here.Check(tt.nonce); ok != tt.ok {
				t.Errorf("%s: %t", name, ok)
			}
		}
	})
}

// TestUnknownNonce: a nonce that was not issued here is neither good nor one to be replaced before it expires.
func TestUnknownNonce(t *testing.T) {
	for _, nonce := range []string{"", "nonsense", newIssuer(t, "another app", newer).New()} {
		if ok, aging := newIssuer(t, "app", newer).Check(nonce); ok || aging {
			t.Errorf("%q: %t, aging %t", nonce, ok, aging)
		}
	}
}
