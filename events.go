package ginoidc

import (
	"context"
	"log/slog"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

// event is something that has happened and that the app or its operator may have to know.
type event struct {
	kind         eventKind
	subject, sid string      // whom it concerns, where that is known
	code         string      // of a denial or failure: see docs/errors.md
	reason       EndReason   // of eventSessionEnded
	route        string      // the pattern of the route of a denied request
	requestID    string      // of eventRequestFailed, as the response has it
	attrs        []slog.Attr // what else the log has
	err          error
	level        slog.Level // of the kinds whose level differs from event to event; of others see eventKind.level
}

// eventKind says what has happened, in the words of the log.
type eventKind string

const (
	eventSignedIn               eventKind = "signed in"
	eventSilentSignInFailed     eventKind = "no silent sign-in"
	eventCallbackWithoutAttempt eventKind = "callback without an attempt, from somebody signed in"
	eventSessionLost            eventKind = "the session of a sign-in a moment ago is not there, so the browser signs in again"
	eventResponseModeMismatch   eventKind = "the provider's answer came in another response mode than it was asked for in"
	eventGroupsMissing          eventKind = "groups are required and no sign-in so far had any: check the groups claim and scopes"

	eventDenied        eventKind = "denied"
	eventRequestFailed eventKind = "request failed"
	eventSignInGuarded eventKind = "a guard denies the sign-in, as the handler there is one of the app's: " +
		"give Auth.SignIn itself to the route, or put the guard on other routes only"

	eventSessionRenewed      eventKind = "session renewed"
	eventSessionNotRenewed   eventKind = "session not renewed"
	eventSessionEnded        eventKind = "session ended"
	eventEarlierSessionLives eventKind = "an earlier session is not ended"
	eventSeveralSessions     eventKind = "the request has several sessions, of which none counts: " +
		"its cookies come from several paths or domains"
	eventSessionNotListed   eventKind = "session not listed"
	eventSessionStillListed eventKind = "session still listed"
	eventOldStateStored     eventKind = "the session as it was before its update is still in the store"
	eventCookiesNotDeleted  eventKind = "cookies of an ended session not deleted"

	eventTokensRefreshed  eventKind = "tokens refreshed"
	eventRefreshRefused   eventKind = "refresh refused, which ends the session"
	eventRefreshUnchecked eventKind = "refreshed tokens kept without knowing whether their session lives"
	eventRefreshNotShared eventKind = "refreshed tokens not left for other requests"
	eventTokensNotRevoked eventKind = "tokens not revoked"

	eventReplacedTokensNotLeft eventKind = "tokens of the session that a sign-in may replace cannot be revoked by it"

	eventLeaseNotReleased eventKind = "lease not given back"

	eventLogoutRefused        eventKind = "back-channel logout refused"
	eventLogoutTokenForgotten eventKind = "a logout token is not remembered"
	eventFrontChannelNoList   eventKind = "front-channel logout ended nothing, since State lists no sessions"
	eventFrontChannelNothing  eventKind = "front-channel logout ended nothing"
	eventSignOutHookFailed    eventKind = "OnSignOut"
)

// emit is the one place through which every event passes: to the log, and to the hook of the app that wants it.
func (a *core) emit(ctx context.Context, e event) {
	a.log.LogAttrs(ctx, e.logLevel(), "ginoidc: "+string(e.kind), e.logAttrs()...)
	if e.kind == eventSessionEnded && a.config.OnSessionEnd != nil {
		a.config.OnSessionEnd(ctx, SessionEnd{Subject: e.subject, SID: e.sid, Reason: e.reason})
	}
}

// emitProvider passes on what the provider's room reports.
func (a *core) emitProvider(ctx context.Context, e provider.Event) {
	a.emit(ctx, event{kind: eventKind(e.Text), level: e.Level, attrs: e.Attrs, err: e.Err})
}

// logLevel is info for what happens in a working app, warn for what its operator should look at, and error for what
// keeps users from signing in or out.
func (e event) logLevel() slog.Level {
	switch e.kind {
	case eventSessionRenewed, eventCookiesNotDeleted:
		return slog.LevelDebug
	case eventSessionLost, eventResponseModeMismatch, eventGroupsMissing, eventSessionNotRenewed, eventSeveralSessions,
		eventSessionNotListed, eventSessionStillListed, eventOldStateStored, eventRefreshRefused, eventTokensNotRevoked, eventReplacedTokensNotLeft,
		eventLeaseNotReleased, eventLogoutRefused, eventLogoutTokenForgotten, eventFrontChannelNoList:
		return slog.LevelWarn
	case eventSignInGuarded, eventEarlierSessionLives, eventRefreshUnchecked, eventRefreshNotShared, eventSignOutHookFailed:
		return slog.LevelError
	}
	return e.level
}

// logAttrs leaves out what an event does not have.
func (e event) logAttrs() []slog.Attr {
	var attrs []slog.Attr
	for _, text := range []struct{ key, value string }{
		{"code", e.code}, {"reason", string(e.reason)}, {"sub", e.subject}, {"route", e.route}, {"request_id", e.requestID},
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
