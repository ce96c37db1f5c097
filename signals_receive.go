package ginoidc

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/events"
	"github.com/seed-d65cea4d/ginoidc/internal/outcome"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/roster"
	"github.com/seed-d65cea4d/ginoidc/internal/signals"
)

// ReceiveSignal takes a security event token that the transmitter of Provider.Signals pushes (RFC 8935). It needs no
// cookie.
//
// It responds with 202 if the token is accepted, also a second time, when it has no effect; with 400 and one of the
// codes of RFC 8935 if the token is refused; and with 503 if the keys of the transmitter or the shared state cannot be
// read, if FindProvider or OnSignal fails, so that the transmitter tries again. Without Provider.Signals it responds
// with 404.
func (a *Auth) ReceiveSignal(c *gin.Context) {
	if a.throttled(c) {
		return
	}
	if !a.begin(c, http.MethodPost) {
		return
	}
	req := a.requestOf(c)
	rp, err := a.providers.ofPath(c, a.requestOf)
	if err == nil && rp.signals == nil {
		err = outcome.ErrNoRoute
	}
	if errors.Is(err, ErrUnknownProvider) || errors.Is(err, outcome.ErrNoRoute) {
		a.denier.fail(c, "", err)
		return
	}
	if err != nil { // the transmitter is to try again
		a.refuseSignal(c, err)
		return
	}
	raw, err := rp.signals.ReadPushed(c.Writer, c.Request)
	if err == nil {
		err = rp.signals.Take(req, raw)
	}
	if err != nil {
		rp.refuseSignal(c, err)
		return
	}
	c.Status(http.StatusAccepted)
	c.Writer.WriteHeaderNow()
}

// refuseSignal responds to the transmitter as RFC 8935, sections 2.3 and 2.4, requires.
func (r *reporter) refuseSignal(c *gin.Context, err error) {
	r.reportSignal(c.Request.Context(), signals.Refused, nil, err)
	c.Abort()
	code := signals.Code(err)
	if code == "" {
		askLater(c, err)
		c.JSON(http.StatusServiceUnavailable, gin.H{"err": "unavailable", "description": "Try again later."})
		return
	}
	c.Header("Content-Language", "en")
	c.JSON(http.StatusBadRequest, gin.H{"err": code, "description": "The security event token was not accepted."})
}

// reportSignal reports trouble with signals. of is the event concerned, or nil.
func (r *reporter) reportSignal(ctx context.Context, e signals.Event, of *provider.SecurityEvent, err error) {
	trouble := events.Event{Err: err, Attrs: signalAttrs(of)}
	switch e {
	case signals.Refused:
		trouble.Kind, trouble.Code = events.SignalRefused, cmp.Or(signals.Code(err), outcome.Of(translated(err)).Code)
	case signals.Forgotten:
		trouble.Kind = events.SignalForgotten
	case signals.PollFailed:
		trouble.Kind, trouble.OfProvider = events.PollFailed, true
	case signals.LeaseNotReleased:
		trouble.Kind = events.LeaseNotReleased
	}
	r.emit(ctx, trouble)
}

// signalAttrs returns what identifies a signal in the log.
func signalAttrs(s *provider.SecurityEvent) []slog.Attr {
	if s == nil {
		return nil
	}
	return []slog.Attr{slog.String("type", s.Type), slog.String("jti", s.JTI)}
}

// applySignal lets a signal have its effect: first on the sessions, so that a failing hook cannot prevent it.
func (rp *relyingParty) applySignal(ctx context.Context, ask hooks, s *provider.SecurityEvent) error {
	sub, sid, how := signals.Affected(s, rp.settings.Issuer, rp.settings.Signals.CredentialChange)
	received := events.Event{Kind: events.Signal, Subject: sub, SID: sid, Attrs: signalAttrs(s)}
	if s.Discard {
		received.Attrs = append(received.Attrs, slog.Bool("discarded", true))
		rp.emit(ctx, received)
		return nil
	}
	switch how {
	case signals.Ends:
		if err := rp.ledger.EndByProvider(ctx, sub, sid, s.Occurred); err != nil {
			return err
		}
		rp.ledger.Report(ctx, roster.End{Subject: sub, SID: sid, Reason: string(EndedBySignal)})
	case signals.StepsUp:
		if err := rp.ledger.StepUp(ctx, sub, s.Occurred); err != nil {
			return err
		}
	}
	if err := ask.signal(ctx, rp.exported(s, sub, sid)); err != nil {
		return err
	}
	rp.emit(ctx, received)
	return nil
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
