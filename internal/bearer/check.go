package bearer

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/clientcert"
	"github.com/seed-d65cea4d/ginoidc/internal/dpopnonce"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/returnto"
)

// Checker checks the access tokens of one provider. It is safe for concurrent use.
type Checker struct {
	Provider     *provider.Provider
	Site         returnto.Site // for the address of a request as its client knows it
	Certificates clientcert.Source
	Nonces       dpopnonce.Issuer
	BoundOnly    bool // tokens that are bound to no key are refused
	NeedsNonce   bool // a DPoP proof needs a nonce

	// MarkUsed remembers the name of a DPoP proof and reports whether it is new, on all instances.
	MarkUsed func(ctx context.Context, name string, ttl time.Duration) (first bool, err error)
}

// Check returns the verified token of a request, whose client has the keys to which it is bound. h is the header of the
// response, or nil if it was sent. A token that is not accepted is [ErrRefused]; any other error leaves open whether it
// is valid.
func (ch *Checker) Check(
	ctx context.Context, r *http.Request, h http.Header, raw string,
) (*provider.AccessToken, error) {
	token, err := ch.Provider.CheckAccessToken(ctx, raw)
	switch {
	case errors.Is(err, provider.ErrInvalidToken):
		return nil, fmt.Errorf("%w: %w", ErrRefused, err)
	case err != nil:
		return nil, err
	}
	if err := ch.checkPossession(ctx, r, h, token, raw); err != nil {
		return nil, err
	}
	return token, nil
}

// checkPossession checks that the client has the keys to which its access token is bound, so that a stolen token is
// useless: the key of DPoP (RFC 9449, section 7.1) and the TLS client certificate (RFC 8705, section 3). A token that
// is bound to a key of DPoP has to come with that scheme, and any other must not.
func (ch *Checker) checkPossession(
	ctx context.Context, r *http.Request, h http.Header, token *provider.AccessToken, raw string,
) error {
	bound := token.Confirmation
	scheme, _ := split(r.Header.Get("Authorization"))
	if byDPoP := strings.EqualFold(scheme, "DPoP"); byDPoP != (bound.JKT != "") {
		return fmt.Errorf("%w: the scheme is not that of the token", ErrRefused)
	}
	if !token.Bound() && ch.BoundOnly {
		return fmt.Errorf("%w: it is not bound to a key", ErrRefused)
	}
	certificate, err := ch.Certificates.Thumbprint(r)
	if err != nil { // whatever the token: someone claims the certificate of another client
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	if bound.X5TS256 != "" && certificate != bound.X5TS256 {
		return fmt.Errorf("%w: it is bound to another TLS client certificate", ErrRefused)
	}
	if bound.JKT == "" {
		return nil
	}
	return ch.checkProof(ctx, r, h, bound.JKT, raw)
}

// checkProof checks the DPoP proof of the request, and that it is the first request with this proof: an attacker
// who saw the request could repeat it.
func (ch *Checker) checkProof(ctx context.Context, r *http.Request, h http.Header, jkt, raw string) error {
	proofs := r.Header.Values("DPoP")
	if len(proofs) != 1 {
		return fmt.Errorf("%w: %d proofs", ErrProof, len(proofs))
	}
	of := provider.ProvenRequest{Method: r.Method, URL: ch.Site.Origin + ch.Site.Path(r), AccessToken: raw, JKT: jkt}
	aging := false
	if ch.NeedsNonce {
		of.AcceptsNonce = func(nonce string) (ok bool) {
			ok, aging = ch.Nonces.Check(nonce)
			return ok
		}
	}
	id, remember, err := ch.Provider.CheckProof(proofs[0], of)
	switch {
	case errors.Is(err, provider.ErrUseNonce):
		return fmt.Errorf("%w: %w", ErrProofNonce, err)
	case err != nil:
		return fmt.Errorf("%w: %w", ErrProof, err)
	}
	switch first, err := ch.MarkUsed(ctx, jkt+" "+id, remember); {
	case err != nil:
		return err
	case !first:
		return fmt.Errorf("%w: it was used before", ErrProof)
	}
	if aging && h != nil {
		h.Set(nonceHeader, ch.Nonces.New())
	}
	return nil
}
