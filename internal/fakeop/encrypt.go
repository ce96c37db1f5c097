package fakeop

import (
	"crypto"
	"crypto/rsa"
	"fmt"

	"github.com/go-jose/go-jose/v4"
)

// encrypt nests a signed ID token in a JWE for the client (OpenID Connect Core, 10.2), or does what a misbehaviour says
// instead. Without EncryptIDToken it does nothing.
func (p *Provider) encrypt(token string) (string, error) {
	if p.cfg.EncryptIDToken == nil {
		return token, nil
	}
	encrypt := func(token string) (string, error) {
		return p.encryptTo(p.cfg.EncryptIDToken, encryptionAlg(p.cfg.EncryptIDToken), token)
	}
	p.mu.Lock()
	for _, h := range p.misbehaving {
		if h.encrypt != nil {
			encrypt = h.encrypt
		}
	}
	p.mu.Unlock()
	return encrypt(token)
}

// encryptionAlg returns the one algorithm for a key's type.
func encryptionAlg(key crypto.PublicKey) jose.KeyAlgorithm {
	if _, ok := key.(*rsa.PublicKey); ok {
		return jose.RSA_OAEP_256
	}
	return jose.ECDH_ES
}

func (p *Provider) encryptTo(key crypto.PublicKey, alg jose.KeyAlgorithm, token string) (string, error) {
	recipient := jose.Recipient{Algorithm: alg, Key: key, KeyID: p.cfg.EncryptionKeyID}
	encrypter, err := jose.NewEncrypter(jose.A256GCM, recipient, new(jose.EncrypterOptions).WithContentType("JWT"))
	if err != nil {
		return "", fmt.Errorf("test provider: encrypter: %w", err)
	}
	nested, err := encrypter.Encrypt([]byte(token))
	if err != nil {
		return "", fmt.Errorf("test provider: encrypt: %w", err)
	}
	return nested.CompactSerialize()
}

// encryptToStranger encrypts to another key of the same kind as the client's.
func (p *Provider) encryptToStranger(token string) (string, error) {
	stranger, err := strangerRSA()
	if encryptionAlg(p.cfg.EncryptIDToken) != jose.RSA_OAEP_256 {
		stranger, err = newKey("ES256")
	}
	if err != nil {
		return "", err
	}
	key := stranger.private.Public()
	return p.encryptTo(key, encryptionAlg(key), token)
}
