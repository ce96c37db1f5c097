package fakeop

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
)

// JWT signs any claims under any header with the newest key, so that a test can say anything in the provider's name.
// alg and kid are those of the key where the header has neither; a nil value removes a member.
func (p *Provider) JWT(header, claims map[string]any) (string, error) {
	return p.forge(p.newestKey(), forgery{header: header, claims: claims})
}

func (p *Provider) newestKey() signingKey {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.keys[0]
}

// forgery is a JWT as no provider should make it.
type forgery struct {
	header, claims map[string]any // nil values are removed
	moreHeader     string         // members appended as text, so that they can be there twice
	moreClaims     string
	sign           func(key signingKey, signed string) (string, error) // nil: as it should be
}

// merged is base with changes; nil removes.
func merged(base, changes map[string]any) map[string]any {
	merged := maps.Clone(base)
	maps.Copy(merged, changes)
	maps.DeleteFunc(merged, func(_ string, value any) bool { return value == nil })
	return merged
}

func (p *Provider) forge(key signingKey, f forgery) (string, error) {
	header := merged(map[string]any{"alg": key.alg, "kid": key.id}, f.header)
	parts := make([]string, 0, 2)
	for _, part := range []struct {
		members map[string]any
		more    string
	}{{header, f.moreHeader}, {merged(f.claims, nil), f.moreClaims}} {
		text, err := json.Marshal(part.members)
		if err != nil {
			return "", fmt.Errorf("test provider: JWT: %w", err)
		}
		if part.more != "" {
			text = append(append(text[:len(text)-1], ','), part.more+"}"...)
		}
		parts = append(parts, encode(text))
	}
	sign := f.sign
	if sign == nil {
		sign = signingKey.signText
	}
	signed := strings.Join(parts, ".")
	signature, err := sign(key, signed)
	return signed + "." + signature, err
}

func unsigned(signingKey, string) (string, error) { return "", nil }

// signText signs the first two parts of a JWS as they stand.
func (k signingKey) signText(signed string) (string, error) {
	digest := sha256.Sum256([]byte(signed))
	var signature []byte
	var err error
	switch key := k.private.(type) {
	case *rsa.PrivateKey:
		signature, err = rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest[:])
	case *ecdsa.PrivateKey:
		r, s, signErr := ecdsa.Sign(rand.Reader, key, digest[:])
		if signature, err = make([]byte, 64), signErr; err == nil {
			r.FillBytes(signature[:32])
			s.FillBytes(signature[32:])
		}
	case ed25519.PrivateKey:
		signature = ed25519.Sign(key, []byte(signed))
	}
	if err != nil {
		return "", fmt.Errorf("test provider: sign: %w", err)
	}
	return encode(signature), nil
}
