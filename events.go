package ginoidc

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

// PendingSignIn is the argument of [Config].OnSignIn: a sign-in whose tokens are validated and that has no session yet.
type PendingSignIn struct {
	// User is the user who signs in. The hook may change it, to add Data or to map groups, except for Issuer and Subject.
	User *User
	// AccessToken is the provider's access token, for calls that the hook makes. The session keeps it only if
	// Config.KeepTokens is set.
	AccessToken string
	// AppState is what Config.AppState returned when the sign-in began.
	AppState string
}

// EndReason says why a session ended.
type EndReason string

// The reasons for which a session ends before it expires.
const (
	EndedBySignOut      EndReason = "sign_out"      // the user signed out
	EndedByNewSignIn    EndReason = "new_sign_in"   // the browser signed in again
	EndedByApp          EndReason = "app"           // EndSession, EndUserSession or EndUserSessions
	EndedByBackChannel  EndReason = "back_channel"  // the provider sent a logout token
	EndedByFrontChannel EndReason = "front_channel" // the provider framed the front-channel route
	EndedByRefresh      EndReason = "refresh"       // the provider refused to refresh the tokens
	EndedByLimit        EndReason = "limit"         // the user signed in more often than MaxSessions allows
)

// SessionEnd is the argument of [Config].OnSessionEnd. At least one of Subject and SID, the provider's session id, is
// set. If a logout token has only one of them, it ends all sessions that match it.
type SessionEnd struct {
	Subject, SID string
	Reason       EndReason
}

// reporter passes on what happens, to the log and to the hook of the app.
type reporter struct {
	log          *slog.Logger
	onSessionEnd func(context.Context, SessionEnd)
}

// runOnSignIn runs the hook. If it returns an error, the sign-in is refused and no session starts.
func (a *core) runOnSignIn(ctx context.Context, s *PendingSignIn) error {
	if a.config.OnSignIn == nil {
		return nil
	}
	issuer, subject := s.User.Issuer, s.User.Subject
	if err := a.config.OnSignIn(ctx, s); err != nil {
		return fmt.Errorf("%w: OnSignIn: %w", ErrForbidden, err)
	}
	s.User.Issuer, s.User.Subject = issuer, subject
	return nil
}

// signedOut runs OnSignOut. The session has already ended, so an error is only logged.
func (a *core) signedOut(ctx context.Context, u *User) {
	if a.config.OnSignOut == nil {
		return
	}
	if err := a.config.OnSignOut(ctx, u); err != nil {
		a.emit(ctx, event{kind: eventSignOutHookFailed, err: err})
	}
}

// sessionEnded reports the end of one session, or of all sessions that match e.
func (r *reporter) sessionEnded(ctx context.Context, e SessionEnd) {
	r.emit(ctx, event{kind: eventSessionEnded, subject: e.Subject, sid: e.SID, reason: e.Reason})
}

// event is something that happened and that the app or its operator may need to know.
type event struct {
	kind         eventKind
	subject, sid string      // the user and session concerned, if known
	actor        string      // the subject of the user who acts as that user
	code         string      // of a denial or failure: see docs/errors.md
	reason       EndReason   // of eventSessionEnded
	route        string      // the pattern of the route of a denied request
	requestID    string      // of eventRequestFailed; the response shows it
	attrs        []slog.Attr // further attributes of the log line
	err          error
	level        slog.Level // for the kinds that logLevel does not list
}

// eventKind is the kind of an event, and its message in the log.
type eventKind string

const (
	eventSignedIn               eventKind = "signed in"
	eventSilentSignInFailed     eventKind = "no silent sign-in"
	eventCallbackWithoutAttempt eventKind = "callback without an attempt, but the user is signed in"
	eventSessionLost            eventKind = "the session of a recent sign-in is gone, so the browser signs in again"
	eventResponseModeMismatch   eventKind = "the provider's response came in another response mode than requested"
	eventGroupsMissing          eventKind = "groups are required and no sign-in had any: check the groups claim and scopes"

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

	eventReplacedTokensNotLeft eventKind = "a sign-in cannot revoke the tokens of the session it replaces"

	eventLeaseNotReleased eventKind = "lease not released"

	eventLogoutRefused        eventKind = "back-channel logout refused"
	eventLogoutTokenForgotten eventKind = "logout token not marked as used"
	eventFrontChannelNoList   eventKind = "front-channel logout ended nothing, since State lists no sessions"
	eventFrontChannelNothing  eventKind = "front-channel logout ended nothing"
	eventSignOutHookFailed    eventKind = "OnSignOut"
)

// emit passes every event on: to the log, and the end of a session to the app's hook.
func (r *reporter) emit(ctx context.Context, e event) {
	r.log.LogAttrs(ctx, e.logLevel(), "ginoidc: "+string(e.kind), e.logAttrs()...)
	if e.kind == eventSessionEnded && r.onSessionEnd != nil {
		r.onSessionEnd(ctx, SessionEnd{Subject: e.subject, SID: e.sid, Reason: e.reason})
	}
}

// emitProvider emits an event of the package that talks to the provider.
func (r *reporter) emitProvider(ctx context.Context, e provider.Event) {
	r.emit(ctx, event{kind: eventKind(e.Text), level: e.Level, attrs: e.Attrs, err: e.Err})
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
		eventFrontChannelNoList:
		return slog.LevelWarn
	case eventSignInGuarded, eventEarlierSessionLives, eventRefreshUnchecked, eventRefreshNotShared,
		eventSignOutHookFailed:
		return slog.LevelError
	}
	return e.level
}

// logAttrs returns the attributes of the log line, without those that the event does not have.
func (e event) logAttrs() []slog.Attr {
	var attrs []slog.Attr
	for _, text := range []struct{ key, value string }{
		{"code", e.code}, {"reason", string(e.reason)}, {"sub", e.subject}, {"actor", e.actor}, {"route", e.route},
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
