package protocol_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"testing"
)

// clientKey is a private key of an app.
type clientKey struct {
	pem []byte            // as the app is configured
	jwk map[string]string // its public half, as the provider is told
}

func rsaKey(t *testing.T) clientKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return newClientKey(t, key, map[string]string{
		"kty": "RSA", "n": text(key.N.Bytes()), "e": text(big.NewInt(int64(key.E)).Bytes()),
	})
}

func ecKey(t *testing.T) clientKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point, err := key.PublicKey.Bytes() // 4, x, y
	if err != nil {
		t.Fatal(err)
	}
	return newClientKey(t, key,
		map[string]string{"kty": "EC", "crv": "P-256", "x": text(point[1:33]), "y": text(point[33:])})
}

func edKey(t *testing.T) clientKey {
	t.Helper()
	public, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return newClientKey(t, key, map[string]string{"kty": "OKP", "crv": "Ed25519", "x": text(public)})
}

// newClientKey sets the kid to the key's thumbprint (RFC 7638). jwk must have the required members and no others.
func newClientKey(t *testing.T, key crypto.PrivateKey, jwk map[string]string) clientKey {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	canonical, err := json.Marshal(jwk) // in the order of the names, without spaces
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(canonical)
	jwk["kid"] = text(sum[:])
	return clientKey{pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), jwk}
}

// jwks returns the client's JWK set.
func jwks(keys ...clientKey) map[string]any {
	var public []map[string]string
	for _, key := range keys {
		public = append(public, key.jwk)
	}
	return map[string]any{"keys": public}
}

func text(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
