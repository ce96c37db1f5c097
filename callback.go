package ginoidc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/ascii"
	"github.com/seed-d65cea4d/ginoidc/internal/attempt"
	"github.com/seed-d65cea4d/ginoidc/internal/authresponse"
	"github.com/seed-d65cea4d/ginoidc/internal/events"
	"github.com/seed-d65cea4d/ginoidc/internal/exchange"
	"github.com/seed-d65cea4d/ginoidc/internal/flight"
	"github.com/seed-d65cea4d/ginoidc/internal/outcome"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
	"github.com/seed-d65cea4d/ginoidc/internal/shared"
	"github.com/seed-d65cea4d/ginoidc/internal/web"
)

// Callback completes a sign-in. It validates the authorization response (RFC 6749, section 4.1.2), redeems the code
// once, validates the ID token and userinfo, starts a new session and redirects with 303 to the page where the sign-in
// began, or with SameSiteStrict responds with a page that goes there. It accepts GET only, or POST only if ResponseMode
// is form_post. A response that is invalid or belongs to no attempt of this browser gets 400; a refusal of the
// provider, or a token that fails validation, 401; an error of OnSignIn 403; an unusable response of the provider 502;
// and if the provider, the session store or State does not respond, 503. docs/errors.md lists all codes. A failed
// callback never creates, changes or ends a session.
func (a *Auth) Callback(c *gin.Context) {
	if a.throttled(c) {
		return
	}
	rp, err := a.providers.ofPath(c, a.requestOf)
	if err != nil { // whatever the method: there is no such route
		web.SecureHeaders(c.Writer.Header())
		a.denier.fail(c, "", err)
		return
	}
	method := http.MethodGet
	if rp.mode().FormPost() {
		method = http.MethodPost
	}
	if !a.begin(c, method) {
		rp.logOtherMode(c.Request)
		return
	}
	ctx := c.Request.Context()
	at, response, err := rp.receive(c, a.attempts)
	if err == nil {
		e := &codeExchange{auth: a.core, rp: rp, attempt: at}
		err = e.complete(c, response)
	}
	if err == nil {
		a.landing.land(c, at.ReturnTo)
		return
	}
	// The usual cause of a missing attempt: the sign-in began on another host or scheme, which has the cookie.
	attrs := append(response.Refusal.Attrs(), slog.String("host", ascii.Clean(c.Request.Host, 256)))
	if at != nil && at.Silent { // the user did not ask for the sign-in, so an error page would only confuse
		rp.emit(ctx, events.Event{Kind: events.SilentSignInFailed, Code: outcome.Of(err).Code, Attrs: attrs, Err: err})
		a.landing.land(c, at.ReturnTo)
		return
	}
	if isStale(err) { // back button, reload or a second tab: harmless if the user is signed in by now
		if a.landing.reopen(c, a.routes.Callback) {
			return
		}
		if _, ok := a.requestOf(c).signedInUser(c); ok {
			a.emit(ctx, events.Event{Kind: events.CallbackWithoutAttempt, Attrs: attrs, Err: err})
			a.landing.land(c, a.config.DefaultReturnTo)
			return
		}
	}
	wanted := ""
	if at != nil {
		wanted = at.ReturnTo
	}
	a.denier.about(rp).fail(c, wanted, err, attrs...)
}

// isStale reports whether a response is well-formed but its attempt no longer exists.
func isStale(err error) bool {
	return errors.Is(err, outcome.ErrNoAttempt) || errors.Is(err, outcome.ErrAttemptExpired) ||
		errors.Is(err, outcome.ErrAttemptSpent)
}

// receive returns the authorization response of a request, and the attempt it belongs to. With an error, it returns
// what it has found so far, for the log and the error page; the attempt may be nil.
func (rp *relyingParty) receive(
	c *gin.Context, attempts *attempt.Jar,
) (*attempt.Attempt, authresponse.Response, error) {
	if web.IsSubresource(c.Request) { // a prefetch, frame or image must not redeem the code
		return nil, authresponse.Response{}, outcome.ErrNotNavigation
	}
	receiver := authresponse.Receiver{Mode: rp.mode(), Party: rp.Party, Attempts: attempts}
	at, response, err := receiver.Receive(c.Writer, c.Request)
	if err != nil && !errors.Is(err, ErrProviderUnavailable) && !errors.Is(err, authresponse.ErrInvalid) {
		err = translated(err)
	}
	return at, response, err
}

// mode returns how the provider returns responses.
func (rp *relyingParty) mode() authresponse.Mode {
	return authresponse.Mode(rp.settings.ResponseMode)
}

// logOtherMode logs a response that came in another response mode than the configured one.
func (rp *relyingParty) logOtherMode(r *http.Request) {
	if m, ok := rp.mode().Mismatch(r); ok {
		rp.emit(r.Context(), events.Event{Kind: events.ResponseModeMismatch, Attrs: m.Attrs()})
	}
}

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
	cleared := http.Header{}
	a.attempts.Clear(cleared, at.State)
	result, err := a.exchanges.Run(ctx, exchange.Response{
		Audience: e.rp.Audience, State: at.State, Code: r.Code, Verifier: at.Verifier, Request: e.http,
		Limit: e.rp.exchangeLimit(), Links: at.Link,
	}, exchange.Steps{
		Consume: e.consumeAttempt, Redeem: e.redeem, Cookies: cleared[setCookie],
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
	req.addCookies(c, result.Cookies)
	if result.Session != nil {
		own := *result.Session
		req.replace(&own)
		a.hooks.signedIn(c, userOf(&own))
	}
	return result.Err
}

// hooksLimit is the time for the app's hooks and the store, in addition to that of the provider. They need a limit
// because they continue when the browser disconnects.
const hooksLimit = 30 * time.Second

// exchangeLimit bounds the time of one exchange.
func (rp *relyingParty) exchangeLimit() time.Duration { return rp.redeemLimit() + hooksLimit }

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

// redeem redeems the code and starts the session, or links the account. The cookies of the result end the attempt too.
func (e *codeExchange) redeem(ctx context.Context) *exchange.Result {
	header, req := http.Header{}, &request{Context: ctx, auth: e.auth}
	req.reply.Collect(header)
	req.http = e.http.WithContext(ctx)
	e.auth.attempts.Clear(header, e.attempt.State)
	if e.attempt.Link {
		err := e.link(req)
		return &exchange.Result{Err: err, Cookies: header[setCookie]}
	}
	s, err := e.signIn(req)
	result := &exchange.Result{Session: s, Err: err}
	if err == nil {
		result.Cookies = []string{e.auth.recent.Set(e.rp.ledger.RefOf(&s.Record), e.attempt.Again).String()}
	}
	if err == nil && e.auth.providers.Several {
		result.Cookies = append(result.Cookies, e.auth.markers.Chosen(e.rp.Name).String())
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
	idToken, tokens, err := exchange.Tokens(ctx, rp.Client, code, at)
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
		return outcome.ErrAttemptSpent
	}
	return err
}
