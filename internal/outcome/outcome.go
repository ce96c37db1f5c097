// Package outcome lists the errors with which the plugin answers requests, and the response to each: its status, its
// code and the link that its page offers. It decides nothing about a request and renders nothing.
package outcome

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"

	"github.com/seed-d65cea4d/ginoidc/internal/authresponse"
	"github.com/seed-d65cea4d/ginoidc/internal/bearer"
	"github.com/seed-d65cea4d/ginoidc/internal/flight"
	"github.com/seed-d65cea4d/ginoidc/internal/guard"
	"github.com/seed-d65cea4d/ginoidc/internal/refresh"
	"github.com/seed-d65cea4d/ginoidc/internal/relyingparty"
	"github.com/seed-d65cea4d/ginoidc/internal/shared"
	"github.com/seed-d65cea4d/ginoidc/internal/signin"
	"github.com/seed-d65cea4d/ginoidc/internal/throttle"
	"github.com/seed-d65cea4d/ginoidc/internal/web"
)

// Outcome is the response to an error. Its texts, for people, have the code as their key in internal/pages.
type Outcome struct {
	Err    error
	Status int
	Code   string // stable, documented in docs/errors.md
	Link   string // the link that an error page offers
}

// The links that an error page offers, by the keys of their texts.
const (
	LinkSignIn   = "link.sign_in"
	LinkAgain    = "link.sign_in_again"
	LinkOther    = "link.sign_in_other"
	LinkRetry    = "link.retry"
	LinkContinue = "link.continue"
)

// outcomes returns list. The list is made once, because a flood of denied requests should be cheap.
var outcomes = sync.OnceValue(list)

// list returns the response to every error, the more specific errors first. Those with 403 come before all others,
// because the error of an app's check is wrapped in ErrForbidden and may itself wrap any of the others.
func list() []Outcome {
	return []Outcome{
		{guard.ErrGroupsOverage, http.StatusForbidden, "groups_overage", LinkOther},
		{ErrCrossOrigin, http.StatusForbidden, "cross_origin", LinkContinue},
		{ErrNoSession, http.StatusForbidden, "no_session", LinkSignIn},
		{guard.ErrScope, http.StatusForbidden, "insufficient_scope", LinkOther},
		{ErrLinkRefused, http.StatusForbidden, "link_refused", LinkContinue},
		{guard.ErrForbidden, http.StatusForbidden, "forbidden", LinkOther},
		{ErrStepUpRequired, http.StatusUnauthorized, "step_up_required", LinkAgain},
		{refresh.ErrNoToken, http.StatusUnauthorized, "no_token", LinkAgain},
		{ErrUnauthenticated, http.StatusUnauthorized, "unauthorized", LinkSignIn},
		{ErrNoAttempt, http.StatusBadRequest, "attempt_missing", LinkAgain},
		{ErrAttemptExpired, http.StatusBadRequest, "attempt_expired", LinkAgain},
		{ErrAttemptSpent, http.StatusBadRequest, "attempt_spent", LinkAgain},
		{signin.ErrCookieMissing, http.StatusBadRequest, "cookie_missing", LinkAgain},
		{ErrNotNavigation, http.StatusBadRequest, "not_a_navigation", LinkAgain},
		{web.ErrFormTooLarge, http.StatusRequestEntityTooLarge, "form_too_large", LinkAgain},
		{web.ErrNotAForm, http.StatusUnsupportedMediaType, "not_a_form", LinkAgain},
		{relyingparty.ErrUnknown, http.StatusNotFound, "unknown_provider", LinkSignIn},
		{signin.ErrInitiation, http.StatusBadRequest, "invalid_initiation", LinkSignIn},
		{signin.ErrInitiationOff, http.StatusNotFound, "initiation_off", LinkSignIn},
		{ErrMethod, http.StatusMethodNotAllowed, "method_not_allowed", LinkContinue},
		{throttle.ErrRefused, http.StatusTooManyRequests, "too_many_requests", LinkAgain},
		{ErrNoRoute, http.StatusNotFound, "not_found", LinkContinue},
		{authresponse.ErrInvalid, http.StatusBadRequest, "invalid_callback", LinkAgain},
		{ErrSignInRefused, http.StatusUnauthorized, "sign_in_refused", LinkAgain},
		{bearer.ErrRefused, http.StatusUnauthorized, "invalid_access_token", LinkSignIn},
		{ErrInvalidToken, http.StatusUnauthorized, "invalid_token", LinkAgain},
		{ErrProviderResponse, http.StatusBadGateway, "provider_error", LinkAgain},
		{relyingparty.ErrUnavailable, http.StatusServiceUnavailable, "provider_unavailable", LinkAgain},
		{shared.ErrUnavailable, http.StatusServiceUnavailable, "session_unavailable", LinkRetry},
		{ErrSessionTooLarge, http.StatusInternalServerError, "session_too_large", LinkAgain},
		{ErrInternal, http.StatusInternalServerError, "internal", LinkRetry},
	}
}

// listed returns the outcome of err, if the list has one.
func listed(err error) (Outcome, bool) {
	for _, o := range outcomes() {
		if errors.Is(err, o.Err) {
			return o, true
		}
	}
	return Outcome{}, false
}

// Of returns the outcome of an error of the plugin. An error that is not listed is internal.
func Of(err error) Outcome {
	if o, ok := listed(err); ok {
		return o
	}
	o, _ := listed(ErrInternal)
	return o
}

// OfCode returns the error that has a code, or ErrInternal.
func OfCode(code string) error {
	for _, o := range outcomes() {
		if o.Code == code {
			return o.Err
		}
	}
	return ErrInternal
}

// OfDenial returns the outcome of an error with which the app or a guard denies a request, and the error as the
// response has it. An error of the app that says nothing else is its decision, so it is forbidden; so is nil.
func OfDenial(err error) (Outcome, error) {
	o, ok := listed(err)
	switch {
	case !ok && isFailure(err):
		o = Of(ErrInternal)
	case !ok:
		err = guard.Forbidden(err)
		o = Of(err)
	}
	if o.Status >= http.StatusInternalServerError { // a sign-in would not fix it, another try may
		o.Link = LinkRetry
	}
	return o, err
}

// isFailure reports whether err, which has no outcome, is no decision of the app: the app uses the plugin in a way that
// cannot work, or something failed. Most failures of the app itself cannot be recognized; those of the network can.
func isFailure(err error) bool {
	for _, failure := range []error{
		ErrMisuse, ErrPanicked, signin.ErrParameters, relyingparty.ErrUnnamed,
		errors.ErrUnsupported, context.Canceled, context.DeadlineExceeded,
	} {
		if errors.Is(err, failure) {
			return true
		}
	}
	return errors.As(err, new(*flight.PanicError)) || errors.As(err, new(net.Error))
}

// texts returns the key of the texts about err, which has the outcome. cancelled says that the user cancelled the
// sign-in: see Cancelled.
func (o Outcome) texts(err error, cancelled bool) string {
	switch {
	case o.Err == ErrSignInRefused && cancelled:
		return "sign_in_cancelled"
	case o.Err == guard.ErrForbidden && errors.Is(err, guard.ErrStepUpFailed):
		return "step_up_failed"
	}
	return o.Code
}

// Level returns the level at which a failed request is logged: error for what prevents users from signing in or out,
// and info for what neither the operator nor the provider can change.
func Level(status int, err error, cancelled bool) slog.Level {
	switch {
	case cancelled, Misdirected(err):
		return slog.LevelInfo
	case status >= http.StatusInternalServerError:
		return slog.LevelError
	}
	return slog.LevelWarn
}
