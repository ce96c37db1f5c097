package provider

import (
	"encoding/base64"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// contentAlgs returns the accepted content encryption algorithms (RFC 7518 section 5.1).
func contentAlgs() []string { return []string{"A128CBC-HS256", "A256CBC-HS512", "A128GCM", "A256GCM"} }

// decrypt decrypts a token that the provider signed and then encrypted to this client (OpenID Connect Core 1.0 section
// 10.2, RFC 7516) and returns the signed token, which is still unverified. Anyone can encrypt to this client, so
// encryption proves nothing about the sender.
//
// A client without a key gets raw back, and checkHeader refuses it if it is encrypted. With a key, a token that is only
// signed is refused: otherwise an attacker could strip the registered encryption unnoticed.
func (p *Provider) decrypt(op, raw string, limit int) (string, error) {
	if p.decryptionKey == nil {
		return raw, nil
	}
	header, err := readJWE(op, raw, limit)
	if err != nil {
		return "", err
	}
	if err := p.checkEncryption(op, header); err != nil {
		return "", err
	}
	// From here on every failure is the same error without a cause: the sender of forged tokens must not learn how far
	// each one got (RFC 7516 section 11.5).
	alg, _ := header["alg"].(string)
	enc, _ := header["enc"].(string)
	jwe, err := jose.ParseEncryptedCompact(raw,
		[]jose.KeyAlgorithm{jose.KeyAlgorithm(alg)}, []jose.ContentEncryption{jose.ContentEncryption(enc)})
	var token []byte
	if err == nil {
		token, err = jwe.Decrypt(p.decryptionKey.key)
	}
	if err != nil {
		return "", badToken(op, "decryption_failed", "this client's key does not decrypt the token")
	}
	return string(token), nil
}

// SignedIDToken removes the encryption to this client from an ID token, without verifying the token. An id_token_hint
// must not be encrypted to this client (OpenID Connect Core 1.0 section 3.1.2.1), because the provider cannot decrypt
// it.
func (p *Provider) SignedIDToken(raw string) (string, error) {
	return p.decrypt(opIDToken, raw, maxIDToken)
}

// readJWE reads the header of a JWE in compact form, the only form accepted.
func readJWE(op, raw string, limit int) (map[string]any, error) {
	parts := strings.SplitN(raw, ".", 6)
	switch {
	case len(raw) > limit:
		return nil, badToken(op, "too_large", "%d bytes", len(raw))
	case len(parts) == 3:
		return nil, badToken(op, "not_encrypted", "the token is signed only, and this client has a key for encrypted ones")
	case len(parts) != 5:
		return nil, badToken(op, "malformed", "not a JWE in compact form")
	}
	var header []byte
	for i, part := range parts {
		decoded, err := base64.RawURLEncoding.Strict().DecodeString(part)
		if err != nil || strings.ContainsAny(part, "\r\n") { // the decoder would skip line breaks
			return nil, badToken(op, "malformed", "part %d is not base64url", i+1)
		}
		if i == 0 {
			header = decoded
		}
	}
	object, err := decodeObject(header, limit)
	if err != nil {
		return nil, badToken(op, "malformed", "header: %w", err)
	}
	if object["alg"] == "ECDH-ES" && parts[1] != "" { // RFC 7516 section 5.2, step 10
		return nil, badToken(op, "malformed", "an encrypted key in addition to direct key agreement")
	}
	return object, nil
}

// checkEncryption judges the header alone, before the key is used. The algorithms are those of the key and never the
// token's choice. Compressed tokens are refused: a small one may expand to a large one, and the length of a token that
// contains chosen text reveals what else it contains (RFC 8725 section 3.6). The kid is not checked: there is only one
// key, the provider may have its own name for it, and a token for another key fails to decrypt.
func (p *Provider) checkEncryption(op string, header map[string]any) error {
	alg, _ := header["alg"].(string)
	enc, _ := header["enc"].(string)
	_, critical := header["crit"]
	_, compressed := header["zip"]
	if err := checkType(op, header); err != nil {
		return err
	}
	switch algs := p.decryptionKey.decryptionAlgs(); {
	case !slices.Contains(algs, alg):
		return badToken(op, "algorithm", "encrypted with %s, allowed is %q", excerpt(alg), algs)
	case !slices.Contains(contentAlgs(), enc):
		return badToken(op, "algorithm", "encrypted with %s, allowed is %q", excerpt(enc), contentAlgs())
	case critical:
		return badToken(op, "critical_header", "the header names critical extensions")
	case compressed:
		return badToken(op, "compressed", "the token is compressed")
	}
	return nil
}
