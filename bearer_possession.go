package ginoidc

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/shared"
)

// errProof is the refusal of a DPoP proof (RFC 9449, section 7.1).
var errProof = fmt.Errorf("%w: DPoP proof", errAccessToken)

// errProofNonce is the refusal of a DPoP proof that only lacks a current nonce (RFC 9449, section 9).
var errProofNonce = fmt.Errorf("%w: nonce", errProof)

// checkPossession checks that the client has the keys to which its access token is bound, so that a stolen token is
// useless: the key of DPoP (RFC 9449, section 7.1) and the TLS client certificate (RFC 8705, section 3). A token that
// is bound to a key of DPoP has to come with that scheme, and any other must not. h is the header of the response, or
// nil if it was sent.
func (req *request) checkPossession(rp *relyingParty, h http.Header, token *provider.AccessToken, raw string) error {
	bound := token.Confirmation
	scheme, _, _ := strings.Cut(req.http.Header.Get("Authorization"), " ")
	if byDPoP := strings.EqualFold(scheme, "DPoP"); byDPoP != (bound.JKT != "") {
		return fmt.Errorf("%w: the scheme is not that of the token", errAccessToken)
	}
	if !token.Bound() && rp.settings.RequireBoundTokens {
		return fmt.Errorf("%w: it is not bound to a key", errAccessToken)
	}
	certificate, err := req.auth.certificates.Thumbprint(req.http)
	if err != nil { // whatever the token: someone claims the certificate of another client
		return fmt.Errorf("%w: %w", errAccessToken, err)
	}
	if bound.X5TS256 != "" && certificate != bound.X5TS256 {
		return fmt.Errorf("%w: it is bound to another TLS client certificate", errAccessToken)
	}
	if bound.JKT == "" {
		return nil
	}
	return req.checkProof(rp, h, bound.JKT, raw)
}

// checkProof checks the DPoP proof of the request, and that it is the first request with this proof.
func (req *request) checkProof(rp *relyingParty, h http.Header, jkt, raw string) error {
	a := req.auth
	proofs := req.http.Header.Values("DPoP")
	if len(proofs) != 1 {
		return fmt.Errorf("%w: %d proofs", errProof, len(proofs))
	}
	of := provider.ProvenRequest{
		Method: req.http.Method, URL: a.targets.Origin + a.targets.Path(req.http), AccessToken: raw, JKT: jkt,
	}
	aging := false
	if rp.settings.RequireDPoPNonce {
		of.AcceptsNonce = func(nonce string) (ok bool) {
			ok, aging = a.proofNonces.Check(nonce)
			return ok
		}
	}
	id, remember, err := rp.client.CheckProof(proofs[0], of)
	switch {
	case errors.Is(err, provider.ErrUseNonce):
		return fmt.Errorf("%w: %w", errProofNonce, err)
	case err != nil:
		return fmt.Errorf("%w: %w", errProof, err)
	}
	switch first, err := rp.markUsed(req.Context, shared.KindProof, jkt+" "+id, remember); {
	case err != nil:
		return err
	case !first:
		return fmt.Errorf("%w: it was used before", errProof)
	}
	if aging && h != nil {
		h.Set(nonceHeader, a.proofNonces.New())
	}
	return nil
}

// nonceHeader is the header with the nonce for the next proof (RFC 9449, section 8.1).
const nonceHeader = "DPoP-Nonce"
