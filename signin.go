package ginoidc

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/ascii"
	"github.com/seed-d65cea4d/ginoidc/internal/attempt"
	"github.com/seed-d65cea4d/ginoidc/internal/events"
	"github.com/seed-d65cea4d/ginoidc/internal/outcome"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/signin"
	"github.com/seed-d65cea4d/ginoidc/internal/web"
)

// SignIn starts a sign-in. It redirects with 302, or after a POST with 303, to the provider with state, nonce and PKCE
// S256 (RFC 9700, section 2.1.1), and sets a sealed cookie that binds the attempt to this browser. It responds with 503
// if the provider's metadata cannot be fetched, and with 400, code "not_a_navigation", to a frame, image, fetch or
// prefetch, which cannot go through a sign-in.
//
// The query parameter return_to is the page to return to. The parameters prompt, login_hint, max_age, acr_values,
// ui_locales and display are passed on if they are well-formed and set neither by Provider.SignInParameters nor by
// [Auth.SignInURLWith]; of several values of max_age the smallest counts. All other parameters are ignored, so a link
// cannot change what the app requests.
//
// With several providers, the parameter provider names one; without it, the response is a page on which users choose.
// That page posts the e-mail address of users whose provider is found by its domain.
//
// A browser that has just signed in but does not send its session cookie gets an error page, code "cookie_missing":
// another sign-in would loop.
//
// With the parameter iss, a third party initiates the sign-in. The response is 404 unless Provider.InitiateLogin is
// set.
func (a *Auth) SignIn(c *gin.Context) {
	if a.throttled(c) {
		return
	}
	if !a.begin(c, a.signIns.reader.Choice.Methods()...) {
		return
	}
	if web.IsSubresource(c.Request) { // a prefetch, frame, image, script or fetch starts no attempt
		a.denier.fail(c, "", outcome.ErrNotNavigation)
		return
	}
	if a.landing.reopen(c, a.routes.SignIn) {
		return
	}
	req := a.requestOf(c)
	wanted, err := a.signIns.read(c, req)
	if err != nil {
		a.denier.fail(c, wanted.Purpose.ReturnTo, err)
		return
	}
	if wanted.rp == nil {
		a.signIns.choose(c, req, wanted)
		return
	}
	var location string
	if wanted.Purpose.Again, err = a.signIns.detectLoop(c, req, wanted.rp); err == nil {
		location, err = a.signIns.start(c.Request.Context(), c, req, wanted)
	}
	if err != nil {
		a.denier.about(wanted.rp).fail(c, wanted.Purpose.ReturnTo, err)
		return
	}
	status := http.StatusFound
	if c.Request.Method == http.MethodPost { // the redirect must not repeat the form (RFC 9700, section 4.12)
		status = http.StatusSeeOther
	}
	redirect(c, status, location)
}

// detectLoop detects a sign-in loop: the browser has just completed a sign-in but has no session. If another sign-in
// would end the same way, it is an error with everything that leads to the cause. A session that has been ended is not
// an error. Nor is a store that does not respond: that is for the callback to say.
func (s *signIns) detectLoop(c *gin.Context, req *request, rp *relyingParty) (again bool, err error) {
	t, again, ok := s.recent.Find(c.Request)
	if !ok {
		return false, nil
	}
	if id, err := req.identify(c); !id.nobody() || err != nil || req.ended || len(req.rivals) > 0 {
		return false, nil
	}
	if ended, err := rp.ledger.Ended(req, t); ended || err != nil {
		return false, nil
	}
	missing := &signin.CookieMissingError{
		Name: s.markers.Name, Path: s.markers.Path, AppURL: s.config.AppURL, Host: ascii.Clean(c.Request.Host, 256),
		Came: len(c.Request.CookiesNamed(s.markers.Name)),
	}
	if !missing.Loops(again) {
		s.emit(req, events.Event{Kind: events.SessionLost, Err: missing})
		return true, nil
	}
	req.addCookies(c, []string{s.recent.Delete().String()}) // so that the link of the page starts a new sign-in
	return false, missing
}

// AppURL returns the app's external base URL without a trailing slash.
func (a *Auth) AppURL() string { return strings.TrimSuffix(a.config.AppURL, "/") }

// SignInURL returns the path of the sign-in route with returnTo as the page to return to: a path of the app such as
// "/orders?page=2", or "" for Config.DefaultReturnTo. A target that is not acceptable is replaced by the default when
// the sign-in begins, so a value from a request needs no check.
func (a *Auth) SignInURL(returnTo string) string {
	return a.links.To(returnTo, url.Values{})
}

