package attempt

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestGolden holds the bytes of the layout: the next version, which may run at the same time, must read the attempts
// that browsers keep.
func TestGolden(t *testing.T) {
	secrets32 := strings.Repeat("s", 32) + strings.Repeat("n", 32) + strings.Repeat("v", 32)
	head := "\x01" + secrets32 + "\r#L\xcfRC\x00{" // version, secrets, Started
	secrets := func(p Purpose) *Attempt {
		a := &Attempt{Started: time.Date(2000, 1, 1, 0, 0, 0, 123, time.UTC), Purpose: p}
		for i, secret := range []*string{&a.State, &a.Nonce, &a.Verifier} {
			*secret = encodeSecret([]byte(strings.Repeat(string("snv"[i]), secretSize)))
		}
		return a
	}
	for name, tt := range map[string]struct {
		attempt *Attempt
		golden  string
	}{
		"smallest": {secrets(Purpose{MaxAge: -1}), head + "\x00" + "\x01" + "\x00" + "\x00"},
		"full": {secrets(Purpose{
			ReturnTo: "/profile", AppState: `{"cart":7}`, ACRValues: "gold", MaxAge: 300,
			Silent: true, SignOut: true, Again: true,
			Replaces: [16]byte{1, 15: 2}, Replaced: "alice",
		}), head + "\x1f" + "\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02" + "\x05alice" +
			"\xd8\x04" + "\x0a{\"cart\":7}" + "\x04gold" + "/profile"},
		"silent":   {secrets(Purpose{ReturnTo: "/", Silent: true}), head + "\x01" + "\x00" + "\x00" + "\x00" + "/"},
		"again":    {secrets(Purpose{ReturnTo: "/", Again: true}), head + "\x08" + "\x00" + "\x00" + "\x00" + "/"},
		"remember": {secrets(Purpose{ReturnTo: "/", Remember: true}), head + "\x80" + "\x00" + "\x00" + "\x00" + "/"},
		"sign-out": {secrets(Purpose{ReturnTo: "/", SignOut: true}), head + "\x04" + "\x00" + "\x00" + "\x00" + "/"},
	} {
		if got := string(tt.attempt.encode()); got != tt.golden {
			t.Errorf("%s: encoded as\n%q, want\n%q", name, got, tt.golden)
		}
		if got, ok := decode([]byte(tt.golden)); !ok || *got != *tt.attempt {
			t.Errorf("%s: decoded as\n%+v, want\n%+v", name, got, tt.attempt)
		}
	}
}

// TestGoldenCookie: a cookie kept by a browser is found and opened.
func TestGoldenCookie(t *testing.T) {
	const cookie = "__Host-ginoidc.c3Nzc3Nzc3Nzc3Nz=" +
		"AZpJX6It6VJLH8WbOvVEPd_CHOMx1r9w6m8GdudyCGziB8" +
		"ULqGo4OWrRNXd22HodmDoHP6JxVCnC-3Dc3EMKxPSGi-INju5eFYQC1XwkJoyOjNBKNWg_Ehht8Z6SAAag2i" +
		"7ozXUXN_IORVOvyRPiMFTVzivNKqiq9hnZRnfq-nUoV5-OuCzZ-TZ17e0oGggfWz28nQ6Z"
	synctest.Test(t, func(t *testing.T) { // whose clock starts in the year 2000
		jar, err := New(Config{
			Secrets: []string{"a secret of thirty-two bytes, ok"}, CookieName: "__Host-ginoidc", Path: "/", Secure: true,
			Audience: "https://id.example.com client ", Life: time.Minute,
		})
		if err != nil {
			t.Fatal(err)
		}
		state := encodeSecret([]byte(strings.Repeat("s", secretSize)))
		r := httptest.NewRequest(http.MethodGet, "/auth/callback", nil)
		r.Header.Set("Cookie", cookie)
		a, err := jar.Find(r, state)
		if err != nil || a.ReturnTo != "/profile" {
			t.Errorf("%+v, %v", a, err)
		}
	})
}
