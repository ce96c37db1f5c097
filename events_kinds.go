package ginoidc

import (
	"errors"
	"log/slog"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

// event is something that happened and that the app or its operator may need to know.
type event struct {
	kind         eventKind
	subject, sid string      // the user and session concerned, if known
	actor        string      // the subject of the user who acts as that user
	provider     string      // the name of the provider concerned, if any
	code         string      // of a denial or failure: see docs/errors.md
	reason       EndReason   // of eventSessionEnded
	route        string      // the pattern of the route of a denied request
	requestID    string      // of eventRequestFailed; the response shows it
	attrs        []slog.Attr // further attributes of the log line
	err          error
	level        slog.Level // for the kinds that logLevel does not list
	unlogged     bool       // for OnEvent only
	signIn       bool       // eventRequestFailed, on the way to a session
	ofProvider   bool       // the package that talks to the provider emitted it
}

// eventKind is the kind of an event, and its message in the log.
type eventKind string

const (
	eventSignInAccepted         eventKind = "sign-in accepted"
	eventSignedIn               eventKind = "signed in"
	eventSilentSignInFailed     eventKind = "no silent sign-in"
	eventCallbackWithoutAttempt eventKind = "callback without an attempt, but the user is signed in"
	eventSessionLost            eventKind = "the session of a recent sign-in is gone, so the browser signs in again"
	eventResponseModeMismatch   eventKind = "the provider's response came in another response mode than requested"
	eventGroupsMissing          eventKind = "groups are required and no sign-in had any: check the groups claim and scopes"

	eventAllowed       eventKind = "allowed"
	eventDenied        eventKind = "denied"
	eventRequestFailed eventKind = "request failed"
	eventSignInGuarded eventKind = "a guard denies the sign-in, as the handler there is one of the app's: " +
		"give Auth.SignIn itself to the route, or put the guard on other routes only"

	eventSessionRenewed      eventKind = "session renewed"
	eventSessionNotRenewed   eventKind = "session not renewed"
	eventSessionEnded        eventKind = "session ended"
	eventEarlierSessionLives eventKind = "earlier session not ended"
	eventSeveralSessions     eventKind = "the request has several sessions, so none is accepted: " +
		"its cookies come from several paths or domains"
	eventSessionNotListed   eventKind = "session not listed"
	eventSessionStillListed eventKind = "session still listed"
	eventOldStateStored     eventKind = "the session as it was before its update is still in the store"
	eventCookiesNotDeleted  eventKind = "cookies of an ended session not deleted"

	eventTokensRefreshed  eventKind = "tokens refreshed"
	eventRefreshRefused   eventKind = "refresh refused, which ends the session"
	eventRefreshUnchecked eventKind = "refreshed tokens kept without knowing whether their session has ended"
	eventRefreshNotShared eventKind = "refreshed tokens not shared with other requests"
	eventTokensNotRevoked eventKind = "tokens not revoked"

	eventMembershipsChanged eventKind = "groups or organizations have changed at the provider"
	eventRecheckRefused     eventKind = "the user may no longer sign in, which ends the session"
	eventRecheckFailed      eventKind = "user not read again, which is tried again"
	eventRecheckNotShared   eventKind = "user read again and not shared with other requests"
	eventRecheckNotSaved    eventKind = "user read again and not saved in the session"

	eventReplacedTokensNotLeft eventKind = "a sign-in cannot revoke the tokens of the session it replaces"

	eventLeaseNotReleased eventKind = "lease not released"

	eventLogoutCall           eventKind = "the provider signed the user out"
	eventLogoutRefused        eventKind = "back-channel logout refused"
	eventSessionNotLabelled   eventKind = "session not labelled"
	eventSignal               eventKind = "signal"
	eventSignalRefused        eventKind = "signal refused"
	eventSignalForgotten      eventKind = "signal not marked as used"
	eventPollFailed           eventKind = "polling for signals failed"
	eventLogoutTokenForgotten eventKind = "logout token not marked as used"
	eventFrontChannelNoList   eventKind = "front-channel logout ended nothing, since State lists no sessions"
	eventFrontChannelNothing  eventKind = "front-channel logout ended nothing"
	eventProviderGone         eventKind = "the session is of a provider that is not configured any longer"
	eventProviderInvalid      eventKind = "FindProvider returned a provider that cannot be used"
	eventLinked               eventKind = "account linked"
	eventSignedInHookFailed   eventKind = "OnSignedIn"
	eventSignOutHookFailed    eventKind = "OnSignOut"
)

// name returns the name of an event for OnEvent, or "" for events that concern nobody outside of the plugin.
func (e event) name() string {
	switch e.kind {
	case eventSignInAccepted:
		return EventSignIn
	case eventSignedIn:
		return EventSessionStarted
	case eventSilentSignInFailed:
		return EventSignInRefused
	case eventSessionRenewed:
		return EventSessionRenewed
	case eventSessionEnded:
		return EventSessionEnded
	case eventTokensRefreshed:
		return EventTokensRefreshed
	case eventRefreshRefused:
		return EventRefreshRefused
	case eventMembershipsChanged:
		return EventMembershipsChanged
	case eventRecheckRefused:
		return EventRecheckRefused
	case eventRecheckFailed:
		return EventRecheckFailed
	case eventAllowed:
		return EventAllowed
	case eventDenied:
		return nameOfDenial(e)
	case eventLogoutCall:
		return EventLogoutCall
	case eventLogoutRefused, eventFrontChannelNoList, eventFrontChannelNothing:
		return EventLogoutRefused
	case eventSignal:
		return EventSignal
	case eventSignalRefused:
		return EventSignalRefused
	case eventRequestFailed:
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

func nameOfDenial(e event) string {
	if errors.As(e.err, new(*StepUpError)) {
		return EventStepUp
	}
	return EventDenied
}

func nameOfFailure(e event) string {
	var ofProvider *provider.Error
	switch {
	case errors.As(e.err, &ofProvider) && ofProvider.Code == "too_many_calls":
		return EventThrottled
	case e.signIn:
		return EventSignInRefused
	}
	return EventRequestFailed
}

// logLevel returns info for what happens in a working app, warn for what its operator should look at, and error for
// what prevents users from signing in or out.
func (e event) logLevel() slog.Level {
	switch e.kind {
	case eventSessionRenewed, eventCookiesNotDeleted:
		return slog.LevelDebug
	case eventSessionLost, eventResponseModeMismatch, eventGroupsMissing, eventSessionNotRenewed, eventSeveralSessions,
		eventSessionNotListed, eventSessionStillListed, eventOldStateStored, eventRefreshRefused, eventTokensNotRevoked,
		eventReplacedTokensNotLeft, eventLeaseNotReleased, eventLogoutRefused, eventLogoutTokenForgotten,
		eventFrontChannelNoList, eventSessionNotLabelled, eventSignalRefused, eventSignalForgotten, eventPollFailed,
		eventRecheckRefused, eventRecheckFailed, eventRecheckNotShared, eventRecheckNotSaved:
		return slog.LevelWarn
	case eventSignInGuarded, eventProviderInvalid, eventEarlierSessionLives, eventRefreshUnchecked, eventRefreshNotShared,
		eventSignedInHookFailed, eventSignOutHookFailed:
		return slog.LevelError
	}
	return e.level
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
