package ginoidc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/outcome"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/routes"
	"github.com/seed-d65cea4d/ginoidc/internal/sealed"
	"github.com/seed-d65cea4d/ginoidc/internal/shared"
	"github.com/seed-d65cea4d/ginoidc/internal/signals"
)

// Signals makes the app a receiver of security events (OpenID Shared Signals Framework 1.0, CAEP 1.0): the transmitter
// reports that a session was revoked, a credential has changed or a device is no longer safe. Register AppURL,
// RoutePrefix and "/signals" there for delivery by push, or set Poll. With several providers, add a slash and the Name.
// The zero value of every field is its default.
type Signals struct {
	// Issuer is the transmitter, compared byte for byte. Example: "https://signals.example.com". Default: Provider.Issuer.
	// Its configuration is read from "/.well-known/ssf-configuration". Refused: what Provider.Issuer refuses.
	Issuer string

	// Audience lists the values that aud may have. Example: "https://app.example.com/auth/signals". Default: ClientID. A
	// token that also names others is refused.
	Audience []string

	// SigningAlgs lists the JWS algorithms that are accepted. Default: RS256, which the CAEP Interoperability Profile
	// requires. Refused: what Provider.SigningAlgs refuses.
	SigningAlgs []string

	// Authorization is the value of the Authorization header that the transmitter has to send when it pushes (RFC 8935,
	// section 3). Example: "Bearer " and 32 random bytes as text. Default: none, since the tokens are signed. It keeps
	// others from making the app read tokens at all. Refused: fewer than 32 bytes.
	Authorization string

	// CredentialChange says what a change of a user's credentials does: [SignalEnds], the default, ends the user's
	// sessions; [SignalStepsUp] makes guards require that the user is authenticated again, as [Auth.RequireFreshSignIn]
	// does; [SignalIgnored] leaves it to OnSignal.
	CredentialChange string

	// Token returns an access token for the management of the stream, and for polling. Example: the Token method of
	// golang.org/x/oauth2/clientcredentials, with the scopes ssf.read and ssf.manage. It is needed for Poll and
	// [Auth.SetUpSignals] only.
	Token func(ctx context.Context) (string, error)

	// Poll makes [Auth.PollSignals] fetch events at this interval (RFC 8936), for apps that the transmitter cannot reach.
	// Example: 10*time.Second. Default: 0, and the transmitter pushes. Accepted: from 1s to 1h.
	Poll time.Duration
}

// Values of [Signals].CredentialChange.
const (
	SignalEnds    = "end"
	SignalStepsUp = "step_up"
	SignalIgnored = "ignore"
)

// Signal is the argument of [Config].OnSignal: a verified security event.
type Signal struct {
	Type   string // the URI of the event type, such as SignalDeviceComplianceChange
	ID     string // jti, unique for the transmitter
	Issuer string // the transmitter

	// Provider is the name of the provider whose Signals these are, for [Auth.ForProvider]: see [Provider].Name.
	Provider string

	// Subject and SID are the user and the session at the provider that the event is about, as far as it says so in a form
	// that identifies them. An e-mail address does not. SubjectID is the subject as sent (RFC 9493).
	Subject, SID string
	SubjectID    json.RawMessage

	// Payload is the object of the event. Example: {"current_status":"not-compliant", …}.
	Payload json.RawMessage

	Occurred time.Time // on the transmitter's clock
}

// Types of signals. Those of other types are handed to the hook as well.
const (
	SignalSessionRevoked         = provider.EventSessionRevoked         // ends the sessions of its subject
	SignalCredentialChange       = provider.EventCredentialChange       // see Signals.CredentialChange
	SignalTokenClaimsChange      = provider.EventTokenClaimsChange      // is left to the hook
	SignalDeviceComplianceChange = provider.EventDeviceComplianceChange // is left to the hook
	SignalVerification           = provider.EventVerification           // the stream works
	SignalStreamUpdated          = provider.EventStreamUpdated          // the transmitter paused, stopped or resumed it
)

// stepsUp reports whether a change of credentials requires another authentication.
func (s *Signals) stepsUp() bool { return s != nil && s.CredentialChange == SignalStepsUp }

// newSignalReceiver returns nil unless Signals is set.
func newSignalReceiver(
	rp *relyingParty, cfg *Config, state SharedState, values shared.Values, ask hooks,
) (*signals.Receiver, error) {
	p, s := &rp.settings, rp.settings.Signals
	if s == nil {
		return nil, nil
	}
	states, err := sealed.New("signal verification", cfg.CookieSecrets, string(rp.Audience))
	if err != nil {
		return nil, fmt.Errorf("ginoidc: CookieSecrets: %w", err)
	}
	return signals.New(signals.Config{
		Transmitter: provider.NewTransmitter(provider.TransmitterConfig{
			Issuer: s.Issuer, Audience: s.Audience, SigningAlgs: s.SigningAlgs,
			MaxAge: cfg.SessionLifetime + cfg.AttemptLife, ClockTolerance: p.ClockTolerance, Token: s.Token,
			Timeout: p.Timeout, Transport: p.Transport, RootCAs: p.RootCAs, Logger: rp.log, Report: rp.events.EmitProvider,
			Observe: rp.events.CallObserver(),
		}),
		Issuer: s.Issuer, Audience: rp.Audience, URL: rp.URL(routes.SignalsPath), Authorization: s.Authorization,
		Poll: s.Poll, State: state, Values: values, States: states, Log: rp.log,
		Sessions: rp.ledger, OfIssuer: p.Issuer, CredentialChange: s.CredentialChange, Events: rp.events,
		Hook: func(ctx context.Context, e *provider.SecurityEvent, sub, sid string) error {
			return ask.signal(ctx, rp.exported(e, sub, sid))
		},
	}), nil
}

