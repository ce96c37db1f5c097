// Package recheck reads the user of a session again at the provider when what is known is too old: once for all
// requests and instances that need it.
package recheck

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/flight"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
	"github.com/seed-d65cea4d/ginoidc/internal/shared"
)

var (
	// ErrRefused means that the user may no longer sign in, or that nothing can tell. Config.Read returns it.
	ErrRefused = errors.New("the user may no longer sign in")
	// ErrEnded means that the session has ended, because of a check or otherwise.
	ErrEnded = errors.New("the session has ended")
	// ErrFailed means that a check was made and has failed. It is tried again.
	ErrFailed  = errors.New("the check failed")
	errFailing = errors.New("the last check failed a moment ago")

	// ErrPending means that a check is under way and the request did not wait for it, or not any longer.
	ErrPending = errors.New("the check is still under way")
)

const (
	purpose = "checked user"

	retryAfter = 10 * time.Second // between two checks of a session while the provider does not respond
	slack      = 10 * time.Second // for the shared state, around a check
	reuse      = 10 * time.Minute // for requests that still carry the cookies from before a check
)

// Config holds the settings of a Checker. All functions must be safe for concurrent use.
type Config struct {
	Values shared.Values
	// Every is the age above which the user is read again. Grace is how much older the user may be if that fails.
	Every, Grace time.Duration
	// Limit bounds the time of one check, and Wait the time for which a request waits for it.
	Limit, Wait time.Duration
	// Background lets requests continue with what is known while a check is under way.
	Background bool
	Log        *slog.Logger // for panics in code of the app

	// Ended reports whether the session was ended.
	Ended func(context.Context, *session.Record) (bool, error)
	// Read reads the user of the session again. tokens are those of the session, nil if there are none. An error that
	// wraps ErrRefused ends the session; after any other error the check is tried again.
	Read func(ctx context.Context, r *session.Record, tokens []byte) (Answer, error)
	// End ends the session, because of an error of Read.
	End func(ctx context.Context, r *session.Record, answer Answer, refusal error) error
	// Report receives failures: of a check, or to share its result or release its lease.
	Report func(context.Context, Event, *session.Record, error)
}

// Answer is what Read returns. Tokens may be set after an error too, if they were refreshed before it occurred.
type Answer struct {
	User   *session.Record // complete, though only what describes the user counts
	Tokens []byte          // nil if they have not changed
}

// Event is what a Checker reports.
type Event int

// The events.
const (
	Failed           Event = iota // the check failed and will be tried again
	NotShared                     // its result cannot be kept for other requests
	LeaseNotReleased              // others wait until the lease expires
)

// Checker checks sessions. It is safe for concurrent use.
type Checker struct {
	Config
	running flight.Group[Result]
}

// New returns a Checker.
func New(cfg Config) *Checker {
	c := &Checker{Config: cfg}
	c.running.Log = cfg.Log
	return c
}

// Due reports whether what was read at that time is too old.
func (c *Checker) Due(read time.Time) bool { return time.Since(read) > c.Every }

// Usable reports whether what was read at that time may still be used while the provider does not respond.
func (c *Checker) Usable(read time.Time) bool { return time.Since(read) <= c.Every+c.Grace }

// lease is longer than a check can take.
func (c *Checker) lease() time.Duration { return c.Limit + slack }

// Check returns the newest result for a session that is due. It reads the user again unless another request has done so
// or is doing so, on whichever instance. load returns the tokens of the session, with a context of its own: the check
// continues when the browser disconnects, because others wait for it.
//
// ErrEnded means that the session has ended. After any other error, the result is the last one, if there is one, and
// may be too old.
func (c *Checker) Check(
	ctx context.Context, r *session.Record, load func(context.Context) ([]byte, error),
) (Result, error) {
	last, err := c.kept(ctx, r)
	if err != nil || !c.Due(last.At) {
		return last, err
	}
	if err := last.failing(); err != nil {
		return last, err
	}
	of := *r // the caller may change its record while the check continues
	work := func() (Result, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.lease())
		defer cancel()
		return c.inTurn(ctx, &of, load)
	}
	if c.Background && !last.Unshared && (c.Usable(r.CheckedAt()) || c.Usable(last.At)) {
		c.running.Start(key(r), work)
		return last, ErrPending
	}
	wait, cancel := context.WithTimeout(ctx, c.Wait)
	defer cancel()
	result, _, err := c.running.Do(wait, key(r), work)
	if err != nil && err == wait.Err() {
		return last, fmt.Errorf("%w: %w", ErrPending, context.Cause(wait))
	}
	if err != nil && result.At.Before(last.At) { // without last, groups that the last check removed would return
		return last, err
	}
	return result, err
}

// inTurn takes the result of another instance, or makes the check. If an instance is killed while it holds the lease,
// others wait no longer than the lease lasts.
func (c *Checker) inTurn(
	ctx context.Context, r *session.Record, load func(context.Context) ([]byte, error),
) (Result, error) {
	release, _, err := c.Values.Turn(ctx, key(r), c.lease(), c.lease())
	if err != nil {
		return Result{}, err
	}
	defer func() {
		if err := release(context.WithoutCancel(ctx)); err != nil {
			c.Report(ctx, LeaseNotReleased, r, err)
		}
	}()
	last, err := c.kept(ctx, r)
	if err != nil || !c.Due(last.At) {
		return last, err
	}
	if err := last.failing(); err != nil {
		return last, err
	}
	switch ended, err := c.Ended(ctx, r); {
	case err != nil:
		return last, err
	case ended:
		return last, ErrEnded
	}
	tokens := last.Tokens
	if tokens == nil {
		if tokens, err = load(ctx); err != nil {
			return last, err
		}
	}
	return c.now(ctx, last.Applied(r), last, tokens)
}

// now makes the check and keeps the result for the others.
func (c *Checker) now(ctx context.Context, r *session.Record, last Result, tokens []byte) (Result, error) {
	reading, cancel := context.WithTimeout(ctx, c.Limit)
	defer cancel()
	var answer Answer
	_, err := flight.Try(c.Log, func() (_ struct{}, err error) {
		answer, err = c.Read(reading, r, tokens)
		return struct{}{}, err
	})
	next := last
	if answer.Tokens != nil {
		next.Tokens = answer.Tokens
	}
	now := time.Now()
	switch {
	case errors.Is(err, ErrRefused):
		if endErr := c.End(ctx, r, answer, err); endErr != nil {
			return last, endErr
		}
		return last, fmt.Errorf("%w: %w", ErrEnded, err)
	case errors.Is(err, ErrEnded):
		return last, err
	case err != nil:
		c.Report(ctx, Failed, r, err)
		next.RetryAt = now.Add(c.pause(err))
		err = fmt.Errorf("%w: %w", ErrFailed, err)
	default:
		next.At, next.User, next.RetryAt, next.Unshared = now.UTC().Truncate(time.Second), answer.User, time.Time{}, false
	}
	c.keep(ctx, r, next)
	return next, err
}
