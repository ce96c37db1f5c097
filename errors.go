package ginoidc

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/seed-d65cea4d/ginoidc/internal/attempt"
	"github.com/seed-d65cea4d/ginoidc/internal/flight"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/refresh"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
	"github.com/seed-d65cea4d/ginoidc/internal/shared"
	"github.com/seed-d65cea4d/ginoidc/internal/web"
)

// What an app may branch on, with [errors.Is], in the errors that methods return and in Err of a [Denial]. Everything else
// that a request can be denied for, or fail for, has a code and no name: see Code of [Denial] and docs/errors.md, which
// lists all codes with their statuses and fixes.
var (
	// ErrUnauthenticated: nobody is signed in. 401, code "unauthorized".
	ErrUnauthenticated = errors.New("ginoidc: not signed in")
	// ErrStepUpRequired: the user is signed in, but not as recently or as strongly as the route requires; a
	// [StepUpError] says what a sign-in has to ask for. 401, code "step_up_required".
	ErrStepUpRequired = errors.New("ginoidc: a more recent or stronger sign-in is needed")
	// ErrNoToken: the session has no usable access token: none is kept, or it has expired and cannot be refreshed.
	// 401, code "no_token".
	ErrNoToken = refresh.ErrNoToken
	// ErrForbidden: the user is signed in and not allowed. 403, code "forbidden".
	ErrForbidden = errors.New("ginoidc: not allowed")
	// ErrGroupsOverage: the provider left the groups out because there are too many (Microsoft Entra ID's
	// overage marker), so it is unknown whether the user is in one. 403, code "groups_overage".
	ErrGroupsOverage = errors.New("ginoidc: the provider sent an overage marker instead of the groups")
	// ErrSignInRefused: the provider did not sign the user in; a [ProviderError] has its code. 401, code
	// "sign_in_refused".
	ErrSignInRefused = errors.New("ginoidc: the provider refused the sign-in")
	// ErrProviderUnavailable: the provider cannot be reached in time. 503, code "provider_unavailable".
	ErrProviderUnavailable = errors.New("ginoidc: the provider cannot be reached")
	// ErrSessionStore: the session store cannot answer. 503, code "session_unavailable".
	ErrSessionStore = shared.ErrUnavailable
)

// The errors that apps tell apart by their code only.
var (
	errCrossOrigin       = errors.New("ginoidc: the request comes from another origin")
	errInvalidCallback   = errors.New("ginoidc: invalid authorization response")
	errNoAttempt         = errors.New("ginoidc: no sign-in attempt belongs to this response")
	errAttemptExpired    = errors.New("ginoidc: the sign-in attempt has expired")
	errAttemptSpent      = errors.New("ginoidc: the sign-in attempt was used before")
	errCookieMissing     = errors.New("ginoidc: the session's cookie did not come back")
	errNotNavigation     = errors.New("ginoidc: not a browser navigation")
	errInvalidInitiation = errors.New("ginoidc: invalid login initiation request")
	errInitiationOff     = errors.New("ginoidc: sign-ins that a third party initiates are off")
	errInvalidToken      = errors.New("ginoidc: the provider's token was refused")
	errProviderResponse  = errors.New("ginoidc: unusable answer from the provider")
	errSessionTooLarge   = errors.New("ginoidc: the session is too large for its store")
	errInternal          = errors.New("ginoidc: internal error") // for whatever has no other code
	errWritten           = errors.New("ginoidc: the response has started, so no session can be saved")
	errTokensOff         = errors.New("ginoidc: Config.KeepTokens is not set")
	errParameters        = errors.New("ginoidc: sign-in parameters")
)

// ProviderError is an error response of the authorization endpoint (RFC 6749, section 4.1.2.1). Both texts come
// from the request and are not to be trusted: show neither without escaping.
type ProviderError struct {
	Code        string // "access_denied", "login_required" …; at most 64 characters
	Description string // at most 256 characters, printable ASCII
}

// Error names the code only.
func (e *ProviderError) Error() string { return "ginoidc: the provider answered " + e.Code }

// Unwrap makes a ProviderError an [ErrSignInRefused].
func (e *ProviderError) Unwrap() error { return ErrSignInRefused }

// outcome is how an error is answered.
type outcome struct {
	err     error
	status  int
	code    string // stable, documented in docs/errors.md
	title   string // of a page
	message string // for people; never provider text
	way     string // on, that a page offers
}

