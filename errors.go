package ginoidc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"

	"github.com/seed-d65cea4d/ginoidc/internal/attempt"
	"github.com/seed-d65cea4d/ginoidc/internal/authresponse"
	"github.com/seed-d65cea4d/ginoidc/internal/bearer"
	"github.com/seed-d65cea4d/ginoidc/internal/flight"
	"github.com/seed-d65cea4d/ginoidc/internal/guard"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/refresh"
	"github.com/seed-d65cea4d/ginoidc/internal/relyingparty"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
	"github.com/seed-d65cea4d/ginoidc/internal/shared"
	"github.com/seed-d65cea4d/ginoidc/internal/signin"
	"github.com/seed-d65cea4d/ginoidc/internal/web"
)

// The errors that an app may branch on with [errors.Is]. Methods return them, and Err of a [Denial] wraps them. Every
// other reason for which a request is denied or fails has a code only: see Code of [Denial], and docs/errors.md for all
// codes with their statuses and fixes.
var (
	// ErrUnauthenticated: nobody is signed in. 401, code "unauthorized".
	ErrUnauthenticated = errors.New("ginoidc: not signed in")
	// ErrStepUpRequired: the user is signed in, but not as recently or as strongly as the route requires; a
	// [StepUpError] says what a sign-in has to ask for. 401, code "step_up_required".
	ErrStepUpRequired = errors.New("ginoidc: a more recent or stronger sign-in is needed")
	// ErrNoToken: the session has no usable access token, because none is kept or it has expired and cannot be refreshed.
	// 401, code "no_token".
	ErrNoToken = refresh.ErrNoToken
	// ErrForbidden: the user is signed in but not allowed. 403, code "forbidden".
	ErrForbidden = guard.ErrForbidden
	// ErrGroupsOverage: the provider left out the groups because there are too many (the overage marker of Microsoft Entra
	// ID), so it is unknown whether the user is in a group. 403, code "groups_overage".
	ErrGroupsOverage = guard.ErrGroupsOverage
	// ErrSignInRefused: the provider did not sign the user in; a [ProviderError] has its code. 401, code
	// "sign_in_refused".
	ErrSignInRefused = errors.New("ginoidc: the provider refused the sign-in")
	// ErrProviderUnavailable: the provider does not respond in time. 503, code "provider_unavailable".
	ErrProviderUnavailable = relyingparty.ErrUnavailable
	// ErrUnknownProvider: there is no provider of the name. 404, code "unknown_provider". [Config].FindProvider returns
	// it.
	ErrUnknownProvider = relyingparty.ErrUnknown
	// ErrSessionStore: the session store or State does not respond. 503, code "session_unavailable".
	ErrSessionStore = shared.ErrUnavailable
)

// The errors that apps distinguish by their code only.
var (
	errCrossOrigin       = errors.New("ginoidc: the request comes from another origin")
	errScope             = guard.ErrScope
	errAccessToken       = bearer.ErrRefused
	errInvalidCallback   = authresponse.ErrInvalid
	errNoAttempt         = errors.New("ginoidc: no sign-in attempt belongs to this response")
	errAttemptExpired    = errors.New("ginoidc: the sign-in attempt has expired")
	errAttemptSpent      = errors.New("ginoidc: the sign-in attempt was used before")
	errCookieMissing     = signin.ErrCookieMissing
	errNotNavigation     = errors.New("ginoidc: not a browser navigation")
	errInvalidInitiation = signin.ErrInitiation
	errMethod            = errors.New("ginoidc: the route does not support this method")
	errNoRoute           = errors.New("ginoidc: there is nothing at this path")
	errInitiationOff     = signin.ErrInitiationOff
	errInvalidToken      = errors.New("ginoidc: the provider's token was refused")
	errStepUpFailed      = guard.ErrStepUpFailed
	errSessionOver       = fmt.Errorf("%w: session_expiry or MaxAuthAge allows no session any longer", errInvalidToken)
	errProviderResponse  = errors.New("ginoidc: unusable response from the provider")
	errSessionTooLarge   = errors.New("ginoidc: the session is too large for its store")
	errInternal          = errors.New("ginoidc: internal error") // for every error without another code
	errWritten           = errors.New("ginoidc: the response has started, so no session can be saved")
	errTokensOff         = errors.New("ginoidc: Config.KeepTokens is not set")
	errNoProvider        = relyingparty.ErrUnnamed
	errParameters        = signin.ErrParameters
)

