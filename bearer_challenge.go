package ginoidc

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

// challengeBearer adds the challenge of the scheme Bearer, or of DPoP for a refused proof, to the header of a response
// (RFC 6750, section 3; RFC 9449, section 7.1; RFC 9470, section 3; RFC 9728, section 5.1). shown reports whether the
// request had an access token; without one the challenge has no error code. No text of the provider gets there.
func (a *core) challengeBearer(h http.Header, shown bool, err error) {
	scheme, code := "Bearer", ""
	var stepUp *StepUpError
	var scope *scopeError
	switch {
	case !shown:
	case errors.Is(err, errProofNonce):
		scheme, code = "DPoP", `, error="use_dpop_nonce"`
		h.Set(nonceHeader, a.proofNonces.New())
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
	if a.routes.metadata != "" {
		code += fmt.Sprintf(`, resource_metadata=%q`, a.targets.Origin+a.routes.metadata)
	}
	h.Add("WWW-Authenticate", scheme+` realm="`+a.targets.Origin+`"`+code)
}
