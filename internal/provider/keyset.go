package provider

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

const (
	opKeys = "key set"

	maxKeys    = 100
	minRSABits = 2048
)

// keySet holds the provider's usable signature keys, in the order of the document.
type keySet struct {
	keys    []jose.JSONWebKey
	issuers []string // of the keys, "" for any; nil if no key has one
}

// issuer returns the issuer whose tokens alone a key signs, or "".
func (s *keySet) issuer(i int) string {
	if s.issuers == nil {
		return ""
	}
	return s.issuers[i]
}

func (p *Provider) fetchKeys(ctx context.Context) (*keySet, error) {
	metadata, err := p.Metadata(ctx)
	if err != nil {
		return nil, err
	}
	a, err := p.backend.get(ctx, opKeys, metadata.JWKSURI)
	if err == nil {
		var keys *keySet
		if keys, err = parseKeySet(a.body, p.backend.limits.keys); err == nil {
			if unusable := keys.usable(); unusable != nil {
				p.report(ctx, Event{Level: slog.LevelError, Text: "no new sign-in can succeed", Err: unusable})
			}
			return keys, nil
		}
	}
	p.report(ctx, Event{Level: slog.LevelError, Text: "fetching the provider's keys failed", Err: err})
	return nil, err
}

// renewKeys asks for keys newer than seen: renew or renewUntrusted of the cache.
type renewKeys func(ctx context.Context, seen *keySet) (*keySet, error)

// verifySignature verifies the signature of a compact JWS with the provider's keys and returns its payload. An unknown
// key or a bad signature may trigger a fetch of the key set, for key rotation, at most once a minute. If the fetch
// fails, the error is that of the fetch and does not blame the token.
func (p *Provider) verifySignature(ctx context.Context, op, raw string, renew renewKeys) ([]byte, error) {
	return signers{p.algs, &p.keys, p.signerOf}.verify(ctx, op, raw, renew)
}

// signers are the keys that may sign tokens, and how.
type signers struct {
	algs []string
	keys *cache[keySet]
	of   func(payload []byte) func(keyIssuer string) bool // which keys may sign this payload, by the issuer of the key
}

func (s signers) verify(ctx context.Context, op, raw string, renew renewKeys) ([]byte, error) {
	algs := make([]jose.SignatureAlgorithm, len(s.algs))
	for i, alg := range s.algs {
		algs[i] = jose.SignatureAlgorithm(alg)
	}
	jws, err := jose.ParseSignedCompact(raw, algs)
	if err != nil {
		return nil, badToken(op, "malformed", "%w", quotedError{err})
	}
	keys, err := s.keys.get(ctx)
	if err != nil {
		return nil, err
	}
	signs := s.of(jws.UnsafePayloadWithoutVerification())
	if payload, ok := keys.verify(jws, signs); ok {
		return payload, nil
	}
	fresh, err := renew(ctx, keys)
	if err != nil {
		return nil, err
	}
	if fresh != keys {
		if payload, ok := fresh.verify(jws, signs); ok {
			return payload, nil
		}
	}
	if err := fresh.usable(); err != nil {
		return nil, err
	}
	if !keys.has(jws) && !fresh.has(jws) {
		return nil, badToken(op, "bad_signature", "%w", errUnknownKey)
	}
	return nil, badToken(op, "bad_signature", "the key that the token names does not verify its signature")
}

// errUnknownKey means that the signature can be neither confirmed nor called forged.
var errUnknownKey = errors.New("no published key is known to have signed the token")

// has reports whether the set has the key that the token names by kid. A token without a kid names none: if no key of
// the set verifies it, it may be forged or signed with the next key of a rotation.
func (s *keySet) has(jws *jose.JSONWebSignature) bool {
	header := jws.Signatures[0].Protected
	return header.KeyID != "" && slices.ContainsFunc(s.keys, func(key jose.JSONWebKey) bool {
		return key.KeyID == header.KeyID && fits(key, header.Algorithm)
	})
}

// usable returns an error for an empty set. The set is still kept: the provider may have withdrawn its keys for good
// reason.
func (s *keySet) usable() error {
	if len(s.keys) == 0 {
		return invalid(opKeys, "no_usable_key", "the provider publishes no usable key")
	}
	return nil
}