// ProviderError is an error response of the authorization endpoint (RFC 6749, section 4.1.2.1). Both texts come from
// the request and are untrusted: escape them before you show them.
type ProviderError struct {
	Code        string // "access_denied", "login_required" …; at most 64 characters
	Description string // at most 256 characters, printable ASCII
}

// Error names the code only.
func (e *ProviderError) Error() string { return "ginoidc: the provider answered " + e.Code }

// Unwrap makes a ProviderError an [ErrSignInRefused].
func (e *ProviderError) Unwrap() error { return ErrSignInRefused }

// outcome is the response to an error. Its texts, for people, have the code as their key in internal/pages.
type outcome struct {
	err    error
	status int
	code   string // stable, documented in docs/errors.md
	link   string // the link that an error page offers: the key of its text
}

// texts returns the key of the texts about err, which has the outcome.
func (o outcome) texts(err error) string {
	switch {
	case o.err == ErrSignInRefused && isCancelled(err):
		return "sign_in_cancelled"
	case o.err == ErrForbidden && errors.Is(err, errStepUpFailed):
		return "step_up_failed"
	}
	return o.code
}

// outcomes returns listOutcomes. The list is made once, because a flood of denied requests should be cheap.
var outcomes = sync.OnceValue(listOutcomes)

// listOutcomes returns the response to every error, the more specific errors first. Those with 403 come before all
// others, because the error of an app's check is wrapped in ErrForbidden and may itself wrap any of the others.
func listOutcomes() []outcome {
	return []outcome{
		{ErrGroupsOverage, http.StatusForbidden, "groups_overage", linkOther},
		{errCrossOrigin, http.StatusForbidden, "cross_origin", linkContinue},
		{errNoSession, http.StatusForbidden, "no_session", linkSignIn},
		{errScope, http.StatusForbidden, "insufficient_scope", linkOther},
		{errLinkRefused, http.StatusForbidden, "link_refused", linkContinue},
		{ErrForbidden, http.StatusForbidden, "forbidden", linkOther},
		{ErrStepUpRequired, http.StatusUnauthorized, "step_up_required", linkAgain},
		{ErrNoToken, http.StatusUnauthorized, "no_token", linkAgain},
		{ErrUnauthenticated, http.StatusUnauthorized, "unauthorized", linkSignIn},
		{errNoAttempt, http.StatusBadRequest, "attempt_missing", linkAgain},
		{errAttemptExpired, http.StatusBadRequest, "attempt_expired", linkAgain},
		{errAttemptSpent, http.StatusBadRequest, "attempt_spent", linkAgain},
		{errCookieMissing, http.StatusBadRequest, "cookie_missing", linkAgain},
		{errNotNavigation, http.StatusBadRequest, "not_a_navigation", linkAgain},
		{web.ErrFormTooLarge, http.StatusRequestEntityTooLarge, "form_too_large", linkAgain},
		{web.ErrNotAForm, http.StatusUnsupportedMediaType, "not_a_form", linkAgain},
		{ErrUnknownProvider, http.StatusNotFound, "unknown_provider", linkSignIn},
		{errInvalidInitiation, http.StatusBadRequest, "invalid_initiation", linkSignIn},
		{errInitiationOff, http.StatusNotFound, "initiation_off", linkSignIn},
		{errMethod, http.StatusMethodNotAllowed, "method_not_allowed", linkContinue},
		{errThrottled, http.StatusTooManyRequests, "too_many_requests", linkAgain},
		{errNoRoute, http.StatusNotFound, "not_found", linkContinue},
		{errInvalidCallback, http.StatusBadRequest, "invalid_callback", linkAgain},
		{ErrSignInRefused, http.StatusUnauthorized, "sign_in_refused", linkAgain},
		{errAccessToken, http.StatusUnauthorized, "invalid_access_token", linkSignIn},
		{errInvalidToken, http.StatusUnauthorized, "invalid_token", linkAgain},
		{errProviderResponse, http.StatusBadGateway, "provider_error", linkAgain},
		{ErrProviderUnavailable, http.StatusServiceUnavailable, "provider_unavailable", linkAgain},
		{ErrSessionStore, http.StatusServiceUnavailable, "session_unavailable", linkRetry},
		{errSessionTooLarge, http.StatusInternalServerError, "session_too_large", linkAgain},
		{errInternal, http.StatusInternalServerError, "internal", linkRetry},
	}
}

