package ginoidc

import (
	"context"
	"fmt"
	"net/http"

	"github.com/gin-gonic/gin"
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
	// Recheck reports that the user is already signed in and has been read again, because of Config.RecheckEvery. User has
	// the claims as they are now, and Data as the session has it. An error ends the session, unless it wraps
	// [ErrProviderUnavailable] or [ErrSessionStore]: then the check is tried again. AppState and Request are empty.
	Recheck bool
	// Request is a copy of the request that completes the sign-in, without its body. Its URL may hold the authorization
	// code. It has no response: the hook also serves concurrent requests, and continues if the browser disconnects. To
	// change cookies of the app, use Config.OnSignedIn.
	Request *http.Request
}

// EndReason says why a session ended.
type EndReason string

// The reasons for which a session ends before it expires.
const (
	EndedBySignOut      EndReason = "sign_out"      // the user signed out
	EndedByNewSignIn    EndReason = "new_sign_in"   // the browser signed in again
	EndedByApp          EndReason = "app"           // EndSession, EndUserSession, EndAllSessions and the like
	EndedByBackChannel  EndReason = "back_channel"  // the provider sent a logout token
	EndedByFrontChannel EndReason = "front_channel" // the provider framed the front-channel route
	EndedByRefresh      EndReason = "refresh"       // the provider refused to refresh the tokens
	EndedBySignal       EndReason = "signal"        // a security event: see Signals
	EndedByLimit        EndReason = "limit"         // the user signed in more often than MaxSessions allows
	EndedByRecheck      EndReason = "recheck"       // a check of RecheckEvery found that the user may no longer sign in
)

// SessionEnd is the argument of [Config].OnSessionEnd. At least one of Subject and SID, the provider's session id, is
// set, except after [Auth.EndAllSessions]. If a logout token has only one of them, it ends all sessions that match it.
type SessionEnd struct {
	Provider     string // its name: see [Provider].Name
	Subject, SID string
	Reason       EndReason
}

// RequestFrom returns the request in whose course a hook is called, from the context of the hook, so that the hook can
// read the request and set cookies of the app. It returns false if there is none, as in [Config].OnSignIn, which serves
// several requests. The *gin.Context is valid only on the goroutine of the request and until the request ends.
func RequestFrom(ctx context.Context) (*gin.Context, bool) {
	if req := requestIn(ctx, requestKey{}); req != nil && req.gin != nil && req.serves(req.gin) {
		return req.gin, true
	}
	return nil, false
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

// runOnSignedIn runs the hook, for each request that receives the new session. The session has begun, so an error is
// only logged.
func (a *core) runOnSignedIn(c *gin.Context, u *User) {
	if a.config.OnSignedIn == nil {
		return
	}
	if err := a.config.OnSignedIn(c.Request.Context(), u); err != nil {
		a.emit(c.Request.Context(), event{kind: eventSignedInHookFailed, subject: u.Subject, err: err})
	}
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
