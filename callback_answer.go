package ginoidc

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/attempt"
	"github.com/seed-d65cea4d/ginoidc/internal/cookie"
	"github.com/seed-d65cea4d/ginoidc/internal/flight"
	"github.com/seed-d65cea4d/ginoidc/internal/shared"
)

const (
	answerKept  = 10 * time.Second // for requests on other instances that are waiting for it
	answerSlack = 10 * time.Second // for the shared state, around an exchange
)

// exchangeInTurn is exchange, once for all instances that share the state. The instance that holds the lease redeems the
// code and leaves its answer for those that are waiting for the lease. Requests that come later find it free and the
// attempt spent, and are refused as a replay: the answer is for requests that were made while it was not there yet.
func (a *core) exchangeInTurn(ctx context.Context, r *http.Request, at *attempt.Attempt, code string) *landing {
	if a.config.State == nil || len(a.config.cannot(leaseMethods())) > 0 { // requests to this process share this call
		return a.exchange(ctx, r, at, code, func(*landing) {})
	}
	name, limit := a.answerKey(at, code), a.config.exchangeLimit()
	release, waited, err := a.inTurn(ctx, name, limit+answerSlack, limit)
	if err != nil {
		return &landing{err: err}
	}
	defer release()
	if waited {
		l, err := a.keptAnswer(ctx, r, name, at)
		if err != nil {
			return &landing{err: err}
		}
		if l != nil {
			return l
		}
	}
	return a.exchange(ctx, r, at, code, func(l *landing) { a.keepAnswer(ctx, name, at, l) })
}

// answerKey is where the answer to one response lies. A request with another code looks elsewhere.
func (a *core) answerKey(at *attempt.Attempt, code string) string {
	return shared.Key(shared.KindCallback, a.audience.Hash("\x00callback "+at.State+" "+code))
}

// keepAnswer leaves the code of an error, or nothing, and the lines of Set-Cookie. They are bound to the verifier, which
// only the attempt's cookie holds. The sign-in itself does not depend on it: without, other instances refuse the response.
func (a *core) keepAnswer(ctx context.Context, name string, at *attempt.Attempt, l *landing) {
	code := ""
	if l.err != nil {
		code = outcomeOf(l.err).code
	}
	text := strings.Join(append([]string{code}, l.cookies...), "\n")
	if _, err := flight.Try(a.log, func() (any, error) {
		return nil, a.values.Keep(ctx, callbackAnswer, name, at.Verifier, text, answerKept)
	}); err != nil {
		a.log.DebugContext(ctx, "ginoidc: the answer of a callback not left for other instances", "error", err)
	}
}

// keptAnswer is what another instance has answered; nil, nil when it has left nothing that this one can use.
func (a *core) keptAnswer(ctx context.Context, r *http.Request, name string, at *attempt.Attempt) (*landing, error) {
	text, ok, err := a.values.Kept(ctx, callbackAnswer, name, at.Verifier)
	if !ok || err != nil {
		return nil, err
	}
	lines := strings.Split(text, "\n")
	code, l := lines[0], &landing{cookies: lines[1:]}
	if code != "" {
		l.err = answeredElsewhere(code)
		return l, nil
	}
	l.session, err = a.sessions.Load(cookie.After(r.WithContext(ctx), l.cookies))
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
	err := errors.New("ginoidc: internal error")
	for _, o := range outcomes() {
		if o.code == code {
			err = o.err
		}
	}
	return fmt.Errorf("%w: on another instance, whose log has the cause", err)
}
