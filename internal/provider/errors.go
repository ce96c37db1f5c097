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

// Kind tells what a failed call to the provider means for the request at hand.
type Kind int

const (
	// Unavailable: the provider cannot be reached in time (503).
	Unavailable Kind = iota + 1
	// Invalid: the provider answered something it must not answer (502).
	Invalid
	// Refused: the provider said no, or its token is not for us (401).
	Refused
	// Misconfigured: this client and the provider do not fit together; an operator has to act (502).
	Misconfigured
)

// The sentinels work with errors.Is on every error of this package. The first three follow Kind,
// the last two name the cause.
var (
	ErrUnavailable     = errors.New("provider unavailable")
	ErrInvalidResponse = errors.New("invalid provider response")
	ErrRefused         = errors.New("refused by the provider")
	ErrInvalidToken    = errors.New("invalid token")
	ErrIssuerMismatch  = errors.New("issuer mismatch")
)

// Error is the one error type of this package. Its text is meant for the log, never for a page: what it
// cites of the provider is quoted and cut, and it never holds a secret, a code or a token.
type Error struct {
	Kind       Kind
	Op         string        // what was tried, such as "discovery" or "token request"
	Code       string        // stable reason in snake_case, for logs and metrics
	RetryAfter time.Duration // what the provider asked for, capped; zero when it named none
	Err        error         // the cause
}

// Error gives the operation, the code and the cause.
func (e *Error) Error() string {
	return fmt.Sprintf("%s: %s: %v", e.Op, e.Code, e.Err)
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is matches the sentinel that belongs to the kind.
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

// badToken refuses a token; errors.Is finds both ErrRefused and ErrInvalidToken.
func badToken(op, code, format string, args ...any) *Error {
	cause := fmt.Errorf(format, args...)
	return &Error{Kind: Refused, Op: op, Code: code, Err: fmt.Errorf("%w: %w", ErrInvalidToken, cause)}
}

const maxExcerpt = 256

// excerpt quotes and cuts text that others wrote for an error, so that it can neither forge a log line nor flood the
// log (case 126).
func excerpt(text string) string {
	if len(text) > maxExcerpt {
		return strconv.Quote(text[:maxExcerpt]) + "…"
	}
	return strconv.Quote(text)
}

// cut is excerpt for a value of its own in the log, which a slog handler quotes: a second time would make it
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

// quotedError keeps the error of a library for errors.Is and As, and makes an excerpt of its text, which may cite the
// provider.
type quotedError struct{ error }

func (e quotedError) Error() string { return excerpt(e.error.Error()) }
func (e quotedError) Unwrap() error { return e.error }
