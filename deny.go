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
)

// Handlers answer denied requests and failures. A nil one leaves the default answer.
//
// The chain is aborted before a handler is called, so the protected handler never runs, whatever the handler
// does; one that writes nothing leaves the default status. [Reason] and [UserFrom] tell why and who.
type Handlers struct {
	// Unauthenticated answers when nobody is signed in, or not well enough (StepUpError). Default: browser
	// navigations are redirected to the sign-in route, everything else gets 401 JSON.
	Unauthenticated gin.HandlerFunc
	// Forbidden answers when the user is signed in and not allowed. Default: 403, a page for navigations and
	// JSON otherwise; never a redirect, which would loop.
	Forbidden gin.HandlerFunc
	// Failed answers when a guard or one of the plugin's routes cannot do its work. Default: a page or JSON
	// with the status of the error.
	Failed gin.HandlerFunc
}

// or fills the handlers that h leaves nil.
func (h Handlers) or(other Handlers) Handlers {
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

// denial is what the handlers find in the gin.Context.
type denial struct {
	err       error
	requestID string // of a failure
}

type denialKey struct{}

// Reason returns why the request was denied or failed: an error that wraps one of the Err… values. It is nil
// outside of Handlers. Its text is for logs, not for pages.
func Reason(c *gin.Context) error {
	return denialOf(c).err
}

func denialOf(c *gin.Context) denial {
	value, _ := c.Get(denialKey{})
	d, _ := value.(denial)
	return d
}

// Deny answers a request that a guard does not let through because of err, and aborts the chain. It is for handlers too
// whose call of the plugin fails, such as of Token.
func (a *Auth) Deny(c *gin.Context, err error) {
	switch o := outcomeOf(err); o.status {
	case http.StatusUnauthorized:
		a.answer(c, denial{err: err}, o, a.handlers.Unauthenticated, a.defaultUnauthenticated)
	case http.StatusForbidden:
		if u, ok := UserFrom(c); ok {
			a.log.InfoContext(c.Request.Context(), "ginoidc: denied", "code", o.code, "sub", u.Subject, "route", c.FullPath())
		}
		a.answer(c, denial{err: err}, o, a.handlers.Forbidden, a.defaultForbidden)
	default:
		a.fail(c, err)
	}
}

// fail answers a request that one of the plugin's own routes, or a guard, cannot serve, and logs it under the
// request id that the answer shows.
func (a *Auth) fail(c *gin.Context, err error, attrs ...slog.Attr) {
	o, id := outcomeOf(err), rand.Text()
	level := slog.LevelWarn
	if o.status >= http.StatusInternalServerError {
		level = slog.LevelError
	}
	attrs = append(attrs, slog.String("code", o.code), slog.String("request_id", id), slog.Any("error", err))
	a.log.LogAttrs(c.Request.Context(), level, "ginoidc: request failed", attrs...)
	a.answer(c, denial{err, id}, o, a.handlers.Failed, a.defaultFailed)
}

// answer aborts first and calls the handler second: in Gin a middleware that merely writes and returns lets the
// protected handler run and append its body.
func (a *Auth) answer(c *gin.Context, d denial, o outcome, handler, byDefault gin.HandlerFunc) {
	c.Abort()
	c.Set(denialKey{}, d)
	switch o.status {
	case http.StatusUnauthorized:
		challenge := `Cookie realm="` + a.realm + `"`
		if e := stepUp(c); e != nil {
			challenge += e.challenge()
		}
		c.Header("WWW-Authenticate", challenge)
	case http.StatusServiceUnavailable:
		askLater(c, d.err)
	}
	c.Status(o.status)
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
	if isNavigation(c.Request) {
		a.RedirectToSignIn(c)
		return
	}
	o := outcomeOf(Reason(c))
	c.JSON(o.status, gin.H{"error": o.code, "message": o.message, "sign_in_url": stepUpURL(c, a.routes.signIn)})
}

func (a *Auth) defaultForbidden(c *gin.Context) {
	o := outcomeOf(Reason(c))
	if isNavigation(c.Request) {
		a.page(c, o.status, page{
			Title: "No access", Message: o.message,
			Link: a.routes.signIn + "?prompt=login", LinkText: "Sign in as someone else",
		})
		return
	}
	c.JSON(o.status, gin.H{"error": o.code, "message": o.message})
}

func (a *Auth) defaultFailed(c *gin.Context) {
	d := denialOf(c)
	o := outcomeOf(d.err)
	if wantsPage(c.Request) {
		a.page(c, o.status, page{
			Title: "Sign-in problem", Message: o.message, RequestID: d.requestID,
			Link: a.routes.signIn, LinkText: "Sign in again",
		})
		return
	}
	c.JSON(o.status, gin.H{"error": o.code, "message": o.message, "request_id": d.requestID})
}

// RedirectToSignIn aborts the chain and sends the browser to the sign-in route, from where it comes back to this page; for
// a StepUpError with what that asks for. It is what happens by default to a navigation; on a request that cannot be
// repeated by one (POST, fetch) answer 401 instead.
func (a *Auth) RedirectToSignIn(c *gin.Context) {
	c.Abort()
	c.Writer.Header().Del("WWW-Authenticate")
	redirect(c, http.StatusFound, stepUpURL(c, a.SignInURL(a.here(c.Request))))
}

// here is the request's own path and query as a return target, or "" if it is not acceptable as one. A proxy may
// have taken the base path off.
func (a *core) here(r *http.Request) string {
	target := r.URL.EscapedPath()
	if base := a.routes.base; base != "" && target != base && !hasPathPrefix(target, base) {
		target = base + target
	}
	if r.URL.RawQuery != "" {
		target += "?" + r.URL.RawQuery
	}
	if !a.targets.Accept(target) {
		return ""
	}
	return target
}

// redirect writes the Location as it is: http.Redirect would clean the path and so turn an accepted
// "/./x" into something that nobody checked (case 155).
func redirect(c *gin.Context, status int, location string) {
	h := c.Writer.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Location", location)
	c.Status(status)
	c.Writer.WriteHeaderNow()
}
