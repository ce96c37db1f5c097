package attempt_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/attempt"
	"github.com/seed-d65cea4d/ginoidc/internal/seal"
)

const (
	newSecret = "a new secret of thirty-two bytes"
	oldSecret = "an old secret of 32 bytes or so."
	base      = "__Host-ginoidc"
	audience  = "https://id.example.com client"
	life      = 25 * time.Minute
)

func config(secrets ...string) attempt.Config {
	return attempt.Config{Secrets: secrets, CookieName: base, Path: "/", Secure: true, Audience: audience, Life: life}
}

func newJar(t testing.TB, cfg attempt.Config) *attempt.Jar {
	t.Helper()
	jar, err := attempt.New(cfg)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return jar
}

// browser keeps cookies in the order in which they were set, as "name=value".
type browser []string

func (b browser) request() *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/auth/callback", nil)
	if len(b) > 0 {
		r.Header.Set("Cookie", strings.Join(b, "; "))
	}
	return r
}

func (b *browser) take(t testing.TB, h http.Header) {
	t.Helper()
	for _, line := range h["Set-Cookie"] {
		cookie, err := http.ParseSetCookie(line)
		if err != nil {
			t.Fatalf("Set-Cookie %q: %v", line, err)
		}
		*b = slices.DeleteFunc(*b, func(pair string) bool { return strings.HasPrefix(pair, cookie.Name+"=") })
		if cookie.MaxAge >= 0 {
			*b = append(*b, cookie.Name+"="+cookie.Value)
		}
	}
}

// start starts an attempt in this browser.
func (b *browser) start(t testing.TB, jar *attempt.Jar, returnTo string) *attempt.Attempt {
	t.Helper()
	h := make(http.Header)
	a, err := jar.Start(h, b.request(), attempt.Purpose{ReturnTo: returnTo, MaxAge: -1})
	if err != nil {
		t.Fatalf("Start: %v", err)
	}
	b.take(t, h)
	return a
}

