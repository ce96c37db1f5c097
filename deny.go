package ginoidc

import (
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/bearer"
	"github.com/seed-d65cea4d/ginoidc/internal/events"
	"github.com/seed-d65cea4d/ginoidc/internal/guard"
	"github.com/seed-d65cea4d/ginoidc/internal/outcome"
	"github.com/seed-d65cea4d/ginoidc/internal/reply"
	"github.com/seed-d65cea4d/ginoidc/internal/returnto"
	"github.com/seed-d65cea4d/ginoidc/internal/routes"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
	"github.com/seed-d65cea4d/ginoidc/internal/signin"
	"github.com/seed-d65cea4d/ginoidc/internal/web"
)

// Deny aborts the chain and answers as a guard that denies the request because of err. Use it in handlers that decide
// themselves, and when a call to the plugin fails, such as [Auth.Token].
//
// An error of the plugin has the status that docs/errors.md lists. Any other error, and nil, is the app's decision to
// deny the request: 403, as from [Auth.Require]. An error of the network or of a context is no decision: it is a
// failure with 500, code "internal". For other failures of the app, such as of its database, send a response of your
// own.
func (a *Auth) Deny(c *gin.Context, err error) { a.denier.deny(c, err) }

// RedirectToSignIn aborts the chain and redirects the browser to the sign-in route, which returns to this page or to
// the page of the posted form. After a StepUpError, the sign-in asks for what the step-up requires. It is the default
// for navigations. Answer requests that a navigation cannot repeat (POST, fetch) with 401 instead.
func (a *Auth) RedirectToSignIn(c *gin.Context) { a.denier.redirectToSignIn(c) }

// denier answers requests that are denied or fail.
type denier struct {
	*reporter
	handlers   AbortHandlers
	challenges bearer.Challenges
	links      signin.Links
	targets    returnto.Site
	routes     routes.Paths
	home       string // to which pages link that offer nothing else
	pages      *ownPages
	providers  *relyingParties
	requestOf  func(*gin.Context) *request
}

// deny answers as a guard that denies the request because of err.
func (d *denier) deny(c *gin.Context, err error) {
	o, err := outcome.OfDenial(err)
	why := d.denial(c, err, o, d.targets.Requested(c.Request))
	switch o.Status {
	case http.StatusUnauthorized:
		failed := errors.Is(err, bearer.ErrRefused) || errors.As(err, new(*outcome.AuthenticatorError))
		d.reportDenied(c, o.Code, err, failed)
		d.answer(c, why, d.handlers.Unauthenticated, d.unauthenticated)
	case http.StatusForbidden:
		d.reportDenied(c, o.Code, err, true)
		d.answer(c, why, d.handlers.Forbidden, d.answerDenied)
	default:
		d.failed(c, why, d.answerDenied)
	}
}

// reportDenied reports which user was denied and what the guard requires. Requests without any credentials are normal,
// so they are not logged. The user's own groups are personal data, but the first thing to look at when a guard denies
// everybody, so they are logged at debug.
func (d *denier) reportDenied(c *gin.Context, code string, err error, log bool) {
	denied := events.Event{Kind: events.Denied, Code: code, Route: c.FullPath(), Unlogged: !log}
	if d.events.OnEvent != nil { // a flood of denied requests should be cheap
		denied.StepUp = errors.As(err, new(*StepUpError))
	}
	u, ok := d.requestOf(c).signedInUser(c)
	if ok {
		denied.Subject, denied.Actor = u.Subject, u.Actor.subject()
	}
	var e *guard.NotInError
	if errors.As(err, &e) {
		denied.Attrs = []slog.Attr{slog.Any(e.Wanted, e.Names)}
	} else {
		denied.Err = err
	}
	ctx := c.Request.Context()
	if ok && d.log.Enabled(ctx, slog.LevelDebug) {
		denied.Attrs = append(denied.Attrs, slog.Any("groups", u.Groups), slog.Any("organizations", u.Organizations))
	}
	d.emit(ctx, denied)
}

// about returns d with events that name the provider of rp.
func (d *denier) about(rp *relyingParty) *denier {
	ofProvider := *d
	ofProvider.reporter = rp.reporter
	return &ofProvider
}

// fail answers a request that one of the plugin's own routes cannot serve. The response links back to wanted, the page
// to which the user is on the way, or "".
func (d *denier) fail(c *gin.Context, wanted string, err error, attrs ...slog.Attr) {
	d.failed(c, d.denial(c, err, outcome.Of(err), wanted), d.answerFailed, attrs...)
}

// failed logs a failure under the request id that the response shows.
func (d *denier) failed(c *gin.Context, why Denial, byDefault gin.HandlerFunc, attrs ...slog.Attr) {
	req, cancelled := d.requestOf(c), isCancelled(why.Err)
	req.reported.Store(true)
	id := events.RequestID(req)
	d.emit(req, events.Event{
		Kind: events.RequestFailed, Level: outcome.Level(why.Status, why.Err, cancelled), Code: why.Code, RequestID: id,
		Attrs: attrs, Err: why.Err, SignIn: d.routes.SignsIn(c) && !outcome.Misdirected(why.Err),
	})
	if !why.Page || !cancelled {
		why.RequestID = id
	}
	d.answer(c, why, d.handlers.Failed, byDefault)
}

