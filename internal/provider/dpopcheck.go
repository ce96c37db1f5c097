package provider

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/seed-d65cea4d/ginoidc/internal/origin"
)

// ErrBadProof means that a DPoP proof does not show that the sender of the request has the key of its access token.
var ErrBadProof = errors.New("the DPoP proof was refused")

// ErrUseNonce is an ErrBadProof for a proof that is valid but for its nonce: the client makes another one with the
// nonce of the response (RFC 9449 section 9).
var ErrUseNonce = errors.New("the DPoP proof lacks a current nonce")

const (
	maxProof  = 8 << 10
	proofLife = time.Minute // how old a proof may be, apart from clock skew
)

// ProofAlgs returns the algorithms that DPoP proofs may be signed with. All are asymmetric (RFC 9449 section 4.2).
func ProofAlgs() []string {
	return []string{"ES256", "ES384", "ES512", "EdDSA", "PS256", "PS384", "PS512", "RS256"}
}

// ProvenRequest is the request that a DPoP proof has to be made for.
type ProvenRequest struct {
	Method, URL string // the URL as the client knows it, without query and fragment
	AccessToken string
	JKT         string // thumbprint of the key that the access token is bound to

	// AcceptsNonce reports whether a nonce is a current one. If it is nil, a proof needs none.
	AcceptsNonce func(nonce string) bool
}

// CheckProof checks a DPoP proof whole (RFC 9449 section 4.3), so that a stolen access token is useless without its
// key. It returns the identifier of the proof, and for how long the caller has to refuse another proof with it: an
// attacker who saw the request could repeat it. An error is ErrBadProof.
func (p *Provider) CheckProof(proof string, of ProvenRequest) (id string, remember time.Duration, err error) {
	id, err = p.checkProof(proof, of)
	if err != nil {
		return "", 0, errors.Join(ErrBadProof, err)
	}
	return id, proofLife + 2*p.tolerance, nil
}

func (p *Provider) checkProof(proof string, of ProvenRequest) (id string, err error) {
	header, err := checkHeader(ProofAlgs(), opProof, proof, maxProof)
	if err != nil {
		return "", err
	}
	if header["typ"] != "dpop+jwt" {
		return "", badToken(opProof, "wrong_type", "typ is not dpop+jwt")
	}
	key, err := proofKey(header["jwk"])
	if err != nil {
		return "", err
	}
	thumbprint, err := key.Thumbprint(crypto.SHA256)
	if err != nil || base64.RawURLEncoding.EncodeToString(thumbprint) != of.JKT {
		return "", badToken(opProof, "another_key", "the access token is bound to another key")
	}
	claims, err := payload(opProof, proof, maxProof)
	if err != nil {
		return "", err
	}
	if id, err = p.checkProofClaims(claims, of); err != nil {
		return "", err
	}
	alg, _ := header["alg"].(string)
	jws, err := jose.ParseSignedCompact(proof, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(alg)})
	if err != nil {
		return "", badToken(opProof, "malformed", "not a JWS in compact form")
	}
	if _, err := jws.Verify(key); err != nil {
		return "", badToken(opProof, "bad_signature", "the signature is not valid")
	}
	nonce, _ := claims["nonce"].(string)
	if of.AcceptsNonce != nil && !of.AcceptsNonce(nonce) { // last: the client cannot correct anything else with a nonce
		return "", badToken(opProof, "nonce", "%w", ErrUseNonce)
	}
	return id, nil
}

// proofKey reads the public key in the header of a proof. A private key there would be known to everybody.
func proofKey(member any) (jose.JSONWebKey, error) {
	var key jose.JSONWebKey
	text, err := json.Marshal(member)
	if err == nil {
		err = key.UnmarshalJSON(text)
	}
	if err != nil || !key.Valid() || !key.IsPublic() {
		return key, badToken(opProof, "bad_key", "jwk is not a public key")
	}
	if public, ok := key.Key.(*rsa.PublicKey); ok && public.N.BitLen() < 2048 {
		return key, badToken(opProof, "bad_key", "the RSA key has %d bits", public.N.BitLen())
	}
	return key, nil
}

// checkProofClaims checks that a proof was made for this request, now and with this access token.
func (p *Provider) checkProofClaims(claims Claims, of ProvenRequest) (id string, err error) {
	id, ok := identifier(claims, "jti")
	if !ok || id == "" {
		return "", badToken(opProof, "jti", "jti is not a string of 1 to %d bytes", maxIdentifier)
	}
	if claims["htm"] != of.Method {
		return "", badToken(opProof, "htm", "the proof is for another method")
	}
	if htu, _ := claims["htu"].(string); !sameTarget(htu, of.URL) {
		return "", badToken(opProof, "htu", "the proof is for another URL")
	}
	sum := sha256.Sum256([]byte(of.AccessToken))
	if claims["ath"] != base64.RawURLEncoding.EncodeToString(sum[:]) {
		return "", badToken(opProof, "ath", "the proof is for another access token")
	}
	issued, ok := seconds(claims["iat"])
	if !ok {
		return "", badToken(opProof, "iat", "iat is not a time")
	}
	age := float64(time.Now().UnixMilli())/1000 - issued
	if skew := p.tolerance.Seconds(); age > proofLife.Seconds()+skew || age < -skew {
		return "", badToken(opProof, "iat", "the proof was not made now: check the clock of the client")
	}
	return id, nil
}

// sameTarget compares URLs without query and fragment, their schemes and hosts as RFC 3986 section 6.2 normalizes them.
// Paths are compared as they are written.
func sameTarget(a, b string) bool {
	one, err := url.Parse(a)
	if err != nil {
		return false
	}
	other, err := url.Parse(b)
	if err != nil {
		return false
	}
	path := func(u *url.URL) string {
		if p := u.EscapedPath(); p != "" {
			return p
		}
		return "/"
	}
	return origin.Of(one) == origin.Of(other) && path(one) == path(other)
}
