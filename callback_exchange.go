package ginoidc

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/attempt"
	"github.com/seed-d65cea4d/ginoidc/internal/authresponse"
	"github.com/seed-d65cea4d/ginoidc/internal/flight"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
	"github.com/seed-d65cea4d/ginoidc/internal/shared"
)

// exchangeResult is the result of the exchange of one authorization response, for every request that brought that
// response.
type exchangeResult struct {
	cookies []string         // lines of Set-Cookie
	session *session.Session // nil unless somebody is signed in
	err     error
}

// complete redeems the code of a response and starts the session, unless the provider refused the sign-in. Concurrent
// requests with the same response are deduplicated: browsers request a page twice, and a reload cancels the first
// request. Each of them has presented the attempt's cookie, and each gets the same result, cookies included.
func (a *Auth) complete(
	c *gin.Context, rp *relyingParty, at *attempt.Attempt, r authresponse.Response,
) error {
	header, ctx := c.Writer.Header(), c.Request.Context()
	if r.Refusal != nil { // no code can be replayed, and anyone can forge an error: do not mark the attempt as used
		a.attempts.Clear(header, at.State)
		return (*ProviderError)(r.Refusal)
	}
	if err := checkNotWritten(c); err != nil {
		return err
	}
	// The exchange continues when the browser disconnects, since another request may wait for it. It works on a copy of
	// the request, because Gin reuses its contexts.
	e := &exchange{auth: a.core, rp: rp, attempt: at, code: r.Code, http: c.Request.Clone(ctx)}
	e.http.Body = http.NoBody
	l, _, err := a.exchanges.Do(ctx, at.State+" "+r.Code, func() (*exchangeResult, error) {
		return e.redeemOnce(context.WithoutCancel(ctx)), nil
	})
	if err != nil && err == ctx.Err() {
		return fmt.Errorf("%w: %w", ErrProviderUnavailable, context.Cause(ctx))
	}
	if err != nil {
		var panicked *flight.PanicError
		if errors.As(err, &panicked) && panicked.Value == http.ErrAbortHandler { // the server handles it
			panic(http.ErrAbortHandler)
		}
		a.attempts.Clear(header, at.State) // it may have been used
		return err
	}
	req := a.requestOf(c)
	req.addCookies(c, l.cookies)
	if l.session != nil {
		own := *l.session
		req.replace(&own)
		a.runOnSignedIn(c, a.userOf(&own))
	}
	return l.err
}

// hooksLimit is the time for the app's hooks and the store, in addition to that of the provider. They need a limit
// because they continue when the browser disconnects.
const hooksLimit = 30 * time.Second

// exchangeLimit bounds the time of one exchange.
func (rp *relyingParty) exchangeLimit() time.Duration { return rp.redeemLimit() + hooksLimit }

var errPanicked = errors.New("ginoidc: a panic in code of the app or of the plugin")

// exchange turns one authorization response into a session.
type exchange struct {
	auth    *core
	rp      *relyingParty
	attempt *attempt.Attempt
	code    string
	http    *http.Request // the request that brought the response, without its body
}

// redeem consumes the attempt, redeems the code and starts the session. Once the attempt is consumed, leave is called
// with the result, even after a panic.
func (e *exchange) redeem(ctx context.Context, leave func(*exchangeResult)) *exchangeResult {
	ctx, cancel := context.WithTimeout(ctx, e.rp.exchangeLimit())
	defer cancel()
	req := &request{Context: ctx, auth: e.auth, header: http.Header{}}
	req.http = e.http.WithContext(ctx)
	if err := e.consumeAttempt(ctx); err != nil {
		return &exchangeResult{err: err}
	}
	e.auth.attempts.Clear(req.header, e.attempt.State)
	l := &exchangeResult{err: errPanicked, cookies: req.header[setCookie]}
	defer func() { leave(l) }()
	if e.attempt.Link {
		l = &exchangeResult{err: e.link(req), cookies: req.header[setCookie]}
		return l
	}
	s, err := e.signIn(req)
	l = &exchangeResult{session: s, err: err}
	if err == nil {
		l.cookies = []string{e.auth.recent.Set(e.rp.ledger.RefOf(&s.Record), e.attempt.Again).String()}
	}
	if err == nil && e.auth.providers.several {
		l.cookies = append(l.cookies, e.auth.markers.Chosen(e.rp.settings.Name).String())
	}
	l.cookies = append(l.cookies, req.header[setCookie]...)
	return l
}

// signIn redeems the code and starts a session. Only its last step creates, changes or ends a session.
func (e *exchange) signIn(req *request) (*session.Session, error) {
	p, err := e.rp.redeem(req, e.code, e.attempt)
	if err != nil {
		return nil, err
	}
	pending := &PendingSignIn{User: p.user, AccessToken: p.tokens.AccessToken, AppState: e.attempt.AppState,
		Request: e.http}
	if err := e.auth.runOnSignIn(req, pending); err != nil {
		return nil, err
	}
	s, err := req.startSession(req, p, e.attempt)
	if err == nil {
		accepted := event{kind: eventSignInAccepted, subject: s.Subject, actor: p.user.Actor.subject(), sid: s.SID}
		accepted.unlogged = true // the start of the session is logged
		e.rp.emit(req, accepted)
	}
	return s, err
}

// consumeAttempt marks the attempt as used on every instance that shares the state, so that a replayed response is
// refused.
func (e *exchange) consumeAttempt(ctx context.Context) error {
	key := shared.Key(shared.KindAttempt, e.rp.audience.Hash(e.attempt.State))
	first, err := e.auth.state.MarkUsed(ctx, key, e.auth.config.AttemptLife+e.rp.settings.ClockTolerance)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSessionStore, err)
	}
	if !first {
		return errAttemptSpent
	}
	return nil
}