func TestNewRefuses(t *testing.T) {
	noName, badName, badPath, noLife := config(newSecret), config(newSecret), config(newSecret), config(newSecret)
	noName.CookieName, badName.CookieName, badPath.Path, noLife.Life = "", "a name", "/;", 0
	for name, cfg := range map[string]attempt.Config{
		"no secret": config(), "no name": noName, "a name with a space": badName,
		"a path with a semicolon": badPath, "no life": noLife,
	} {
		if _, err := attempt.New(cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestStartAndFind(t *testing.T) {
	jar := newJar(t, config(newSecret))
	long := "/" + strings.Repeat("a", 2047)
	for _, want := range []attempt.Purpose{
		{ReturnTo: "/profile?tab=1", MaxAge: -1},
		{ReturnTo: "/", AppState: `{"cart":7}`},
		{MaxAge: 3600, AppState: "x", ACRValues: "gold silver", Provider: "corp"},
		{ReturnTo: long, MaxAge: 1 << 30},
		{ReturnTo: "/x", MaxAge: -1, AppState: strings.Repeat("s", 1000)},
		{ReturnTo: "/x", MaxAge: -1, Silent: true},
		{ReturnTo: "/x", MaxAge: -1, Again: true},
		{ReturnTo: "/x", MaxAge: -1, Remember: true},
		{ReturnTo: "/x", MaxAge: -1, Replaces: [16]byte{15: 1}},
		{ReturnTo: "/x", MaxAge: -1, Replaces: [16]byte{15: 1}, Replaced: "alice"},
		{ReturnTo: long, MaxAge: -1, AppState: strings.Repeat("s", 602), ACRValues: strings.Repeat("a", 100), Silent: true,
			Replaces: [16]byte{1}},
	} {
		h := make(http.Header)
		var b browser
		a, err := jar.Start(h, b.request(), want)
		if err != nil {
			t.Fatalf("Start: %v", err)
		}
		b.take(t, h)
		if a.Purpose != want || len(a.Verifier) != 43 || time.Since(a.Started) > time.Minute {
			t.Errorf("started %+v", a)
		}
		found, err := jar.Find(b.request(), a.State)
		if err != nil || *found != *a {
			t.Errorf("found %+v, error %v; want %+v", found, err, a)
		}
		if _, err := jar.FindSignOut(b.request(), a.State); !errors.Is(err, attempt.ErrNoAttempt) {
			t.Errorf("a sign-in is found as a sign-out: %v", err)
		}
	}
}

func TestCookieAttributes(t *testing.T) {
	secure, plain := config(newSecret), config(newSecret)
	plain.CookieName, plain.Path, plain.Secure = "ginoidc", "/app/auth", false
	posted := plain
	posted.CrossSite = true
	for _, tt := range []struct {
		cfg         attempt.Config
		set, delete string
	}{
		{secure, "; Path=/; Max-Age=5100; HttpOnly; Secure; SameSite=Lax",
			"=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax"},
		{plain, "; Path=/app/auth; Max-Age=5100; HttpOnly; SameSite=Lax",
			"=; Path=/app/auth; Max-Age=0; HttpOnly; SameSite=Lax"},
		// case 44
		{posted, "; Path=/app/auth; Max-Age=5100; HttpOnly; Secure; SameSite=None",
			"=; Path=/app/auth; Max-Age=0; HttpOnly; Secure; SameSite=None"},
	} {
		jar, h := newJar(t, tt.cfg), http.Header{"Set-Cookie": {"other=1"}}
		a, err := jar.Start(h, browser{}.request(), attempt.Purpose{ReturnTo: "/", MaxAge: -1})
		if err != nil {
			t.Fatal(err)
		}
		name := tt.cfg.CookieName + "." + a.State[:16]
		lines := h["Set-Cookie"]
		if len(lines) != 2 || !strings.HasPrefix(lines[1], name+"=") || !strings.HasSuffix(lines[1], tt.set) {
			t.Errorf("set %q, want %s… %s", lines, name, tt.set)
		}
		jar.Clear(h, a.State) // in the same response: it replaces what was set
		if want := []string{"other=1", name + tt.delete}; !slices.Equal(h["Set-Cookie"], want) {
			t.Errorf("cleared %q, want %q", h["Set-Cookie"], want)
		}
		if strings.Contains(lines[1], a.State) || strings.Contains(lines[1], a.Verifier) {
			t.Errorf("a secret lies open in %q", lines[1])
		}
	}
}

// Case 1: nothing repeats in 10,000 attempts; each value is 32 random bytes in base64url.
func TestSecretsDiffer(t *testing.T) {
	jar := newJar(t, config(newSecret))
	seen := make(map[string]bool)
	for range 10_000 {
		a, err := jar.Start(make(http.Header), browser{}.request(), attempt.Purpose{ReturnTo: "/", MaxAge: -1})
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{a.State, a.Nonce, a.Verifier} {
			if seen[secret] || len(secret) != 43 {
				t.Fatalf("%d characters, seen before: %v", len(secret), seen[secret])
			}
			seen[secret] = true
		}
	}
}

func TestFindRefuses(t *testing.T) {
	jar := newJar(t, config(newSecret))
	var b browser
	one, two := b.start(t, jar, "/one"), b.start(t, jar, "/two")
	value := func(i int) string { _, value, _ := strings.Cut(b[i], "="); return value }
	name := func(a *attempt.Attempt) string { return base + "." + a.State[:16] }
	// resealed returns the cookie of the first attempt, sealed again for another purpose or place.
	resealed := func(purpose, place string) browser {
		ring := func(purpose string) *seal.Ring {
			ring, err := seal.NewRing(purpose, []string{newSecret})
			if err != nil {
				t.Fatal(err)
			}
			return ring
		}
		plaintext, _, ok := ring("ginoidc/attempt").Open(value(0), []byte(name(one)+"\x00"+audience))
		if !ok {
			t.Fatal("the first attempt does not open")
		}
		return browser{name(one) + "=" + ring(purpose).Seal(plaintext, []byte(place))}
	}
	other := (&browser{}).start(t, jar, "/")
	tests := []struct {
		name    string
		state   string
		cookies browser
	}{
		{"no cookie", one.State, nil},
		{"a random state", other.State, b},                                      // case 22
		{"no state", "", b},                                                     // case 22
		{"a short state", one.State[:42], b},                                    // case 22
		{"a long state", one.State + "A", b},                                    // case 22
		{"a state of 100 kB", strings.Repeat("A", 100_000), b},                  // case 22
		{"a state with the same start", one.State[:16] + two.State[16:], b},     // case 22
		{"a state with a cookie's separator", "a; " + one.State[3:], b},         // case 22
		{"a state with a line feed", one.State[:20] + "\n" + one.State[21:], b}, // case 22
		// case 24
		{"the cookies of two attempts exchanged", one.State, browser{name(one) + "=" + value(1), name(two) + "=" + value(0)}},
		{"another attempt's value under its own name", one.State, browser{name(one) + "=" + value(1)}},            // case 24
		{"several values, none of which opens", one.State, browser{name(one) + "=x", name(one) + "=" + value(1)}}, // case 131
		{"empty", one.State, browser{name(one) + "="}},                                                            // case 25
		{"truncated", one.State, browser{b[0][:len(b[0])-1]}},                                                     // case 25
		{"extended", one.State, browser{b[0] + "A"}},                                                              // case 25
		{"100 kB", one.State, browser{name(one) + "=" + strings.Repeat("A", 100_000)}},                            // case 25
		{"sealed as a session", one.State, resealed("ginoidc/cookiestore", name(one)+"\x00"+audience)},            // case 26
		{"sealed without an audience", one.State, resealed("ginoidc/attempt", name(one))},                         // case 26
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if a, err := jar.Find(tt.cookies.request(), tt.state); !errors.Is(err, attempt.ErrNoAttempt) || a != nil {
				t.Errorf("found %v, error %v", a != nil, err)
			}
		})
	}
	// case 131: the one that opens
	for _, more := range []browser{{}, {b[0]}, {name(one) + "=x"}, {name(one) + "=" + value(1)}} {
		if _, err := jar.Find(append(more, b...).request(), one.State); err != nil {
			t.Errorf("with %q: %v", more, err)
		}
	}
	if _, err := jar.Find(b.request(), one.State); err != nil {
		t.Errorf("untouched: %v", err)
	}
	if _, err := jar.Find(resealed("ginoidc/attempt", name(one)+"\x00"+audience).request(), one.State); err != nil {
		t.Errorf("sealed anew as it was: %v", err)
	}
}

// Case 25: every bit of the cookie counts.
func TestFindRefusesEveryFlippedBit(t *testing.T) {
	jar := newJar(t, config(newSecret))
	var b browser
	a := b.start(t, jar, "/")
	cookie := []byte(b[0])
	for i := strings.IndexByte(b[0], '=') + 1; i < len(cookie); i++ {
		for bit := range 7 {
			cookie[i] ^= 1 << bit
			if _, err := jar.Find(browser{string(cookie)}.request(), a.State); !errors.Is(err, attempt.ErrNoAttempt) {
				t.Errorf("bit %d of byte %d: error %v", bit, i, err)
			}
			cookie[i] ^= 1 << bit
		}
	}
}

// An attempt started at one instance is completed at another with the same settings, and nowhere else.
func TestFindInAnotherJar(t *testing.T) {
	otherAudience, otherName := config(oldSecret), config(oldSecret)
	otherAudience.Audience, otherName.CookieName = "https://id.example.com other", "ginoidc"
	for _, tt := range []struct {
		name string
		cfg  attempt.Config
		want error
	}{
		{"another instance", config(oldSecret), nil},
		{"a secret added", config(newSecret, oldSecret), nil},                     // case 260
		{"the old secret dropped", config(newSecret), attempt.ErrNoAttempt},       // case 260
		{"another app with the same secret", otherAudience, attempt.ErrNoAttempt}, // case 26
		{"another app with another cookie name", otherName, attempt.ErrNoAttempt}, // case 26
	} {
		var b browser
		a := b.start(t, newJar(t, config(oldSecret)), "/")
		if tt.cfg.CookieName == "ginoidc" {
			b[0] = strings.TrimPrefix(b[0], "__Host-")
		}
		if _, err := newJar(t, tt.cfg).Find(b.request(), a.State); !errors.Is(err, tt.want) {
			t.Errorf("%s: error %v, want %v", tt.name, err, tt.want)
		}
	}
}

// Case 27: the browser is not trusted to delete the cookie in time.
func TestAttemptEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		jar := newJar(t, config(newSecret))
		var b browser
		a := b.start(t, jar, "/")
		time.Sleep(life)
		if _, err := jar.Find(b.request(), a.State); err != nil {
			t.Errorf("at the end of its life: %v", err)
		}
		time.Sleep(time.Second)
		if found, err := jar.Find(b.request(), a.State); !errors.Is(err, attempt.ErrExpired) || found == nil || *found != *a {
			t.Errorf("a second later: %+v, %v", found, err)
		}
	})
}

