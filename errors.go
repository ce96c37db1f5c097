package ginoidc

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/seed-d65cea4d/ginoidc/internal/attempt"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/refresh"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
	"github.com/seed-d65cea4d/ginoidc/internal/shared"
	"github.com/seed-d65cea4d/ginoidc/internal/web"
)

// What a denial or failure is about; [Reason] returns an error that wraps one of these. docs/errors.md lists
// them with their codes, statuses and mends.
var (
	// ErrUnauthenticated: nobody is signed in. 401, code "unauthorized".
	ErrUnauthenticated = errors.New("ginoidc: not signed in")
	// ErrStepUpRequired: the user is signed in, but not as recently or as strongly as the route wants; a
	// [StepUpError] has what a sign-in has to ask for. 401, code "step_up_required".
	ErrStepUpRequired = errors.New("ginoidc: a more recent or stronger sign-in is needed")
	// ErrNoToken: the session has no access token that is of use: none is kept, or it has expired and cannot be refreshed.
	// 401, code "no_token".
	ErrNoToken = refresh.ErrNoToken
	// ErrForbidden: the user is signed in and not allowed. 403, code "forbidden".
	ErrForbidden = errors.New("ginoidc: not allowed")
	// ErrGroupsOverage: the provider left the groups out because there are too many (Microsoft Entra ID's
	// overage marker), so nobody can say whether the user is in one. 403, code "groups_overage".
	ErrGroupsOverage = errors.New("ginoidc: the provider sent an overage marker instead of the groups")
	// ErrCrossOrigin: another site caused the request. 403, code "cross_origin".
	ErrCrossOrigin = errors.New("ginoidc: the request comes from another origin")
	// ErrInvalidCallback: the authorization response is malformed or not for this client. 400, code
	// "invalid_callback".
	ErrInvalidCallback = errors.New("ginoidc: invalid authorization response")
	// ErrNoAttempt: no sign-in attempt of this browser belongs to the response. 400, code "attempt_missing".
	ErrNoAttempt = errors.New("ginoidc: no sign-in attempt belongs to this response")
	// ErrAttemptExpired: the sign-in took longer than Config.AttemptLife. 400, code "attempt_expired".
	ErrAttemptExpired = errors.New("ginoidc: the sign-in attempt has expired")
	// ErrAttemptSpent: the response was used before. 400, code "attempt_spent".
	ErrAttemptSpent = errors.New("ginoidc: the sign-in attempt was used before")
	// ErrCookieMissing: a sign-in worked a moment ago, and its session's cookie has not come back. 400, code
	// "cookie_missing".
	ErrCookieMissing = errors.New("ginoidc: the session's cookie did not come back")
	// ErrNotNavigation: a page of the sign-in was asked for by something that cannot show it, such as a
	// fetch, a frame or a prefetch. 400, code "not_a_navigation".
	ErrNotNavigation = errors.New("ginoidc: not a browser navigation")
	// ErrInvalidInitiation: a third party asked for a sign-in in a way that is not accepted. 400, code
	// "invalid_initiation".
	ErrInvalidInitiation = errors.New("ginoidc: invalid login initiation request")
	// ErrInitiationOff: a third party asked for a sign-in, and Config.InitiateLogin is not set. 404, code
	// "initiation_off".
	ErrInitiationOff = errors.New("ginoidc: sign-ins that a third party initiates are off")
	// ErrSignInRefused: the provider did not sign the user in; a [ProviderError] has its code. 401, code
	// "sign_in_refused".
	ErrSignInRefused = errors.New("ginoidc: the provider refused the sign-in")
	// ErrInvalidToken: an ID token or userinfo answer failed validation. 401, code "invalid_token".
	ErrInvalidToken = errors.New("ginoidc: the provider's token was refused")
	// ErrProviderResponse: the provider answered nonsense. 502, code "provider_error".
	ErrProviderResponse = errors.New("ginoidc: unusable answer from the provider")
	// ErrProviderUnavailable: the provider cannot be reached in time. 503, code "provider_unavailable".
	ErrProviderUnavailable = errors.New("ginoidc: the provider cannot be reached")
	// ErrSessionStore: the session store cannot answer. 503, code "session_unavailable".
	ErrSessionStore = shared.ErrUnavailable
	// ErrSessionTooLarge: the user does not fit into the session store. 500, code "session_too_large".
	ErrSessionTooLarge = errors.New("ginoidc: the session is too large for its store")
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

// outcomes lists every error with its answer, the more specific first.
func outcomes() []outcome {
	const unfinished, problem, needed = "Sign-in not completed", "Sign-in problem", "Please sign in"
	return []outcome{
		{ErrGroupsOverage, http.StatusForbidden, "groups_overage", "No access", "Your groups could not be read. Please ask the operator of this site.", wayOther},
		{ErrCrossOrigin, http.StatusForbidden, "cross_origin", "Request refused", "This request came from another site.", wayContinue},
		{errNoSession, http.StatusForbidden, "no_session", "No access", "This needs a sign-in in a browser.", waySignIn},
		{ErrForbidden, http.StatusForbidden, "forbidden", "No access", "You do not have access to this resource.", wayOther},
		{ErrStepUpRequired, http.StatusUnauthorized, "step_up_required", needed + " again", "Please confirm who you are by signing in again.", wayAgain},
		{ErrNoToken, http.StatusUnauthorized, "no_token", needed + " again", "Please sign in again.", wayAgain},
		{ErrUnauthenticated, http.StatusUnauthorized, "unauthorized", "You are not signed in", "Please sign in.", waySignIn},
		{ErrNoAttempt, http.StatusBadRequest, "attempt_missing", unfinished, "This sign-in was not started in this browser, or its cookie was lost. Please try again.", wayAgain},
		{ErrAttemptExpired, http.StatusBadRequest, "attempt_expired", unfinished, "The sign-in took too long. Please try again.", wayAgain},
		{ErrAttemptSpent, http.StatusBadRequest, "attempt_spent", unfinished, "This sign-in was already used. Please try again.", wayAgain},
		{ErrCookieMissing, http.StatusBadRequest, "cookie_missing", "Signed in, but the cookie is missing", "The sign-in worked, but your browser did not send this site's cookie back. Please allow cookies for this site or delete those it has, and try again.", wayAgain},
		{ErrNotNavigation, http.StatusBadRequest, "not_a_navigation", unfinished, "Please open this address in a browser window.", wayAgain},
		{web.ErrFormTooLarge, http.StatusRequestEntityTooLarge, "form_too_large", problem, "The answer is too large.", wayAgain},
		{web.ErrNotAForm, http.StatusUnsupportedMediaType, "not_a_form", problem, "The answer is not of the expected type.", wayAgain},
		{ErrInvalidInitiation, http.StatusBadRequest, "invalid_initiation", problem, "The request to sign in could not be used.", waySignIn},
		{ErrInitiationOff, http.StatusNotFound, "initiation_off", problem, "This site does not take sign-ins from elsewhere.", waySignIn},
		{ErrInvalidCallback, http.StatusBadRequest, "invalid_callback", problem, "The sign-in answer could not be used. Please try again.", wayAgain},
		{ErrSignInRefused, http.StatusUnauthorized, "sign_in_refused", "Not signed in", "You were not signed in.", wayAgain},
		{ErrInvalidToken, http.StatusUnauthorized, "invalid_token", problem, "The sign-in could not be verified.", wayAgain},
		{ErrProviderResponse, http.StatusBadGateway, "provider_error", problem, "The sign-in service gave an unusable answer.", wayAgain},
		{ErrProviderUnavailable, http.StatusServiceUnavailable, "provider_unavailable", "Sign-in unavailable", "The sign-in service cannot be reached. Please try again in a moment.", wayAgain},
		{ErrSessionStore, http.StatusServiceUnavailable, "session_unavailable", "Temporarily unavailable", "Sessions cannot be read at the moment. Please try again.", wayRetry},
		{ErrSessionTooLarge, http.StatusInternalServerError, "session_too_large", problem, "Your account has too much data for this site. Please ask its operator.", wayAgain},
	}
}

// outcomeOf decides how an error is answered.
func outcomeOf(err error) outcome {
	for _, o := range outcomes() {
		if !errors.Is(err, o.err) {
			continue
		}
		if isCancelled(err) {
			o.title, o.message = "Sign-in cancelled", "You were not signed in, because the sign-in was cancelled or access was not granted."
		}
		return o
	}
	return outcome{err, http.StatusInternalServerError, "internal", "Internal error", "Something went wrong.", wayRetry}
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
		{errors.Is(err, attempt.ErrNoAttempt), ErrNoAttempt},
		{errors.Is(err, attempt.ErrExpired), ErrAttemptExpired},
		{errors.As(err, &tooLarge), ErrSessionTooLarge},
		{errors.Is(err, session.ErrStore), ErrSessionStore},
		{errors.Is(err, refresh.ErrEnded), ErrUnauthenticated},
		{errors.Is(err, refresh.ErrBusy), ErrProviderUnavailable},
		{errors.Is(err, provider.ErrInvalidToken), ErrInvalidToken},
		{errors.Is(err, provider.ErrRefused), ErrSignInRefused},
		{errors.Is(err, provider.ErrInvalidResponse), ErrProviderResponse},
		{errors.As(err, &ofProvider), ErrProviderUnavailable},
	} {
		if t.is {
			return fmt.Errorf("%w: %w", t.public, err)
		}
	}
	return err
}
