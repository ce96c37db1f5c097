package seal_test

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/seal"
)

const (
	purpose   = "ginoidc/test"
	newSecret = "a new secret of thirty-two bytes"
	oldSecret = "an old secret of 32 bytes or so."
)

var cookieName = []byte("__Host-ginoidc")

func newRing(t testing.TB, purpose string, secrets ...string) *seal.Ring {
	t.Helper()
	ring, err := seal.NewRing(purpose, secrets)
	if err != nil {
		t.Fatalf("NewRing: %v", err)
	}
	return ring
}

func TestNewRingRefuses(t *testing.T) {
	for name, secrets := range map[string][]string{
		"no secret":           nil,
		"an empty secret":     {""},
		"an empty old secret": {newSecret, ""},
	} {
		if _, err := seal.NewRing(purpose, secrets); err == nil {
			t.Errorf("%s: no error", name)
		} else if strings.Contains(err.Error(), newSecret) {
			t.Errorf("%s: the error reveals a secret: %v", name, err)
		}
	}
}

func TestSealOpen(t *testing.T) {
	ring := newRing(t, purpose, newSecret)
	for _, size := range []int{0, 1, 2, 3, 300, 100_000} {
		plaintext := bytes.Repeat([]byte{0xA5}, size)
		text := ring.Seal(plaintext, cookieName)
		if want := base64.RawURLEncoding.EncodedLen(1 + 4 + 12 + size + 16); len(text) != want {
			t.Errorf("%d bytes: text of %d characters, want %d", size, len(text), want)
		}
		got, stale, ok := ring.Open(text, cookieName)
		if !ok || stale || !bytes.Equal(got, plaintext) {
			t.Errorf("%d bytes: got %d bytes, stale %v, ok %v", size, len(got), stale, ok)
		}
	}
}

// The layout is on users' disks: changing it signs everyone out and needs another version byte.
func TestOpensWhatEarlierBuildsSealed(t *testing.T) {
	const text = "AX6Fl9syh3vhy9c0xrG7Ib6dG17oulPGxKxGxmk5oqqMRAx9wkPb2p1JgQ"
	got, _, ok := newRing(t, purpose, newSecret).Open(text, cookieName)
	if !ok || string(got) != "plain text" {
		t.Errorf("got %q, ok %v", got, ok)
	}
}

func TestKeysAreSeparate(t *testing.T) {
	text := newRing(t, purpose, oldSecret).Seal([]byte("alice"), cookieName)
	tests := []struct {
		name      string
		ring      *seal.Ring
		ad        string
		stale, ok bool
	}{
		{"same key", newRing(t, purpose, oldSecret), "__Host-ginoidc", false, true},
		// cases 134, 260
		{"new secret added, old one kept", newRing(t, purpose, newSecret, oldSecret), "__Host-ginoidc", true, true},
		{"old secret listed first", newRing(t, purpose, oldSecret, newSecret), "__Host-ginoidc", false, true},
		{"old secret dropped", newRing(t, purpose, newSecret), "__Host-ginoidc", false, false},      // cases 134, 260
		{"another purpose", newRing(t, "ginoidc/other", oldSecret), "__Host-ginoidc", false, false}, // case 26
		{"another cookie", newRing(t, purpose, oldSecret), "__Host-other", false, false},            // cases 26, 255
		{"no associated data", newRing(t, purpose, oldSecret), "", false, false},
		{"longer associated data", newRing(t, purpose, oldSecret), "__Host-ginoidc\x01", false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, stale, ok := tt.ring.Open(text, []byte(tt.ad))
			if stale != tt.stale || ok != tt.ok {
				t.Errorf("stale %v, ok %v; want %v, %v", stale, ok, tt.stale, tt.ok)
			}
		})
	}
}