// A sign-out is found as one, and is not a sign-in.
func TestFindSignOut(t *testing.T) {
	jar, h := newJar(t, config(newSecret)), http.Header{}
	a, err := jar.Start(h, browser{}.request(), attempt.Purpose{ReturnTo: "/bye", MaxAge: -1, SignOut: true})
	if err != nil {
		t.Fatal(err)
	}
	var b browser
	b.take(t, h)
	if found, err := jar.FindSignOut(b.request(), a.State); err != nil || *found != *a {
		t.Errorf("found %+v, error %v; want %+v", found, err, a)
	}
	if found, err := jar.Find(b.request(), a.State); !errors.Is(err, attempt.ErrNoAttempt) || found != nil {
		t.Errorf("found %+v as a sign-in, error %v", found, err)
	}
}

// Case 277: a user who abandons 50 sign-ins keeps the newest few, and the newest always works.
func TestAbandonedAttempts(t *testing.T) {
	for _, tt := range []struct {
		name     string
		returnTo string
		keep     int
	}{
		{"short targets", "/profile", attempt.Max},
		{"targets of 700 bytes", "/" + strings.Repeat("a", 699), 3},
		{"the longest target", "/" + strings.Repeat("a", 2047), 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			jar := newJar(t, config(newSecret))
			b := browser{"other=1", base + "=session", base + ".1=chunk"}
			var states []string
			for range 50 {
				states = append(states, b.start(t, jar, tt.returnTo).State)
				time.Sleep(time.Millisecond)
			}
			attempts := b[3:]
			if len(attempts) != tt.keep || len(strings.Join(attempts, "; ")) > 4000 {
				t.Errorf("%s: %d attempts of %d bytes, want %d", tt.name, len(attempts), len(strings.Join(attempts, "; ")), tt.keep)
			}
			for i, state := range states {
				if _, err := jar.Find(b.request(), state); (err == nil) != (i >= 50-tt.keep) {
					t.Errorf("%s: attempt %d: %v", tt.name, i, err)
				}
			}
		})
	}
}

