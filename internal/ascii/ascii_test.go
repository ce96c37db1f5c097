package ascii_test

import (
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
