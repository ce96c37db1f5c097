package ginoidc

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/attempt"
	"github.com/seed-d65cea4d/ginoidc/internal/flight"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
	"github.com/seed-d65cea4d/ginoidc/internal/shared"
)

// landing is how the exchange of one authorization response ended, for every request that brought the response.
type landing struct {
	cookies []string         // lines of Set-Cookie
	session *session.Session // nil unless somebody is signed in
	err     error
}

// land uses the attempt up and, unless the provider refused, redeems the code and starts the session: once for all requests
// that bring the same response while that runs, to whichever instance, for browsers ask for a page twice, and a reload
// cancels the first request. All of them have shown the attempt's cookie, and all get one answer, cookies included. The
// exchange goes on when a browser leaves, since another request may wait for it; it works on copies, for Gin uses a context
// again after its request.
func (a *Auth) land(c *gin.Context, at *attempt.Attempt, r response) error {
	header, ctx := c.Writer.Header(), c.Request.Context()
	if r.refusal != nil { // there is no code to be sent twice, so nothing is remembered for whoever may make up an error
		a.attempts.Clear(header, at.State)
		return r.refusal
	}
	if err := unwritten(c); err != nil {
		return err
	}
	request := c.Request.Clone(ctx)
	request.Body = http.NoBody
	l, _, err := a.exchanges.Do(ctx, at.State+" "+r.code, func() (*landing, error) {
		return a.exchangeInTurn(context.WithoutCancel(ctx), request, at, r.code), nil
	})
	if err != nil && err == ctx.Err() {
		return fmt.Errorf("%w: %w", ErrProviderUnavailable, context.Cause(ctx))
	}
	if err != nil {
		var panicked *flight.PanicError
		if errors.As(err, &panicked) && panicked.Value == http.ErrAbortHandler { // is for the server
			panic(http.ErrAbortHandler)
		}
		a.attempts.Clear(header, at.State) // it is used up
		return err
	}
	req := a.requestOf(c)
	req.addCookies(c, l.cookies)
	if l.session != nil {
		own := *l.session
		req.replace(&own)
	}
	return l.err
}

// hooksLimit is what is left for the app's hooks and the store when the provider has taken all its time: no browser that
// leaves puts an end to them.
const hooksLimit = 30 * time.Second

// exchangeLimit bounds one exchange.
func (c *Config) exchangeLimit() time.Duration { return c.redeemLimit() + hooksLimit }

var errPanicked = errors.New("ginoidc: a panic in code of the app or of the plugin")

// exchange is the work of land, with a response of its own. Once the attempt is spent, leave gets the answer, whatever
// becomes of it.
func (a *core) exchange(
	ctx context.Context, r *http.Request, at *attempt.Attempt, code string, leave func(*landing),
) *landing {
	ctx, cancel := context.WithTimeout(ctx, a.config.exchangeLimit())
	defer cancel()
	req := &request{Context: ctx, auth: a, header: http.Header{}}
	req.http = r.WithContext(ctx)
	if err := a.spend(req, at); err != nil {
		return &landing{err: err}
	}
	a.attempts.Clear(req.header, at.State)
	l := &landing{err: errPanicked, cookies: req.header[setCookie]}
	defer func() { leave(l) }()
	s, err := a.redeemOnce(req, at, code)
	l = &landing{session: s, err: err}
	if err == nil {
		l.cookies = []string{a.landedCookie(s, at.Again).String()}
	}
	l.cookies = append(l.cookies, req.header[setCookie]...)
	return l
}

// redeemOnce goes from the code to the new session. Nothing before its last step makes, changes or ends a session.
func (a *core) redeemOnce(req *request, at *attempt.Attempt, code string) (*session.Session, error) {
	id, err := a.redeem(req, code, at)
	if err != nil {
		return nil, err
	}
	if err := a.admit(req, &SignIn{User: id.user, AccessToken: id.tokens.AccessToken, AppState: at.AppState}); err != nil {
		return nil, err
	}
	return a.startSession(req, req, id, at)
}

// spend uses the attempt up, here and on every instance that shares the state.
func (a *core) spend(ctx context.Context, at *attempt.Attempt) error {
	first, err := a.state.Once(ctx, shared.Key(shared.KindAttempt, a.audience.Hash(at.State)), a.config.AttemptLife+a.config.ClockTolerance)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSessionStore, err)
	}
	if !first {
		return errAttemptSpent
	}
	return nil
}
