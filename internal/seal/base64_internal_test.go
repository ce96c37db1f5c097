package seal

import (
	"bytes"
	"encoding/base64"
	"math/rand/v2"
	"strings"
	"testing"
)

// strictly decodes with the standard library, line breaks refused.
func strictly(text string) ([]byte, bool) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	return b, err == nil && !strings.ContainsAny(text, "\r\n")
}

func checkDecode(t *testing.T, text string) {
	t.Helper()
	got := make([]byte, base64.RawURLEncoding.DecodedLen(len(text)))
	ok := decode(got, text)
	if want, valid := strictly(text); ok != valid || ok && !bytes.Equal(got, want) {
		t.Errorf("%q: %x, %t, want %x, %t", text, got, ok, want, valid)
	}
}

// TestDecode: every byte at every place of a text of every length up to two groups of eight and some more.
func TestDecode(t *testing.T) {
	for n := range 22 {
		text := []byte(strings.Repeat("Az09-_Qw", 3)[:n])
		checkDecode(t, string(text))
		for place := range text {
			for c := range 256 {
				odd := bytes.Clone(text)
				odd[place] = byte(c)
				checkDecode(t, string(odd))
			}
		}
	}
	chance := rand.New(rand.NewPCG(1, 2))
	for n := range 300 {
		raw := make([]byte, n)
		for i := range raw {
			raw[i] = byte(chance.Uint32())
		}
		checkDecode(t, base64.RawURLEncoding.EncodeToString(raw))
	}
}

func FuzzDecode(f *testing.F) {
	for _, text := range []string{"", "A", "AA", "AB", "AAA", "AAB", "AAAA", "AAAAAAAAAAAA", "AAAA\n", "AAAAAAAA===="} {
		f.Add(text)
	}
	f.Fuzz(checkDecode)
}
