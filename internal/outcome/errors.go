package outcome

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/seed-d65cea4d/ginoidc/internal/attempt"
	"github.com/seed-d65cea4d/ginoidc/internal/guard"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/refresh"
	"github.com/seed-d65cea4d/ginoidc/internal/relyingparty"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
	"github.com/seed-d65cea4d/ginoidc/internal/shared"
	"github.com/seed-d65cea4d/ginoidc/internal/throttle"
)

// The errors that the package ginoidc exports, unless another room returns them.
var (
	ErrUnauthenticated = errors.New("ginoidc: not signed in")
	ErrStepUpRequired  = errors.New("ginoidc: a more recent or stronger sign-in is needed")
	ErrSignInRefused   = errors.New("ginoidc: the provider refused the sign-in")
)

// The errors that apps distinguish by their code only.
var (
	ErrCrossOrigin    = errors.New("ginoidc: the request comes from another origin")
	ErrNoAttempt      = errors.New("ginoidc: no sign-in attempt belongs to this response")
	ErrAttemptExpired = errors.New("ginoidc: the sign-in attempt has expired")
	ErrAttemptSpent   = errors.New("ginoidc: the sign-in attempt was used before")
	ErrNotNavigation  = errors.New("ginoidc: not a browser navigation")
	ErrMethod         = errors.New("ginoidc: the route does not support this method")
	ErrNoRoute        = errors.New("ginoidc: there is nothing at this path")
	ErrInvalidToken   = errors.New("ginoidc: the provider's token was refused")
	// ErrSessionOver is for a sign-in that would begin a session that has ended.
	ErrSessionOver = fmt.Errorf("%w: session_expiry or MaxAuthAge allows no session any longer", ErrInvalidToken)
	// ErrNoSession is for users who were identified by other means, where a session is needed.
	ErrNoSession = fmt.Errorf("%w: this needs a session, and the user was identified by other means",
		guard.ErrForbidden)
	ErrLinkRefused      = fmt.Errorf("%w: the accounts were not linked", guard.ErrForbidden)
	ErrProviderResponse = errors.New("ginoidc: unusable response from the provider")
	ErrSessionTooLarge  = errors.New("ginoidc: the session is too large for its store")
	ErrPanicked         = errors.New("ginoidc: a panic in code of the app or of the plugin")
	ErrInternal         = errors.New("ginoidc: internal error") // for every error without another code
)

// ErrMisuse is a call by which the app uses the plugin in a way that cannot work. See Misuse.
var ErrMisuse = errors.New("ginoidc: misuse")

// misuse is an ErrMisuse with a text of its own.
type misuse string

func (m misuse) Error() string     { return string(m) }
func (m misuse) Is(err error) bool { return err == ErrMisuse }

// Misuse returns an ErrMisuse with this text. A handler that passes it to Deny has not decided about the user.
func Misuse(text string) error { return misuse(text) }

// AuthenticatorError is a denial by an Authenticator of the app. The default answer to it is no redirect to the
// sign-in, because a session would not change the result.
type AuthenticatorError struct{ error }

// Unwrap returns the error that decides the status.
func (e *AuthenticatorError) Unwrap() error { return e.error }

// OfAuthenticator wraps the error of an Authenticator so that it has a status: 401 unless it wraps an error with
// another one.
func OfAuthenticator(err error) error {
	for _, known := range []error{
		guard.ErrForbidden, shared.ErrUnavailable, relyingparty.ErrUnavailable, ErrUnauthenticated,
	} {
		if errors.Is(err, known) {
			return &AuthenticatorError{err}
		}
	}
	return &AuthenticatorError{fmt.Errorf("%w: %w", ErrUnauthenticated, err)}
}

// Cancelled reports whether a provider's error code says that the user cancelled the sign-in, so that nothing has
// failed: access_denied (RFC 6749, section 4.1.2.1), and the codes of Apple and LinkedIn for the same.
func Cancelled(code string) bool {
	return slices.Contains([]string{"access_denied", "user_cancelled_authorize", "user_cancelled_login"}, code)
}

// Misdirected reports whether a request is for no route or method of the plugin. Scanners send many of them, and none
// is an attempt to sign in.
func Misdirected(err error) bool { return errors.Is(err, ErrMethod) || errors.Is(err, ErrNoRoute) }

// RetryAfter returns the seconds that a client should wait after a 503 or 429: those that the provider or the app's
// throttle asked for, or the time after which the plugin itself has tried again.
func RetryAfter(err error) int {
	var ofProvider *provider.Error
	var throttled *throttle.Error
	if errors.As(err, &throttled) {
		return int(math.Ceil(throttled.Wait.Seconds()))
	}
	if errors.As(err, &ofProvider) && ofProvider.RetryAfter > 0 {
		return int(math.Ceil(ofProvider.RetryAfter.Seconds()))
	}
	return 5
}

// Translated wraps an error of another room in the corresponding error of the plugin, so that callers need to check for
// these only.
func Translated(err error) error {
	if public := publicOf(err); public != nil {
		return fmt.Errorf("%w: %w", public, err)
	}
	return err
}

// publicOf returns the error of the plugin that err corresponds to, or nil.
func publicOf(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, attempt.ErrNoAttempt):
		return ErrNoAttempt
	case errors.Is(err, attempt.ErrExpired):
		return ErrAttemptExpired
	case errors.As(err, new(*session.TooLargeError)):
		return ErrSessionTooLarge
	case errors.Is(err, session.ErrStore):
		return shared.ErrUnavailable
	case errors.Is(err, refresh.ErrEnded):
		return ErrUnauthenticated
	case errors.Is(err, refresh.ErrBusy):
		return relyingparty.ErrUnavailable
	case errors.Is(err, provider.ErrInvalidToken):
		return ErrInvalidToken
	case errors.Is(err, provider.ErrRefused):
		return ErrSignInRefused
	case errors.Is(err, provider.ErrInvalidResponse):
		return ErrProviderResponse
	case errors.As(err, new(*provider.Error)):
		return relyingparty.ErrUnavailable
	}
	return nil
}