// outcomes lists every error with its answer, the more specific first. What is 403 stands before all else: the error of
// a rule is wrapped in ErrForbidden and may wrap any of the others.
func outcomes() []outcome {
	const unfinished, problem, needed = "Sign-in not completed", "Sign-in problem", "Please sign in"
	return []outcome{
		{ErrGroupsOverage, http.StatusForbidden, "groups_overage", "No access", "Your groups could not be read. Please ask the operator of this site.", wayOther},
		{errCrossOrigin, http.StatusForbidden, "cross_origin", "Request refused", "This request came from another site.", wayContinue},
		{errNoSession, http.StatusForbidden, "no_session", "No access", "This needs a sign-in in a browser.", waySignIn},
		{ErrForbidden, http.StatusForbidden, "forbidden", "No access", "You do not have access to this resource.", wayOther},
		{ErrStepUpRequired, http.StatusUnauthorized, "step_up_required", needed + " again", "Please confirm who you are by signing in again.", wayAgain},
		{ErrNoToken, http.StatusUnauthorized, "no_token", needed + " again", "Please sign in again.", wayAgain},
		{ErrUnauthenticated, http.StatusUnauthorized, "unauthorized", "You are not signed in", "Please sign in.", waySignIn},
		{errNoAttempt, http.StatusBadRequest, "attempt_missing", unfinished, "This sign-in was not started in this browser, or its cookie was lost. Please try again.", wayAgain},
		{errAttemptExpired, http.StatusBadRequest, "attempt_expired", unfinished, "The sign-in took too long. Please try again.", wayAgain},
		{errAttemptSpent, http.StatusBadRequest, "attempt_spent", unfinished, "This sign-in was already used. Please try again.", wayAgain},
		{errCookieMissing, http.StatusBadRequest, "cookie_missing", "Signed in, but the cookie is missing", "The sign-in worked, but your browser did not send this site's cookie back. Please allow cookies for this site or delete those it has, and try again.", wayAgain},
		{errNotNavigation, http.StatusBadRequest, "not_a_navigation", unfinished, "Please open this address in a browser window.", wayAgain},
		{web.ErrFormTooLarge, http.StatusRequestEntityTooLarge, "form_too_large", problem, "The answer is too large.", wayAgain},
		{web.ErrNotAForm, http.StatusUnsupportedMediaType, "not_a_form", problem, "The answer is not of the expected type.", wayAgain},
		{errInvalidInitiation, http.StatusBadRequest, "invalid_initiation", problem, "The request to sign in could not be used.", waySignIn},
		{errInitiationOff, http.StatusNotFound, "initiation_off", problem, "This site does not take sign-ins from elsewhere.", waySignIn},
		{errInvalidCallback, http.StatusBadRequest, "invalid_callback", problem, "The sign-in answer could not be used. Please try again.", wayAgain},
		{ErrSignInRefused, http.StatusUnauthorized, "sign_in_refused", "Not signed in", "You were not signed in.", wayAgain},
		{errInvalidToken, http.StatusUnauthorized, "invalid_token", problem, "The sign-in could not be verified.", wayAgain},
		{errProviderResponse, http.StatusBadGateway, "provider_error", problem, "The sign-in service gave an unusable answer.", wayAgain},
		{ErrProviderUnavailable, http.StatusServiceUnavailable, "provider_unavailable", "Sign-in unavailable", "The sign-in service cannot be reached. Please try again in a moment.", wayAgain},
		{ErrSessionStore, http.StatusServiceUnavailable, "session_unavailable", "Temporarily unavailable", "Sessions cannot be read at the moment. Please try again.", wayRetry},
		{errSessionTooLarge, http.StatusInternalServerError, "session_too_large", problem, "Your account has too much data for this site. Please ask its operator.", wayAgain},
		{errInternal, http.StatusInternalServerError, "internal", "Internal error", "Something went wrong.", wayRetry},
	}
}

// listed finds the outcome of an error, if it has one.
func listed(err error) (outcome, bool) {
	for _, o := range outcomes() {
		if !errors.Is(err, o.err) {
			continue
		}
		if o.err == ErrSignInRefused && isCancelled(err) {
			o.title, o.message = "Sign-in cancelled", "You were not signed in, because the sign-in was cancelled or access was not granted."
		}
		return o, true
	}
	return outcome{}, false
}

// outcomeOf decides how an error is answered. One that is not listed is a failure.
func outcomeOf(err error) outcome {
	if o, ok := listed(err); ok {
		return o
	}
	o, _ := listed(errInternal)
	return o
}

// forbidden is an ErrForbidden for the reason err, which may be nil.
func forbidden(err error) error {
	if err == nil {
		return ErrForbidden
	}
	return fmt.Errorf("%w: %w", ErrForbidden, err)
}

// isFailure reports whether err is one of the plugin's errors that have no outcome of their own: something has failed,
// or the app uses the plugin in a way that cannot work. Any other error without an outcome is the app's.
func isFailure(err error) bool {
	for _, failure := range []error{errWritten, errTokensOff, errParameters, errPanicked, errors.ErrUnsupported} {
		if errors.Is(err, failure) {
			return true
		}
	}
	return errors.As(err, new(*flight.PanicError))
}

// notInError is an ErrForbidden that tells the log what the user is not in.
type notInError struct {
	wanted string // the log's key: any_of and all_of for groups, organization
	names  []string
}

func (e *notInError) Error() string { return ErrForbidden.Error() }
func (e *notInError) Unwrap() error { return ErrForbidden }

// isCancelled tells that the user ended the sign-in, so nothing has failed: access_denied (RFC 6749, section 4.1.2.1), and
// the codes of Apple and LinkedIn for the same.
func isCancelled(err error) bool {
	var refusal *ProviderError
	return errors.As(err, &refusal) &&
		slices.Contains([]string{"access_denied", "user_cancelled_authorize", "user_cancelled_login"}, refusal.Code)
}

// translated wraps an error of a lower room in the public one, so that callers need to know these only.
func translated(err error) error {
	if err == nil {
		return nil
	}
	var tooLarge *session.TooLargeError
	var ofProvider *provider.Error
	for _, t := range []struct {
		is     bool
		public error
	}{
		{errors.Is(err, attempt.ErrNoAttempt), errNoAttempt},
		{errors.Is(err, attempt.ErrExpired), errAttemptExpired},
		{errors.As(err, &tooLarge), errSessionTooLarge},
		{errors.Is(err, session.ErrStore), ErrSessionStore},
		{errors.Is(err, refresh.ErrEnded), ErrUnauthenticated},
		{errors.Is(err, refresh.ErrBusy), ErrProviderUnavailable},
		{errors.Is(err, provider.ErrInvalidToken), errInvalidToken},
		{errors.Is(err, provider.ErrRefused), ErrSignInRefused},
		{errors.Is(err, provider.ErrInvalidResponse), errProviderResponse},
		{errors.As(err, &ofProvider), ErrProviderUnavailable},
	} {
		if t.is {
			return fmt.Errorf("%w: %w", t.public, err)
		}
	}
	return err
}
