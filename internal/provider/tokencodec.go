package provider

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/binary"
	"time"
)

const (
	tokensVersion = 1

	maxSeconds = endOfTime - 1
)

// Encode writes tokens for keeping:
//
//	version ‖ Expiry ‖ AccessToken ‖ RefreshToken ‖ Scope ‖ Nonce ‖ key
//
// with the time as Unix seconds (0: unknown), rounded down, and numbers and lengths as uvarints. The key that the access
// token is bound to is the 32 bytes of its scalar, or empty, and says what TokenType is. IDToken is left out: it is judged
// once and large. The result holds secrets in clear. Who keeps it seals it.
func (t *Tokens) Encode() []byte {
	var scalar []byte
	if t.key != nil {
		var err error
		if scalar, err = t.key.private.Bytes(); err != nil {
			return nil // which decodes to nothing, while without its key it would to a bearer token
		}
	}
	b := []byte{tokensVersion}
	b = binary.AppendUvarint(b, uint64(min(max(0, t.Expiry.Unix()), maxSeconds)))
	for _, text := range [...]string{t.AccessToken, t.RefreshToken, t.Scope, t.Nonce, string(scalar)} {
		b = binary.AppendUvarint(b, uint64(len(text)))
		b = append(b, text...)
	}
	return b
}

// DecodeTokens reads what Encode wrote, and reports whether b is whole and of this version: old and new instances may
// run side by side. It takes memory by what is there and not by what a length claims.
func DecodeTokens(b []byte) (*Tokens, bool) {
	if len(b) == 0 || b[0] != tokensVersion {
		return nil, false
	}
	b = b[1:]
	expiry, size := binary.Uvarint(b)
	if size <= 0 || expiry > maxSeconds {
		return nil, false
	}
	b = b[size:]
	t := &Tokens{}
	var scalar string
	for _, text := range [...]*string{&t.AccessToken, &t.RefreshToken, &t.Scope, &t.Nonce, &scalar} {
		n, size := binary.Uvarint(b)
		if size <= 0 || n > uint64(len(b)-size) {
			return nil, false
		}
		end := size + int(n)
		*text, b = string(b[size:end]), b[end:]
	}
	if len(b) != 0 || !visible(t.AccessToken) { // fit for a header, as the provider sent it
		return nil, false
	}
	if scalar != "" {
		private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), []byte(scalar))
		if err != nil {
			return nil, false
		}
		t.key = &dpopKey{private}
	}
	if expiry != 0 {
		t.Expiry = time.Unix(int64(expiry), 0).UTC()
	}
	t.TokenType = t.key.scheme()
	return t, true
}
