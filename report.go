package ginoidc

import (
	"context"
	"crypto/rand"
	"log/slog"
	"maps"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/doctor"
	"github.com/seed-d65cea4d/ginoidc/internal/events"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
	"github.com/seed-d65cea4d/ginoidc/internal/settings"
	"github.com/seed-d65cea4d/ginoidc/internal/shared"
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
			c.OnSessionEnd(ctx, SessionEnd{e.Provider, e.Subject, e.SID, EndReason(e.Reason)})
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

// Finding is one result of [Auth.Check].
type Finding struct {
	// Code is stable, such as "redirect_uri_refused". docs/doctor.md lists all codes.
	Code string `json:"code"`
	// Severity is [SeverityOK], [SeverityWarning] or [SeverityError].
	Severity string `json:"severity"`
	// Provider is the name of the provider that it is about. It is empty in an app with one, and for the app itself.
	Provider string `json:"provider,omitempty"`
	// Seen is what was found, in words for an operator. It may quote the provider.
	Seen string `json:"seen"`
	// Fix is what to do. It is empty for SeverityOK.
	Fix string `json:"fix,omitempty"`
}

// Values of [Finding].Severity.
const (
	SeverityOK      = "ok"
	SeverityWarning = "warning" // sign-ins may work
	SeverityError   = "error"   // sign-ins fail, or something that the app relies on is not so
)

// Check compares the configuration with the providers of Config.Providers as they are now, or with that of
// [Auth.ForProvider], and tries out Store and State. It is for a person who sets the app up, for a job of a deployment,
// and for a page of operators, not for each request: it makes about six calls to each provider, among them a token
// request with a made-up code, which the provider refuses, and an authorization request without a user.
//
// The calls follow the rules of all calls to the provider: no redirect is followed, and time and size are limited. No
// finding has a secret. They quote the provider, so show them to operators only. The command cmd/ginoidc prints them:
// see docs/doctor.md.
func (a *Auth) Check(ctx context.Context) []Finding {
	ctx = requestContext(ctx)
	parties := a.providers.Fixed()
	if a.provider != "" {
		rp, err := a.providers.Kept(ctx, a.provider)
		if err != nil {
			return []Finding{{
				Code: "provider_unknown", Severity: SeverityError, Provider: a.provider, Seen: err.Error(),
				Fix: "name a provider of Config.Providers, or one that Config.FindProvider finds",
			}}
		}
		parties = []*relyingParty{rp}
	}
	found := checkApp(ctx, a)
	for _, rp := range parties {
		found = append(found, rp.check(ctx, a.core)...)
	}
	all := make([]Finding, len(found))
	for i, f := range found {
		all[i] = Finding(f)
	}
	return all
}

// checkApp looks at the cookies, the store and the state.
func checkApp(ctx context.Context, a *Auth) []doctor.Finding {
	names := settings.Names{}
	if rp := a.providers.First(); rp != nil {
		names.Variables = rp.names.Variables
	}
	app := doctor.App{
		URL: a.AppURL(), CookieName: a.markers.Name, Path: a.markers.Path, SameSite: a.config.SameSite,
		InCookies: session.InCookies(a.config.Store), StoreError: a.sessions.Ready(ctx),
		OwnState: a.config.State != nil, StateError: shared.RoundTrip(ctx, a.state), Unsupported: a.config.lacksMethods,
		Setting: names.Short,
	}
	for _, rp := range a.providers.Fixed() {
		app.PostsBack = app.PostsBack || rp.mode().FormPost()
	}
	app.Policy, app.PolicyErr = doctor.Policy(ctx, a.config.State, a.config.Store)
	return app.Findings()
}

// check asks the provider, by a client of its own: what is cached says nothing of the provider now, and what goes wrong
// is a finding and no event.
func (rp *relyingParty) check(ctx context.Context, a *core) []doctor.Finding {
	s := doctor.Settings{
		Issuer: rp.settings.Issuer, ClientID: rp.settings.ClientID, AuthMethod: rp.settings.ClientAuthMethod,
		RedirectURL: rp.URL("/callback"), SignedOutURL: a.signOuts.target, ResponseMode: rp.settings.ResponseMode,
		Scopes: rp.settings.Scopes, Algs: rp.settings.SigningAlgs, ClockTolerance: rp.settings.ClockTolerance,
		GroupsClaim: doctor.GroupsMember(rp.settings.GroupsClaim, rp.settings.GroupsPath), NeedsGroups: rp.needsGroups(),
		NeedsUserInfo: !rp.settings.SkipUserInfo, KeepsTokens: a.config.keepsTokens(),
		DropsIDToken: rp.keepIDToken == Never, Introspects: rp.settings.Introspection != "", Setting: rp.names.Short,
	}
	if a.providers.Several {
		s.Name = rp.settings.Name
	}
	cfg, err := rp.clientConfig()
	if err != nil { // New would have found it
		return []doctor.Finding{{
			Code: "config", Severity: doctor.Error, Provider: s.Name, Seen: err.Error(), Fix: "correct the setting",
		}}
	}
	if cfg.ClientKey != nil {
		s.KeyID = cfg.ClientKey.KeyID()
	}
	cfg.Report = func(context.Context, provider.Event) {}
	cfg.Logger = slog.New(slog.DiscardHandler)
	client := provider.New(cfg)
	defer client.CloseIdle()
	probe := client.Probe(ctx, maps.Clone(rp.settings.SignInParameters), a.signOuts.params(rp, rand.Text(), nil))
	return doctor.Provider(s, probe, time.Now())
}

// needsGroups reports whether users of the provider seem to need groups in its tokens.
func (rp *relyingParty) needsGroups() bool {
	named := rp.settings.GroupsClaim != "groups" || len(rp.settings.GroupsPath) > 0
	return rp.settings.GroupsResolver == nil && (named || rp.groups.Guarded.Load())
}