// listed returns the outcome of err, if outcomes has one.
func listed(err error) (outcome, bool) {
	for _, o := range outcomes() {
		if errors.Is(err, o.err) {
			return o, true
		}
	}
	return outcome{}, false
}

// outcomeOf returns the outcome of err. An error that is not listed is internal.
func outcomeOf(err error) outcome {
	if o, ok := listed(err); ok {
		return o
	}
	o, _ := listed(errInternal)
	return o
}

// isFailure reports whether err, which has no outcome, is no decision of the app: the app uses the plugin in a way that
// cannot work, or something failed. Most failures of the app itself cannot be recognized; those of the network can.
func isFailure(err error) bool {
	for _, failure := range []error{
		errWritten, errTokensOff, errParameters, errTokenRequest, errNoProvider, errLinkOff, errLinkFormPost, errPanicked,
		errors.ErrUnsupported, context.Canceled, context.DeadlineExceeded,
	} {
		if errors.Is(err, failure) {
			return true
		}
	}
	return errors.As(err, new(*flight.PanicError)) || errors.As(err, new(net.Error))
}

// isCancelled reports whether the user cancelled the sign-in, so that nothing has failed: access_denied (RFC 6749,
// section 4.1.2.1), and the codes of Apple and LinkedIn for the same.
func isCancelled(err error) bool {
	var refusal *ProviderError
	return errors.As(err, &refusal) &&
		slices.Contains([]string{"access_denied", "user_cancelled_authorize", "user_cancelled_login"}, refusal.Code)
}

// isMisdirected reports whether a request is for no route or method of the plugin. Scanners send many of them, and none
// is an attempt to sign in.
func isMisdirected(err error) bool { return errors.Is(err, errMethod) || errors.Is(err, errNoRoute) }

// translated wraps an error of an internal package in the corresponding error of this package, so that callers need to
// check for these only.
func translated(err error) error {
	if public := publicOf(err); public != nil {
		return fmt.Errorf("%w: %w", public, err)
	}
	return err
}

// publicOf returns the error of this package that err corresponds to, or nil.
func publicOf(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, attempt.ErrNoAttempt):
		return errNoAttempt
	case errors.Is(err, attempt.ErrExpired):
		return errAttemptExpired
	case errors.As(err, new(*session.TooLargeError)):
		return errSessionTooLarge
	case errors.Is(err, session.ErrStore):
		return ErrSessionStore
	case errors.Is(err, refresh.ErrEnded):
		return ErrUnauthenticated
	case errors.Is(err, refresh.ErrBusy):
		return ErrProviderUnavailable
	case errors.Is(err, provider.ErrInvalidToken):
		return errInvalidToken
	case errors.Is(err, provider.ErrRefused):
		return ErrSignInRefused
	case errors.Is(err, provider.ErrInvalidResponse):
		return errProviderResponse
	case errors.As(err, new(*provider.Error)):
		return ErrProviderUnavailable
	}
	return nil
}
