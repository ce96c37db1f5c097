package ginoidc

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

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/eventkind"
	"github.com/seed-d65cea4d/ginoidc/internal/flight"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/shared"
)

const (
	maxSignal      = 64 << 10 // bytes of a token that is pushed
	signalLease    = 40 * time.Second
	signalWait     = 5 * time.Second // how long a delivery waits for another one of the same signal
	signalHookTime = 30 * time.Second
)

// The error codes of RFC 8935, section 2.4, and of Shared Signals Framework 1.0, section 8.1.4.1.
const (
	setInvalidRequest       = "invalid_request"
	setInvalidKey           = "invalid_key"
	setInvalidIssuer        = "invalid_issuer"
	setInvalidAudience      = "invalid_audience"
	setAuthenticationFailed = "authentication_failed"
	setInvalidState         = "invalid_state"
)

var (
	errSignalAuthorization = errors.New("the Authorization header is not the configured one")
	errSignalState         = errors.New("the state of the verification event is not one that this app has sent")
	errSignalHook          = errors.New("OnSignal failed")
)

// ReceiveSignal takes a security event token that the transmitter of Provider.Signals pushes (RFC 8935). It needs no
// cookie.
//
// It responds with 202 if the token is accepted, also a second time, when it has no effect; with 400 and one of the
// codes of RFC 8935 if the token is refused; and with 503 if the keys of the transmitter or the shared state cannot be
// read, or if OnSignal fails, so that the transmitter tries again. Without Provider.Signals it responds with 404.
func (a *Auth) ReceiveSignal(c *gin.Context) {
	if !a.begin(c, http.MethodPost) {
		return
	}
	req := a.requestOf(c)
	rp, err := a.providers.ofPath(c, a.requestOf)
	if err == nil && rp.signals == nil {
		err = errNoRoute
	}
	if err != nil {
		a.denier.fail(c, "", err)
		return
	}
	raw, err := rp.signals.readPushed(c)
	if err == nil {
		err = rp.takeSignal(req, a.core, raw)
	}
	if err != nil {
		rp.refuseSignal(c, err)
		return
	}
	c.Status(http.StatusAccepted)
	c.Writer.WriteHeaderNow()
}

// readPushed reads the token from the body of a request by the transmitter.
func (s *signalReceiver) readPushed(c *gin.Context) (string, error) {
	want := []byte(s.settings.Authorization)
	if got := []byte(c.GetHeader("Authorization")); len(want) > 0 && subtle.ConstantTimeCompare(got, want) != 1 {
		return "", errSignalAuthorization
	}
	kind, _, err := mime.ParseMediaType(c.GetHeader("Content-Type"))
	if err != nil || kind != "application/secevent+jwt" {
		return "", errors.New("the Content-Type is not application/secevent+jwt")
	}
	body, err := io.ReadAll(http.MaxBytesReader(c.Writer, c.Request.Body, maxSignal))
	if err != nil {
		return "", fmt.Errorf("the body: %w", err)
	}
	return string(body), nil
}

// refuseSignal responds to the transmitter as RFC 8935, sections 2.3 and 2.4, requires.
func (rp *relyingParty) refuseSignal(c *gin.Context, err error) {
	code := rp.refusedSignal(c.Request.Context(), err)
	c.Abort()
	if code == "" {
		askLater(c, err)
		c.JSON(http.StatusServiceUnavailable, gin.H{"err": "unavailable", "description": "Try again later."})
		return
	}
	c.Header("Content-Language", "en")
	c.JSON(http.StatusBadRequest, gin.H{"err": code, "description": "The security event token was not accepted."})
}

// refusedSignal reports an error, and returns what to tell the transmitter, or "" if it is not the token's fault.
func (rp *relyingParty) refusedSignal(ctx context.Context, err error) (code string) {
	code = signalErrorCode(err)
	refused := event{kind: eventkind.SignalRefused, code: code, err: err}
	if code == "" {
		refused.code = outcomeOf(translated(err)).code
	}
	rp.emit(ctx, refused)
	return code
}

