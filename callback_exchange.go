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
	"github.com/seed-d65cea4d/ginoidc/internal/events"
	"github.com/seed-d65cea4d/ginoidc/internal/exchange"
	"github.com/seed-d65cea4d/ginoidc/internal/flight"
	"github.com/seed-d65cea4d/ginoidc/internal/outcome"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
	"github.com/seed-d65cea4d/ginoidc/internal/shared"
)

// complete redeems the code of a response and starts the session, unless the provider refused the sign-in. Requests
// with the same response share one exchange and its result.
func (e *codeExchange) complete(c *gin.Context, r authresponse.Response) error {
	a, at := e.auth, e.attempt
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
	e.code, e.http = r.Code, c.Request.Clone(ctx)
	e.http.Body = http.NoBody
	result, err := a.exchanges.Do(ctx, exchange.Response{
		Audience: e.rp.Audience, State: at.State, Code: r.Code, Verifier: at.Verifier, Request: e.http,
		Limit: e.rp.exchangeLimit(), Links: at.Link,
	}, e.redeem)
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
	req.addCookies(c, result.Cookies)
	if result.Session != nil {
		own := *result.Session
		req.replace(&own)
		a.hooks.signedIn(c, userOf(&own))
	}
	if result.Err == nil && result.Code != "" {
		return otherInstanceError(result.Code)
	}
	return result.Err
}

// hooksLimit is the time for the app's hooks and the store, in addition to that of the provider. They need a limit
// because they continue when the browser disconnects.
const hooksLimit = 30 * time.Second

// exchangeLimit bounds the time of one exchange.
func (rp *relyingParty) exchangeLimit() time.Duration { return rp.redeemLimit() + hooksLimit }

var errPanicked = outcome.ErrPanicked

// codeExchange turns one authorization response into a session. It runs once for all requests that bring the same
// response, on a goroutine that outlives them: a browser that hangs up in the middle would otherwise lose a code that
// is redeemed already, and a reload would look like a replay.
type codeExchange struct {
	auth    *core
	rp      *relyingParty
	attempt *attempt.Attempt
	code    string
	http    *http.Request // the request that brought the response, without its body
}

// redeem consumes the attempt, redeems the code and starts the session. Once the attempt is consumed, leave is called
// with the result, even after a panic.
func (e *codeExchange) redeem(ctx context.Context, leave func(*exchange.Result)) *exchange.Result {
	ctx, cancel := context.WithTimeout(ctx, e.rp.exchangeLimit())
	defer cancel()
	header, req := http.Header{}, &request{Context: ctx, auth: e.auth}
	req.reply.Collect(header)
	req.http = e.http.WithContext(ctx)
	if err := e.consumeAttempt(ctx); err != nil { // before the code is sent: a replay must not reach the provider
		return &exchange.Result{Err: err}
	}
	e.auth.attempts.Clear(header, e.attempt.State)
	result := &exchange.Result{Err: errPanicked, Cookies: header[setCookie]}
	defer func() {
		if result.Err != nil {
			result.Code = outcome.Of(result.Err).Code
		}
		leave(result)
	}()
	if e.attempt.Link {
		result = &exchange.Result{Err: e.link(req), Cookies: header[setCookie]}
		return result
	}
	s, err := e.signIn(req)
	result = &exchange.Result{Session: s, Err: err}
	if err == nil {
		result.Cookies = []string{e.auth.recent.Set(e.rp.ledger.RefOf(&s.Record), e.attempt.Again).String()}
	}
	if err == nil && e.auth.providers.Several {
		result.Cookies = append(result.Cookies, e.auth.markers.Chosen(e.rp.settings.Name).String())
	}
	result.Cookies = append(result.Cookies, header[setCookie]...)
	return result
}

// signIn redeems the code and starts a session. Only its last step creates, changes or ends a session, so a sign-in
// that fails leaves the user of this browser as they were.
func (e *codeExchange) signIn(req *request) (*session.Session, error) {
	p, err := e.rp.redeem(req, e.code, e.attempt)
	if err != nil {
		return nil, err
	}
	pending := &PendingSignIn{User: p.user, AccessToken: p.tokens.AccessToken, AppState: e.attempt.AppState,
		Request: e.http}
	if err := e.auth.hooks.signIn(req, pending); err != nil {
		return nil, err
	}
	s, err := req.startSession(req, p, e.attempt)
	if err == nil {
		accepted := events.Event{Kind: events.SignInAccepted, Subject: s.Subject, Actor: p.user.Actor.subject(), SID: s.SID}
		accepted.Unlogged = true // the start of the session is logged
		e.rp.emit(req, accepted)
	}
	return s, err
}

// redeemLimit bounds the time of all calls that one callback makes to the provider.
func (rp *relyingParty) redeemLimit() time.Duration { return 2 * rp.settings.Timeout }

// redeem exchanges the code and returns the user whom the validated tokens identify.
func (rp *relyingParty) redeem(ctx context.Context, code string, at *attempt.Attempt) (*person, error) {
	ctx, cancel := context.WithTimeout(ctx, rp.redeemLimit())
	defer cancel()
	tokens, err := rp.Client.Exchange(ctx, code, at.Verifier)
	if err != nil {
		return nil, translated(err)
	}
	tokens.Nonce = at.Nonce
	idToken, err := rp.Client.VerifyIDToken(ctx, tokens.IDToken, provider.Expect{
		Nonce: at.Nonce, MaxAge: at.MaxAge, AccessToken: tokens.AccessToken,
	})
	if err != nil {
		return nil, translated(err)
	}
	return rp.personOf(ctx, idToken, tokens)
}

// consumeAttempt marks the attempt as used on every instance that shares the state, so that a replayed response is
// refused. It is remembered for longer than the attempt is valid.
func (e *codeExchange) consumeAttempt(ctx context.Context) error {
	life := e.auth.config.AttemptLife + e.rp.settings.ClockTolerance
	first, err := e.rp.MarkUsed(ctx, shared.KindAttempt, e.attempt.State, life)
	if err == nil && !first {
		return errAttemptSpent
	}
	return err
}

// otherInstanceError returns the error with the given code. Its cause is in the log of the instance that redeemed the
// code.
func otherInstanceError(code string) error {
	return fmt.Errorf("%w: on another instance, whose log has the cause", outcome.OfCode(code))
}

// link hands the identity that the user has proven to the app, in the session that started the attempt. It starts no
// session and keeps no tokens.
func (e *codeExchange) link(req *request) error {
	s, err := e.auth.sessions.Load(req.http)
	if err == nil && s != nil {
		s, _, err = req.current(req.Context, s)
	}
	if err != nil {
		return translated(err)
	}
	if s == nil || s.ID != e.attempt.Replaces || s.Subject != e.attempt.Replaced {
		return fmt.Errorf("%w: the session that began to is over", errLinkRefused)
	}
	p, err := e.rp.redeem(req, e.code, e.attempt)
	if err != nil {
		return err
	}
	user := userOf(s)
	if user.Issuer == p.user.Issuer && user.Subject == p.user.Subject {
		return fmt.Errorf("%w: both are the same", errLinkRefused)
	}
	if err := e.auth.config.OnLink(req, user, p.user); err != nil {
		return fmt.Errorf("%w: %w", errLinkRefused, err)
	}
	e.rp.emit(req, events.Event{Kind: events.Linked, Subject: p.user.Subject, SID: p.sid})
	return nil
}
