package ascii_test

import (
	"strings"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/ascii"
)

func TestPrintableAndClean(t *testing.T) {
	for s, want := range map[string]string{
		"": "", " a~": " a~", "a\nb": "a?b", "\x7f\x1f": "??", "Zoë": "Zo?", "\xff": "?", "123456789": "12345678",
	} {
		if got := ascii.Clean(s, 8); got != want {
			t.Errorf("%q cleaned is %q, want %q", s, got, want)
		}
		if got, want := ascii.Printable(s), ascii.Clean(s, len(s)) == s; got != want {
			t.Errorf("%q is printable: %t", s, got)
		}
	}
}

// TestIsToken68: exactly the characters that RFC 6750 allows, wherever they are.
func TestIsToken68(t *testing.T) {
	const allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/="
	if ascii.IsToken68("") || !ascii.IsToken68(allowed) {
		t.Error("nothing is one, or all allowed characters are none")
	}
	for c := range 256 {
		want := strings.IndexByte(allowed, byte(c)) >= 0
		for _, s := range []string{string([]byte{byte(c)}), "a" + string([]byte{byte(c)}), string([]byte{byte(c)}) + "a"} {
			if ascii.IsToken68(s) != want {
				t.Errorf("%q: %t", s, !want)
			}
		}
	}
}
