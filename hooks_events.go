package ginoidc

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/eventkind"
	"github.com/seed-d65cea4d/ginoidc/internal/flight"
	"github.com/seed-d65cea4d/ginoidc/internal/lograte"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

// Event is the argument of [Config].OnEvent: something that concerns the security of the app. It holds no token, code,
// cookie or secret. Fields that do not apply or are not known are empty.
type Event struct {
	// Name is one of the Event constants. Message is the text of the log line, which may change between versions.
	Name    string
	Message string
	Time    time.Time

	// Provider is the name of the identity provider concerned: see [Provider].Name.
	Provider string

	// Subject is the user concerned, Actor the subject of the user who acts as that user, and SID the session at the
	// provider.
	Subject, Actor, SID string

	// Code says why a request was denied or failed: see docs/errors.md. Reason says why a session ended.
	Code   string
	Reason EndReason

	// Route is the pattern of the route, as Gin writes it, and ClientIP the address of the client, by Gin's rules for
	// trusted proxies. RequestID is the same for all events of a request, and is shown on error pages.
	Route, ClientIP, RequestID string

	// Attrs are further details, as in the log. Err is the cause. It is meant for operators: it may quote the provider.
	Attrs []slog.Attr
	Err   error
}

// The names of events. They do not change.
const (
	EventSignIn          = "sign_in"          // the provider authenticated a user, and the sign-in was accepted
	EventSignInRefused   = "sign_in_refused"  // a sign-in failed: Code and Err say why
	EventSessionStarted  = "session_started"  // by a sign-in or by StartSession
	EventSessionRenewed  = "session_renewed"  // the idle limit starts again
	EventSessionEnded    = "session_ended"    // for any reason except expiry: see Reason
	EventTokensRefreshed = "tokens_refreshed" // the access token was refreshed
	EventRefreshRefused  = "refresh_refused"  // the provider refused to, which ends the session
	EventDenied          = "denied"           // a guard denied a request: see Code
	EventAllowed         = "allowed"          // a guard allowed a request; only with Config.ReportAllowed
	EventStepUp          = "step_up"          // a guard requires a further sign-in
	EventLogoutCall      = "logout_call"      // the provider signed a user out, by either channel
	EventLogoutRefused   = "logout_refused"   // such a request was not accepted
	EventSignal          = "signal"           // a security event was received: see the attribute type
	EventSignalRefused   = "signal_refused"   // a security event was not accepted
	EventLinked          = "linked"           // a user proved a second identity, which OnLink stored
	EventRequestFailed   = "request_failed"   // a request could not be answered
	EventThrottled       = "throttled"        // by Config.Throttle, or too many calls to the provider wait: see Code
	EventProvider        = "provider"         // the provider does not respond, or not as it should
	EventTrouble         = "trouble"          // anything else that an operator should look at

	EventMembershipsChanged = "memberships_changed" // a re-check found other groups or organizations: see Attrs
	EventRecheckRefused     = "recheck_refused"     // the user may no longer sign in, which ends the session
	EventRecheckFailed      = "recheck_failed"      // the user could not be read again
)

// reporter passes on what happens, to the log and to the hooks of the app.
type reporter struct {
	provider       string // whose events it reports, "" for those of the app
	log            *slog.Logger
	onEvent        func(context.Context, Event) // nil: none
	onSessionEnd   func(context.Context, SessionEnd)
	onProviderCall func(context.Context, ProviderCall) // nil: none
	reportAllowed  bool
	rate           lograte.Limiter
}

// of returns a reporter of the events of one provider. It has a rate of its own, so that a flood of lines about one
// provider does not hide those about another.
func (r *reporter) of(provider string) *reporter {
	return &reporter{
		provider: provider, log: r.log, onEvent: r.onEvent, onSessionEnd: r.onSessionEnd, onProviderCall: r.onProviderCall,
	}
}

// emit passes every event on: to the log, to OnEvent, and the end of a session to OnSessionEnd.
func (r *reporter) emit(ctx context.Context, e event) {
	e.provider = cmp.Or(e.provider, r.provider)
	if !e.unlogged {
		r.logLine(ctx, e)
	}
	if r.onEvent != nil {
		r.report(ctx, e)
	}
	if e.kind == eventkind.SessionEnded && r.onSessionEnd != nil {
		r.onSessionEnd(ctx, SessionEnd{Provider: e.provider, Subject: e.subject, SID: e.sid, Reason: e.reason})
	}
}

// logLine writes the line of an event. Lines about no user may be caused by strangers, so the number of each kind is
// limited: the next line says how many were suppressed. OnEvent gets all of them.
func (r *reporter) logLine(ctx context.Context, e event) {
	attrs := e.logAttrs()
	if e.subject == "" {
		suppressed, ok := r.rate.Allow(string(e.kind) + " " + e.code)
		if !ok {
			return
		}
		if suppressed > 0 {
			attrs = append(attrs, slog.Int("suppressed", suppressed))
		}
	}
	r.log.LogAttrs(ctx, e.logLevel(), "ginoidc: "+string(e.kind), attrs...)
}

// emitProvider emits an event of the package that talks to the provider.
func (r *reporter) emitProvider(ctx context.Context, e provider.Event) {
	r.emit(ctx, event{kind: eventkind.Kind(e.Text), level: e.Level, attrs: e.Attrs, err: e.Err, ofProvider: true})
}

