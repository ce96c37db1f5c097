package events

import (
	"errors"
	"log/slog"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

// Event is something that happened and that the app or its operator may need to know. It holds no secret, token or
// code.
type Event struct {
	Kind         Kind
	Subject, SID string      // the user and session concerned, if known
	Actor        string      // the subject of the user who acts as that user
	Provider     string      // the name of the provider concerned, if any
	Code         string      // of a denial or failure: see docs/errors.md
	Reason       string      // of SessionEnded
	Route        string      // the pattern of the route of a denied request
	RequestID    string      // of RequestFailed; the response shows it
	Attrs        []slog.Attr // further attributes of the log line
	Err          error
	Level        slog.Level // for the kinds that have none of their own
	Unlogged     bool       // for Reporter.OnEvent only
	StepUp       bool       // Denied, but a further sign-in would do
	SignIn       bool       // RequestFailed, on the way to a session
	OfProvider   bool       // the package that talks to the provider reported it

	// Reporter sets these for OnEvent.
	Name     string
	ClientIP string
}

// name returns the name of an event for OnEvent, or "" for events that concern nobody outside of the plugin.
func (e *Event) name() string {
	if name := e.Kind.name(); name != "" {
		return name
	}
	switch {
	case e.Kind == Denied && e.StepUp: // the user can go through it, so it is no denial
		return "step_up"
	case e.Kind == Denied:
		return "denied"
	case e.Kind == RequestFailed:
		return e.nameOfFailure()
	case e.level() < slog.LevelWarn:
		return ""
	case e.OfProvider:
		return "provider"
	}
	return "trouble"
}

// nameOfFailure distinguishes failures that an operator looks for: calls that were held back, failed sign-ins, others.
func (e *Event) nameOfFailure() string {
	switch {
	case e.Code == "too_many_requests", e.codeOfProvider() == "too_many_calls":
		return "throttled"
	case e.SignIn:
		return "sign_in_refused"
	}
	return "request_failed"
}

// codeOfProvider returns the code of the provider's error, if it is one.
func (e *Event) codeOfProvider() string {
	var ofProvider *provider.Error
	if errors.As(e.Err, &ofProvider) {
		return ofProvider.Code
	}
	return ""
}

// level returns the level of the log line.
func (e *Event) level() slog.Level {
	if level, ok := e.Kind.Level(); ok {
		return level
	}
	return e.Level
}

// logAttrs returns the attributes of the log line, without those that the event does not have.
func (e *Event) logAttrs() []slog.Attr {
	var attrs []slog.Attr
	for _, text := range []struct{ key, value string }{
		{"code", e.Code}, {"reason", e.Reason}, {"provider", e.Provider}, {"sub", e.Subject}, {"actor", e.Actor},
		{"route", e.Route}, {"request_id", e.RequestID},
	} {
		if text.value != "" {
			attrs = append(attrs, slog.String(text.key, text.value))
		}
	}
	attrs = append(attrs, e.Attrs...)
	if e.Err != nil {
		attrs = append(attrs, slog.Any("error", e.Err))
	}
	return attrs
}
