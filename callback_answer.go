package ginoidc

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/cookie"
	"github.com/seed-d65cea4d/ginoidc/internal/flight"
	"github.com/seed-d65cea4d/ginoidc/internal/shared"
)

const (
	resultTTL  = 10 * time.Second // how long the result is kept for requests that wait on other instances
	leaseSlack = 10 * time.Second // how much longer than an exchange the lease lasts, for calls to the shared state
)

// redeemOnce calls redeem once for all instances that share the state. The instance that holds the lease redeems the
// code and stores its result for those that wait for the lease. A request that did not have to wait finds the attempt
// used and is refused as a replay: the stored result is only for requests that were already waiting.
func (e *exchange) redeemOnce(ctx context.Context) *exchangeResult {
	a := e.auth
	if a.config.State == nil || len(a.config.unsupported(leaseMethods())) > 0 { // a.exchanges deduplicates in this process
		return e.redeem(ctx, func(*exchangeResult) {})
	}
	limit := e.rp.exchangeLimit()
	release, waited, err := a.inTurn(ctx, e.key(), limit+leaseSlack, limit)
	if err != nil {
		return &exchangeResult{err: err}
	}
	defer release()
	if waited {
		l, err := e.kept(ctx)
		if err != nil {
			return &exchangeResult{err: err}
		}
		if l != nil {
			return l
		}
	}
	return e.redeem(ctx, func(l *exchangeResult) { e.keep(ctx, l) })
}

// key is the key of the stored result. It depends on the code, so a request with another code does not find it.
func (e *exchange) key() string {
	return shared.Key(shared.KindCallback, e.rp.audience.Hash("\x00callback "+e.attempt.State+" "+e.code))
}

// keep stores the result for other instances: the code of the error, if any, and the Set-Cookie lines. They are sealed
// and bound to the PKCE verifier, which only the attempt's cookie holds. If it fails, this sign-in still succeeds; only
// the other instances refuse the response.
func (e *exchange) keep(ctx context.Context, l *exchangeResult) {
	code := ""
	if l.err != nil {
		code = outcomeOf(l.err).code
	}
	text := strings.Join(append([]string{code}, l.cookies...), "\n")
	if _, err := flight.Try(e.auth.log, func() (any, error) {
		return nil, e.auth.values.Keep(ctx, callbackAnswer, e.key(), e.attempt.Verifier, text, resultTTL)
	}); err != nil {
		e.auth.log.DebugContext(ctx, "ginoidc: result of a callback not shared with other instances", "error", err)
	}
}

// kept returns the result that another instance has stored; nil, nil if there is none that this instance can use.
func (e *exchange) kept(ctx context.Context) (*exchangeResult, error) {
	text, ok, err := e.auth.values.Kept(ctx, callbackAnswer, e.key(), e.attempt.Verifier)
	if !ok || err != nil {
		return nil, err
	}
	lines := strings.Split(text, "\n")
	code, l := lines[0], &exchangeResult{cookies: lines[1:]}
	if code != "" {
		l.err = otherInstanceError(code)
		return l, nil
	}
	if e.attempt.Link {
		return l, nil
	}
	l.session, err = e.auth.sessions.Load(cookie.After(e.http.WithContext(ctx), l.cookies))
	if err != nil {
		return nil, translated(err)
	}
	if l.session == nil { // the instances do not share their store
		return nil, nil
	}
	return l, nil
}

// otherInstanceError returns the error with the given code. Its cause is in the log of the instance that redeemed the
// code.
func otherInstanceError(code string) error {
	err := errInternal
	for _, o := range outcomes() {
		if o.code == code {
			err = o.err
		}
	}
	return fmt.Errorf("%w: on another instance, whose log has the cause", err)
}