// allowed reports that a guard allowed a request, if the app wants to know every decision.
func (r *reporter) allowed(c *gin.Context, id identity) {
	if !r.reportAllowed || r.onEvent == nil {
		return
	}
	u := id.user()
	e := event{kind: eventkind.Allowed, unlogged: true, subject: u.Subject, actor: u.Actor.subject()}
	if s := id.session(); s != nil {
		e.sid = s.SID
	}
	r.emit(c.Request.Context(), e)
}

// report calls OnEvent, unless the event has no name. A panic of the app's function is only logged: a receiver of
// events must not change what happens to a request.
func (r *reporter) report(ctx context.Context, e event) {
	name := e.name()
	if name == "" {
		return
	}
	exported := Event{
		Name: name, Message: string(e.kind), Time: time.Now(), Subject: e.subject, Actor: e.actor, SID: e.sid,
		Provider: e.provider,
		Code:     e.code, Reason: e.reason, Route: e.route, RequestID: e.requestID, Attrs: e.attrs, Err: e.err,
	}
	if ofProvider := (*provider.Error)(nil); exported.Code == "" && errors.As(e.err, &ofProvider) {
		exported.Code = ofProvider.Code
	}
	if from := eventkind.SourceIn(ctx); from != nil {
		exported.ClientIP, exported.Route, exported.RequestID = from.ClientIP, from.Route, from.ID()
	}
	_, _ = flight.Try(r.log, func() (any, error) {
		r.onEvent(ctx, exported)
		return nil, nil
	})
}

// withSource returns the context of c, with the source if anybody receives events.
func (r *reporter) withSource(c *gin.Context) context.Context {
	ctx := c.Request.Context()
	if r.onEvent == nil {
		return ctx
	}
	return (&eventkind.Source{ClientIP: c.ClientIP(), Route: c.FullPath()}).In(ctx)
}

// event is something that happened and that the app or its operator may need to know.
type event struct {
	kind         eventkind.Kind
	subject, sid string      // the user and session concerned, if known
	actor        string      // the subject of the user who acts as that user
	provider     string      // the name of the provider concerned, if any
	code         string      // of a denial or failure: see docs/errors.md
	reason       EndReason   // of eventkind.SessionEnded
	route        string      // the pattern of the route of a denied request
	requestID    string      // of eventkind.RequestFailed; the response shows it
	attrs        []slog.Attr // further attributes of the log line
	err          error
	level        slog.Level // for the kinds that have none of their own
	unlogged     bool       // for OnEvent only
	signIn       bool       // eventkind.RequestFailed, on the way to a session
	ofProvider   bool       // the package that talks to the provider emitted it
}

// name returns the name of an event for OnEvent, or "" for events that concern nobody outside of the plugin.
func (e event) name() string {
	switch e.kind {
	case eventkind.SignInAccepted:
		return EventSignIn
	case eventkind.SignedIn:
		return EventSessionStarted
	case eventkind.SilentSignInFailed:
		return EventSignInRefused
	case eventkind.SessionRenewed:
		return EventSessionRenewed
	case eventkind.SessionEnded:
		return EventSessionEnded
	case eventkind.TokensRefreshed:
		return EventTokensRefreshed
	case eventkind.RefreshRefused:
		return EventRefreshRefused
	case eventkind.MembershipsChanged:
		return EventMembershipsChanged
	case eventkind.RecheckRefused:
		return EventRecheckRefused
	case eventkind.RecheckFailed:
		return EventRecheckFailed
	case eventkind.Allowed:
		return EventAllowed
	case eventkind.Denied:
		return nameOfDenial(e)
	case eventkind.LogoutCall:
		return EventLogoutCall
	case eventkind.LogoutRefused, eventkind.FrontChannelNoList, eventkind.FrontChannelNothing:
		return EventLogoutRefused
	case eventkind.Linked:
		return EventLinked
	case eventkind.Signal:
		return EventSignal
	case eventkind.SignalRefused:
		return EventSignalRefused
	case eventkind.RequestFailed:
		return nameOfFailure(e)
	}
	switch {
	case e.logLevel() < slog.LevelWarn:
		return ""
	case e.ofProvider:
		return EventProvider
	}
	return EventTrouble
}

// nameOfDenial distinguishes a step-up, which the user can go through, from a denial.
func nameOfDenial(e event) string {
	if errors.As(e.err, new(*StepUpError)) {
		return EventStepUp
	}
	return EventDenied
}

// nameOfFailure distinguishes failures that an operator looks for: calls that were held back, failed sign-ins, others.
func nameOfFailure(e event) string {
	var ofProvider *provider.Error
	switch {
	case errors.Is(e.err, errThrottled), errors.As(e.err, &ofProvider) && ofProvider.Code == "too_many_calls":
		return EventThrottled
	case e.signIn && !isMisdirected(e.err):
		return EventSignInRefused
	}
	return EventRequestFailed
}

// logAttrs returns the attributes of the log line, without those that the event does not have.
func (e event) logAttrs() []slog.Attr {
	var attrs []slog.Attr
	for _, text := range []struct{ key, value string }{
		{"code", e.code}, {"reason", string(e.reason)}, {"provider", e.provider}, {"sub", e.subject}, {"actor", e.actor},
		{"route", e.route},
		{"request_id", e.requestID},
	} {
		if text.value != "" {
			attrs = append(attrs, slog.String(text.key, text.value))
		}
	}
	attrs = append(attrs, e.attrs...)
	if e.err != nil {
		attrs = append(attrs, slog.Any("error", e.err))
	}
	return attrs
}

// logLevel returns the level of the log line.
func (e event) logLevel() slog.Level {
	if level, ok := e.kind.Level(); ok {
		return level
	}
	return e.level
}
