package provider

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// What ParsePrivateKey accepts is strong, works for its algorithm, and has a kid; no error quotes the input.
func FuzzParsePrivateKey(f *testing.F) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	pkcs8, _ := x509.MarshalPKCS8PrivateKey(key)
	sec1, _ := x509.MarshalECPrivateKey(key)
	jwk, _ := json.Marshal(jose.JSONWebKey{Key: key, KeyID: "k", Algorithm: "ES256", Use: "sig"})
	f.Add(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), "", "")
	f.Add(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: sec1}), "ECDH-ES", "k")
	f.Add(jwk, "ES256", "")
	f.Add([]byte(`{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",`+
		`"x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`), "", "")
	f.Add([]byte(`{"kty":"oct","k":"c2VjcmV0"}`), "HS256", "")
	f.Add([]byte(`{"kty":"RSA","n":"AQAB","e":"AQAB","d":"AQAB","p":"Aw","q":"BQ"}`), "", "")
	f.Fuzz(func(t *testing.T, raw []byte, alg, kid string) {
		k, err := ParsePrivateKey(raw, alg, kid)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Kind != Misconfigured || len(err.Error()) > 300 {
				t.Fatalf("%v", err)
			}
			return
		}
		if public, ok := k.Public().(*rsa.PublicKey); ok && public.N.BitLen() < 2048 {
			t.Fatal("a weak key")
		}
		if k.KeyID() == "" || kid != "" && k.KeyID() != kid || alg != "" && k.Alg() != alg || !k.CanSign() &&
			!k.CanDecrypt() {
			t.Fatalf("%v, alg %q", k, k.Alg())
		}
		token, err := k.sign("test", "JWT", map[string]any{"iss": "a"})
		if !k.CanSign() {
			if err == nil {
				t.Fatal("a key for decryption signs")
			}
			return
		}
		jws, parseErr := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(k.Alg())})
		if err != nil || parseErr != nil || strings.HasPrefix(k.Alg(), "HS") {
			t.Fatal(err, parseErr)
		}
		if _, err := jws.Verify(k.Public()); err != nil {
			t.Fatal(err)
		}
	})
}

// No text makes decrypt panic, and none is decrypted that does not hold what was encrypted.
func FuzzDecrypt(f *testing.F) {
	// RFC 7517 appendix A.2: the same key in every process.
	key, err := ParsePrivateKey([]byte(`{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
		"y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","d":"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE",
		"use":"enc","kid":"1"}`), "", "")
	if err != nil {
		f.Fatal(err)
	}
	for _, alg := range key.decryptionAlgs() {
		for _, enc := range contentAlgs() {
			recipient := jose.Recipient{Algorithm: jose.KeyAlgorithm(alg), Key: key.Public(), KeyID: "1"}
			encrypter, err := jose.NewEncrypter(jose.ContentEncryption(enc), recipient, nil)
			if err != nil {
				f.Fatal(err)
			}
			jwe, err := encrypter.Encrypt([]byte("inside"))
			if err != nil {
				f.Fatal(err)
			}
			raw, err := jwe.CompactSerialize()
			if err != nil {
				f.Fatal(err)
			}
			f.Add(raw)
		}
	}
	f.Add("....")
	f.Add("eyJhbGciOiJFQ0RILUVTIiwiZW5jIjoiQTEyOEdDTSIsImVwayI6e319....")
	p := New(Config{Issuer: "https://op.example", ClientID: "app", DecryptionKey: key})
	f.Fuzz(func(t *testing.T, raw string) {
		if inside, err := p.decrypt("test", raw, maxIDToken); err == nil && inside != "inside" {
			t.Fatalf("%q holds %q", raw, inside)
		}
	})
}
