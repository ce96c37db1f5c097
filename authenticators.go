package ginoidc

import (
	"context"
	"errors"
	"fmt"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/claims"
)

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

// authenticatorError is a denial by an Authenticator. The default answer to it is no redirect to the sign-in, because a
// session would not change the result.
type authenticatorError struct{ error }

// Unwrap returns the error that decides the status.
func (e *authenticatorError) Unwrap() error { return e.error }

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
		return identity{}, true, fmt.Errorf("%w: no gin.Context of the request to ask Authenticators with", errInternal)
	}
	// An Authenticator that calls UserFrom would wait for itself. In the context below req, nobody is signed in.
	// The requests that other Auths start in there are over afterwards, so they must not write headers any longer.
	asked, writer := c.Request, c.Writer
	c.Request = asked.WithContext(context.WithValue(req.Context, authenticating{req.auth}, true))
	defer func() { c.Request, c.Writer = asked, writer }()
	for _, ask := range req.auth.config.Authenticators {
		switch u, err := ask(c); {
		case err != nil:
			return identity{}, true, denied(err)
		case u != nil && u.Subject == "":
			return identity{}, true, fmt.Errorf("%w: an Authenticator returned a user without a Subject", errInternal)
		case u != nil:
			return identity{other: req.auth.shownBy(u)}, true, nil
		}
	}
	return identity{}, false, nil
}

// denied wraps the error of an Authenticator so that it has a status: 401 unless it wraps an error with another one.
func denied(err error) error {
	for _, known := range []error{ErrForbidden, ErrSessionStore, ErrProviderUnavailable, ErrUnauthenticated} {
		if errors.Is(err, known) {
			return &authenticatorError{err}
		}
	}
	return &authenticatorError{fmt.Errorf("%w: %w", ErrUnauthenticated, err)}
}

// shownBy returns a copy of the user for guards. Its lists are sorted, and an Authenticator that keeps u cannot change
// them later.
func (a *core) shownBy(u *User) *User {
	own := u.copied()
	own.Groups, own.Organizations = claims.Normalized(own.Groups), claims.Normalized(own.Organizations)
	own.ready = true
	if rp := a.providers.first(); rp != nil {
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
