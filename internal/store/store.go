// Package store holds what the session stores share: which secrets and cookies they accept, and how they begin a
// session and encode its values.
package store

import (
	"errors"
	"fmt"
	"net/http"

	gsessions "github.com/gorilla/sessions"

	"github.com/seed-d65cea4d/ginoidc/internal/cookie"
	"github.com/seed-d65cea4d/ginoidc/internal/seal"
)

const (
	// MinSecret is the minimum length of a secret in bytes: what a shorter one seals could be opened by brute force.
	MinSecret = 32

	// DefaultMaxAge is the lifetime in seconds of a session whose attributes do not set one.
	DefaultMaxAge = 24 * 60 * 60
)

// NewRing derives the keys of one purpose from the secrets, or returns everything that is wrong with them.
func NewRing(purpose string, secrets []string) (*seal.Ring, error) {
	ring, err := seal.NewRing(purpose, secrets)
	problems := []error{err} // reports an empty secret
	for i, secret := range secrets {
		if n := len(secret); n > 0 && n < MinSecret {
			problems = append(problems,
				fmt.Errorf("secret %d of %d has %d bytes, fewer than %d", i+1, len(secrets), n, MinSecret))
		}
	}
	return ring, errors.Join(problems...)
}

// DefaultOptions returns the cookie attributes that apply until the app sets its own.
func DefaultOptions() gsessions.Options {
	return gsessions.Options{
		Path: "/", MaxAge: DefaultMaxAge, Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
}

// NewSession returns an empty session of s, with a copy of the options.
func NewSession(s gsessions.Store, name string, options gsessions.Options) *gsessions.Session {
	session := gsessions.NewSession(s, name)
	session.Options = &options
	session.IsNew = true
	return session
}

// CheckCookie returns an error for a name or an attribute that is not valid in a cookie.
func CheckCookie(name string, o *gsessions.Options) error {
	return cookie.Validate(gsessions.NewCookie(name, "", o))
}
