package testapp

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
)

// PEM encodes a private key as files hold it.
func PEM(key any) []byte {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// ClientKeys are keys of the app that the provider has registered, by type: "EC", "RSA" and "Ed25519".
type ClientKeys map[string]crypto.Signer

// NewClientKeys makes a key of each type.
func NewClientKeys(t testing.TB) ClientKeys {
	t.Helper()
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rs, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return ClientKeys{"EC": ec, "RSA": rs, "Ed25519": ed}
}

// Authenticate is a Change: the client authenticates with private_key_jwt.
func (k ClientKeys) Authenticate(kind, alg string) Change {
	return func(c *ginoidc.Config, op *fakeop.Config) {
		p := &c.Providers[0]
		p.ClientAuthMethod, p.ClientSecret, p.ClientKey, p.ClientKeyAlg = "private_key_jwt", "", PEM(k[kind]), alg
		op.ClientAuthMethod, op.ClientKey = "private_key_jwt", k[kind].Public()
	}
}

// FAPI2 is a Change: a client and a provider of the FAPI 2.0 Security Profile.
func (k ClientKeys) FAPI2(c *ginoidc.Config, op *fakeop.Config) {
	p := &c.Providers[0]
	p.Profile, p.ClientSecret, p.SigningAlgs, p.ClientKey = "fapi2", "", nil, PEM(k["EC"])
	op.ClientAuthMethod, op.ClientKey = "private_key_jwt", k["EC"].Public()
	op.RequirePAR, op.RequireDPoP, op.DPoPNonces = true, true, true
}

// SelfSigned returns a certificate for loopback that no authority has signed.
func SelfSigned(t testing.TB) tls.Certificate {
	t.Helper()
	key := NewClientKeys(t)["EC"]
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
