package ginoidc

import (
	"errors"
	"log/slog"
	"math"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/web"
)

// AbortHandlers answer denied and failed requests. If one is nil, the default response is sent.
//
// The chain is aborted before a handler is called, so the protected handler never runs, whatever the abort handler
// does. If it writes nothing, the response has the default status. [Denied] returns everything that the default
// responses show, and [UserFrom] the user.
type AbortHandlers struct {
	// Unauthenticated answers if nobody is signed in, or if a step-up is required (StepUpError). Default: browser
	// navigations are redirected to the sign-in route, posted forms get a 401 page with a link to the sign-in and back to
	// the form, and all other requests get 401 JSON.
	Unauthenticated gin.HandlerFunc
	// Forbidden answers if the user is signed in but not allowed. Default: 403, as a page for navigations and posted forms
	// and as JSON otherwise. It never redirects, which would loop.
	Forbidden gin.HandlerFunc
	// Failed answers if a guard or one of the plugin's routes fails. Default: a page or JSON with the status of the error.
	Failed gin.HandlerFunc
}

// or fills the handlers that h leaves nil.
func (h AbortHandlers) or(other AbortHandlers) AbortHandlers {
	if h.Unauthenticated == nil {
		h.Unauthenticated = other.Unauthenticated
	}
	if h.Forbidden == nil {
		h.Forbidden = other.Forbidden
	}
	if h.Failed == nil {
		h.Failed = other.Failed
	}
	return h
}

// Deny aborts the chain and answers as a guard that denies the request because of err. Use it in handlers that decide
// themselves, and when a call to the plugin fails, such as [Auth.Token].
//
// An error of the plugin has the status that docs/errors.md lists. Any other error, and nil, is the app's decision to
// deny the request: 403, as from [Auth.Require]. An error of the network or of a context is no decision: it is a
// failure with 500, code "internal". For other failures of the app, such as of its database, send a response of your
// own.
func (a *Auth) Deny(c *gin.Context, err error) {
	o, ok := listed(err)
	switch {
	case !ok && isFailure(err):
		o = outcomeOf(errInternal)
	case !ok:
		err = forbidden(err)
		o = outcomeOf(err)
	}
	if o.status >= http.StatusInternalServerError { // a sign-in would not fix it, another try may
		o.link = linkRetry
	}
	d := a.denial(c, err, o, a.targets.Requested(c.Request))
	switch o.status {
	case http.StatusUnauthorized:
		failed := errors.Is(err, errAccessToken) || errors.As(err, new(*authenticatorError))
		a.denied(c, o.code, err, failed)
		a.answer(c, d, a.handlers.Unauthenticated, a.defaultUnauthenticated)
	case http.StatusForbidden:
		a.denied(c, o.code, err, true)
		a.answer(c, d, a.handlers.Forbidden, a.defaultAnswer)
	default:
		a.failed(c, d, a.defaultAnswer)
	}
}

// denied reports which user was denied and what the guard requires. Requests without any credentials are normal, so
// they are not logged. The user's own groups are personal data, but the first thing to look at when a guard denies
// everybody, so they are logged at debug.
func (a *core) denied(c *gin.Context, code string, err error, log bool) {
	denied := event{kind: eventDenied, code: code, route: c.FullPath(), unlogged: !log}
	u, ok := a.requestOf(c).signedInUser(c)
	if ok {
		denied.subject, denied.actor = u.Subject, u.Actor.subject()
	}
	var e *notInError
	if errors.As(err, &e) {
		denied.attrs = []slog.Attr{slog.Any(e.wanted, e.names)}
	} else {
		denied.err = err
	}
	ctx := c.Request.Context()
	if ok && a.log.Enabled(ctx, slog.LevelDebug) {
		denied.attrs = append(denied.attrs, slog.Any("groups", u.Groups), slog.Any("organizations", u.Organizations))
	}
	a.emit(ctx, denied)
}

// fail answers a request that one of the plugin's own routes cannot serve.
func (a *Auth) fail(c *gin.Context, err error, attrs ...slog.Attr) {
	a.failWithTarget(c, "", err, attrs...)
}

// failWithTarget is fail for a user on the way to the page wanted, or "". The response links back to it.
func (a *Auth) failWithTarget(c *gin.Context, wanted string, err error, attrs ...slog.Attr) {
	a.failed(c, a.denial(c, err, outcomeOf(err), wanted), a.defaultOwnAnswer, attrs...)
}

// failed logs a failure under the request id that the response shows.
func (a *Auth) failed(c *gin.Context, d Denial, byDefault gin.HandlerFunc, attrs ...slog.Attr) {
	level := slog.LevelWarn
	switch {
	case isCancelled(d.Err):
		level = slog.LevelInfo
	case d.Status >= http.StatusInternalServerError:
		level = slog.LevelError
	}
	req := a.requestOf(c)
	id := requestID(req)
	a.emit(req, event{
		kind: eventRequestFailed, level: level, code: d.Code, requestID: id, attrs: attrs, err: d.Err,
		signIn: a.routes.signsIn(c),
	})
	if !d.Page || !isCancelled(d.Err) {
		d.RequestID = id
	}
	a.answer(c, d, a.handlers.Failed, byDefault)
}

