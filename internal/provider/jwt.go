package provider

import (
	"crypto/rand"
	"encoding/json"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	jwtLife = time.Minute // lifetime of what this client signs
	// jwtLead is how far iat and nbf of such a JWT are backdated: some providers refuse one that is ahead of their own
	// clock, even by less than a second.
	jwtLead = 5 * time.Second
)

// ownClaims returns the claims of every JWT this client makes: for this provider only, once, within a minute. The only
// audience is the issuer. If it were the token endpoint, a malicious server could announce the honest one's address as
// its own and use the JWT there.
func (p *Provider) ownClaims() map[string]any {
	issued := time.Now().Add(-jwtLead)
	return map[string]any{
		"iss": p.clientID, "aud": metadataIssuer(p.issuer), "jti": rand.Text(),
		"iat": issued.Unix(), "nbf": issued.Unix(), "exp": issued.Add(jwtLife).Unix(),
	}
}

// sign returns a JWT of the type typ (RFC 7515 section 3.1). A nil key is an error.
func (k *PrivateKey) sign(op, typ string, claims map[string]any) (string, error) {
	if k == nil || !k.CanSign() {
		return "", misconfigured(op, "client_key", "this client has no key to sign with")
	}
	key := jose.JSONWebKey{Key: k.key, KeyID: k.kid}
	return signJWT(op, jose.SigningKey{Algorithm: jose.SignatureAlgorithm(k.alg), Key: key},
		jose.SignerOptions{}, typ, claims)
}

func signJWT(op string, key jose.SigningKey, options jose.SignerOptions, typ string,
	claims map[string]any) (string, error) {
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", misconfigured(op, "client_key", "%w", err)
	}
	signer, err := jose.NewSigner(key, options.WithType(jose.ContentType(typ)))
	if err != nil {
		return "", misconfigured(op, "client_key", "%w", err)
	}
	jws, err := signer.Sign(payload)
	if err != nil {
		return "", misconfigured(op, "client_key", "%w", err)
	}
	return jws.CompactSerialize()
}
