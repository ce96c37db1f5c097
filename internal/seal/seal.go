// Package seal turns bytes into text that only the holder of a secret can read or make, and back. It is the only
// package of the plugin that holds keys.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
)

const (
	version   = 1
	keySize   = 32 // AES-256
	idSize    = 4
	headerLen = 1 + idSize // version ‖ key id
)

// Ring holds one AES-256-GCM key for each secret, newest first. The first seals, all of them open. It is safe for
// concurrent use.
//
// Nonces are random, so one secret may seal at most 2^32 values of a purpose (NIST SP 800-38D 8.3): rotate secrets, by
// putting a new one first, long before that.
type Ring struct {
	keys []key
}

type key struct {
	header [headerLen]byte
	aead   cipher.AEAD
}

// NewRing derives the keys of one purpose from the secrets, newest first, with HKDF-SHA256 (RFC 5869). Values of one
// purpose do not open under another, even with the same secrets: a sign-in attempt cannot be passed off as a session.
// It returns an error if there is no secret or an empty one. The caller judges whether a secret is strong enough.
func NewRing(purpose string, secrets []string) (*Ring, error) {
	if len(secrets) == 0 {
		return nil, errors.New("seal: no secret")
	}
	ring := &Ring{keys: make([]key, len(secrets))}
	for i, secret := range secrets {
		if secret == "" {
			return nil, fmt.Errorf("seal: secret %d of %d is empty", i+1, len(secrets))
		}
		k, err := newKey(purpose, secret)
		if err != nil {
			return nil, fmt.Errorf("seal: secret %d of %d: %w", i+1, len(secrets), err)
		}
		ring.keys[i] = k
	}
	return ring, nil
}

// newKey takes the key and its id from one HKDF output, so neither reveals anything about the other.
func newKey(purpose, secret string) (key, error) {
	material, err := hkdf.Key(sha256.New, []byte(secret), nil, purpose, keySize+idSize)
	if err != nil {
		return key{}, err
	}
	block, err := aes.NewCipher(material[:keySize])
	if err != nil {
		return key{}, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return key{}, err
	}
	k := key{aead: aead}
	k.header[0] = version
	copy(k.header[1:], material[keySize:])
	return k, nil
}

// Seal encrypts plaintext with the newest key. The text is unpadded base64url of version (1 byte) ‖ key id (4) ‖ random
// nonce (12) ‖ ciphertext and tag (len(plaintext)+16).
//
// ad is authenticated and not part of the text: it binds the value to its place, such as the name of its cookie, so
// that it does not open when it is moved to another. The version and the key id are authenticated too.
func (r *Ring) Seal(plaintext, ad []byte) string {
	k := &r.keys[0]
	buf := make([]byte, 0, len(ad)+headerLen+k.aead.Overhead()+len(plaintext))
	buf = append(buf, ad...)
	buf = append(buf, k.header[:]...)
	buf = k.aead.Seal(buf, nil, plaintext, buf)
	return base64.RawURLEncoding.EncodeToString(buf[len(ad):])
}

// Open reverses [Ring.Seal]. stale reports that an older secret sealed the text, so that the caller may seal it again
// with the newest. ok is false for every text that Seal did not make with one of the secrets, for this purpose and this
// ad. It does not say which of them was wrong.
//
// It takes memory in proportion to the text: the caller limits its length.
func (r *Ring) Open(text string, ad []byte) (plaintext []byte, stale, ok bool) {
	// ad ‖ header is authenticated, and the rest is decrypted in place: one buffer is enough.
	buf := make([]byte, len(ad)+base64.RawURLEncoding.DecodedLen(len(text)))
	sealed := buf[copy(buf, ad):]
	if !decode(sealed, text) || len(sealed) < headerLen {
		return nil, false, false
	}
	for i := range r.keys {
		if k := &r.keys[i]; string(k.header[:]) == string(sealed[:headerLen]) {
			ciphertext := sealed[headerLen:]
			plaintext, err := k.aead.Open(ciphertext[:0], nil, ciphertext, buf[:len(ad)+headerLen])
			return plaintext, i > 0, err == nil
		}
	}
	return nil, false, false
}
