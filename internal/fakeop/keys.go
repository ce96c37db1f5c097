package fakeop

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"github.com/go-jose/go-jose/v4"
)

// sharedRSA is the first RS256 key of every provider in the process, strangerRSA one that no provider has: generating
// one takes longer than most tests.
var (
	sharedRSA   = sync.OnceValues(func() (signingKey, error) { return newKey("RS256") })
	strangerRSA = sync.OnceValues(func() (signingKey, error) { return newKey("RS256") })
)

type signingKey struct {
	id      string // RFC 7638 thumbprint
	alg     jose.SignatureAlgorithm
	private crypto.Signer
}

func firstKey(alg string) (signingKey, error) {
	if alg == "RS256" {
		return sharedRSA()
	}
	return newKey(alg)
}

func newKey(alg string) (signingKey, error) {
	var private crypto.Signer
	var err error
	switch alg {
	case "RS256":
		private, err = rsa.GenerateKey(rand.Reader, 2048)
	case "ES256":
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "EdDSA":
		_, private, err = ed25519.GenerateKey(rand.Reader)
	default:
		return signingKey{}, fmt.Errorf("test provider: SigningAlg %q is not RS256, ES256 or EdDSA", alg)
	}
	if err != nil {
		return signingKey{}, fmt.Errorf("test provider: making a signing key: %w", err)
	}
	public := jose.JSONWebKey{Key: private.Public()}
	thumbprint, err := public.Thumbprint(crypto.SHA256)
	if err != nil {
		return signingKey{}, fmt.Errorf("test provider: naming a signing key: %w", err)
	}
	return signingKey{id: encode(thumbprint), alg: jose.SignatureAlgorithm(alg), private: private}, nil
}

// RotateKeys makes a new key, which signs at once. The older keys stay in the key set, or are withdrawn from it.
func (p *Provider) RotateKeys(keepOld bool) error {
	key, err := newKey(p.cfg.SigningAlg)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	keys := []signingKey{key}
	if keepOld {
		keys = append(keys, p.keys...)
	}
	p.keys = keys
	return nil
}

func (p *Provider) jwks(w http.ResponseWriter, _ *http.Request) {
	var keys []any
	for _, key := range p.publicKeys() {
		keys = append(keys, key)
	}
	set := map[string]any{"keys": keys}
	p.edit(set, JWKS)
	writeJSON(w, http.StatusOK, set)
}

func (p *Provider) publicKeys() []jose.JSONWebKey {
	p.mu.Lock()
	defer p.mu.Unlock()
	var keys []jose.JSONWebKey
	for _, key := range p.keys {
		keys = append(keys, jose.JSONWebKey{Key: key.private.Public(), KeyID: key.id, Algorithm: string(key.alg), Use: "sig"})
	}
	return keys
}

// sign makes a compact JWS of type JWT; an empty kid is omitted from its header.
func (k signingKey) sign(payload []byte, kid string) (string, error) {
	return k.signAs("JWT", payload, kid)
}

// signAs makes a compact JWS; an empty typ or kid is omitted from its header.
func (k signingKey) signAs(typ string, payload []byte, kid string) (string, error) {
	options := &jose.SignerOptions{}
	if typ != "" {
		options = options.WithType(jose.ContentType(typ))
	}
	if kid != "" {
		options = options.WithHeader("kid", kid)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: k.alg, Key: k.private}, options)
	if err != nil {
		return "", fmt.Errorf("test provider: signer: %w", err)
	}
	token, err := signer.Sign(payload)
	if err != nil {
		return "", fmt.Errorf("test provider: sign: %w", err)
	}
	return token.CompactSerialize()
}

// signNot omits the signature (RFC 7515, appendix A.5).
func (signingKey) signNot(payload []byte) (string, error) {
	return encode([]byte(`{"alg":"none"}`)) + "." + encode(payload) + ".", nil
}

// signAsStranger signs with another key, under the correct kid.
func (k signingKey) signAsStranger(payload []byte) (string, error) {
	stranger, err := strangerRSA()
	if k.alg != jose.RS256 {
		stranger, err = newKey(string(k.alg))
	}
	if err != nil {
		return "", err
	}
	return stranger.sign(payload, k.id)
}

// signHS256 is the classic algorithm confusion (RFC 8725, 2.1): an HMAC whose secret is the public key.
func (k signingKey) signHS256(payload []byte) (string, error) {
	signed := encode([]byte(`{"alg":"HS256","kid":"`+k.id+`"}`)) + "." + encode(payload)
	mac, err := k.macByPublicKey(signed)
	return signed + "." + mac, err
}

// macByPublicKey is that HMAC, encoded.
func (k signingKey) macByPublicKey(signed string) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(k.private.Public())
	if err != nil {
		return "", fmt.Errorf("test provider: public key: %w", err)
	}
	mac := hmac.New(sha256.New, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	mac.Write([]byte(signed))
	return encode(mac.Sum(nil)), nil
}

// signBadly flips one bit of a valid signature.
func (k signingKey) signBadly(payload []byte) (string, error) {
	token, err := k.sign(payload, k.id)
	if err != nil {
		return "", err
	}
	cut := strings.LastIndexByte(token, '.') + 1
	signature, err := base64.RawURLEncoding.DecodeString(token[cut:])
	if err != nil {
		return "", fmt.Errorf("test provider: signature: %w", err)
	}
	signature[len(signature)/2] ^= 1
	return token[:cut] + encode(signature), nil
}

// leftHalf returns the at_hash of an access token (OpenID Connect Core, 3.1.3.6). Ed25519 hashes with SHA-512.
func leftHalf(alg, accessToken string) string {
	if alg == "EdDSA" {
		sum := sha512.Sum512([]byte(accessToken))
		return encode(sum[:len(sum)/2])
	}
	sum := sha256.Sum256([]byte(accessToken))
	return encode(sum[:len(sum)/2])
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