// answer aborts the chain before it calls the handler: in Gin, if a middleware only writes and returns, the protected
// handler still runs and appends its body.
func (d *denier) answer(c *gin.Context, why Denial, handler, byDefault gin.HandlerFunc) {
	c.Abort()
	web.KeepPrivate(reply.HeaderOf(c))
	c.Set(denialKey{}, why)
	switch why.Status {
	case http.StatusUnauthorized:
		d.challenge(c, why.Err)
	case http.StatusForbidden:
		if errors.Is(why.Err, guard.ErrScope) && d.requestOf(c).byToken {
			d.challenge(c, why.Err)
		}
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		askLater(c, why.Err)
	}
	c.Status(why.Status)
	if handler == nil {
		handler = byDefault
	}
	handler(c)
}

// challenge tells a client how to authenticate, and what the access token or the sign-in lacks.
func (d *denier) challenge(c *gin.Context, err error) {
	params, scope, stepUp := "", (*guard.ScopeError)(nil), (*StepUpError)(nil)
	if errors.As(err, &scope) {
		params = scope.Challenge()
	} else if errors.As(err, &stepUp) {
		params = stepUp.challenge()
	}
	d.challenges.Set(c.Writer.Header(), d.requestOf(c).byToken, err, params)
}

// askLater sets the Retry-After header of a 503 or 429 (RFC 9110, section 10.2.3).
func askLater(c *gin.Context, err error) {
	c.Header("Retry-After", strconv.Itoa(outcome.RetryAfter(err)))
}

// unauthenticated redirects navigations to the sign-in, unless that would loop, and otherwise sends a 401.
func (d *denier) unauthenticated(c *gin.Context) {
	switch pattern := c.FullPath(); {
	case pattern == d.routes.SignIn || pattern == d.routes.Prefix+"/signin": // a redirect would loop
		d.emit(c.Request.Context(), events.Event{Kind: events.SignInGuarded})
	case d.requestOf(c).byToken, errors.As(Reason(c), new(*outcome.AuthenticatorError)): // the same after a sign-in
	case web.IsNavigation(c.Request):
		d.redirectToSignIn(c)
		return
	}
	d.answerDenied(c)
}

// answerDenied sends a page to a person and JSON to a program.
func (d *denier) answerDenied(c *gin.Context) { d.answerWith(c, false) }

// answerFailed is answerDenied for the plugin's own routes.
func (d *denier) answerFailed(c *gin.Context) { d.answerWith(c, true) }

// answerWith sends the page or the JSON of the denial. own says that the route is one of the plugin's: the URL may hold
// an authorization code, so the page removes the query from the address bar, and it is not known who is signed in.
func (d *denier) answerWith(c *gin.Context, own bool) {
	if c.Writer.Written() { // the app has answered: a second body would be appended to the first
		return
	}
	why := Denied(c)
	if !why.Page {
		c.JSON(why.Status, why.body())
		return
	}
	p := &Page{
		Kind: PageError, Status: why.Status, Code: why.Code, Title: why.Title, Message: why.Message,
		Link: PageLink{why.Link, why.LinkText}, RequestID: why.RequestID, CutAddress: own,
	}
	if !own {
		p.User, _ = d.requestOf(c).signedInUser(c)
	}
	d.pages.show(c, why.language, p)
}

// redirectToSignIn redirects the browser to the sign-in route.
func (d *denier) redirectToSignIn(c *gin.Context) {
	c.Abort()
	d.requestOf(c).forgetEnded(c)
	c.Writer.Header().Del("WWW-Authenticate")
	wanted := d.targets.Requested(c.Request)
	if wanted == "" {
		d.log.DebugContext(c.Request.Context(), "ginoidc: the sign-in does not return to this page: "+
			"its address is not an acceptable return target")
	}
	redirect(c, http.StatusFound, d.signInURL(c, wanted, "", Reason(c)))
}

// signInURL returns the path of the sign-in route with the return target and with the parameters that err requires.
func (d *denier) signInURL(c *gin.Context, wanted, link string, err error) string {
	params := url.Values{}
	var e *StepUpError
	if errors.As(err, &e) {
		params = e.params()
	}
	if link == outcome.LinkOther { // without it, the provider would sign the same user in again
		params.Set("prompt", "login")
	}
	if !d.targets.Accept(wanted) {
		wanted = ""
	}
	configured := url.Values{}
	if rp := d.sameProvider(c, link); rp != nil {
		configured = rp.settings.SignInParameters
		if d.providers.Several {
			params.Set(signin.ProviderParameter, rp.settings.Name)
		}
	}
	ownSession := func() (*session.Session, error) { return d.requestOf(c).ownSession(c) }
	return d.links.Required(wanted, params, configured, ownSession)
}

// sameProvider returns the relying party of the user who is to sign in again, or the only one, or nil: another user may
// have another provider.
func (d *denier) sameProvider(c *gin.Context, link string) *relyingParty {
	if only := d.providers.Only(); only != nil {
		return only
	}
	s, err := d.requestOf(c).ownSession(c)
	if err != nil || link == outcome.LinkOther {
		return nil
	}
	return relyingPartyOf(&s.Record)
}
