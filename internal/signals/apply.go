package signals

import (
	"cmp"
	"context"
	"log/slog"

	"github.com/seed-d65cea4d/ginoidc/internal/events"
	"github.com/seed-d65cea4d/ginoidc/internal/outcome"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/roster"
)

// endReason is ginoidc.EndedBySignal.
const endReason = "signal"

// The ways in which a change of credentials affects the sessions of a user: the values of
// ginoidc.Signals.CredentialChange.
const (
	Ends    = "end"
	StepsUp = "step_up"
	Ignored = "ignore"
)

// Affected returns what an event does to the sessions of users of an issuer, [Ends], [StepsUp] or [Ignored], and whose
// sessions these are. sub and sid are empty if the event does not identify a user or session. credentials says what a
// change of credentials does. Credentials are those of a user, so a change that names a session alone ends it instead
// of a step-up.
func Affected(e *provider.SecurityEvent, issuer, credentials string) (sub, sid, how string) {
	if e.Type == provider.EventVerification || e.Type == provider.EventStreamUpdated {
		return "", "", Ignored // the subject is a stream
	}
	sub, sid, found := e.Subject.Sessions(issuer)
	switch {
	case !found || e.Discard:
		return sub, sid, Ignored
	case e.Type == provider.EventSessionRevoked:
		return sub, sid, Ends
	case e.Type != provider.EventCredentialChange:
		return sub, sid, Ignored
	case credentials == StepsUp && sub == "":
		return sub, sid, Ends
	}
	return sub, sid, credentials
}

// apply lets an event have its effect: first on the sessions, so that a failing hook cannot prevent it. After an error
// the event is delivered again; what apply does is idempotent.
func (r *Receiver) apply(ctx context.Context, e *provider.SecurityEvent) error {
	sub, sid, how := Affected(e, r.OfIssuer, r.CredentialChange)
	received := events.Event{Kind: events.Signal, Subject: sub, SID: sid, Attrs: attrs(e)}
	if e.Discard {
		received.Attrs = append(received.Attrs, slog.Bool("discarded", true))
		r.Events.Emit(ctx, received)
		return nil
	}
	switch how {
	case Ends:
		if err := r.Sessions.EndByProvider(ctx, sub, sid, e.Occurred); err != nil {
			return err
		}
		r.Sessions.Report(ctx, roster.End{Subject: sub, SID: sid, Reason: endReason})
	case StepsUp:
		if err := r.Sessions.StepUp(ctx, sub, e.Occurred); err != nil {
			return err
		}
	}
	if err := r.Hook(ctx, e, sub, sid); err != nil {
		return err
	}
	r.Events.Emit(ctx, received)
	return nil
}

// attrs returns what identifies an event in the log.
func attrs(e *provider.SecurityEvent) []slog.Attr {
	return []slog.Attr{slog.String("type", e.Type), slog.String("jti", e.JTI)}
}

// Refusal reports that a token was not accepted.
func Refusal(err error) events.Event {
	code := cmp.Or(Code(err), outcome.Of(outcome.Translated(err)).Code)
	return events.Event{Kind: events.SignalRefused, Code: code, Err: err}
}
