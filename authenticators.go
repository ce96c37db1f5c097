package ginoidc

import (
	"context"
	"errors"
	"fmt"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/claims"
)

// Authenticator shows who makes a request by other means than a session, such as an API key, a personal access token or a
// client certificate. [Config].Authenticators are asked in order, at most once a request, before the session is opened.
//
// It returns nil, nil if the request does not use its means: the next one is asked, and at last the session. A user has a
// Subject; Groups and Organizations count in guards as those of a session do. An error denies the request in every guard,
// whatever the session says: with 401, unless it wraps [ErrForbidden] (403), or [ErrSessionStore] or
// [ErrProviderUnavailable] because nobody can tell who it is (503).
//
// A user shown by an Authenticator has no session: no cookie is set, nothing is renewed, and what needs a session, such as
// [Auth.RequireFreshSignIn], [Auth.Token] and [Auth.UpdateSession], denies with 403, code "no_session". Nobody is signed
// in to those who ask from inside of an Authenticator.
type Authenticator func(c *gin.Context) (*User, error)

// authenticatorError is a denial of an Authenticator. A sign-in would not help.
type authenticatorError struct{ error }

// Unwrap returns the error that decides the status.
func (e *authenticatorError) Unwrap() error { return e.error }

// authenticating marks the context in which authenticators run: the value is the *core that asks them.
type authenticating struct{}

// authenticate asks the authenticators. It reports whether one of them has decided.
func (req *request) authenticate(ctx context.Context) (id identity, decided bool, err error) {
	if len(req.auth.config.Authenticators) == 0 || req.gin == nil {
		return identity{}, false, nil
	}
	if req.Context.Value(authenticating{}) == req.auth {
		return identity{}, true, nil
	}
	c := req.ginContext(ctx)
	if c == nil {
		return identity{}, true, fmt.Errorf("%w: no gin.Context of the request to ask Authenticators with", errInternal)
	}
	// An Authenticator that asks who is signed in would wait for itself: in the context below req nobody is.
	asked := c.Request
	c.Request = asked.WithContext(context.WithValue(req.Context, authenticating{}, req.auth))
	defer func() { c.Request = asked }()
	for _, ask := range req.auth.config.Authenticators {
		switch u, err := ask(c); {
		case err != nil:
			return identity{}, true, denied(err)
		case u != nil && u.Subject == "":
			return identity{}, true, fmt.Errorf("%w: an Authenticator returned a user without a Subject", errInternal)
		case u != nil:
			return identity{user: req.auth.shownBy(u)}, true, nil
		}
	}
	return identity{}, false, nil
}

// denied turns the error of an Authenticator into one with a status of its own.
func denied(err error) error {
	for _, known := range []error{ErrForbidden, ErrSessionStore, ErrProviderUnavailable, ErrUnauthenticated} {
		if errors.Is(err, known) {
			return &authenticatorError{err}
		}
	}
	return &authenticatorError{fmt.Errorf("%w: %w", ErrUnauthenticated, err)}
}

// shownBy returns the user as guards need it: with sorted lists that no Authenticator changes afterwards.
func (a *core) shownBy(u *User) *User {
	own := u.copied()
	own.Groups, own.Organizations = claims.Normalized(own.Groups), claims.Normalized(own.Organizations)
	own.shape, own.ready = a.shape, true
	return own
}

// ginContext returns the gin.Context of the request while it serves it, nil otherwise.
func (req *request) ginContext(ctx context.Context) *gin.Context {
	if c, ok := ctx.(*gin.Context); ok && req.serves(c) {
		return c
	}
	if c := req.gin; c != nil && req.Err() == nil && c.Request != nil && req.serves(c) {
		return c
	}
	return nil
}