func TestStartDropsWhatDoesNotOpenFirst(t *testing.T) {
	jar := newJar(t, config(newSecret))
	var b browser
	oldest := b.start(t, jar, "/oldest")
	for range 30 {
		garbage := (&browser{}).start(t, newJar(t, config(oldSecret)), "/").State[:16]
		b = append(b, base+"."+garbage+"=garbage")
	}
	for _, want := range []int{16, attempt.Max, attempt.Max} { // at most 20 are tried each time
		if b.start(t, jar, "/"); len(b) != want {
			t.Errorf("%d cookies, want %d", len(b), want)
		}
	}
	if _, err := jar.Find(b.request(), oldest.State); err != nil {
		t.Errorf("the oldest attempt: %v", err)
	}
}

func TestStartRefusesWhatFitsInNoCookie(t *testing.T) {
	h := make(http.Header)
	if _, err := newJar(t, config(newSecret)).Start(h, browser{}.request(),
		attempt.Purpose{ReturnTo: strings.Repeat("a", 3000), MaxAge: -1}); err == nil || len(h) != 0 {
		t.Errorf("header of %d lines, error %v", len(h), err)
	}
}

// TestFullOfAttempts: attempts may take exactly 4,000 bytes of the Cookie header, one alone or two together.
func TestFullOfAttempts(t *testing.T) {
	jar := newJar(t, config(newSecret))
	// targetOf returns a return target whose attempt takes so many bytes, or "" if there is none.
	targetOf := func(size int) string {
		for n := max(0, size*3/4-200); n < size; n++ {
			var b browser
			target := "/" + strings.Repeat("a", n)
			if b.start(t, jar, target); len(b[0])+len("; ") >= size {
				if len(b[0])+len("; ") == size {
					return target
				}
				break
			}
		}
		return ""
	}
	whole, one, rest := targetOf(4000), "", ""
	for size := 400; size < 404 && rest == ""; size++ { // base64 has no text of every length
		if one = targetOf(size); one != "" {
			rest = targetOf(4000 - size)
		}
	}
	if whole == "" || rest == "" {
		t.Fatal("no target makes an attempt of that size")
	}
	var b browser
	b.start(t, jar, one)
	if b.start(t, jar, rest); len(b) != 2 {
		t.Errorf("%d attempts are left of two that fit", len(b))
	}
	if b.start(t, jar, whole); len(b) != 1 {
		t.Errorf("%d attempts are left next to one that fills the room", len(b))
	}
}

