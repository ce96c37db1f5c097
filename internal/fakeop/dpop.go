package fakeop

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"math"
	"net/http"
	"strings"
	"time"
)

// proofSkew is the tolerated clock skew of a DPoP proof's iat.
const proofSkew = time.Minute

// proofClaims are the claims of a DPoP proof (RFC 9449, 4.2).
type proofClaims struct {
	Method    string   `json:"htm"`
	URL       string   `json:"htu"`
	IssuedAt  *float64 `json:"iat"`
	ID        string   `json:"jti"`
	TokenHash string   `json:"ath"`
	Nonce     string   `json:"nonce"`
}

// checkProof checks the DPoP proof of a request (RFC 9449, 4.3) and returns the thumbprint of its key, or "" without a
// proof. With an access token the proof must be for that token.
func (p *Provider) checkProof(r *http.Request, accessToken string) (jkt string, refusal *oauthError) {
	proofs := r.Header.Values("DPoP")
	if len(proofs) == 0 {
		return "", nil
	}
	if len(proofs) > 1 {
		return "", invalidProof("there is more than one")
	}
	var claims proofClaims
	jkt, err := openProof(proofs[0], &claims)
	if err != nil {
		return "", invalidProof(err.Error())
	}
	hash := sha256.Sum256([]byte(accessToken))
	_, at := p.locate(r)
	switch {
	case claims.Method != r.Method:
		return "", invalidProof("htm is not the method")
	case claims.URL != at:
		return "", invalidProof("htu is not the URL of the endpoint")
	case claims.IssuedAt == nil || math.Abs(*claims.IssuedAt-float64(time.Now().Unix())) > proofSkew.Seconds():
		return "", invalidProof("iat is missing or more than a minute from now")
	case accessToken != "" && claims.TokenHash != encode(hash[:]):
		return "", invalidProof("ath is not the access token's hash")
	case claims.ID == "":
		return "", invalidProof("jti is missing")
	case p.cfg.DPoPNonces && claims.Nonce != p.dpopNonce():
		return "", &oauthError{"use_dpop_nonce", "the DPoP proof lacks the provider's current nonce"}
	case !p.seen.add("proof "+claims.ID, struct{}{}, 2*proofSkew+time.Second):
		return "", invalidProof("jti was used before")
	}
	return jkt, nil
}

func invalidProof(reason string) *oauthError {
	return &oauthError{"invalid_dpop_proof", "DPoP proof: " + reason}
}

// openProof verifies the signature with the key in the header. The library refuses a private key there, and a missing
// key.
func openProof(raw string, claims *proofClaims) (jkt string, err error) {
	token, err := parseJWS(raw, clientAlgs(), "dpop+jwt")
	if err != nil {
		return "", err
	}
	key := token.Signatures[0].Protected.JSONWebKey
	if err := verify(token, key, claims); err != nil {
		return "", err
	}
	thumbprint, err := key.Thumbprint(crypto.SHA256)
	return encode(thumbprint), err
}

// RotateDPoPNonce makes a new nonce: DPoP proofs with the previous one are refused with use_dpop_nonce (RFC 9449, 8).
// It has an effect only with Config.DPoPNonces.
func (p *Provider) RotateDPoPNonce() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.nonce = rand.Text()
}

func (p *Provider) dpopNonce() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.nonce
}

// offerNonce sends the nonce for the next proof with every response (RFC 9449, 8.2).
func (p *Provider) offerNonce(w http.ResponseWriter) {
	if p.cfg.DPoPNonces {
		w.Header().Set("DPoP-Nonce", p.dpopNonce())
	}
}

// refuseDPoP refuses a request for a resource (RFC 9449, 7.1 and 9).
func refuseDPoP(w http.ResponseWriter, refusal *oauthError) {
	w.Header().Set("WWW-Authenticate", `DPoP error="`+refusal.code+`", algs="`+strings.Join(names(clientAlgs()), " ")+`"`)
	writeJSON(w, http.StatusUnauthorized, refusal.document())
}
