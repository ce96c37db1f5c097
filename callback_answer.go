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
	answerKept  = 10 * time.Second // for requests on other instances that are waiting for it
	answerSlack = 10 * time.Second // for the shared state, around an exchange
)

// once is redeem, once for all instances that share the state. The instance that holds the lease redeems the code and
// leaves its answer for those that are waiting for the lease. Requests that come later find it free and the attempt spent,
// and are refused as a replay: the answer is for requests that were made before it was there.
func (e *exchange) once(ctx context.Context) *landing {
	a := e.auth
	if a.config.State == nil || len(a.config.cannot(leaseMethods())) > 0 { // requests to this process share this call
		return e.redeem(ctx, func(*landing) {})
	}
	limit := a.config.exchangeLimit()
	release, waited, err := a.inTurn(ctx, e.key(), limit+answerSlack, limit)
	if err != nil {
		return &landing{err: err}
	}
	defer release()
	if waited {
		l, err := e.kept(ctx)
		if err != nil {
			return &landing{err: err}
		}
		if l != nil {
			return l
		}
	}
	return e.redeem(ctx, func(l *landing) { e.keep(ctx, l) })
}

// key is that of the answer. A request with another code looks elsewhere.
func (e *exchange) key() string {
	return shared.Key(shared.KindCallback, e.auth.audience.Hash("\x00callback "+e.attempt.State+" "+e.code))
}

// keep leaves the code of an error, or nothing, and the lines of Set-Cookie. They are bound to the verifier, which only the
// cookie of the attempt holds. The sign-in itself does not depend on it: without, other instances refuse the response.
func (e *exchange) keep(ctx context.Context, l *landing) {
	code := ""
	if l.err != nil {
		code = outcomeOf(l.err).code
	}
	text := strings.Join(append([]string{code}, l.cookies...), "\n")
	if _, err := flight.Try(e.auth.log, func() (any, error) {
		return nil, e.auth.values.Keep(ctx, callbackAnswer, e.key(), e.attempt.Verifier, text, answerKept)
	}); err != nil {
		e.auth.log.DebugContext(ctx, "ginoidc: the answer of a callback not left for other instances", "error", err)
	}
}

// kept returns what another instance has answered; nil, nil when it has left nothing that this one can use.
func (e *exchange) kept(ctx context.Context) (*landing, error) {
	text, ok, err := e.auth.values.Kept(ctx, callbackAnswer, e.key(), e.attempt.Verifier)
	if !ok || err != nil {
		return nil, err
	}
	lines := strings.Split(text, "\n")
	code, l := lines[0], &landing{cookies: lines[1:]}
	if code != "" {
		l.err = answeredElsewhere(code)
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

// answeredElsewhere is the error with that code. What led to it stands in the log of the instance that redeemed the code.
func answeredElsewhere(code string) error {
	err := errInternal
	for _, o := range outcomes() {
		if o.code == code {
			err = o.err
		}
	}
	return fmt.Errorf("%w: on another instance, whose log has the cause", err)
}
