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
		"no provider":          flagged(flagProvider, append([]byte{0}, good[headerSize:]...)...),
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

// TestTwoOfOneName: if two cookies of one name open, nobody knows which one the browser was given for this sign-in: a
// sibling domain may have planted the other. Cookies of others with names of the same length are left alone, and values
// that no browser would keep are no attempts.
func TestTwoOfOneName(t *testing.T) {
	jar, err := New(Config{Secrets: []string{"secret"}, CookieName: "ginoidc", Life: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	a := newAttempt(Purpose{MaxAge: -1})
	name, _ := jar.cookieName(a.State)
	request := func(values ...string) *http.Request {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		for _, value := range values {
			r.AddCookie(jar.cookie(name, value))
		}
		return r
	}
	one, two := jar.ring.Seal(a.encode(), jar.place(name)), jar.ring.Seal(a.encode(), jar.place(name))
	large := strings.Repeat("a", 5000)
	for _, tt := range []struct {
		values []string
		want   error
	}{
		{[]string{one}, nil}, {[]string{"planted", one}, nil}, {[]string{one, "planted"}, nil},
		{[]string{one, two}, ErrNoAttempt}, {[]string{"planted"}, ErrNoAttempt}, {[]string{large}, ErrNoAttempt},
	} {
		if _, err := jar.Find(request(tt.values...), a.State); err != tt.want {
			t.Errorf("%d cookies: %v, want %v", len(tt.values), err, tt.want)
		}
	}
	h := http.Header{}
	if _, err := jar.Start(h, request(large), Purpose{MaxAge: -1}); err != nil {
		t.Error(err)
	}
	r := request()
	r.AddCookie(&http.Cookie{Name: strings.Repeat("n", idSize), Value: "of another"})
	if h := (http.Header{}); len(jar.ours(r)) != 0 {
		jar.ClearAll(h, r)
		t.Errorf("a cookie of another was deleted: %q", h)
	}
}

// TestCrossSiteJar: the jar for forms of the provider differs in its cookies only.
func TestCrossSiteJar(t *testing.T) {
	jar, err := New(Config{Secrets: []string{"secret"}, CookieName: "ginoidc", Life: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	other := jar.CrossSite(true)
	if jar.CrossSite(false) != jar || other == jar || !other.cfg.CrossSite || jar.cfg.CrossSite ||
		other.CrossSite(true) != other {
		t.Error("not the jar that was asked for")
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
