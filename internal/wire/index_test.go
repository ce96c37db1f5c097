package wire_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/wire"
)

// names returns n names in order, of different lengths.
func names(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("%04d%s", i, strings.Repeat("x", i*7%150))
	}
	return list
}

// TestIndex: the part of a list in which a text would be has it exactly if the list has it, and is short.
func TestIndex(t *testing.T) {
	for _, n := range []int{0, 1, 31, 32, 33, 48, 49, 500} {
		texts := names(n)
		if n > 32 {
			texts[0] = ""
		}
		l := wire.NewList(texts)
		x := wire.NewIndex(l)
		if want := 2 * ((n - 1) / 16); len(x) != want && n >= 32 || x != "" && n < 32 || !x.Fits(len(l)) {
			t.Errorf("%d texts have an index of %d bytes", n, len(x))
		}
		for _, text := range texts {
			part := x.Part(l, text)
			if !part.Contains(text) || x != "" && len(part.Strings()) > 16 {
				t.Errorf("%d texts: %.8q is not in a part of %d", n, text, len(part.Strings()))
			}
			for _, other := range []string{text + "a", text[:max(0, len(text)-1)], "", "zz"} {
				if x.Part(l, other).Contains(other) != slices.Contains(texts, other) {
					t.Errorf("%d texts: %.8q", n, other)
				}
			}
		}
	}
}

// TestNoIndex: a list that is not sorted, or too long, is searched as a whole.
func TestNoIndex(t *testing.T) {
	turned := names(100)
	slices.Reverse(turned)
	for size, fits := range map[int]bool{1<<16 - 1: true, 1 << 16: false} { // an index has two bytes for each place
		l := wire.NewList(names(33))
		l = wire.NewList(append(names(33), "x"+strings.Repeat("y", size-len(l)-len("xLLL"))))
		if x := wire.NewIndex(l); len(l) != size || (x != "") != fits {
			t.Errorf("%d bytes have an index of %d", len(l), len(x))
		}
	}
	for name, l := range map[string]wire.List{
		"turned": wire.NewList(turned), "twice": wire.NewList(slices.Repeat(names(1), 40)),
		"cut short": wire.NewList(names(100))[:3000], "no list": wire.List(strings.Repeat("\xff", 100)),
	} {
		if x := wire.NewIndex(l); x != "" {
			t.Errorf("%s: an index of %d bytes", name, len(x))
		}
	}
}

// TestOddIndex: an index that cannot be that of the list does not fit.
func TestOddIndex(t *testing.T) {
	for x, fits := range map[wire.Index]bool{
		"": true, "\x00": false, "\x00\x00": false, "\x00\x63": true, "\x00\x64": false, "\x00\x01\x00\x02": true,
		"\x00\x02\x00\x01": false, "\x00\x02\x00\x02": false, "\x00\x01\x00": false,
	} {
		if x.Fits(100) != fits {
			t.Errorf("%x fits: %t", string(x), !fits)
		}
	}
}

// FuzzIndex: whatever fits, a search in any bytes ends without a panic.
func FuzzIndex(f *testing.F) {
	l := wire.NewList(names(40))
	f.Add(string(l), string(wire.NewIndex(l)), "0007")
	f.Fuzz(func(t *testing.T, list, index, text string) {
		l, x := wire.List(list), wire.Index(index)
		if !x.Fits(len(l)) {
			return
		}
		if part := x.Part(l, text); len(part) > len(l) {
			t.Error(part)
		}
		x.Part(l, text).Contains(text)
	})
}
