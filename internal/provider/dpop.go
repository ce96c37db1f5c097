package provider

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/seed-d65cea4d/ginoidc/internal/origin"
)

const (
	opProof = "DPoP proof"
	dpopAlg = "ES256"

	maxNonce   = 1 << 10
	maxOrigins = 16 // origins whose nonces are remembered; a provider has one or two
)

// dpopKey is the key that access tokens are bound to (RFC 9449), so that a leaked token is useless without it. A nil
// key makes no proofs.
type dpopKey struct{ private *ecdsa.PrivateKey }

// newKey returns the key of one sign-in, or nil if DPoP is not in use.
func (p *Provider) newKey() (*dpopKey, error) {
	if !p.dpop {
		return nil, nil
	}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("%s: DPoP key: %w", opToken, err)
	}
	return &dpopKey{private}, nil
}

// scheme returns the token_type of tokens bound to this key, which is also the authentication scheme.
func (k *dpopKey) scheme() string {
	if k == nil {
		return "Bearer"
	}
	return "DPoP"
}

// proof proves that the sender of req has the key (RFC 9449 section 4.2). It is valid for this method and URL, this
// moment, the server's nonce and, at a resource server, the access token.
func (k *dpopKey) proof(req *http.Request, nonce, accessToken string) (string, error) {
	target := *req.URL
	target.User, target.RawQuery, target.ForceQuery, target.Fragment = nil, "", false, ""
	claims := map[string]any{"jti": rand.Text(), "htm": req.Method, "htu": target.String(), "iat": time.Now().Unix()}
	if nonce != "" {
		claims["nonce"] = nonce
	}
	if accessToken != "" {
		sum := sha256.Sum256([]byte(accessToken))
		claims["ath"] = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	options := jose.SignerOptions{EmbedJWK: true} // the public members of the key only
	return signJWT(opProof, jose.SigningKey{Algorithm: dpopAlg, Key: k.private}, options, "dpop+jwt", claims)
}

// proved makes a call that includes a proof. If the server asks for another nonce and provides it, there is exactly one
// further call (RFC 9449 sections 8 and 9): a server that is never satisfied must not receive a code again and again.
func proved(key *dpopKey, call func() (*answer, error)) (*answer, error) {
	a, err := call()
	if err != nil || key == nil || !a.wantsNonce() || a.nonce() == "" {
		return a, err
	}
	return call()
}

// prove adds a proof to a request, with the latest nonce of its server, unless key is nil.
func (p *Provider) prove(req *http.Request, key *dpopKey, accessToken string) error {
	if key == nil {
		return nil
	}
	proof, err := key.proof(req, p.backend.nonces.of(req.URL), accessToken)
	if err != nil {
		return err
	}
	req.Header.Set("DPoP", proof)
	return nil
}

// authorize adds the access token to a request for a resource: as a bearer token (RFC 6750 section 2.1), or with a
// proof of the key it is bound to (RFC 9449 section 7.1).
func (p *Provider) authorize(req *http.Request, tokens *Tokens) error {
	req.Header.Set("Authorization", tokens.key.scheme()+" "+tokens.AccessToken)
	return p.prove(req, tokens.key, tokens.AccessToken)
}

// wantsNonce reports whether an authorization server (RFC 9449 section 8) or a resource server (section 9) asks for
// another nonce.
func (a *answer) wantsNonce() bool {
	const code = "use_dpop_nonce"
	switch a.status {
	case http.StatusBadRequest:
		object, err := decodeObject(a.body, maxBody)
		return err == nil && object["error"] == code
	case http.StatusUnauthorized:
		return strings.Contains(strings.Join(a.header.Values("WWW-Authenticate"), ","), `error="`+code+`"`)
	}
	return false
}

// nonce returns the nonce for the next proof (RFC 9449 section 8.1), or "" if there is none that is valid.
func (a *answer) nonce() string {
	values := a.header.Values("DPoP-Nonce")
	if len(values) != 1 || len(values[0]) > maxNonce || !visible(values[0]) || strings.ContainsAny(values[0], ` "\`) {
		return ""
	}
	return values[0]
}

// nonces remembers the latest nonce of each origin, because each server has its own (RFC 9449 section 8.2). The zero
// value is ready to use.
type nonces struct {
	mu       sync.Mutex
	byOrigin map[string]string
}

func (n *nonces) of(u *url.URL) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.byOrigin[origin.Of(u)]
}

func (n *nonces) keep(u *url.URL, nonce string) {
	if nonce == "" {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, known := n.byOrigin[origin.Of(u)]; n.byOrigin == nil || !known && len(n.byOrigin) >= maxOrigins {
		n.byOrigin = make(map[string]string) // a forgotten nonce costs one retry
	}
	n.byOrigin[origin.Of(u)] = nonce
}
