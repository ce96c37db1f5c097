// Package store holds what the stores of sessions have in common: which secrets and cookies they accept, and how they
// begin a session and code its values.
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
	// MinSecret is how many bytes a secret has at least: what a shorter one seals could be opened by trial.
	MinSecret = 32

	// DefaultMaxAge is how many seconds a session lives whose attributes do not say.
	DefaultMaxAge = 24 * 60 * 60
)

// NewRing makes the keys of one purpose from the secrets, or reports everything that is wrong with these.
func NewRing(purpose string, secrets []string) (*seal.Ring, error) {
	ring, err := seal.NewRing(purpose, secrets)
	problems := []error{err} // which says if one is empty
	for i, secret := range secrets {
		if n := len(secret); n > 0 && n < MinSecret {
			problems = append(problems,
				fmt.Errorf("secret %d of %d has %d bytes, fewer than %d", i+1, len(secrets), n, MinSecret))
		}
	}
	return ring, errors.Join(problems...)
}

// DefaultOptions are the attributes of cookies until the app says otherwise.
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

// CheckCookie reports a name or an attribute that is not valid in a cookie.
func CheckCookie(name string, o *gsessions.Options) error {
	return cookie.Validate(gsessions.NewCookie(name, "", o))
}