// answer aborts the chain before it calls the handler: in Gin, if a middleware only writes and returns, the protected
// handler still runs and appends its body.
func (a *Auth) answer(c *gin.Context, d Denial, handler, byDefault gin.HandlerFunc) {
	c.Abort()
	web.KeepPrivate(headerOf(c))
	c.Set(denialKey{}, d)
	switch d.Status {
	case http.StatusUnauthorized:
		a.challenge(c, d.Err)
	case http.StatusForbidden:
		if errors.Is(d.Err, errScope) && a.requestOf(c).byToken {
			a.challenge(c, d.Err)
		}
	case http.StatusServiceUnavailable:
		askLater(c, d.Err)
	}
	c.Status(d.Status)
	if handler == nil {
		handler = byDefault
	}
	handler(c)
}

// challenge tells the client how to authenticate (RFC 9110, section 11.6.1): in the way that it tried, and if it tried
// none in each way that the app accepts.
func (a *core) challenge(c *gin.Context, err error) {
	byToken, h := a.requestOf(c).byToken, c.Writer.Header()
	h.Del("WWW-Authenticate")
	if !byToken {
		challenge := `Cookie realm="` + a.targets.Origin + `"`
		var e *StepUpError
		if errors.As(err, &e) {
			challenge += e.challenge()
		}
		h.Add("WWW-Authenticate", challenge)
	}
	if a.providers.accessTokens() {
		a.challengeBearer(h, byToken, err)
	}
}

// askLater sets the Retry-After header of a 503 (RFC 9110, section 10.2.3).
func askLater(c *gin.Context, err error) { c.Header("Retry-After", strconv.Itoa(retryAfter(err))) }

// retryAfter returns the seconds that a client should wait after a 503: those that the provider asked for, or the time
// after which the plugin itself has tried again.
func retryAfter(err error) int {
	var ofProvider *provider.Error
	if errors.As(err, &ofProvider) && ofProvider.RetryAfter > 0 {
		return int(math.Ceil(ofProvider.RetryAfter.Seconds()))
	}
	return 5
}

// defaultUnauthenticated redirects navigations to the sign-in, unless that would loop, and otherwise sends a 401.
func (a *Auth) defaultUnauthenticated(c *gin.Context) {
	switch pattern := c.FullPath(); {
	case pattern == a.routes.signIn || pattern == a.routes.prefix+"/signin": // a redirect would loop
		a.emit(c.Request.Context(), event{kind: eventSignInGuarded})
	case a.requestOf(c).byToken, errors.As(Reason(c), new(*authenticatorError)): // the same after a sign-in
	case web.IsNavigation(c.Request):
		a.RedirectToSignIn(c)
		return
	}
	a.defaultAnswer(c)
}

// defaultAnswer sends a page to a person and JSON to a program.
func (a *Auth) defaultAnswer(c *gin.Context) { a.answerDenial(c, false) }

// defaultOwnAnswer is defaultAnswer for the plugin's own routes. Their URL may hold an authorization code, so the page
// removes the query from the address bar.
func (a *Auth) defaultOwnAnswer(c *gin.Context) { a.answerDenial(c, true) }

// answerDenial sends the page or JSON of the denial. cutAddress removes the query from the address bar.
func (a *Auth) answerDenial(c *gin.Context, cutAddress bool) {
	if c.Writer.Written() { // the app has answered: a second body would be appended to the first
		return
	}
	d := Denied(c)
	if d.Page {
		a.page(c, d.Status, web.Page{
			Title: d.Title, Message: d.Message, RequestID: d.RequestID, Link: d.Link, LinkText: d.LinkText,
			CutAddress: cutAddress,
		})
		return
	}
	c.JSON(d.Status, d)
}

// RedirectToSignIn aborts the chain and redirects the browser to the sign-in route, which returns to this page or to
// the page of the posted form. After a StepUpError, the sign-in asks for what the step-up requires. It is the default
// for navigations. Answer requests that a navigation cannot repeat (POST, fetch) with 401 instead.
func (a *Auth) RedirectToSignIn(c *gin.Context) {
	c.Abort()
	a.requestOf(c).forgetEnded(c)
	c.Writer.Header().Del("WWW-Authenticate")
	wanted := a.targets.Requested(c.Request)
	if wanted == "" {
		a.log.DebugContext(c.Request.Context(), "ginoidc: the sign-in does not return to this page: "+
			"its address is not an acceptable return target")
	}
	redirect(c, http.StatusFound, a.signInURL(c, wanted, "", Reason(c)))
}
