package fakeop

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json" // refuses duplicate members and differences in case
)

// clientAlgs returns what a client may sign with: no shared secret, and none of the algorithms that FAPI 2.0 (5.4.1)
// excludes except RS256.
func clientAlgs() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{jose.ES256, jose.PS256, jose.RS256, jose.EdDSA}
}

// algsOf returns the algorithms of clientAlgs that fit a public key.
func algsOf(key crypto.PublicKey) []jose.SignatureAlgorithm {
	switch key := key.(type) {
	case *rsa.PublicKey:
		return []jose.SignatureAlgorithm{jose.PS256, jose.RS256}
	case *ecdsa.PublicKey:
		if key.Curve == elliptic.P256() {
			return []jose.SignatureAlgorithm{jose.ES256}
		}
	case ed25519.PublicKey:
		return []jose.SignatureAlgorithm{jose.EdDSA}
	}
	return nil
}

// names returns algorithms as the metadata and challenges list them.
func names(algs []jose.SignatureAlgorithm) []string {
	var names []string
	for _, alg := range algs {
		names = append(names, string(alg))
	}
	return names
}

// jwtClaims are the registered claims of a JWT by the client (RFC 7519, 4.1). The audience is one string: with a list
// the JWT would be valid elsewhere too (draft-ietf-oauth-rfc7523bis, 4; FAPI 2.0, 5.3.3.1).
type jwtClaims struct {
	Issuer    string   `json:"iss"`
	Subject   string   `json:"sub"`
	Audience  string   `json:"aud"`
	Expiry    *float64 `json:"exp"`
	NotBefore *float64 `json:"nbf"`
	IssuedAt  *float64 `json:"iat"`
	ID        string   `json:"jti"`
}

// parseJWS reads a compact JWS without verifying its signature. The header's typ must be one of types ("" for none), so
// that a JWT made for one purpose is not accepted for another (RFC 8725, 3.11).
func parseJWS(raw string, algs []jose.SignatureAlgorithm, types ...string) (*jose.JSONWebSignature, error) {
	token, err := jose.ParseSignedCompact(raw, algs)
	if err != nil {
		return nil, errors.New("not a compact JWS by one of the algorithms")
	}
	typ, present := token.Signatures[0].Protected.ExtraHeaders["typ"]
	if text, _ := typ.(string); !slices.Contains(types, text) || present && text == "" {
		return nil, fmt.Errorf("typ is not one of %q", types)
	}
	return token, nil
}

// verify verifies the signature and decodes the claims.
func verify(token *jose.JSONWebSignature, key, claims any) error {
	payload, err := token.Verify(key)
	if err != nil {
		return errors.New("the signature does not fit the key")
	}
	if err := json.Unmarshal(payload, claims); err != nil {
		return errors.New("the claims cannot be read")
	}
	return nil
}

// openClientJWS reads what the client signed with its registered key.
func (p *Provider) openClientJWS(raw string, claims any, types ...string) (*jose.JSONWebSignature, error) {
	token, err := parseJWS(raw, clientAlgs(), types...)
	if err != nil {
		return nil, err
	}
	if kid := token.Signatures[0].Protected.KeyID; p.cfg.ClientKeyID != "" && kid != p.cfg.ClientKeyID {
		return nil, errors.New("kid is not the registered key's")
	}
	return token, verify(token, p.cfg.ClientKey, claims)
}

// lives checks the times of a JWT that expires at most life from now: a longer lifetime would leave more time to steal
// and replay it.
func (c *jwtClaims) lives(life time.Duration) error {
	now := float64(time.Now().Unix())
	switch {
	case c.Expiry == nil || *c.Expiry <= now:
		return errors.New("exp is missing or past")
	case *c.Expiry > now+life.Seconds():
		return fmt.Errorf("exp is more than %s ahead", life)
	case c.NotBefore != nil && *c.NotBefore > now:
		return errors.New("nbf is in the future")
	case c.IssuedAt != nil && *c.IssuedAt > now:
		return errors.New("iat is in the future")
	}
	return nil
}
