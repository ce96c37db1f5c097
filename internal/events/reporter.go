package events

import (
	"cmp"
	"context"
	"log/slog"
	"strings"

	"github.com/seed-d65cea4d/ginoidc/internal/flight"
	"github.com/seed-d65cea4d/ginoidc/internal/lograte"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

// Reporter passes on what happens: to the log and to the hooks of the app. A hook that is nil is not called.
type Reporter struct {
	Provider string // whose events it reports, "" for those of the app
	Log      *slog.Logger
	OnEvent  func(context.Context, Event)
	// OnSessionEnd receives each event of the kind SessionEnded.
	OnSessionEnd func(context.Context, Event)
	// OnCall receives each call to the provider of this name.
	OnCall func(ctx context.Context, provider string, call provider.Call)

	rate lograte.Limiter
}

// Of returns a reporter of the events of one provider. It has a rate of its own, so that a flood of lines about one
// provider does not hide those about another.
func (r *Reporter) Of(provider string) *Reporter {
	return &Reporter{Provider: provider, Log: r.Log, OnEvent: r.OnEvent, OnSessionEnd: r.OnSessionEnd, OnCall: r.OnCall}
}

// Emit passes an event on: to the log, to OnEvent, and the end of a session to OnSessionEnd.
func (r *Reporter) Emit(ctx context.Context, e Event) {
	e.Provider = cmp.Or(e.Provider, r.Provider)
	if !e.Unlogged {
		r.logLine(ctx, &e)
	}
	if r.OnEvent != nil {
		r.report(ctx, e)
	}
	if e.Kind == SessionEnded && r.OnSessionEnd != nil {
		r.OnSessionEnd(ctx, e)
	}
}

// logLine writes the line of an event. Lines about no user may be caused by strangers, so the number of each kind is
// limited: the next line says how many were suppressed. OnEvent gets all of them.
func (r *Reporter) logLine(ctx context.Context, e *Event) {
	attrs := e.logAttrs()
	if e.Subject == "" {
		suppressed, ok := r.rate.Allow(string(e.Kind) + " " + e.Code)
		if !ok {
			return
		}
		if suppressed > 0 {
			attrs = append(attrs, slog.Int("suppressed", suppressed))
		}
	}
	r.Log.LogAttrs(ctx, e.level(), "ginoidc: "+string(e.Kind), attrs...)
}

// report calls OnEvent, unless the event has no name. A panic of the app's function is only logged: a receiver of
// events must not change what happens to a request.
func (r *Reporter) report(ctx context.Context, e Event) {
	if e.Name = e.name(); e.Name == "" {
		return
	}
	e.Code = cmp.Or(e.Code, e.codeOfProvider())
	if from := SourceIn(ctx); from != nil {
		e.ClientIP, e.Route, e.RequestID = from.ClientIP, from.Route, from.ID()
	}
	_, _ = flight.Try(r.Log, func() (any, error) {
		r.OnEvent(ctx, e)
		return nil, nil
	})
}

// EmitProvider emits an event of the package that talks to the provider.
func (r *Reporter) EmitProvider(ctx context.Context, e provider.Event) {
	r.Emit(ctx, Event{Kind: Kind(e.Text), Level: e.Level, Attrs: e.Attrs, Err: e.Err, OfProvider: true})
}

// CallObserver returns the function that passes calls on to OnCall, with operations in the form of codes. It is nil if
// nobody listens, and then no call is measured. A panic of the app's function is only logged.
func (r *Reporter) CallObserver() func(context.Context, provider.Call) {
	if r.OnCall == nil {
		return nil
	}
	return func(ctx context.Context, call provider.Call) {
		call.Op = strings.ReplaceAll(call.Op, " ", "_")
		_, _ = flight.Try(r.Log, func() (any, error) {
			r.OnCall(ctx, r.Provider, call)
			return nil, nil
		})
	}
}
