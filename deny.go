package ginoidc

import (
	"crypto/rand"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/web"
)

// AbortHandlers answer denied requests and failures. A nil one leaves the default answer.
//
// The chain is aborted before a handler is called, so the protected handler never runs, whatever the handler
// does; one that writes nothing leaves the default status. [Denied] has all that the default answers are made of, and
// [UserFrom] the user.
type AbortHandlers struct {
	// Unauthenticated answers when nobody is signed in, or not well enough (StepUpError). Default: browser
	// navigations are redirected to the sign-in route, a form that was posted gets a 401 page that leads there and back
	// to the form, everything else gets 401 JSON.
	Unauthenticated gin.HandlerFunc
	// Forbidden answers when the user is signed in and not allowed. Default: 403, a page for navigations and posted
	// forms, JSON otherwise; never a redirect, which would loop.
	Forbidden gin.HandlerFunc
	// Failed answers when a guard or one of the plugin's routes cannot do its work. Default: a page or JSON
	// with the status of the error.
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

// Deny aborts the chain and answers as a guard that denies the request because of err: for handlers that decide
// themselves, and for those whose call of the plugin fails, such as of Token.
//
// An error of the plugin has the status that docs/errors.md lists. Any other error is the app's reason to say no: 403,
// as from [Auth.Require], and so is nil. Failures of the app itself, such as of its database, are for the app to answer.
func (a *Auth) Deny(c *gin.Context, err error) {
	o, ok := listed(err)
	switch {
	case !ok && isFailure(err):
		o = outcomeOf(errInternal)
	case !ok:
		err = forbidden(err)
		o = outcomeOf(err)
	}
	if o.status >= http.StatusInternalServerError { // a page that cannot be served now: no sign-in would mend it
		o.way = wayRetry
	}
	d := a.denial(c, err, o, a.wanted(c.Request))
	switch o.status {
	case http.StatusUnauthorized:
		if errors.As(err, new(*authenticatorError)) {
			a.logDenied(c, o.code, err)
		}
		a.answer(c, d, a.handlers.Unauthenticated, a.defaultUnauthenticated)
	case http.StatusForbidden:
		a.logDenied(c, o.code, err)
		a.answer(c, d, a.handlers.Forbidden, a.defaultAnswer)
	default:
		a.failed(c, d, a.defaultAnswer)
	}
}

// logDenied says who was not let through, and what the guard wanted. What the user is in instead is personal data, and the
// first thing to look at when a guard says no to everybody: at debug.
func (a *core) logDenied(c *gin.Context, code string, err error) {
	denied := event{kind: eventDenied, code: code, route: c.FullPath()}
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
func (a *Auth) fail(c *gin.Context, err error, attrs ...slog.Attr) { a.failOnWay(c, "", err, attrs...) }

// failOnWay is fail for somebody on the way to a page, or "", to which the answer leads back.
func (a *Auth) failOnWay(c *gin.Context, wanted string, err error, attrs ...slog.Attr) {
	a.failed(c, a.denial(c, err, outcomeOf(err), wanted), a.defaultOwnAnswer, attrs...)
}

// failed logs a failure under the request id that the answer shows.
func (a *Auth) failed(c *gin.Context, d Denial, byDefault gin.HandlerFunc, attrs ...slog.Attr) {
	level := slog.LevelWarn
	switch {
	case isCancelled(d.Err):
		level = slog.LevelInfo
	case d.Status >= http.StatusInternalServerError:
		level = slog.LevelError
	}
	id := rand.Text()
	a.emit(c.Request.Context(), event{
		kind: eventRequestFailed, level: level, code: d.Code, requestID: id, attrs: attrs, err: d.Err,
	})
	if !d.Page || !isCancelled(d.Err) {
		d.RequestID = id
	}
	a.answer(c, d, a.handlers.Failed, byDefault)
}

// answer aborts first and calls the handler second: in Gin a middleware that merely writes and returns lets the
// protected handler run and append its body.
func (a *Auth) answer(c *gin.Context, d Denial, handler, byDefault gin.HandlerFunc) {
	c.Abort()
	web.KeepPrivate(headerOf(c))
	c.Set(denialKey{}, d)
	switch d.Status {
	case http.StatusUnauthorized:
		challenge := `Cookie realm="` + a.realm + `"`
		var e *StepUpError
		if errors.As(d.Err, &e) {
			challenge += e.challenge()
		}
		c.Header("WWW-Authenticate", challenge)
	case http.StatusServiceUnavailable:
		askLater(c, d.Err)
	}
	c.Status(d.Status)
	if handler == nil {
		handler = byDefault
	}
	handler(c)
}

// askLater gives a 503 its Retry-After (RFC 9110, section 10.2.3).
func askLater(c *gin.Context, err error) { c.Header("Retry-After", strconv.Itoa(retryAfter(err))) }

// retryAfter is what a 503 asks of the client, in seconds: what the provider asked for, or a time after which the
// plugin has tried again itself.
func retryAfter(err error) int {
	var ofProvider *provider.Error
	if errors.As(err, &ofProvider) && ofProvider.RetryAfter > 0 {
		return int(math.Ceil(ofProvider.RetryAfter.Seconds()))
	}
	return 5
}

func (a *Auth) defaultUnauthenticated(c *gin.Context) {
	switch pattern := c.FullPath(); {
	case pattern == a.routes.signIn || pattern == a.routes.prefix+"/signin": // a redirect would lead to itself for ever
		a.emit(c.Request.Context(), event{kind: eventSignInGuarded})
	case errors.As(Reason(c), new(*authenticatorError)): // which would say the same after a sign-in
	case web.IsNavigation(c.Request):
		a.RedirectToSignIn(c)
		return
	}
	a.defaultAnswer(c)
}

// defaultAnswer is a page for a person and JSON for a program.
func (a *Auth) defaultAnswer(c *gin.Context) { a.answerDenial(c, false) }

// defaultOwnAnswer is that of the plugin's own routes, whose address may hold an authorization code.
func (a *Auth) defaultOwnAnswer(c *gin.Context) { a.answerDenial(c, true) }

func (a *Auth) answerDenial(c *gin.Context, cutAddress bool) {
	if c.Writer.Written() { // by the app: a second body would only be appended to the first
		return
	}
	d := Denied(c)
	if d.Page {
		a.page(c, d.Status, web.Page{
			Title: d.Title, Message: d.Message, RequestID: d.RequestID, Link: d.Link, LinkText: d.LinkText, CutAddress: cutAddress,
		})
		return
	}
	c.JSON(d.Status, d)
}

// RedirectToSignIn aborts the chain and sends the browser to the sign-in route, from where it comes back to this page, or
// to that of the form that was posted; for a StepUpError with what that asks for. It is what happens by default to a
// navigation; on a request that cannot be repeated by one (POST, fetch) answer 401 instead.
func (a *Auth) RedirectToSignIn(c *gin.Context) {
	c.Abort()
	a.requestOf(c).forgetEnded(c)
	c.Writer.Header().Del("WWW-Authenticate")
	wanted := a.wanted(c.Request)
	if wanted == "" {
		a.log.DebugContext(c.Request.Context(), "ginoidc: the sign-in does not come back to this page, whose address is not acceptable as a return target")
	}
	redirect(c, http.StatusFound, a.signInURL(c, wanted, "", Reason(c)))
}
