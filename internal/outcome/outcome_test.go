package outcome_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/attempt"
	"github.com/seed-d65cea4d/ginoidc/internal/flight"
	"github.com/seed-d65cea4d/ginoidc/internal/guard"
	"github.com/seed-d65cea4d/ginoidc/internal/outcome"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/refresh"
	"github.com/seed-d65cea4d/ginoidc/internal/relyingparty"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
	"github.com/seed-d65cea4d/ginoidc/internal/shared"
	"github.com/seed-d65cea4d/ginoidc/internal/signin"
	"github.com/seed-d65cea4d/ginoidc/internal/throttle"
)

// TestOf: the more specific error decides, and any error of a check is 403, whatever it wraps. What is not listed is
// internal.
func TestOf(t *testing.T) {
	for _, tt := range []struct {
		err    error
		status int
		code   string
	}{
		{guard.ErrForbidden, 403, "forbidden"},
		{guard.ErrScope, 403, "insufficient_scope"},
		{outcome.ErrNoSession, 403, "no_session"},
		{outcome.ErrLinkRefused, 403, "link_refused"},
		{guard.Forbidden(outcome.ErrUnauthenticated), 403, "forbidden"},
		{guard.Forbidden(shared.ErrUnavailable), 403, "forbidden"},
		{fmt.Errorf("%w: %w", guard.ErrForbidden, guard.ErrGroupsOverage), 403, "groups_overage"},
		{outcome.ErrSessionOver, 401, "invalid_token"},
		{&throttle.Error{Wait: time.Second}, 429, "too_many_requests"},
		{fmt.Errorf("while reading: %w", relyingparty.ErrUnavailable), 503, "provider_unavailable"},
		{errors.New("of the app"), 500, "internal"},
		{nil, 500, "internal"},
	} {
		if o := outcome.Of(tt.err); o.Status != tt.status || o.Code != tt.code {
			t.Errorf("%v: %d %s, want %d %s", tt.err, o.Status, o.Code, tt.status, tt.code)
		}
	}
}

// TestOfCode: an instance finds the error that another one had by its code.
func TestOfCode(t *testing.T) {
	if err := outcome.OfCode("attempt_spent"); err != outcome.ErrAttemptSpent {
		t.Error(err)
	}
	if err := outcome.OfCode("of a later version"); err != outcome.ErrInternal {
		t.Error(err)
	}
}

// TestOfDenial: the error of an app is its decision to deny, unless something has failed or the app uses the plugin in
// a way that cannot work.
func TestOfDenial(t *testing.T) {
	for _, tt := range []struct {
		err        error
		code, link string
		wrapped    bool // the response says that the user is not allowed
	}{
		{nil, "forbidden", outcome.LinkOther, true},
		{errors.New("not on Sundays"), "forbidden", outcome.LinkOther, true},
		{outcome.ErrUnauthenticated, "unauthorized", outcome.LinkSignIn, false},
		{context.Canceled, "internal", outcome.LinkRetry, false},
		{context.DeadlineExceeded, "internal", outcome.LinkRetry, false},
		{errors.ErrUnsupported, "internal", outcome.LinkRetry, false},
		{&net.OpError{Op: "dial", Err: errors.New("refused")}, "internal", outcome.LinkRetry, false},
		{&flight.PanicError{Value: "panic"}, "internal", outcome.LinkRetry, false},
		{outcome.ErrPanicked, "internal", outcome.LinkRetry, false},
		{signin.ErrParameters, "internal", outcome.LinkRetry, false},
		{relyingparty.ErrUnnamed, "internal", outcome.LinkRetry, false},
		{fmt.Errorf("%w: Scopes", outcome.Misuse("ginoidc: TokenRequest")), "internal", outcome.LinkRetry, false},
		{relyingparty.ErrUnavailable, "provider_unavailable", outcome.LinkRetry, false},
		{fmt.Errorf("%w: %w", shared.ErrUnavailable, context.DeadlineExceeded), "session_unavailable", outcome.LinkRetry,
			false},
		{outcome.ErrSessionTooLarge, "session_too_large", outcome.LinkRetry, false},
	} {
		o, err := outcome.OfDenial(tt.err)
		if o.Code != tt.code || o.Link != tt.link || errors.Is(err, guard.ErrForbidden) != tt.wrapped ||
			!errors.Is(err, tt.err) && tt.err != nil {
			t.Errorf("%v: %s %s, %v; want %s %s", tt.err, o.Code, o.Link, err, tt.code, tt.link)
		}
	}
	if err := outcome.Misuse("ginoidc: TokenRequest"); err.Error() != "ginoidc: TokenRequest" ||
		errors.Is(err, outcome.ErrInternal) {
		t.Error(err)
	}
}

