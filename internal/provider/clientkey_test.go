package provider_test

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

func newECKey(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newEdKey(t testing.TB) ed25519.PrivateKey {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// pemOf writes DER, or the error of a Marshal function, as one PEM block.
func pemOf(t testing.TB, kind string) func(der []byte, err error) string {
	return func(der []byte, err error) string {
		if err != nil {
			t.Fatal(err)
		}
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
}

func pkcs8(t testing.TB, key any) string {
	return pemOf(t, "PRIVATE KEY")(x509.MarshalPKCS8PrivateKey(key))
}

// privateJWK writes a private key as a JWK with some members changed; a nil value removes.
func privateJWK(t testing.TB, key any, change object) string {
	text, err := json.Marshal(merge(merge(jwk(key, ""), object{"use": nil}), change))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// parsed returns a key that must be readable.
func parsed(t testing.TB, key any, alg, kid string) *provider.PrivateKey {
	t.Helper()
	k, err := provider.ParsePrivateKey([]byte(pkcs8(t, key)), alg, kid)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func thumbprint(t testing.TB, public crypto.PublicKey) string {
	m := jwk(public, "")
	var text string
	switch m["kty"] {
	case "RSA":
		text = fmt.Sprintf(`{"e":%q,"kty":"RSA","n":%q}`, m["e"], m["n"])
	case "EC":
		text = fmt.Sprintf(`{"crv":%q,"kty":"EC","x":%q,"y":%q}`, m["crv"], m["x"], m["y"])
	case "OKP":
		text = fmt.Sprintf(`{"crv":%q,"kty":"OKP","x":%q}`, m["crv"], m["x"])
	default:
		t.Fatalf("kty %v", m["kty"])
	}
	sum := sha256.Sum256([]byte(text))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func TestParsePrivateKey(t *testing.T) {
	rsaKey, edKey := newRSAKey(t, 2048), newEdKey(t)
	p256, p384, p521 := newKey(t), newECKey(t, elliptic.P384()), newECKey(t, elliptic.P521())
	sec1 := pemOf(t, "EC PRIVATE KEY")(x509.MarshalECPrivateKey(p256))
	tests := []struct {
		name, text, alg, kid string
		key                  crypto.Signer
		wantAlg, wantKid     string // "": the thumbprint
		signs, decrypts      bool
	}{
		{"PKCS #8 RSA", pkcs8(t, rsaKey), "", "", rsaKey, "RS256", "", true, true},
		{"the largest", pkcs8(t, p256) + strings.Repeat(" ", 64<<10-len(pkcs8(t, p256))), "", "", p256, "ES256", "", true,
			true},
		{"PKCS #1", pemOf(t, "RSA PRIVATE KEY")(x509.MarshalPKCS1PrivateKey(rsaKey), nil), "PS256", "mine", rsaKey, "PS256",
			"mine", true, false},
		{"PKCS #8 P-256", pkcs8(t, p256), "", "", p256, "ES256", "", true, true},
		{"PKCS #8 P-384", pkcs8(t, p384), "", "", p384, "ES384", "", true, true},
		{"PKCS #8 P-521", pkcs8(t, p521), "ES512", "", p521, "ES512", "", true, false},
		{"PKCS #8 Ed25519", pkcs8(t, edKey), "", "", edKey, "EdDSA", "", true, false},
		{"SEC 1", sec1, "", "", p256, "ES256", "", true, true},
		{"parameters first, text around",
			"key of app\n-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n" + sec1 + "\n# end", "",
			"", p256, "ES256", "", true, true},
		{"certificate first", pemOf(t, "CERTIFICATE")([]byte{1}, nil) + sec1, "", "", p256, "ES256", "", true, true},

		{"JWK RSA", "\r\n\t" + privateJWK(t, rsaKey, nil) + "\n", "", "", rsaKey, "RS256", "", true, true},
		{"JWK with alg and kid", privateJWK(t, rsaKey, object{"alg": "PS384", "kid": "k"}), "", "", rsaKey,
			"PS384", "k", true, false},
		{"JWK with the alg of the configuration", privateJWK(t, rsaKey, object{"alg": "PS384"}), "PS384", "", rsaKey,
			"PS384", "", true, false},
		{"JWK, another kid", privateJWK(t, p256, object{"kid": "k"}), "ES256", "mine", p256, "ES256", "mine", true, false},
		{"JWK Ed25519", privateJWK(t, edKey, object{"use": "sig"}), "", "", edKey, "EdDSA", "", true, false},
		{"JWK P-384 for signatures", privateJWK(t, p384, object{"use": "sig"}), "", "", p384, "ES384", "", true, false},
		{"JWK without the CRT members", privateJWK(t, rsaKey, object{"dp": nil, "dq": nil, "qi": nil}), "", "", rsaKey,
			"RS256", "", true, true},
		{"JWK with a certificate that is none", privateJWK(t, p256, object{"x5c": []string{"AA"}, "x5u": "::", "x5t": "AA"}),
			"", "", p256, "ES256", "", true, true},

		{"JWK for encryption", privateJWK(t, rsaKey, object{"use": "enc"}), "", "", rsaKey, "", "", false, true},
		{"JWK for RSA-OAEP", privateJWK(t, rsaKey, object{"alg": "RSA-OAEP"}), "", "", rsaKey, "RSA-OAEP", "", false, true},
		{"for RSA-OAEP-256", pkcs8(t, rsaKey), "RSA-OAEP-256", "", rsaKey, "RSA-OAEP-256", "", false, true},
		{"for ECDH-ES", pkcs8(t, p384), "ECDH-ES", "", p384, "ECDH-ES", "", false, true},

		// RFC 8037 appendix A
		{"vector",
			`{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",` +
				`"x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`,
			"", "", nil, "EdDSA", "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k", true, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			k, err := provider.ParsePrivateKey([]byte(test.text), test.alg, test.kid)
			if err != nil {
				t.Fatal(err)
			}
			if test.key != nil && !test.key.Public().(interface{ Equal(crypto.PublicKey) bool }).Equal(k.Public()) {
				t.Errorf("got the key %v", k.Public())
			}
			if test.wantKid == "" {
				test.wantKid = thumbprint(t, k.Public())
			}
			if k.Alg() != test.wantAlg || k.KeyID() != test.wantKid || k.CanSign() != test.signs ||
				k.CanDecrypt() != test.decrypts {
				t.Errorf("%q %q, signs %t, decrypts %t", k.Alg(), k.KeyID(), k.CanSign(), k.CanDecrypt())
			}
			var public object
			if err := json.Unmarshal(must(k.PublicJWK()), &public); err != nil {
				t.Fatal(err)
			}
			if alg, _ := public["alg"].(string); alg != test.wantAlg || public["kid"] != test.wantKid ||
				public["use"] != map[bool]string{true: "sig", false: "enc"}[test.signs] || public["d"] != nil {
				t.Errorf("registered as %v", public)
			}
		})
	}
}

func TestParsePrivateKeyRefuses(t *testing.T) {
	rsaKey, p256, p384, edKey := newRSAKey(t, 2048), newKey(t), newECKey(t, elliptic.P384()), newEdKey(t)
	other, p224 := newKey(t), newECKey(t, elliptic.P224())
	weak := newRSAKey(t, 1024)
	x25519, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	secret := base64.RawURLEncoding.EncodeToString
	legacy := string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: []byte("SECRET"),
		Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-256-CBC,00"}}))
	tests := []struct{ name, text, alg, code, hint string }{
		{"empty", "", "", "bad_key", "neither PEM"},
		{"text", "SECRET", "", "bad_key", "neither PEM"},
		{"certificate only", pemOf(t, "CERTIFICATE")([]byte("SECRET"), nil), "", "bad_key", "neither PEM"},
		{"public key", pemOf(t, "PUBLIC KEY")(x509.MarshalPKIXPublicKey(p256.Public())), "", "bad_key", "neither PEM"},
		{"too large", strings.Repeat(" ", 64<<10) + pkcs8(t, p256), "", "bad_key", "larger"},
		{"cut PEM", pkcs8(t, p256)[:100], "", "bad_key", "neither PEM"},
		{"garbage in PEM", pemOf(t, "PRIVATE KEY")([]byte("SECRET"), nil), "", "bad_key", "supported type"},
		{"garbage in PKCS #1", pemOf(t, "RSA PRIVATE KEY")([]byte("SECRET"), nil), "", "bad_key", "supported type"},
		{"SEC 1 as PKCS #8", pemOf(t, "PRIVATE KEY")(x509.MarshalECPrivateKey(p256)), "", "bad_key", "supported type"},
		{"passphrase", pemOf(t, "ENCRYPTED PRIVATE KEY")([]byte("SECRET"), nil), "", "bad_key", "passphrase"},
		{"passphrase, old form", legacy, "", "bad_key", "passphrase"},
		{"X25519", pkcs8(t, x25519), "", "bad_key", "supported type"},
		{"P-224", pkcs8(t, p224), "", "bad_key", "curve"},
		{"RSA of 1024 bits", pkcs8(t, weak), "", "weak_key", "1024"},
		{"RSA of 1024 bits as a JWK", privateJWK(t, weak, nil), "", "weak_key", "1024"},

		{"JWK cut", privateJWK(t, p256, nil)[:40], "", "bad_key", "malformed"},
		{"JWK with a member twice", `{"SECRET":1,"SECRET":2}`, "", "bad_key", "malformed"},
		{"JWK set", `{"keys":[` + privateJWK(t, p256, nil) + `]}`, "", "bad_key", "not a private key"},
		{"public JWK", privateJWK(t, p256, object{"d": nil}), "", "bad_key", "not a private key"},
		{"symmetric JWK", `{"kty":"oct","k":"` + secret([]byte("SECRET")) + `"}`, "", "bad_key", "not a private key"},
		{"JWK of another point", privateJWK(t, p256, object{"d": jwk(other, "")["d"]}), "", "bad_key", "belong together"},
		{"JWK with the secret 0", privateJWK(t, p256, object{"d": secret(make([]byte, 32))}), "", "bad_key",
			"belong together"},
		{"JWK of another modulus",
			privateJWK(t, rsaKey, object{"n": secret(new(big.Int).Add(rsaKey.N, big.NewInt(2)).Bytes())}), "",
			"bad_key", "not a private key"},
		{"JWK with another exponent", privateJWK(t, rsaKey, object{"d": "AQAB"}), "", "bad_key", "not a private key"},
		{"JWK of a wrong type", privateJWK(t, p256, object{"d": 1}), "", "bad_key", "supported type"},
		{"JWK for another use", privateJWK(t, p256, object{"use": "SECRET"}), "", "bad_key", "use"},

		{"HS256", pkcs8(t, rsaKey), "HS256", "key_algorithm", "PS256"},
		{"none", pkcs8(t, rsaKey), "none", "key_algorithm", "PS256"},
		{"RSA1_5", pkcs8(t, rsaKey), "RSA1_5", "key_algorithm", "RSA-OAEP"},
		{"ES256 with RSA", pkcs8(t, rsaKey), "ES256", "key_algorithm", "PS256"},
		{"ES256 with P-384", pkcs8(t, p384), "ES256", "key_algorithm", "ES384"},
		{"RS256 with P-256", pkcs8(t, p256), "RS256", "key_algorithm", "ES256"},
		{"RSA-OAEP with P-256", pkcs8(t, p256), "RSA-OAEP", "key_algorithm", "ECDH-ES"},
		{"ECDH-ES with Ed25519", pkcs8(t, edKey), "ECDH-ES", "key_algorithm", "EdDSA"},
		{"the JWK's alg", privateJWK(t, p256, object{"alg": "SECRET"}), "", "key_algorithm", "ES256"},
		{"another alg than the JWK's", privateJWK(t, rsaKey, object{"alg": "RS256"}), "PS256", "key_algorithm",
			"another algorithm"},
		{"a key for encryption signs", privateJWK(t, rsaKey, object{"use": "enc"}), "PS256", "key_algorithm", "use"},
		{"a key for signatures decrypts", privateJWK(t, rsaKey, object{"use": "sig"}), "RSA-OAEP", "key_algorithm", "use"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			k, err := provider.ParsePrivateKey([]byte(test.text), test.alg, "")
			wantError(t, err, provider.Misconfigured, test.code)
			contains(t, err.Error(), test.hint)
			if k != nil {
				t.Error("a key in addition to the error")
			}
			if strings.Contains(err.Error(), "SECRET") || strings.Contains(err.Error(), secret([]byte("SECRET"))) {
				t.Errorf("the input is in the error: %v", err)
			}
		})
	}
}

// No log and no dump shows a key.
func TestPrivateKeyIsNotPrinted(t *testing.T) {
	key := newKey(t)
	k := parsed(t, key, "", "k\n1")
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, got := range []string{fmt.Sprintf(verb, k), fmt.Sprintf(verb, *k)} {
			if got != `private key "k\n1"` {
				t.Errorf("%s prints %s", verb, got)
			}
		}
	}
	if text, err := json.Marshal([]any{k}); err != nil || string(text) != "[{}]" {
		t.Errorf("%s, %v", text, err)
	}
}
