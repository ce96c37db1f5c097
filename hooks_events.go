package ginoidc

import (
	"context"
	"log/slog"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/events"
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
	events        *events.Reporter
	log           *slog.Logger
	reportAllowed bool
}

// newReporter returns the reporter of the app. The hooks get types of this package.
func newReporter(c *Config) *reporter {
	to := &events.Reporter{Log: c.Logger}
	if c.OnEvent != nil {
		to.OnEvent = func(ctx context.Context, e events.Event) { c.OnEvent(ctx, exportedEvent(&e)) }
	}
	if c.OnSessionEnd != nil {
		to.OnSessionEnd = func(ctx context.Context, e events.Event) {
			end := SessionEnd{Provider: e.Provider, Subject: e.Subject, SID: e.SID, Reason: EndReason(e.Reason)}
			c.OnSessionEnd(ctx, end)
		}
	}
	if c.OnProviderCall != nil {
		to.OnCall = func(ctx context.Context, name string, call provider.Call) {
			c.OnProviderCall(ctx, ProviderCall{
				Provider: name, Operation: call.Op, Method: call.Method, URL: call.URL, Status: call.Status, Code: call.Code,
				Start: call.Start, Duration: call.Duration,
			})
		}
	}
	return &reporter{events: to, log: c.Logger, reportAllowed: c.ReportAllowed && c.OnEvent != nil}
}

// exportedEvent returns an event as apps see it.
func exportedEvent(e *events.Event) Event {
	return Event{
		Name: e.Name, Message: string(e.Kind), Time: time.Now(), Provider: e.Provider, Subject: e.Subject, Actor: e.Actor,
		SID: e.SID, Code: e.Code, Reason: EndReason(e.Reason), Route: e.Route, ClientIP: e.ClientIP, RequestID: e.RequestID,
		Attrs: e.Attrs, Err: e.Err,
	}
}

// of returns a reporter of the events of one provider.
func (r *reporter) of(provider string) *reporter {
	return &reporter{events: r.events.Of(provider), log: r.log}
}

// emit passes every event on.
func (r *reporter) emit(ctx context.Context, e events.Event) { r.events.Emit(ctx, e) }

// allowed reports that a guard allowed a request, if the app wants to know every decision.
func (r *reporter) allowed(c *gin.Context, id identity) {
	if !r.reportAllowed {
		return
	}
	u := id.user()
	e := events.Event{Kind: events.Allowed, Unlogged: true, Subject: u.Subject, Actor: u.Actor.subject()}
	if s := id.session(); s != nil {
		e.SID = s.SID
	}
	r.emit(c.Request.Context(), e)
}

// withSource returns the context of c, with the source if anybody receives events.
func (r *reporter) withSource(c *gin.Context) context.Context {
	ctx := c.Request.Context()
	if r.events.OnEvent == nil {
		return ctx
	}
	return (&events.Source{ClientIP: c.ClientIP(), Route: c.FullPath()}).In(ctx)
}
