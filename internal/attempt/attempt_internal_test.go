package attempt

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// Case 279: sign-ins that are started and never completed cost nothing here.
func TestStartKeepsNothing(t *testing.T) {
	jar, err := New(Config{Secrets: []string{"secret"}, CookieName: "ginoidc", Life: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	for range 1000 {
		a, err := jar.Start(make(http.Header), r, Purpose{ReturnTo: "/", MaxAge: -1})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := jar.Find(r, a.State); err == nil {
			t.Fatal("found without its cookie")
		}
	}
}

// Case 142: a value of another version does not open. It was sealed with our key, so sealing does not stop it.
func TestDecodeRefuses(t *testing.T) {
	good := newAttempt(Purpose{MaxAge: 7}).encode()
	if _, ok := decode(good); !ok {
		t.Fatal("a valid one is refused")
	}
	other := append([]byte{version + 1}, good[1:]...)
	flagged := func(flags byte, rest ...byte) []byte {
		return append(append(good[:headerSize-1:headerSize-1], flags), rest...)
	}
	for name, b := range map[string][]byte{
		"nothing": nil, "another version": other, "cut in the header": good[:headerSize-1],
		"no max age": good[:headerSize], "cut in the max age": append(good[:headerSize:headerSize], 0x80),
		"no app state": good[:headerSize+1], "app state beyond the end": append(good[:headerSize+1:headerSize+1], 200, 'x'),
		"no acr values": good[:headerSize+2], "acr values beyond the end": append(good[:headerSize+2:headerSize+2], 9, 'x'),
		"replaced session cut": flagged(flagReplaces, make([]byte, 15)...),
		"its user cut":         flagged(flagReplaced, 9, 'x'),
		"no user of it":        flagged(flagReplaced, append([]byte{0}, good[headerSize:]...)...),
		"no replaced session":  flagged(flagReplaces, append(make([]byte, 16), good[headerSize:]...)...),
		"app state of 2^63": append(good[:headerSize+1:headerSize+1], 0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
			0x80, 0x80, 0x80, 1),
	} {
		if a, ok := decode(b); ok {
			t.Errorf("%s: decoded as %+v", name, a)
		}
	}
}

// Browsers keep no cookie of this size: something else sent it, and opening it is work.
func TestLargeValuesAreNotOpened(t *testing.T) {
	jar, err := New(Config{Secrets: []string{"secret"}, CookieName: "ginoidc", Life: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	for size, want := range map[int]error{2900: nil, 3000: ErrNoAttempt} {
		a := newAttempt(Purpose{ReturnTo: strings.Repeat("a", size), MaxAge: -1})
		name, _ := jar.cookieName(a.State)
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.AddCookie(jar.cookie(name, jar.ring.Seal(a.encode(), jar.place(name))))
		if _, err := jar.Find(r, a.State); err != want {
			t.Errorf("return target of %d bytes: %v, want %v", size, err, want)
		}
	}
}

// FuzzDecode: any bytes decode or do not, and what decodes encodes to something that decodes the same.
func FuzzDecode(f *testing.F) {
	f.Add(newAttempt(Purpose{ReturnTo: "/profile", MaxAge: -1, AppState: `{"cart":7}`, ACRValues: "gold", Silent: true,
		Replaces: [16]byte{1}, Replaced: "alice"}).encode())
	f.Add(newAttempt(Purpose{MaxAge: 3600}).encode()[:headerSize])
	f.Add(newAttempt(Purpose{ReturnTo: "/", MaxAge: -1, SignOut: true}).encode())
	f.Add([]byte{version})
	f.Fuzz(func(t *testing.T, b []byte) {
		a, ok := decode(b)
		if !ok {
			return
		}
		if again, ok := decode(a.encode()); !ok || *again != *a {
			t.Errorf("%+v came back as %+v", a, again)
		}
	})
}
