package ginoidc

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/claims"
	"github.com/seed-d65cea4d/ginoidc/internal/events"
	"github.com/seed-d65cea4d/ginoidc/internal/flight"
	"github.com/seed-d65cea4d/ginoidc/internal/outcome"
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

// ProviderCall is the argument of [Config].OnProviderCall: one HTTP exchange with an identity provider, or with the
// transmitter of its security events, that has ended. It holds no token, code or secret, and nothing of a user.
type ProviderCall struct {
	Provider string // its name: see [Provider].Name
	// Operation is what the call was for: "discovery", "key_set", "pushed_authorization_request", "token_request",
	// "userinfo", "refresh", "token_exchange", "introspection", "revocation", "transmitter_configuration" or
	// "signal_stream".
	Operation string
	Method    string
	URL       string // without query
	Status    int    // of the response; 0 if none was received as a whole
	Code      string // one of the reasons in docs/errors.md; "" after a response below 300 or with 4xx
	Start     time.Time
	Duration  time.Duration
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

// hooks runs the functions of the app.
type hooks struct {
	*reporter
	config *Config
}

// signIn runs OnSignIn. If it returns an error, the sign-in is refused and no session starts.
func (h hooks) signIn(ctx context.Context, s *PendingSignIn) error {
	if h.config.OnSignIn == nil {
		return nil
	}
	issuer, subject := s.User.Issuer, s.User.Subject
	if err := h.config.OnSignIn(ctx, s); err != nil {
		return fmt.Errorf("%w: OnSignIn: %w", ErrForbidden, err)
	}
	s.User.Issuer, s.User.Subject = issuer, subject
	return nil
}

// signedIn runs OnSignedIn, for each request that receives the new session. The session has begun, so an error is
// only logged.
func (h hooks) signedIn(c *gin.Context, u *User) {
	if h.config.OnSignedIn == nil {
		return
	}
	if err := h.config.OnSignedIn(c.Request.Context(), u); err != nil {
		h.emit(c.Request.Context(), events.Event{Kind: events.SignedInHookFailed, Subject: u.Subject, Err: err})
	}
}

// signedOut runs OnSignOut. The session has already ended, so an error is only logged.
func (h hooks) signedOut(ctx context.Context, u *User) {
	if h.config.OnSignOut == nil {
		return
	}
	if err := h.config.OnSignOut(ctx, u); err != nil {
		h.emit(ctx, events.Event{Kind: events.SignOutHookFailed, Err: err})
	}
}

// signal runs OnSignal. A panic of the hook is an error, because a poll runs it on no request's goroutine.
func (h hooks) signal(ctx context.Context, s Signal) error {
	if h.config.OnSignal == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, hooksLimit)
	defer cancel()
	if _, err := flight.Try(h.log, func() (any, error) { return nil, h.config.OnSignal(ctx, s) }); err != nil {
		return fmt.Errorf("OnSignal failed: %w", err)
	}
	return nil
}

// Authenticator identifies the user of a request by means other than a session, such as an API key, a personal access
// token or a client certificate. [Config].Authenticators are called in order, at most once per request, before the
// session is opened.
//
// It returns nil, nil if the request carries no credential of its kind; then the next one is called, and finally the
// session is opened. A returned user must have a Subject. Guards check its Groups and Organizations as they check those
// of a session. An error denies the request in every guard, even if there is a valid session: with 401, or with 403 if
// it wraps [ErrForbidden], or with 503 if it wraps [ErrSessionStore] or [ErrProviderUnavailable], because the
// credential cannot be checked at the moment.
//
// A user returned by an Authenticator has no session: no cookie is set and nothing is renewed. Whatever needs a
// session, such as [Auth.RequireFreshSignIn], [Auth.Token] and [Auth.UpdateSession], denies with 403, code
// "no_session". Inside an Authenticator, [UserFrom] reports that nobody is signed in. It only identifies: if it
// replaces c.Request or c.Writer, that is undone, so use c.Set to pass values on.
type Authenticator func(c *gin.Context) (*User, error)

// authenticating is the key of the context in which the authenticators of an Auth run. There is one for each Auth:
// those of one Auth may ask another for its user, and that one the first.
type authenticating struct{ auth *core }

// authenticate calls the authenticators in order. decided reports whether one of them returned a user or an error.
func (req *request) authenticate(ctx context.Context) (id identity, decided bool, err error) {
	if len(req.auth.config.Authenticators) == 0 || req.gin == nil {
		return identity{}, false, nil
	}
	if req.Context.Value(authenticating{req.auth}) != nil {
		return identity{}, true, nil
	}
	c := req.ginContext(ctx)
	if c == nil {
		return identity{}, true, fmt.Errorf("%w: no gin.Context of the request to ask Authenticators with",
			outcome.ErrInternal)
	}
	// An Authenticator that calls UserFrom would wait for itself. In the context below req, nobody is signed in.
	// The requests that other Auths start in there are over afterwards, so they must not write headers any longer.
	asked, writer := c.Request, c.Writer
	c.Request = asked.WithContext(context.WithValue(req.Context, authenticating{req.auth}, true))
	defer func() { c.Request, c.Writer = asked, writer }()
	for _, ask := range req.auth.config.Authenticators {
		switch u, err := ask(c); {
		case err != nil:
			return identity{}, true, outcome.OfAuthenticator(err)
		case u != nil && u.Subject == "":
			return identity{}, true, fmt.Errorf("%w: an Authenticator returned a user without a Subject", outcome.ErrInternal)
		case u != nil:
			return identity{other: req.auth.providers.shownBy(u)}, true, nil
		}
	}
	return identity{}, false, nil
}

// shownBy returns a copy of the user of an Authenticator for guards. Its lists are sorted, and an Authenticator that
// keeps u cannot change them later.
func (ps *relyingParties) shownBy(u *User) *User {
	own := u.copied()
	own.Groups, own.Organizations = claims.Normalized(own.Groups), claims.Normalized(own.Organizations)
	own.ready = true
	if rp := ps.First(); rp != nil {
		own.shape = rp.shape
	}
	return own
}

// ginContext returns the gin.Context that serves the request, or nil if there is none or it has been reused since.
func (req *request) ginContext(ctx context.Context) *gin.Context {
	if c, ok := ctx.(*gin.Context); ok && req.serves(c) {
		return c
	}
	if c := req.gin; c != nil && req.Err() == nil && c.Request != nil && req.serves(c) {
		return c
	}
	return nil
}
