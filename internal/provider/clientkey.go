package provider

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"

	"github.com/go-jose/go-jose/v4"
)

const (
	opClientKey = "client key"

	maxKeyText = 64 << 10

	useSignature, useEncryption = "sig", "enc" // RFC 7517 section 4.2
)

// PrivateKey is a key of this client. It signs client assertions and request objects, or decrypts what the provider
// encrypts to this client. It is safe for concurrent use. No fmt verb prints the secret.
type PrivateKey struct {
	key           crypto.Signer // *rsa.PrivateKey, *ecdsa.PrivateKey or ed25519.PrivateKey
	alg, use, kid string        // use is "" if the key does not say
}

// ParsePrivateKey reads one private key of at most 64 KiB: PEM (PKCS #8, PKCS #1 or SEC 1, not encrypted) or a JWK (RFC
// 7517). It accepts RSA of at least 2048 bits, the curves P-256, P-384 and P-521, and Ed25519.
//
// alg is the algorithm the key is used with. If it is "", the JWK's alg applies, or else RS256, ES256, ES384, ES512 or
// EdDSA by the type of the key. A JWE algorithm (RSA-OAEP-256, RSA-OAEP, ECDH-ES, ECDH-ES+A128KW, ECDH-ES+A256KW) makes
// it a key for decryption only. kid is the key id as registered. If it is "", the JWK's kid applies, or else the
// thumbprint of RFC 7638.
//
// The error is an *[Error] of kind Misconfigured with the code bad_key, weak_key or key_algorithm. It never quotes raw.
func ParsePrivateKey(raw []byte, alg, kid string) (*PrivateKey, error) {
	k := &PrivateKey{}
	text, err := bytes.TrimSpace(raw), error(nil)
	switch {
	case len(raw) > maxKeyText:
		err = fmt.Errorf("larger than %d bytes", maxKeyText)
	case bytes.HasPrefix(text, []byte("{")):
		err = k.readJWK(text)
	default:
		k.key, err = readPEM(text)
	}
	if err == nil && signatureAlgs(k.Public()) == nil {
		err = errors.New("the key is on a curve that no algorithm uses")
	}
	if err != nil {
		return nil, misconfigured(opClientKey, "bad_key", "%w", err)
	}
	if public, ok := k.Public().(*rsa.PublicKey); ok {
		if err := checkRSA(public); err != nil {
			return nil, misconfigured(opClientKey, "weak_key", "%w", err)
		}
	}
	if err := k.resolveAlg(alg, kid); err != nil {
		return nil, misconfigured(opClientKey, "key_algorithm", "%w", err)
	}
	return k, nil
}

// resolveAlg determines the algorithm and use of the key. A key made for one algorithm or use is not used for another
// (RFC 7517 sections 4.2 and 4.4).
func (k *PrivateKey) resolveAlg(alg, kid string) error {
	if alg != "" && k.alg != "" && alg != k.alg {
		return errors.New("the key itself names another algorithm than the configuration")
	}
	if alg != "" {
		k.alg = alg
	}
	signs, decrypts := signatureAlgs(k.Public()), encryptionAlgs(k.Public())
	switch {
	case k.alg == "" && k.use == useEncryption:
		// Any algorithm of its type, see decryptionAlgs.
	case k.alg == "":
		k.alg = signs[0]
	case k.use != useEncryption && slices.Contains(signs, k.alg):
		k.use = useSignature
	case k.use != useSignature && slices.Contains(decrypts, k.alg):
		k.use = useEncryption
	default:
		return fmt.Errorf("the algorithm does not fit the type or the use of the key: use one of %q or %q", signs, decrypts)
	}
	if kid != "" {
		k.kid = kid
	}
	if k.kid == "" {
		thumbprint, err := (&jose.JSONWebKey{Key: k.Public()}).Thumbprint(crypto.SHA256)
		if err != nil {
			return errors.New("the key has no thumbprint")
		}
		k.kid = base64.RawURLEncoding.EncodeToString(thumbprint)
	}
	return nil
}

// Public returns the public key: *rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey.
func (k *PrivateKey) Public() crypto.PublicKey { return k.key.Public() }

// Alg returns the algorithm the key is used with, or "" for a decryption key that names none.
func (k *PrivateKey) Alg() string { return k.alg }

// KeyID returns the kid that identifies the key to the provider. It is never empty.
func (k *PrivateKey) KeyID() string { return k.kid }

// PublicJWK returns the public key as a JWK (RFC 7517) to register with the provider. It holds the kid that this client
// sends, the use and, if the key is used with only one, the algorithm.
func (k *PrivateKey) PublicJWK() ([]byte, error) {
	use := useSignature
	if !k.CanSign() {
		use = useEncryption
	}
	return jose.JSONWebKey{Key: k.Public(), KeyID: k.kid, Algorithm: k.alg, Use: use}.MarshalJSON()
}