// SignInURLWith is [Auth.SignInURL] for a sign-in with further parameters for the provider, such as prompt=create for a
// sign-up, resource (RFC 8707) or claims (OpenID Connect Core 1.0, section 5.5). They replace configured ones, except
// that a max_age only replaces a larger one. They are sealed into the URL, so anyone can use the URL but nobody can
// change it. It returns an error if params has a parameter of the plugin itself, such as scope or redirect_uri, or
// takes more than 1,500 bytes. With several providers, the parameter provider names one of them.
func (a *Auth) SignInURLWith(returnTo string, params url.Values) (string, error) {
	if err := provider.CheckParameters(params); err != nil {
		return "", fmt.Errorf("%w: %w", signin.ErrParameters, err)
	}
	return a.links.With(returnTo, params)
}

// silentTimeout is how long a public page waits for the provider's metadata.
const silentTimeout = time.Second

// SilentSignIn signs in users who already have a session at the provider, without showing a page (OpenID Connect Core
// 1.0, section 3.1.2.1, prompt=none). Put it before public pages. It redirects navigations of users who are not signed
// in, at most once per browser session. Everyone returns to the same page, signed in or not, and if the provider does
// not respond within a second, the page is served without a sign-in. After a sign-out it does nothing until the browser
// is closed.
//
// With several providers it asks the one that the browser used last, and does nothing if there is none.
//
// Clients without cookies, such as search engines, are redirected to the provider on every page.
func (a *Auth) SilentSignIn() gin.HandlerFunc {
	a.silent.Store(true)
	return func(c *gin.Context) {
		r := c.Request
		target := a.targets.Current(r) // "" for the plugin's own routes
		if target == "" || r.Method != http.MethodGet || !web.IsNavigation(r) || a.markers.IsSilent(r) ||
			a.landing.withheld(r) { // the user may be signed in
			return
		}
		req := a.requestOf(c)
		if id, err := req.identify(c); !id.nobody() || err != nil {
			return
		}
		ctx, cancel := context.WithTimeout(c.Request.Context(), silentTimeout)
		defer cancel()
		silently := signInRequest{rp: a.providers.Only(), Request: signin.Request{
			Purpose: attempt.Purpose{ReturnTo: target, Silent: true}, App: url.Values{"prompt": {"none"}},
		}}
		if silently.rp == nil {
			if silently.rp = a.signIns.lastUsed(c, req); silently.rp == nil {
				return
			}
		}
		location, err := a.signIns.start(ctx, c, req, silently)
		if err != nil { // the user did not ask for a sign-in: serve the page
			a.emit(ctx, events.Event{Kind: events.SilentSignInFailed, Code: outcome.Of(err).Code, Err: err})
			return
		}
		a.markers.SetSilent(c.Writer.Header())
		c.Abort()
		redirect(c, http.StatusFound, location)
	}
}

var (
	errLinkRefused  = outcome.ErrLinkRefused
	errLinkFormPost = outcome.Misuse("ginoidc: LinkURL: with form_post the response comes without the session")
	errLinkOff      = outcome.Misuse("ginoidc: LinkURL: Config.OnLink is not set")
)

// LinkURL returns the path of a sign-in that adds an account to the signed-in user: a second identity, with the
// provider of this name, which the user has to prove with a fresh sign-in there (prompt=login). The session stays as
// it is. Config.OnLink gets both users and stores that they are the same person; the plugin keeps no table. returnTo
// is the page to return to, as in [Auth.SignInURL].
//
// The URL works in this session only, or another site could add an account of an attacker to the user (cross-site
// request forgery). The error is [ErrUnauthenticated] if nobody is signed in, and [ErrUnknownProvider].
func (a *Auth) LinkURL(c *gin.Context, provider, returnTo string) (string, error) {
	if a.config.OnLink == nil {
		return "", errLinkOff
	}
	req := a.requestOf(c)
	s, err := req.ownSession(c)
	if err != nil {
		return "", err
	}
	rp := a.providers.Only()
	if rp == nil {
		if rp, err = a.providers.Named(req, provider); err != nil {
			return "", err
		}
	}
	if rp.mode().FormPost() {
		return "", errLinkFormPost
	}
	query := url.Values{
		signin.ProviderParameter: {rp.settings.Name},
		signin.LinkParameter:     {a.links.Linking(s, rp.settings.Name)},
	}
	return a.links.To(returnTo, query), nil
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