// verify tries the keys that fit: those with the token's kid or, if it has none, all of the algorithm's type. signs
// reports whether a key of an issuer may sign the token.
func (s *keySet) verify(jws *jose.JSONWebSignature, signs func(issuer string) bool) ([]byte, bool) {
	header := jws.Signatures[0].Protected
	for i, key := range s.keys {
		if header.KeyID != "" && header.KeyID != key.KeyID || !fits(key, header.Algorithm) || !signs(s.issuer(i)) {
			continue
		}
		// The bare key, so that nothing in the token's header influences the choice.
		if payload, err := jws.Verify(key.Key); err == nil {
			return payload, true
		}
	}
	return nil, false
}

// fits reports whether a key may be tried for an algorithm. No key fits a symmetric algorithm, so a public key can
// never be used as a shared secret.
func fits(key jose.JSONWebKey, alg string) bool {
	if key.Algorithm != "" && key.Algorithm != alg {
		return false
	}
	switch key.Key.(type) {
	case *rsa.PublicKey:
		return strings.HasPrefix(alg, "RS") || strings.HasPrefix(alg, "PS")
	case *ecdsa.PublicKey:
		return strings.HasPrefix(alg, "ES")
	case ed25519.PublicKey:
		return alg == "EdDSA"
	}
	return false
}

// parseKeySet reads a JWK Set (RFC 7517 section 5) key by key: a key that this client cannot use must not make the
// others unusable.
func parseKeySet(body []byte, limit int) (*keySet, error) {
	var doc map[string]json.RawMessage
	var raw []json.RawMessage
	if err := json.Unmarshal(body, &doc); err != nil {
		return nil, invalid(opKeys, "bad_document", "%w", malformed(err))
	}
	if err := json.Unmarshal(doc["keys"], &raw); err != nil || raw == nil {
		return nil, invalid(opKeys, "bad_document", "the document has no list of keys")
	}
	set := &keySet{}
	for _, one := range raw[:min(len(raw), limit)] {
		if key, issuer, err := parseKey(one); err == nil {
			set.keys, set.issuers = append(set.keys, key), append(set.issuers, issuer)
		}
	}
	return set, nil
}

// parseKey accepts a public key for verifying signatures. issuer is that of the member with which Microsoft Entra ID
// limits keys to a tenant.
func parseKey(raw []byte) (key jose.JSONWebKey, issuer string, err error) {
	object, err := decodeObject(raw, len(raw))
	if err != nil {
		return key, "", err
	}
	if object["issuer"] != nil {
		issuer = fmt.Sprint(object["issuer"])
	}
	return key, issuer, readKey(&key, object)
}

func readKey(key *jose.JSONWebKey, object map[string]any) error {
	members := document(object)
	for _, private := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"} {
		if members.has(private) {
			return errors.New("private or symmetric key")
		}
	}
	if members.has("use") && members["use"] != "sig" {
		return errors.New("not a signature key")
	}
	if members.has("key_ops") && !slices.Contains(members.list("key_ops"), "verify") {
		return errors.New("not a verification key")
	}
	if err := readMembers(key, members, "kty", "crv", "n", "e", "x", "y", "kid", "alg"); err != nil {
		return err
	}
	if rsaKey, ok := key.Key.(*rsa.PublicKey); ok {
		return checkRSA(rsaKey)
	}
	return nil
}

// readMembers reads a JWK from the named members only: a malformed certificate, which this client does not use, is no
// reason to drop the key.
func readMembers(key *jose.JSONWebKey, members document, names ...string) error {
	chosen := make(map[string]any)
	for _, name := range names {
		chosen[name] = members[name] // null if absent
	}
	canonical, err := json.Marshal(chosen)
	if err != nil {
		return err
	}
	return key.UnmarshalJSON(canonical)
}

// checkRSA refuses keys that are weak or not RSA keys at all. go-jose has already refused those that are slow to verify
// with.
func checkRSA(key *rsa.PublicKey) error {
	if bits := key.N.BitLen(); bits < minRSABits {
		return fmt.Errorf("RSA key of %d bits", bits)
	}
	if key.E > math.MaxInt32 || key.E%2 == 0 {
		return errors.New("RSA exponent is even or too large")
	}
	return nil
}
