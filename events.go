package ginoidc

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

// PendingSignIn is what [Config].OnSignIn sees: a sign-in that the provider has vouched for and that has no session
// yet.
type PendingSignIn struct {
	// User is who signs in. The hook may change it, to add Data or map groups, but for Issuer and Subject.
	User *User
	// AccessToken is the provider's, for calls the hook makes. It is kept with Config.KeepTokens only.
	AccessToken string
	// AppState is what Config.AppState sealed when the sign-in began.
	AppState string
}

// EndReason says what ended a session.
type EndReason string

// The reasons a session ends before its time.
const (
	EndedBySignOut      EndReason = "sign_out"      // the user signed out
	EndedByNewSignIn    EndReason = "new_sign_in"   // the browser signed in again
	EndedByApp          EndReason = "app"           // EndSession, EndUserSession or EndUserSessions
	EndedByBackChannel  EndReason = "back_channel"  // the provider sent a logout token
	EndedByFrontChannel EndReason = "front_channel" // the provider framed the front-channel route
	EndedByRefresh      EndReason = "refresh"       // the provider refused to refresh the tokens
	EndedByLimit        EndReason = "limit"         // the user signed in more often than MaxSessions allows
)

// SessionEnd is what [Config].OnSessionEnd sees. Of Subject and SID, the provider's session id, at least one is set; a
// logout token without one of them ends all sessions that have the other.
type SessionEnd struct {
	Subject, SID string
	Reason       EndReason
}

// runOnSignIn runs the hook. Its error refuses the sign-in before there is a session.
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

// signedOut runs OnSignOut. The session is gone by then, so an error is reported and changes nothing.
func (a *core) signedOut(ctx context.Context, u *User) {
	if a.config.OnSignOut == nil {
		return
	}
	if err := a.config.OnSignOut(ctx, u); err != nil {
		a.emit(ctx, event{kind: eventSignOutHookFailed, err: err})
	}
}

// sessionEnded reports the end of one session, or of all sessions that e names.
func (a *core) sessionEnded(ctx context.Context, e SessionEnd) {
	a.emit(ctx, event{kind: eventSessionEnded, subject: e.Subject, sid: e.SID, reason: e.Reason})
}

// event is something that has happened and that the app or its operator may have to know.
type event struct {
	kind         eventKind
	subject, sid string      // whom it concerns, where that is known
	actor        string      // the subject of who acts as that user
	code         string      // of a denial or failure: see docs/errors.md
	reason       EndReason   // of eventSessionEnded
	route        string      // the pattern of the route of a denied request
	requestID    string      // of eventRequestFailed, as the response has it
	attrs        []slog.Attr // what else the log has
	err          error
	level        slog.Level // of the kinds that logLevel does not list
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
		{"code", e.code}, {"reason", string(e.reason)}, {"sub", e.subject}, {"actor", e.actor}, {"route", e.route}, {"request_id", e.requestID},
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
