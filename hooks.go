package ginoidc

import (
	"context"
	"fmt"
)

// SignIn is what [Config].OnSignIn sees: a sign-in that the provider has vouched for and that has no session yet.
type SignIn struct {
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

// admit runs OnSignIn. Its error refuses the sign-in before there is a session.
func (a *core) admit(ctx context.Context, s *SignIn) error {
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