// TestOfAuthenticator: a credential is refused with 401, unless the app says that it cannot be checked or that the user
// is not allowed. The error of the app can still be found.
func TestOfAuthenticator(t *testing.T) {
	expired := errors.New("the key has expired")
	for _, tt := range []struct {
		err    error
		status int
	}{
		{expired, 401},
		{outcome.ErrNoRoute, 401},
		{fmt.Errorf("keys: %w", outcome.ErrUnauthenticated), 401},
		{fmt.Errorf("keys: %w", guard.ErrForbidden), 403},
		{fmt.Errorf("keys: %w", shared.ErrUnavailable), 503},
		{fmt.Errorf("keys: %w", relyingparty.ErrUnavailable), 503},
	} {
		err := outcome.OfAuthenticator(tt.err)
		if o := outcome.Of(err); o.Status != tt.status || !errors.Is(err, tt.err) ||
			!errors.As(err, new(*outcome.AuthenticatorError)) {
			t.Errorf("%v: %d %v, want %d", tt.err, o.Status, err, tt.status)
		}
	}
}

// TestLevel: what the operator cannot change is no warning.
func TestLevel(t *testing.T) {
	for _, tt := range []struct {
		status    int
		err       error
		cancelled bool
		want      slog.Level
	}{
		{400, outcome.ErrNoAttempt, false, slog.LevelWarn},
		{401, outcome.ErrSignInRefused, true, slog.LevelInfo},
		{404, outcome.ErrNoRoute, false, slog.LevelInfo},
		{405, outcome.ErrMethod, false, slog.LevelInfo},
		{404, relyingparty.ErrUnknown, false, slog.LevelWarn},
		{500, outcome.ErrInternal, false, slog.LevelError},
		{503, relyingparty.ErrUnavailable, false, slog.LevelError},
	} {
		if got := outcome.Level(tt.status, tt.err, tt.cancelled); got != tt.want {
			t.Errorf("%d %v: %v, want %v", tt.status, tt.err, got, tt.want)
		}
	}
}

// TestCancelled: codes that mean "the user did not want to" in the words of different providers.
func TestCancelled(t *testing.T) {
	for code, want := range map[string]bool{
		"access_denied": true, "user_cancelled_authorize": true, "user_cancelled_login": true,
		"login_required": false, "server_error": false, "": false,
	} {
		if outcome.Cancelled(code) != want {
			t.Errorf("%q: %t", code, !want)
		}
	}
}

// TestSecondsToWait: a client waits for as long as the provider or the throttle asked for, in full seconds.
func TestSecondsToWait(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want int
	}{
		{relyingparty.ErrUnavailable, 5},
		{&provider.Error{}, 5},
		{fmt.Errorf("call: %w", &provider.Error{RetryAfter: 1500 * time.Millisecond}), 2},
		{&throttle.Error{Wait: time.Millisecond}, 1},
		{&throttle.Error{Wait: time.Minute}, 60},
	} {
		if got := outcome.RetryAfter(tt.err); got != tt.want {
			t.Errorf("%v: %d, want %d", tt.err, got, tt.want)
		}
	}
}

// TestTranslated: an error of another room becomes one of the plugin, and can still be found.
func TestTranslated(t *testing.T) {
	for _, tt := range []struct{ err, want error }{
		{attempt.ErrNoAttempt, outcome.ErrNoAttempt},
		{attempt.ErrExpired, outcome.ErrAttemptExpired},
		{&session.TooLargeError{}, outcome.ErrSessionTooLarge},
		{session.ErrStore, shared.ErrUnavailable},
		{refresh.ErrEnded, outcome.ErrUnauthenticated},
		{refresh.ErrBusy, relyingparty.ErrUnavailable},
		{&provider.Error{Kind: provider.Refused, Code: "expired", Err: provider.ErrInvalidToken}, outcome.ErrInvalidToken},
		{&provider.Error{Kind: provider.Refused}, outcome.ErrSignInRefused},
		{&provider.Error{Kind: provider.Invalid}, outcome.ErrProviderResponse},
		{&provider.Error{Kind: provider.Unavailable}, relyingparty.ErrUnavailable},
	} {
		if got := outcome.Translated(fmt.Errorf("room: %w", tt.err)); !errors.Is(got, tt.want) || !errors.Is(got, tt.err) {
			t.Errorf("%v: %v, want %v", tt.err, got, tt.want)
		}
	}
	of := errors.New("of the app")
	if got := outcome.Translated(of); got != of || outcome.Translated(nil) != nil {
		t.Errorf("%v", got)
	}
}
