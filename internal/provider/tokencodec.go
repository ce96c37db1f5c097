package provider

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/wire"
)

const tokensVersion = 1

// Encode writes tokens for keeping:
//
//	version ‖ Expiry ‖ AccessToken ‖ RefreshToken ‖ Scope ‖ Nonce ‖ key
//
// with the time as Unix seconds (0: unknown), rounded down, and numbers and lengths as uvarints. The key that the
// access token is bound to is the 32 bytes of its scalar, or empty, and says what TokenType is. IDToken is left out: it
// is judged once and large. The result holds secrets in clear. Who keeps it seals it.
func (t *Tokens) Encode() []byte {
	var scalar []byte
	if t.key != nil {
		var err error
		if scalar, err = t.key.private.Bytes(); err != nil {
			return nil // which decodes to nothing, while without its key it would to a bearer token
		}
	}
	expiry := t.Expiry
	if last := time.Unix(wire.MaxSeconds, 0); expiry.After(last) {
		expiry = last
	}
	b := wire.AppendSeconds([]byte{tokensVersion}, expiry)
	for _, text := range [...]string{t.AccessToken, t.RefreshToken, t.Scope, t.Nonce} {
		b = wire.AppendText(b, text)
	}
	return wire.AppendText(b, scalar)
}

// DecodeTokens reads what Encode wrote, and reports whether b is whole and of this version: old and new instances may
// run side by side. It takes memory by what is there and not by what a length claims.
func DecodeTokens(b []byte) (*Tokens, bool) {
	r := wire.NewReader(b)
	if r.Byte() != tokensVersion {
		return nil, false
	}
	t := &Tokens{Expiry: r.Seconds()}
	for _, text := range [...]*string{&t.AccessToken, &t.RefreshToken, &t.Scope, &t.Nonce} {
		*text = r.Text()
	}
	scalar := r.Block()
	if !r.Done() || !visible(t.AccessToken) { // fit for a header, as the provider sent it
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
