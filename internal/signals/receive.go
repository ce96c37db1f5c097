// Package signals receives security events (OpenID Shared Signals Framework 1.0): each takes effect once, on one
// instance of the app, whether the transmitter pushes it (RFC 8935) or it is polled (RFC 8936): it ends
// sessions or requires step-ups, and then the app is told.
package signals

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/events"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/roster"
	"github.com/seed-d65cea4d/ginoidc/internal/sealed"
	"github.com/seed-d65cea4d/ginoidc/internal/shared"
)

const (
	maxPushed = 64 << 10         // bytes of a token that is pushed
	lease     = 40 * time.Second // longer than an event takes
	turn      = 5 * time.Second  // how long a delivery waits for another one of the same event
)

// The error codes of RFC 8935, section 2.4, and of Shared Signals Framework 1.0, section 8.1.4.1.
const (
	invalidRequest       = "invalid_request"
	invalidKey           = "invalid_key"
	invalidIssuer        = "invalid_issuer"
	invalidAudience      = "invalid_audience"
	authenticationFailed = "authentication_failed"
	invalidState         = "invalid_state"
)

var (
	errAuthorization = errors.New("the Authorization header is not the configured one")
	errRequest       = errors.New("the request holds no security event token")
	errState         = errors.New("the state of the verification event is not one that this app has sent")
)

// State is the part of ginoidc.SharedState that a Receiver needs.
type State interface {
	shared.State
	Revoke(ctx context.Context, key string, at time.Time, ttl time.Duration) error
	Revoked(ctx context.Context, keys ...string) ([]time.Time, error)
}

// Config holds the settings of a Receiver. All functions must be safe for concurrent use.
type Config struct {
	Transmitter   *provider.Transmitter
	Issuer        string          // of the transmitter
	Audience      shared.Audience // whose events they are
	URL           string          // to which events are pushed
	Authorization string          // what the transmitter has to send when it pushes; "" for nothing
	Poll          time.Duration   // the interval of polls; 0 if events are pushed

	State  State
	Values shared.Values // for turns
	States *sealed.Text  // of verification events, so that any instance recognizes its own
	Log    *slog.Logger  // for panics in code of the app

	// Sessions are those that events end, of users of OfIssuer. CredentialChange says what a change of credentials does:
	// see Affected.
	Sessions         roster.Roster
	OfIssuer         string
	CredentialChange string

	// Hook is the app's code. sub and sid say whom the event concerns. After an error the event is delivered again.
	Hook   func(ctx context.Context, e *provider.SecurityEvent, sub, sid string) error
	Events *events.Reporter
}

// Receiver receives the events of one transmitter. It is safe for concurrent use.
type Receiver struct{ Config }

// New returns a Receiver.
func New(cfg Config) *Receiver { return &Receiver{cfg} }

// Receive takes the token that a request of the transmitter pushes.
func (r *Receiver) Receive(ctx context.Context, w http.ResponseWriter, req *http.Request) error {
	raw, err := r.ReadPushed(w, req)
	if err != nil {
		return err
	}
	return r.Take(ctx, raw)
}

// ReadPushed returns the token in the body of a request by the transmitter. The Authorization header is compared in
// constant time: it keeps others from making the app read tokens at all.
func (r *Receiver) ReadPushed(w http.ResponseWriter, req *http.Request) (string, error) {
	want, got := []byte(r.Authorization), []byte(req.Header.Get("Authorization"))
	if len(want) > 0 && subtle.ConstantTimeCompare(got, want) != 1 {
		return "", errAuthorization
	}
	kind, _, err := mime.ParseMediaType(req.Header.Get("Content-Type"))
	if err != nil || kind != "application/secevent+jwt" {
		return "", fmt.Errorf("%w: the Content-Type is not application/secevent+jwt", errRequest)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, maxPushed))
	if err != nil {
		return "", fmt.Errorf("%w: the body: %w", errRequest, err)
	}
	return string(body), nil
}

// Code returns the code of RFC 8935 that tells the transmitter why a token was refused, or "" if an error is not the
// token's fault. Only an error that is known to be the token's has a code: the transmitter does not deliver a refused
// token again, so an event that ends sessions would be lost because of a failure here.
func Code(err error) string {
	switch {
	case errors.Is(err, errAuthorization):
		return authenticationFailed
	case errors.Is(err, errState):
		return invalidState
	case errors.Is(err, errRequest):
		return invalidRequest
	case !errors.Is(err, provider.ErrInvalidToken):
		return ""
	}
	ofToken := &provider.Error{}
	errors.As(err, &ofToken)
	switch ofToken.Code {
	case "issuer":
		return invalidIssuer
	case "audience":
		return invalidAudience
	case "bad_signature", "algorithm":
		return invalidKey
	}
	return invalidRequest // the payload is not what the events' definitions require
}

// Take verifies a token and lets it have its effect once, on one instance: a second delivery is accepted without effect
// (RFC 8935, section 2). The token is marked as used last. If something before that fails, another delivery finishes
// it; ending sessions twice has the effect of once.
func (r *Receiver) Take(ctx context.Context, raw string) error {
	event, err := r.Transmitter.VerifyEventToken(ctx, raw)
	if err != nil {
		return err
	}
	key := shared.Key(shared.KindSignal, r.Audience.Hash("\x00signal "+r.Issuer+" "+event.JTI))
	release, _, err := r.Values.Turn(ctx, key, lease, turn)
	if err != nil {
		return err
	}
	defer r.release(ctx, release)
	used, err := r.State.Revoked(ctx, key)
	if err == nil && len(used) != 1 {
		err = fmt.Errorf("%d answers to one key", len(used))
	}
	if err != nil {
		return fmt.Errorf("%w: %w", shared.ErrUnavailable, err)
	}
	if !used[0].IsZero() {
		return nil
	}
	if event.Type == provider.EventVerification && !event.Discard && !r.sent(event) {
		return errState
	}
	if err := r.apply(ctx, event); err != nil {
		return err
	}
	if err := r.State.Revoke(ctx, key, time.Now(), time.Until(event.Expires)+time.Minute); err != nil {
		r.Events.Emit(ctx, events.Event{Kind: events.SignalForgotten, Err: err, Attrs: attrs(event)})
	}
	return nil
}

func (r *Receiver) release(ctx context.Context, release func(context.Context) error) {
	if err := release(context.WithoutCancel(ctx)); err != nil {
		r.Events.Emit(ctx, events.Event{Kind: events.LeaseNotReleased, Err: err})
	}
}

// sent reports whether a verification event has the state that this app has sent with its request. One that the
// transmitter sends by itself has none (Shared Signals Framework 1.0, section 8.1.4.2).
func (r *Receiver) sent(e *provider.SecurityEvent) bool {
	state, _ := e.Payload["state"].(string)
	if e.Payload["state"] == nil {
		return true
	}
	_, ok := r.States.Open(state, e.Subject.ID)
	return ok
}
