package ginoidc

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/attempt"
	"github.com/seed-d65cea4d/ginoidc/internal/authresponse"
	"github.com/seed-d65cea4d/ginoidc/internal/cookie"
	"github.com/seed-d65cea4d/ginoidc/internal/eventkind"
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
func (e *exchange) complete(c *gin.Context, r authresponse.Response) error {
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
		a.hooks.signedIn(c, userOf(&own))
	}
	return l.err
}

// hooksLimit is the time for the app's hooks and the store, in addition to that of the provider. They need a limit
// because they continue when the browser disconnects.
const hooksLimit = 30 * time.Second

// exchangeLimit bounds the time of one exchange.
func (rp *relyingParty) exchangeLimit() time.Duration { return rp.redeemLimit() + hooksLimit }

var errPanicked = errors.New("ginoidc: a panic in code of the app or of the plugin")

// exchange turns one authorization response into a session. It runs once for all requests that bring the same response,
// on a goroutine that outlives them: a browser that hangs up in the middle would otherwise lose a code that is redeemed
// already, and a reload would look like a replay.
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

// signIn redeems the code and starts a session. Only its last step creates, changes or ends a session, so a sign-in
// that fails leaves the user of this browser as they were.
func (e *exchange) signIn(req *request) (*session.Session, error) {
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
		accepted := event{kind: eventkind.SignInAccepted, subject: s.Subject, actor: p.user.Actor.subject(), sid: s.SID}
		accepted.unlogged = true // the start of the session is logged
		e.rp.emit(req, accepted)
	}
	return s, err
}

// consumeAttempt marks the attempt as used on every instance that shares the state, so that a replayed response is
// refused. It is remembered for longer than the attempt is valid.
func (e *exchange) consumeAttempt(ctx context.Context) error {
	life := e.auth.config.AttemptLife + e.rp.settings.ClockTolerance
	first, err := e.rp.markUsed(ctx, shared.KindAttempt, e.attempt.State, life)
	if err == nil && !first {
		return errAttemptSpent
	}
	return err
}

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
	release, waited, err := a.values.inTurn(ctx, e.key(), limit+leaseSlack, limit)
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

// link hands the identity that the user has proven to the app, in the session that started the attempt. It starts no
// session and keeps no tokens.
func (e *exchange) link(req *request) error {
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
	e.rp.emit(req, event{kind: eventkind.Linked, subject: p.user.Subject, sid: p.sid})
	return nil
}
