package authresponse

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/seed-d65cea4d/ginoidc/internal/attempt"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/relyingparty"
)

// Receiver receives the responses of one provider.
type Receiver struct {
	Mode     Mode
	Party    *relyingparty.Party
	Attempts *attempt.Jar
}

// Receive reads the response of a request and finds the attempt it belongs to, before any of it is used. With an error,
// it returns what it has found so far, for the log and the error page; the attempt may be nil. Metadata that cannot be
// had is relyingparty.ErrUnavailable; the attempt is not consumed, so a reload can complete it.
func (rc Receiver) Receive(w http.ResponseWriter, r *http.Request) (*attempt.Attempt, Response, error) {
	ctx, client := r.Context(), rc.Party.Client
	response, err := rc.Mode.Read(w, r, client.ReadResponse)
	if err != nil { // nothing of the response is used but the state, which says where the error page leads
		at, _ := rc.Attempts.Find(r, response.State)
		return at, response, err
	}
	at, err := rc.Attempts.Find(r, response.State)
	if err != nil {
		return at, response, err
	}
	// Each provider has a redirect URI of its own, where no other can answer (mix-up; RFC 9700, section 4.4.2.2).
	if at.Provider != rc.Party.AttemptName() {
		return at, response, fmt.Errorf("%w: the sign-in was started with another provider", ErrInvalid)
	}
	if err := rc.Party.RequireMetadata(ctx); err != nil {
		return at, response, err
	}
	if err := verified(ctx, client, response.Signed); err != nil {
		return at, response, err
	}
	// Prevents mix-up attacks, in which the response of one provider is passed off as that of another (RFC 9207).
	if err := client.CheckResponseIssuer(ctx, response.Issuer, response.HasIssuer); err != nil {
		return at, response, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if response.Code == "" && response.Refusal == nil {
		return at, response, fmt.Errorf("%w: neither code nor error", ErrInvalid)
	}
	return at, response, nil
}

// verified checks the signature of a signed response. It is called once the attempt is found, so that made-up responses
// cost neither cryptography nor a fetch of keys. Keys that cannot be fetched do not make the response invalid.
func verified(ctx context.Context, client *provider.Provider, signed *provider.SignedResponse) error {
	if signed == nil {
		return nil
	}
	err := client.VerifyResponse(ctx, signed)
	if errors.Is(err, provider.ErrInvalidToken) {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return err
}
