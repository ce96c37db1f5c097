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
	maxOrigins = 16 // whose nonces are remembered; a provider has one or two
)

// dpopKey is a key that access tokens are bound to (RFC 9449), so that a token that leaks is of no use without it. A
// nil key makes no proofs.
type dpopKey struct{ private *ecdsa.PrivateKey }

// newKey makes the key of one sign-in, or none when DPoP is not in use.
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

// scheme is the token_type of tokens bound to this key, and the name under which they are sent.
func (k *dpopKey) scheme() string {
	if k == nil {
		return "Bearer"
	}
	return "DPoP"
}

// proof shows that the sender of req has the key (RFC 9449 section 4.2). It is good for this method and address, this
// moment, the server's nonce and, at a resource, the access token.
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

// proved makes a call that proves key. When the server wants another nonce in the proof, and gives it, there is exactly
// one further call (RFC 9449 sections 8 and 9): a server that is never content must not get a code time and again.
func proved(key *dpopKey, call func() (*answer, error)) (*answer, error) {
	a, err := call()
	if err != nil || key == nil || !a.wantsNonce() || a.nonce() == "" {
		return a, err
	}
	return call()
}

// prove adds the proof of key, if there is a key, to a request, with the nonce that its server gave last.
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

// authorize puts the access token into a request for a resource: as a bearer token (RFC 6750 section 2.1), or with
// proof of the key it is bound to (RFC 9449 section 7.1).
func (p *Provider) authorize(req *http.Request, tokens *Tokens) error {
	req.Header.Set("Authorization", tokens.key.scheme()+" "+tokens.AccessToken)
	return p.prove(req, tokens.key, tokens.AccessToken)
}

// wantsNonce reports the error that asks for another nonce: of an authorization server (RFC 9449 section 8) or of a
// resource server (section 9).
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

// nonce is the one for the next proof (RFC 9449 section 8.1), "" when there is none that is fit for one.
func (a *answer) nonce() string {
	values := a.header.Values("DPoP-Nonce")
	if len(values) != 1 || len(values[0]) > maxNonce || !visible(values[0]) || strings.ContainsAny(values[0], ` "\`) {
		return ""
	}
	return values[0]
}

// nonces remembers the newest nonce of each origin, since servers differ in theirs (RFC 9449 section 8.2). The zero
// value is ready.
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
		n.byOrigin = make(map[string]string) // to forget one costs a retry
	}
	n.byOrigin[origin.Of(u)] = nonce
}