// signalErrorCode returns the code of RFC 8935 for an error, or "" if it is not the token's fault.
func signalErrorCode(err error) string {
	var ofToken *provider.Error
	switch {
	case errors.Is(err, errSignalAuthorization):
		return setAuthenticationFailed
	case errors.Is(err, errSignalState):
		return setInvalidState
	case errors.Is(err, shared.ErrUnavailable), errors.Is(err, shared.ErrTurn), errors.Is(err, errSignalHook),
		errors.As(err, new(*flight.PanicError)):
		return ""
	case !errors.As(err, &ofToken):
		return setInvalidRequest
	case !errors.Is(err, provider.ErrInvalidToken):
		return ""
	}
	switch ofToken.Code {
	case "issuer":
		return setInvalidIssuer
	case "audience":
		return setInvalidAudience
	case "bad_signature", "algorithm":
		return setInvalidKey
	}
	return setInvalidRequest
}

// takeSignal verifies a token and lets it have its effect once, on one instance: a second delivery is accepted without
// effect (RFC 8935, section 2). The token is marked as used last. If something before that fails, another delivery
// finishes it; ending sessions twice has the effect of once.
func (rp *relyingParty) takeSignal(ctx context.Context, a *core, raw string) error {
	event, err := rp.signals.VerifyEventToken(ctx, raw)
	if err != nil {
		return err
	}
	key := shared.Key(shared.KindSignal, rp.audience.Hash("\x00signal "+rp.signals.settings.Issuer+" "+event.JTI))
	release, _, err := a.values.inTurn(ctx, key, signalLease, signalWait)
	if err != nil {
		return err
	}
	defer release()
	used, err := a.state.Revoked(ctx, key)
	if err == nil && len(used) != 1 {
		err = fmt.Errorf("%d answers to one key", len(used))
	}
	if err != nil {
		return fmt.Errorf("%w: %w", shared.ErrUnavailable, err)
	}
	if !used[0].IsZero() {
		return nil
	}
	if err := rp.applySignal(ctx, a, event); err != nil {
		return err
	}
	if err := a.state.Revoke(ctx, key, time.Now(), time.Until(event.Expires)+time.Minute); err != nil {
		rp.emit(ctx, eventOf(event, eventkind.SignalForgotten, err))
	}
	return nil
}

// eventOf returns an event about a signal.
func eventOf(s *provider.SecurityEvent, kind eventkind.Kind, err error) event {
	return event{kind: kind, err: err, attrs: []slog.Attr{slog.String("type", s.Type), slog.String("jti", s.JTI)}}
}

// applySignal lets a signal have its effect.
func (rp *relyingParty) applySignal(ctx context.Context, a *core, s *provider.SecurityEvent) error {
	sub, sid, found := s.Subject.Sessions(rp.settings.Issuer)
	if s.Type == provider.EventVerification || s.Type == provider.EventStreamUpdated {
		sub, sid, found = "", "", false // the subject is a stream
	}
	received := eventOf(s, eventkind.Signal, nil)
	received.subject, received.sid = sub, sid
	if s.Discard {
		received.attrs = append(received.attrs, slog.Bool("discarded", true))
		rp.emit(ctx, received)
		return nil
	}
	switch {
	case s.Type == provider.EventVerification && !rp.signals.sent(s):
		return errSignalState
	case found && rp.signals.ends(s, sub):
		if err := rp.ledger.EndByProvider(ctx, sub, sid, s.Occurred); err != nil {
			return err
		}
		rp.sessionEnded(ctx, SessionEnd{Subject: sub, SID: sid, Reason: EndedBySignal})
	case found && s.Type == provider.EventCredentialChange && rp.signals.settings.stepsUp():
		if err := rp.ledger.StepUp(ctx, sub, s.Occurred); err != nil {
			return err
		}
	}
	if err := a.hooks.signal(ctx, rp.exported(s, sub, sid)); err != nil {
		return err
	}
	rp.emit(ctx, received)
	return nil
}