// A tab that loses a race, or fails, does not affect the attempts of the others (case 29).
func TestClear(t *testing.T) {
	jar := newJar(t, config(newSecret))
	b := browser{"other=1", base + "=session", base + ".1=chunk"}
	one, two := b.start(t, jar, "/one"), b.start(t, jar, "/two")
	h := make(http.Header)
	jar.Clear(h, "no; state, though it is forty-three characters")
	if len(h) != 0 {
		t.Errorf("header %v", h)
	}
	jar.Clear(h, one.State)
	b.take(t, h)
	if _, err := jar.Find(b.request(), two.State); err != nil || len(b) != 4 {
		t.Errorf("after Clear: %q, %v", b, err)
	}
	b.start(t, jar, "/three")
	h = make(http.Header)
	jar.ClearAll(h, b.request())
	if b.take(t, h); !slices.Equal(b, browser{"other=1", base + "=session", base + ".1=chunk"}) {
		t.Errorf("after ClearAll: %q", b)
	}
}

// FuzzFind: no state and cookie header find an attempt except those that Start made.
func FuzzFind(f *testing.F) {
	jar := newJar(f, config(newSecret))
	var b browser
	a := b.start(f, jar, "/fuzz")
	f.Add(a.State, b[0])
	f.Add(a.State, b[0]+"; "+b[0])
	f.Add(strings.Repeat("A", 43), base+"."+strings.Repeat("A", 16)+"=A")
	f.Add("", "; =;"+base+".=")
	f.Fuzz(func(t *testing.T, state, header string) {
		r := browser{header}.request()
		if found, err := jar.Find(r, state); err == nil && (found.State != state || found.ReturnTo != "/fuzz") {
			t.Errorf("forged: %+v", found)
		}
		if _, err := jar.Start(make(http.Header), r, attempt.Purpose{ReturnTo: "/", MaxAge: -1}); err != nil {
			t.Errorf("Start: %v", err)
		}
		jar.ClearAll(make(http.Header), r)
	})
}
