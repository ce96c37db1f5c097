package provider

import (
	"encoding/base64"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// contentAlgs are the content encryptions accepted (RFC 7518 section 5.1).
func contentAlgs() []string { return []string{"A128CBC-HS256", "A256CBC-HS512", "A128GCM", "A256GCM"} }

// decrypt opens a token that the provider signed and then encrypted to this client (OpenID Connect Core 1.0 section
// 10.2, RFC 7516) and returns the signed token, of which nothing is checked yet. Anybody can encrypt to this client,
// so encryption proves nothing.
//
// A client without a key gets raw back, and checkHeader refuses what is encrypted. With a key, a token that is only
// signed is refused: else a registered encryption could be stripped without being noticed.
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
	// One error and no cause for all that fails from here on: whoever sends forged tokens must not learn how far each
	// came (RFC 7516 section 11.5).
	alg, _ := header["alg"].(string)
	enc, _ := header["enc"].(string)
	jwe, err := jose.ParseEncryptedCompact(raw,
		[]jose.KeyAlgorithm{jose.KeyAlgorithm(alg)}, []jose.ContentEncryption{jose.ContentEncryption(enc)})
	var token []byte
	if err == nil {
		token, err = jwe.Decrypt(p.decryptionKey.key)
	}
	if err != nil {
		return "", badToken(op, "decryption_failed", "this client's key does not open the token")
	}
	return string(token), nil
}

// SignedIDToken gives an ID token without its encryption to this client, not verified. It is what an id_token_hint has
// to be (OpenID Connect Core 1.0 section 3.1.2.1): the provider cannot open what it encrypted to somebody else.
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
		if err != nil || strings.ContainsAny(part, "\r\n") { // which the decoder skips
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
		return nil, badToken(op, "malformed", "an encrypted key beside direct key agreement")
	}
	return object, nil
}

// checkEncryption refuses by the header alone, before the key is used. The algorithms are those of the key, never the
// token's choice. Compressed tokens are refused: a small one may unpack to a large one, and the size of one that holds
// chosen text tells what else it holds (RFC 8725 section 3.6). There is one key, so the kid of a token says nothing
// more: the provider may have a name of its own for it, and a token to another key does not open.
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
