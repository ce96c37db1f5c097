package provider

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Kind says what a failed call to the provider means for the current request.
type Kind int

const (
	// Unavailable: the provider did not respond in time (503).
	Unavailable Kind = iota + 1
	// Invalid: the provider sent a response that it must not send (502).
	Invalid
	// Refused: the provider refused, or its token is not valid for this client (401).
	Refused
	// Misconfigured: this client's configuration does not match the provider's; an operator has to act (502).
	Misconfigured
)

// The sentinels work with errors.Is on every error of this package. The first three correspond to Kind, the others to
// the cause.
var (
	ErrUnavailable     = errors.New("provider unavailable")
	ErrInvalidResponse = errors.New("invalid provider response")
	ErrRefused         = errors.New("refused by the provider")
	ErrInvalidToken    = errors.New("invalid token")
	ErrIssuerMismatch  = errors.New("issuer mismatch")
	ErrTokenRefused    = errors.New("the access token was refused")
	ErrGrantEnded      = errors.New("the refresh token has ended") // although the code of the error says something else
)

// Error is the only error type of this package. Its text is for the log and never for a page: what it quotes of the
// provider's response is escaped and truncated, and it never holds a secret, code or token.
type Error struct {
	Kind       Kind
	Op         string        // what was tried, such as "discovery" or "token request"
	Code       string        // stable reason in snake_case, for logs and metrics
	RetryAfter time.Duration // as the provider requested, capped; zero if it did not say
	Err        error         // the cause
}

// Error returns the operation, the code and the cause.
func (e *Error) Error() string {
	return fmt.Sprintf("%s: %s: %v", e.Op, e.Code, e.Err)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is reports whether target is the sentinel of the kind.
func (e *Error) Is(target error) bool {
	switch e.Kind {
	case Unavailable:
		return target == ErrUnavailable
	case Invalid:
		return target == ErrInvalidResponse
	case Refused:
		return target == ErrRefused
	}
	return false
}

func invalid(op, code, format string, args ...any) *Error {
	return &Error{Kind: Invalid, Op: op, Code: code, Err: fmt.Errorf(format, args...)}
}

func misconfigured(op, code, format string, args ...any) *Error {
	return &Error{Kind: Misconfigured, Op: op, Code: code, Err: fmt.Errorf(format, args...)}
}

// badToken returns the error for a token that is refused. It matches both ErrRefused and ErrInvalidToken.
func badToken(op, code, format string, args ...any) *Error {
	cause := fmt.Errorf(format, args...)
	return &Error{Kind: Refused, Op: op, Code: code, Err: fmt.Errorf("%w: %w", ErrInvalidToken, cause)}
}

const maxExcerpt = 256

// excerpt quotes and truncates untrusted text for an error, so that it can neither forge a log line nor flood the log.
func excerpt(text string) string {
	if len(text) > maxExcerpt {
		return strconv.Quote(text[:maxExcerpt]) + "…"
	}
	return strconv.Quote(text)
}

// cut is excerpt for a log attribute of its own, which the slog handler quotes: quoting it twice would make it
// unreadable.
func cut(text string) string {
	plain := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r) || r == utf8.RuneError:
			return '?'
		}
		return r
	}, text[:min(len(text), maxExcerpt)])
	if len(text) > maxExcerpt {
		plain += "…"
	}
	return plain
}

// quotedError keeps a library's error for errors.Is and errors.As, and replaces its text, which may quote the provider,
// by an excerpt.
type quotedError struct{ error }

func (e quotedError) Error() string { return excerpt(e.error.Error()) }
func (e quotedError) Unwrap() error { return e.error }
