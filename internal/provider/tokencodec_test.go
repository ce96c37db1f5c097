package provider

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/binary"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/wire"
)

// boundTokens returns tokens with all fields, bound to a new key.
func boundTokens(t testing.TB) *Tokens {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &Tokens{AccessToken: "at", RefreshToken: "rt", Scope: "openid api", Nonce: "n", TokenType: "DPoP",
		Expiry: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC), key: &dpopKey{private}}
}

func TestTokensAreKept(t *testing.T) {
	bound := boundTokens(t)
	before := time.Date(1969, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, test := range map[string]struct{ in, want *Tokens }{
		"all":    {bound, bound},
		"bearer": {&Tokens{AccessToken: "at", TokenType: "Bearer"}, &Tokens{AccessToken: "at", TokenType: "Bearer"}},
		"long": {&Tokens{AccessToken: strings.Repeat("a", 9000), TokenType: "Bearer"},
			&Tokens{AccessToken: strings.Repeat("a", 9000), TokenType: "Bearer"}},
		"ID token": {&Tokens{AccessToken: "at", TokenType: "Bearer", IDToken: "x.y.z"},
			&Tokens{AccessToken: "at", TokenType: "Bearer"}},
		"fraction": {&Tokens{AccessToken: "at", TokenType: "Bearer", Expiry: time.Unix(9, 9e8)},
			&Tokens{AccessToken: "at", TokenType: "Bearer", Expiry: time.Unix(9, 0).UTC()}},
		"one of several": {&Tokens{AccessToken: "at", RefreshToken: "rt", TokenType: "Bearer", Generation: 300},
			&Tokens{AccessToken: "at", RefreshToken: "rt", TokenType: "Bearer", Generation: 300}},
		"long ago": {&Tokens{AccessToken: "at", TokenType: "Bearer", Expiry: before},
			&Tokens{AccessToken: "at", TokenType: "Bearer"}},
		"year 9999": {&Tokens{AccessToken: "at", TokenType: "Bearer", Expiry: time.Unix(1<<50, 0)},
			&Tokens{AccessToken: "at", TokenType: "Bearer", Expiry: time.Unix(wire.MaxSeconds, 0).UTC()}},
	} {
		got, ok := DecodeTokens(test.in.Encode())
		if !ok || !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: got %+v, %t; want %+v", name, got, ok, test.want)
		}
	}
	if n := len((&Tokens{AccessToken: "at", TokenType: "Bearer"}).Encode()); n != 9 {
		t.Errorf("%d bytes", n)
	}
	numbered := (&Tokens{AccessToken: "at", TokenType: "Bearer", Generation: 1}).Encode()
	if numbered[1] = 0; len(numbered) != 10 {
		t.Errorf("%d bytes with a number", len(numbered))
	}
	if got, ok := DecodeTokens(numbered); ok {
		t.Errorf("the number 0 in the form with a number: %+v", got)
	}
	odd, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := DecodeTokens((&Tokens{AccessToken: "at", key: &dpopKey{odd}}).Encode()); ok {
		t.Errorf("a key of another curve became %+v", got)
	}
	odd.Curve = elliptic.P256() // now a point that is not on it
	if got, ok := DecodeTokens((&Tokens{AccessToken: "at", key: &dpopKey{odd}}).Encode()); ok {
		t.Errorf("without its key the token became %+v", got)
	}
}

// Damaged records are refused, and the lengths they claim are not allocated (a terabyte would not be available).
func TestDamagedTokens(t *testing.T) {
	good := boundTokens(t).Encode()
	for n := range len(good) {
		if got, ok := DecodeTokens(good[:n]); ok {
			t.Errorf("cut after %d of %d bytes: %+v", n, len(good), got)
		}
	}
	with := func(accessToken, scalar string) []byte {
		b := []byte{tokensVersion, 0}
		for _, text := range []string{accessToken, "", "", "", scalar} {
			b = append(binary.AppendUvarint(b, uint64(len(text))), text...)
		}
		return b
	}
	if _, ok := DecodeTokens(with("at", "")); !ok {
		t.Error("what the others damage is not valid either")
	}
	for name, b := range map[string][]byte{
		"nothing": nil, "another version": append([]byte{tokensVersion + 1}, good[1:]...),
		"something behind": append(bytes.Clone(good), 0),
		"no access token":  with("", ""), "line break": with("a\r\nX: y", ""),
		"short key": with("at", strings.Repeat("k", 31)),
		"long key":  with("at", strings.Repeat("k", 33)), "key of zeros": with("at", strings.Repeat("\x00", 32)),
		"key beyond the order": with("at", strings.Repeat("\xff", 32)),
		"year 10000":           append(binary.AppendUvarint([]byte{tokensVersion}, wire.MaxSeconds+1), with("at", "")[2:]...),
		"endless number":       append([]byte{tokensVersion}, bytes.Repeat([]byte{0xff}, 20)...),
		"a terabyte claimed":   append(binary.AppendUvarint([]byte{tokensVersion, 0}, 1<<40), "at"...),
		"huge length":          binary.AppendUvarint([]byte{tokensVersion, 0}, 1<<63),
		"larger than an int":   append(binary.AppendUvarint([]byte{tokensVersion, 0}, 1<<64-1), "at"...),
	} {
		if got, ok := DecodeTokens(b); ok || got != nil {
			t.Errorf("%s: %+v, %t", name, got, ok)
		}
	}
}

// What decodes is usable and keeps its meaning; no bytes make the reader panic or return more than they hold.
func FuzzDecodeTokens(f *testing.F) {
	f.Add(boundTokens(f).Encode())
	f.Add((&Tokens{AccessToken: "at", RefreshToken: "rt"}).Encode())
	f.Add([]byte{tokensVersion, 0, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Add([]byte{tokensVersion, 0x80, 0x00, 1, 'a', 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		tokens, ok := DecodeTokens(b)
		if !ok {
			return
		}
		if len(tokens.AccessToken)+len(tokens.RefreshToken)+len(tokens.Scope) > len(b) || !visible(tokens.AccessToken) ||
			tokens.TokenType != tokens.key.scheme() {
			t.Fatalf("%+v from %q", tokens, b)
		}
		if again, ok := DecodeTokens(tokens.Encode()); !ok || !reflect.DeepEqual(tokens, again) {
			t.Fatalf("%+v is %+v, %t the second time", tokens, again, ok)
		}
	})
}