// ends reports whether a signal ends the sessions of its subject. Credentials are those of a user, so a change that
// names a session alone ends it instead of a step-up.
func (s *signalReceiver) ends(e *provider.SecurityEvent, sub string) bool {
	return e.Type == provider.EventSessionRevoked || e.Type == provider.EventCredentialChange &&
		(s.settings.CredentialChange == SignalEnds || s.settings.stepsUp() && sub == "")
}

// sent reports whether a verification event has the state that this app has sent with its request. One that the
// transmitter sends by itself has none (Shared Signals Framework 1.0, section 8.1.4.2).
func (s *signalReceiver) sent(e *provider.SecurityEvent) bool {
	state, _ := e.Payload["state"].(string)
	if e.Payload["state"] == nil {
		return true
	}
	_, ok := s.states.Open(state, e.Subject.ID)
	return ok
}

// PollSignals fetches security events at the interval Signals.Poll until ctx is done, and then returns ctx.Err. Run it
// in a goroutine of every instance, after [Auth.SetUpSignals]: they take turns if they share State.
//
//	go auth.PollSignals(ctx)
//
// Trouble with the transmitter is an event, and polling goes on. The error wraps [errors.ErrUnsupported] without
// Signals.Poll.
func (a *Auth) PollSignals(ctx context.Context) error {
	rp, err := a.providers.forCall(ctx, a.provider)
	if err != nil {
		return err
	}
	if rp.signals == nil || rp.signals.settings.Poll == 0 {
		return errNoSignals
	}
	p := &poller{rp: rp, auth: a.core}
	every := time.NewTicker(rp.signals.settings.Poll)
	defer every.Stop()
	for {
		// Token and hooks are code of the app, and nothing else would recover its panics here.
		_, err := flight.Try(a.log, func() (any, error) { return nil, p.poll(ctx) })
		if err != nil && ctx.Err() == nil {
			rp.emit(ctx, event{kind: eventkind.PollFailed, err: err, ofProvider: true})
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-every.C:
		}
	}
}

// poller polls the stream of one relying party.
type poller struct {
	rp     *relyingParty
	auth   *core
	stream *provider.Stream // nil: not known yet
}

// poll fetches all events that wait, unless another instance does so.
func (p *poller) poll(ctx context.Context) error {
	s := p.rp.signals
	key := shared.Key(shared.KindSignal, p.rp.audience.Hash("\x00poll "+s.settings.Issuer))
	giveBack, ok, err := p.auth.state.Lease(ctx, key, signalLease)
	if err != nil || !ok {
		return err
	}
	defer func() { _ = giveBack(context.WithoutCancel(ctx)) }() // if it fails, the lease expires
	if p.stream == nil {
		if p.stream, err = s.own(ctx); err != nil {
			return err
		}
	}
	var said provider.PollAnswer
	for deadline := time.Now().Add(signalLease / 2); time.Now().Before(deadline); {
		tokens, err := s.Poll(ctx, p.stream, said)
		if err != nil {
			p.stream = nil // the transmitter may have another one by now
			return err
		}
		said = p.take(ctx, tokens)
		if len(said.Accepted)+len(said.Refused) == 0 { // the same tokens would come again at once
			return nil
		}
	}
	return nil
}

// take lets the tokens of a poll have their effect. Those that cannot be judged now are neither accepted nor refused,
// so that they come again. A panic of the app's code is such a case, or the other tokens would never be accepted.
func (p *poller) take(ctx context.Context, tokens map[string]string) provider.PollAnswer {
	said := provider.PollAnswer{Refused: map[string]string{}}
	for jti, raw := range tokens {
		_, err := flight.Try(p.auth.log, func() (any, error) { return nil, p.rp.takeSignal(ctx, p.auth, raw) })
		if err == nil {
			said.Accepted = append(said.Accepted, jti)
		} else if code := p.rp.refusedSignal(ctx, err); code != "" {
			said.Refused[jti] = code
		}
	}
	return said
}
