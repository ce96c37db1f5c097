package ginoidc

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/seed-d65cea4d/ginoidc/internal/dpopnonce"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

// challenges tell clients how to authenticate (RFC 9110, section 11.6.1).
type challenges struct {
	origin    string // of the app
	metadata  string // the path of the metadata of the protected resource, or ""
	providers *relyingParties
	nonces    dpopnonce.Issuer
}

// set sets the challenges of a response: in the way that the client tried, and if it tried none in each way that the
// app accepts. byToken reports whether the request had an access token.
func (ch challenges) set(h http.Header, byToken bool, err error) {
	h.Del("WWW-Authenticate")
	if !byToken {
		challenge := `Cookie realm="` + ch.origin + `"`
		var e *StepUpError
		if errors.As(err, &e) {
			challenge += e.challenge()
		}
		h.Add("WWW-Authenticate", challenge)
	}
	if ch.providers.accessTokens() {
		ch.addBearer(h, byToken, err)
	}
}

// addBearer adds the challenge of the scheme Bearer, or of DPoP for a refused proof, to the header of a response
// (RFC 6750, section 3; RFC 9449, section 7.1; RFC 9470, section 3; RFC 9728, section 5.1). shown reports whether the
// request had an access token; without one the challenge has no error code. No text of the provider gets there.
func (ch challenges) addBearer(h http.Header, shown bool, err error) {
	scheme, code := "Bearer", ""
	var stepUp *StepUpError
	var scope *scopeError
	switch {
	case !shown:
	case errors.Is(err, errProofNonce):
		scheme, code = "DPoP", `, error="use_dpop_nonce"`
		h.Set(nonceHeader, ch.nonces.New())
	case errors.Is(err, errProof):
		scheme, code = "DPoP", `, error="invalid_dpop_proof"`
	case errors.As(err, &scope):
		code = `, error="insufficient_scope", scope="` + strings.Join(scope.scopes, " ") + `"`
	case errors.As(err, &stepUp):
		code = stepUp.challenge()
	case errors.Is(err, errAccessToken):
		code = `, error="invalid_token"`
	}
	if scheme == "DPoP" {
		code += fmt.Sprintf(`, algs=%q`, strings.Join(provider.ProofAlgs(), " "))
	}
	if ch.metadata != "" {
		code += fmt.Sprintf(`, resource_metadata=%q`, ch.origin+ch.metadata)
	}
	h.Add("WWW-Authenticate", scheme+` realm="`+ch.origin+`"`+code)
}