// CanSign reports whether the key may sign client assertions and request objects.
func (k *PrivateKey) CanSign() bool { return k.use != useEncryption }

// CanDecrypt reports whether the key may decrypt ID tokens.
func (k *PrivateKey) CanDecrypt() bool { return len(k.decryptionAlgs()) > 0 }

// Format prints the key id only, whatever the verb, and so keeps the secret out of logs.
func (k PrivateKey) Format(s fmt.State, _ rune) { fmt.Fprintf(s, "private key %s", excerpt(k.kid)) }

// decryptionAlgs returns the key management algorithms that the key may be used with. RSA-OAEP, which is based on
// SHA-1, is opt-in: the key or the configuration must name it.
func (k *PrivateKey) decryptionAlgs() []string {
	algs := encryptionAlgs(k.Public())
	_, isRSA := k.key.(*rsa.PrivateKey)
	switch {
	case k.use == useSignature:
		return nil
	case slices.Contains(algs, k.alg):
		return []string{k.alg}
	case isRSA:
		return algs[:1]
	}
	return algs
}

// signatureAlgs returns the algorithms that a key can sign with, the default first. All are asymmetric.
func signatureAlgs(public crypto.PublicKey) []string {
	switch key := public.(type) {
	case *rsa.PublicKey:
		return []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}
	case *ecdsa.PublicKey:
		switch key.Curve {
		case elliptic.P256():
			return []string{"ES256"}
		case elliptic.P384():
			return []string{"ES384"}
		case elliptic.P521():
			return []string{"ES512"}
		}
	case ed25519.PublicKey:
		return []string{"EdDSA"}
	}
	return nil
}

// encryptionAlgs returns the key management algorithms for a key. RSA1_5 is left out: its padding is an oracle (RFC
// 8725 section 3.2).
func encryptionAlgs(public crypto.PublicKey) []string {
	switch public.(type) {
	case *rsa.PublicKey:
		return []string{"RSA-OAEP-256", "RSA-OAEP"}
	case *ecdsa.PublicKey:
		return []string{"ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A256KW"}
	}
	return nil
}

// readPEM returns the first private key among any certificates and parameters.
func readPEM(text []byte) (crypto.Signer, error) {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		var key any
		var err error
		switch block.Type {
		case "PRIVATE KEY":
			key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
		case "RSA PRIVATE KEY":
			key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
		case "EC PRIVATE KEY":
			key, err = x509.ParseECPrivateKey(block.Bytes)
		case "ENCRYPTED PRIVATE KEY":
			return nil, errors.New("the key is encrypted with a passphrase")
		default:
			continue
		}
		if block.Headers["DEK-Info"] != "" {
			return nil, errors.New("the key is encrypted with a passphrase")
		}
		signer, ok := key.(crypto.Signer)
		if err != nil || !ok {
			return nil, errors.New("the PEM block is not a private key of a supported type")
		}
		return signer, nil
	}
	return nil, errors.New("neither PEM of a private key nor a JWK")
}

// readJWK reads only the members that make up the key, as parseKey does for public keys.
func (k *PrivateKey) readJWK(text []byte) error {
	members, err := decodeObject(text, maxKeyText)
	if err != nil {
		return errors.New("malformed JWK") // the cause may quote it
	}
	var jwk jose.JSONWebKey
	if err := readMembers(&jwk, members, "kty", "crv", "n", "e", "d", "p", "q", "x", "y", "use", "alg",
		"kid"); err != nil {
		return errors.New("the JWK is not a private key of a supported type")
	}
	signer, ok := jwk.Key.(crypto.Signer)
	if !ok || !consistent(signer) {
		return errors.New("the JWK is not a private key, or its public and private part do not belong together")
	}
	if jwk.Use != "" && jwk.Use != useSignature && jwk.Use != useEncryption {
		return errors.New("the use of the JWK is neither sig nor enc")
	}
	k.key, k.alg, k.use, k.kid = signer, jwk.Algorithm, jwk.Use, jwk.KeyID
	return nil
}

// consistent checks what go-jose does not: that the point of an EC key matches its secret.
func consistent(key crypto.Signer) bool {
	switch key := key.(type) {
	case *rsa.PrivateKey:
		key.Precompute() // go-jose has checked the key
	case *ecdsa.PrivateKey:
		secret, err := key.ECDH()
		if err != nil {
			return false
		}
		public, err := key.PublicKey.ECDH()
		return err == nil && secret.PublicKey().Equal(public)
	}
	return true
}
