package provider

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"reflect"
	"strings"
	"testing"
	"time"
)

// TestGoldenTokens holds the bytes of the layout: the next version, which may run at the same time, must read kept
// tokens.
func TestGoldenTokens(t *testing.T) {
	private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), []byte(strings.Repeat("k", 32)))
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		tokens *Tokens
		golden string
	}{
		"bearer": {&Tokens{AccessToken: "at", TokenType: "Bearer"},
			"\x01" + "\x00" + "\x02at" + "\x00" + "\x00" + "\x00" + "\x00"},
		"DPoP": {&Tokens{AccessToken: "at", RefreshToken: "rt", Scope: "openid api", Nonce: "n", TokenType: "DPoP",
			Expiry: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC), key: &dpopKey{private}},
			"\x01" + "\xa5\xaa\xf5\x86\x07" + "\x02at" + "\x02rt" + "\x0aopenid api" + "\x01n" +
				"\x20kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"},
	} {
		if got := string(tt.tokens.Encode()); got != tt.golden {
			t.Errorf("%s: encoded as\n%q, want\n%q", name, got, tt.golden)
		}
		if got, ok := DecodeTokens([]byte(tt.golden)); !ok || !reflect.DeepEqual(got, tt.tokens) {
			t.Errorf("%s: decoded as\n%+v, want\n%+v", name, got, tt.tokens)
		}
	}
}