// exported returns a signal as the app sees it.
func (rp *relyingParty) exported(e *provider.SecurityEvent, sub, sid string) Signal {
	signal := Signal{
		Type: e.Type, ID: e.JTI, Issuer: rp.signals.Issuer, Provider: rp.settings.Name,
		Subject: sub, SID: sid, Occurred: e.Occurred,
	}
	signal.SubjectID, _ = json.Marshal(e.Subject.Raw) // it was JSON
	signal.Payload, _ = json.Marshal(e.Payload)
	return signal
}

// SignalStream is the event stream of the app at the transmitter (OpenID Shared Signals Framework 1.0, section 8).
type SignalStream struct {
	ID     string   // as the transmitter named it
	Events []string // the types of events that the transmitter delivers
	Status string   // "enabled", "paused" or "disabled"
	Reason string   // of the status; may be empty
}

// signals returns the receiver of the provider that the call concerns.
func (ps *relyingParties) signals(ctx context.Context, name string) (*signals.Receiver, error) {
	rp, err := ps.ForCall(ctx, name)
	if err == nil && rp.signals == nil {
		err = errNoSignals
	}
	if err != nil {
		return nil, err
	}
	return rp.signals, nil
}

// SetUpSignals creates the stream of Provider.Signals at the transmitter, or updates the one that is there already,
// asks for a verification event, and returns the stream. Call it once when the app starts, after it listens: the
// transmitter pushes the verification event, which OnSignal then receives with the type [SignalVerification].
//
// The error is [ErrProviderUnavailable] if the transmitter does not respond, and wraps [errors.ErrUnsupported] without
// Provider.Signals.
func (a *Auth) SetUpSignals(ctx context.Context) (*SignalStream, error) {
	return a.providers.stream(ctx, a.provider, func(r *signals.Receiver, ctx context.Context) (*signals.Stream, error) {
		return r.SetUp(ctx, a.AppURL())
	})
}

// SignalStatus returns the stream that SetUpSignals has set up.
func (a *Auth) SignalStatus(ctx context.Context) (*SignalStream, error) {
	return a.providers.stream(ctx, a.provider, (*signals.Receiver).Status)
}

// stream returns what the transmitter of a provider says of the stream, as the app sees it.
func (ps *relyingParties) stream(
	ctx context.Context, name string, ask func(*signals.Receiver, context.Context) (*signals.Stream, error),
) (*SignalStream, error) {
	r, err := ps.signals(requestContext(ctx), name)
	if err != nil {
		return nil, err
	}
	s, err := ask(r, requestContext(ctx))
	if err != nil {
		return nil, translated(err)
	}
	return &SignalStream{ID: s.ID, Events: s.Delivered, Status: s.Status, Reason: s.Reason}, nil
}

// PollSignals fetches security events at the interval Signals.Poll until ctx is done, and then returns ctx.Err. Run it
// in a goroutine of every instance, after [Auth.SetUpSignals]: they take turns if they share State.
//
//	go auth.PollSignals(ctx)
//
// Trouble with the transmitter is an event, and polling goes on. The error wraps [errors.ErrUnsupported] without
// Signals.Poll.
func (a *Auth) PollSignals(ctx context.Context) error {
	s, err := a.providers.signals(ctx, a.provider)
	if err != nil {
		return err
	}
	if s.Poll == 0 {
		return errNoSignals
	}
	return s.Run(ctx)
}

// ReceiveSignal takes a security event token that the transmitter of Provider.Signals pushes (RFC 8935). It needs no
// cookie.
//
// It responds with 202 if the token is accepted, also a second time, when it has no effect; with 400 and one of the
// codes of RFC 8935 if the token is refused; and with 503 if the keys of the transmitter or the shared state cannot be
// read, if FindProvider or OnSignal fails, so that the transmitter tries again. Without Provider.Signals it responds
// with 404.
func (a *Auth) ReceiveSignal(c *gin.Context) {
	if a.throttled(c) || !a.begin(c, http.MethodPost) {
		return
	}
	req := a.requestOf(c)
	rp, err := a.providers.ofPath(c, a.requestOf)
	if err == nil && rp.signals == nil {
		err = outcome.ErrNoRoute
	}
	switch {
	case errors.Is(err, ErrUnknownProvider), errors.Is(err, outcome.ErrNoRoute):
		a.denier.fail(c, "", err)
		return
	case err != nil: // the transmitter is to try again
		a.refuseSignal(c, err)
		return
	}
	if err := rp.signals.Receive(req, c.Writer, c.Request); err != nil {
		rp.refuseSignal(c, err)
		return
	}
	c.Status(http.StatusAccepted)
	c.Writer.WriteHeaderNow()
}

// refuseSignal responds to the transmitter as RFC 8935, sections 2.3 and 2.4, requires.
func (r *reporter) refuseSignal(c *gin.Context, err error) {
	r.emit(c.Request.Context(), signals.Refusal(err))
	c.Abort()
	if code := signals.Code(err); code != "" {
		c.Header("Content-Language", "en")
		c.JSON(http.StatusBadRequest, gin.H{"err": code, "description": "The security event token was not accepted."})
		return
	}
	askLater(c, err)
	c.JSON(http.StatusServiceUnavailable, gin.H{"err": "unavailable", "description": "Try again later."})
}
