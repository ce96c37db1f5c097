package provider

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/binary"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/wire"
)

const (
	tokensVersion   = 1
	numberedVersion = 2 // with a Generation
)

// Encode returns tokens as a record:
//
//	version ‖ Expiry ‖ AccessToken ‖ RefreshToken ‖ Scope ‖ Nonce ‖ key
//
// Generation follows version unless it is 0, in a version of its own: most sessions have no other access tokens. The
// time is in Unix seconds (0: unknown), rounded down. Numbers and lengths are uvarints. The key that the access token
// is bound to is the 32 bytes of its scalar, or empty; it determines TokenType. IDToken is omitted: it is large and
// verified only once. The result holds secrets in plain text. The caller must seal it.
func (t *Tokens) Encode() []byte {
	var scalar []byte
	if t.key != nil {
		var err error
		if scalar, err = t.key.private.Bytes(); err != nil {
			return nil // decodes to nothing; without its key the token would decode as a bearer token
		}
	}
	expiry := t.Expiry
	if last := time.Unix(wire.MaxSeconds, 0); expiry.After(last) {
		expiry = last
	}
	b := []byte{tokensVersion}
	if t.Generation > 0 {
		b = binary.AppendUvarint([]byte{numberedVersion}, t.Generation)
	}
	b = wire.AppendSeconds(b, expiry)
	for _, text := range [...]string{t.AccessToken, t.RefreshToken, t.Scope, t.Nonce} {
		b = wire.AppendText(b, text)
	}
	return wire.AppendText(b, scalar)
}

// DecodeTokens reads what Encode wrote. It reports whether b is complete and of this version: instances of different
// versions may run at the same time. It allocates memory for the bytes present, not for the lengths that b claims.
func DecodeTokens(b []byte) (*Tokens, bool) {
	r := wire.NewReader(b)
	t := &Tokens{}
	switch r.Byte() {
	case tokensVersion:
	case numberedVersion:
		if t.Generation = r.Uvarint(); t.Generation == 0 {
			return nil, false
		}
	default:
		return nil, false
	}
	t.Expiry = r.Seconds()
	for _, text := range [...]*string{&t.AccessToken, &t.RefreshToken, &t.Scope, &t.Nonce} {
		*text = r.Text()
	}
	scalar := r.Block()
	if !r.Done() || !visible(t.AccessToken) { // safe in a header, as when the provider sent it
		return nil, false
	}
	if len(scalar) > 0 {
		private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), scalar)
		if err != nil {
			return nil, false
		}
		t.key = &dpopKey{private}
	}
	t.TokenType = t.key.scheme()
	return t, true
}