// Every bit counts, including those of the header (case 25).
func TestOpenRefusesChangedText(t *testing.T) {
	ring := newRing(t, purpose, newSecret, oldSecret)
	text := ring.Seal([]byte("alice"), cookieName)
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	refuse := func(name, text string) {
		t.Helper()
		if got, stale, ok := ring.Open(text, cookieName); ok || stale || got != nil {
			t.Errorf("%s: opened as %q, stale %v", name, got, stale)
		}
	}
	for bit := range len(raw) * 8 {
		raw[bit/8] ^= 1 << (bit % 8)
		refuse("one bit flipped", base64.RawURLEncoding.EncodeToString(raw))
		raw[bit/8] ^= 1 << (bit % 8)
	}
	for cut := range len(text) {
		refuse("truncated", text[:cut])
	}
	refuse("extended", text+"AAAA")
	refuse("padded", base64.URLEncoding.EncodeToString(raw))
	refuse("100 kB", strings.Repeat("A", 100_000))
}

// One value has one spelling: line breaks are not skipped, and the unused bits of the last character are zero.
func TestOpenRefusesOtherSpellings(t *testing.T) {
	ring := newRing(t, purpose, newSecret)
	even := ring.Seal([]byte("robert"), cookieName) // 39 bytes: no spare bits, and room for one more character
	odd := ring.Seal([]byte("robe"), cookieName)    // 37 bytes: four spare bits
	last := strings.IndexByte(alphabet, odd[len(odd)-1])
	for name, text := range map[string]string{
		"line feed":       even[:8] + "\n" + even[8:],
		"carriage return": even + "\r",
		"spare bits":      odd[:len(odd)-1] + alphabet[last+1:last+2],
	} {
		if _, _, ok := ring.Open(text, cookieName); ok {
			t.Errorf("%s: opened", name)
		}
	}
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// Case 262: a nonce used twice with one key would reveal the authentication key.
func TestNoncesDiffer(t *testing.T) {
	ring := newRing(t, purpose, newSecret)
	seen := make(map[string]bool)
	for range 10_000 {
		raw, err := base64.RawURLEncoding.DecodeString(ring.Seal(nil, nil))
		if err != nil {
			t.Fatal(err)
		}
		nonce := string(raw[5:17])
		if seen[nonce] {
			t.Fatalf("nonce %x came twice", nonce)
		}
		seen[nonce] = true
	}
}

func TestOpenAllocatesOnce(t *testing.T) {
	ring := newRing(t, purpose, newSecret)
	text := ring.Seal(make([]byte, 200), cookieName)
	if n := testing.AllocsPerRun(100, func() { ring.Open(text, cookieName) }); n > 1 {
		t.Errorf("%v allocations, want 1", n)
	}
}

func BenchmarkOpen(b *testing.B) {
	ring := newRing(b, purpose, newSecret)
	text := ring.Seal(make([]byte, 200), cookieName)
	b.ReportAllocs()
	for b.Loop() {
		ring.Open(text, cookieName)
	}
}

// FuzzOpen: no text opens except those that Seal made, and nothing panics.
func FuzzOpen(f *testing.F) {
	ring := newRing(f, purpose, newSecret, oldSecret)
	f.Add(ring.Seal([]byte("alice"), cookieName), []byte("alice"))
	f.Add("", []byte{})
	f.Add("AQ", []byte("\x01"))
	f.Add(strings.Repeat("_", 60), []byte("x\r\n"))
	sealed := ring.Seal([]byte("alice"), cookieName)
	f.Add(sealed[:len(sealed)-1], []byte(nil))
	f.Fuzz(func(t *testing.T, text string, plaintext []byte) {
		if got, _, ok := ring.Open(text, cookieName); ok && string(got) != "alice" {
			t.Errorf("forged: %q opens as %q", text, got)
		}
		got, _, ok := ring.Open(ring.Seal(plaintext, []byte(text)), []byte(text))
		if !ok || !bytes.Equal(got, plaintext) {
			t.Errorf("%q came back as %q, ok %v", plaintext, got, ok)
		}
	})
}
