package ginoidc

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/attempt"
	"github.com/seed-d65cea4d/ginoidc/internal/cookie"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/web"
)

// SignIn starts a sign-in. It redirects with 302 to the provider with state, nonce and PKCE S256 (RFC 9700, section
// 2.1.1), and sets a sealed cookie that binds the attempt to this browser. It responds with 503 if the provider's
// metadata cannot be fetched.
//
// The query parameter return_to is the page to return to. The parameters prompt, login_hint, max_age, acr_values,
// ui_locales and display are passed on if they are well-formed and set neither by Provider.SignInParameters nor by
// [Auth.SignInURLWith]; of several values of max_age the smallest counts. All other parameters are ignored, so a link
// cannot change what the app requests.
//
// A browser that has just signed in but does not send its session cookie gets an error page, code "cookie_missing":
// another sign-in would loop.
//
// With the parameter iss, a third party initiates the sign-in. The response is 404 unless Provider.InitiateLogin is
// set.
func (a *Auth) SignIn(c *gin.Context) {
	if !begin(c, a.providers.ofRequest(c.Request).signInMethods()...) {
		return
	}
	if web.IsSubresource(c.Request) { // case 9: a prefetch, frame, image, script or fetch starts no attempt
		a.fail(c, errNotNavigation)
		return
	}
	ctx := c.Request.Context()
	target, requested, err := a.readSignInRequest(c)
	if err != nil {
		a.fail(c, err)
		return
	}
	if !a.targets.Accept(target) {
		if target != "" {
			a.log.DebugContext(ctx, "ginoidc: return target ignored: it is not acceptable")
		}
		target = a.config.DefaultReturnTo
	}
	again, err := a.detectLoop(c)
	if err != nil {
		a.failWithTarget(c, target, err)
		return
	}
	location, err := a.startAttempt(ctx, c, attempt.Purpose{ReturnTo: target, Again: again}, requested)
	if err != nil {
		a.failWithTarget(c, target, err)
		return
	}
	redirect(c, http.StatusFound, location)
}

// SignInURL returns the path of the sign-in route with returnTo as the page to return to: a path of the app such as
// "/orders?page=2", or "" for Config.DefaultReturnTo.
func (a *Auth) SignInURL(returnTo string) string {
	if returnTo == "" {
		return a.routes.signIn
	}
	return a.routes.signIn + "?return_to=" + url.QueryEscape(returnTo)
}

// startAttempt starts a sign-in attempt and returns the URL of the authorization request. It gets the provider's
// metadata first, so that no cookie is set if that fails. ctx bounds the calls to the provider.
func (a *Auth) startAttempt(
	ctx context.Context, c *gin.Context, purpose attempt.Purpose, requested signInRequest,
) (string, error) {
	rp := a.providers.ofRequest(c.Request)
	if err := rp.requireMetadata(ctx); err != nil {
		return "", err
	}
	params := rp.parameters(ctx, requested)
	purpose.MaxAge, purpose.ACRValues = maxAge(params), params.Get("acr_values")
	if a.config.AppState != nil {
		var err error
		if purpose.AppState, err = a.config.AppState(c); err != nil {
			return "", fmt.Errorf("ginoidc: AppState: %w", err)
		}
	}
	if rp.settings.formPost() { // the callback will come without the session cookie
		req := a.requestOf(c)
		if id, err := req.identifyBrowser(c); err == nil && id.session != nil {
			purpose.Replaces, purpose.Replaced = id.session.ID, id.session.Subject
			req.keepReplacedTokens(id.session)
		}
	}
	header := http.Header{} // merged into the response below: if the request cannot be pushed, no cookie is set
	at, err := a.attempts.Start(header, c.Request, purpose)
	if errors.Is(err, attempt.ErrTooLarge) { // a large app state leaves no room for a long target
		a.log.DebugContext(ctx, "ginoidc: return target ignored: with AppState it does not fit in a cookie")
		purpose.ReturnTo = a.config.DefaultReturnTo
		at, err = a.attempts.Start(header, c.Request, purpose)
	}
	if err != nil {
		return "", translated(err)
	}
	location, err := rp.client.AuthorizationURL(ctx, provider.AuthRequest{
		State: at.State, Nonce: at.Nonce, Verifier: at.Verifier, Params: params,
	})
	if err != nil {
		return "", translated(err)
	}
	cookie.Set(c.Writer.Header(), header[setCookie]...)
	return location, nil
}

// silentTimeout is how long a public page waits for the provider's metadata.
const silentTimeout = time.Second

// SilentSignIn signs in users who already have a session at the provider, without showing a page (OpenID Connect Core
// 1.0, section 3.1.2.1, prompt=none). Put it before public pages. It redirects navigations of users who are not signed
// in, at most once per browser session. Everyone returns to the same page, signed in or not. After a sign-out it does
// nothing until the browser is closed.
//
// Clients without cookies, such as search engines, are redirected to the provider on every page.
func (a *Auth) SilentSignIn() gin.HandlerFunc {
	a.silent.Store(true)
	return func(c *gin.Context) {
		target, ok := a.silentTarget(c)
		if !ok {
			return
		}
		ctx, cancel := context.WithTimeout(c.Request.Context(), silentTimeout)
		defer cancel()
		silently := signInRequest{app: url.Values{"prompt": {"none"}}}
		location, err := a.startAttempt(ctx, c, attempt.Purpose{ReturnTo: target, Silent: true}, silently)
		if err != nil { // the user did not ask for a sign-in: serve the page
			a.emit(ctx, event{kind: eventSilentSignInFailed, code: outcomeOf(err).code, err: err})
			return
		}
		a.markSilent(c.Writer.Header())
		c.Abort()
		redirect(c, http.StatusFound, location)
	}
}

// silentTarget reports whether to try a silent sign-in for a request, and returns the target to return to.
func (a *Auth) silentTarget(c *gin.Context) (target string, ok bool) {
	r := c.Request
	if r.Method != http.MethodGet || !web.IsNavigation(r) {
		return "", false
	}
	if _, err := r.Cookie(a.silentCookie().Name); err == nil {
		return "", false
	}
	id, err := a.requestOf(c).identify(c)
	target = a.currentTarget(r) // "" for the plugin's own routes
	return target, id.user == nil && err == nil && target != ""
}

// markSilent sets a cookie that prevents further silent sign-ins until the browser is closed: without it, a silent
// sign-in would loop, or undo a sign-out (case 14).
func (a *core) markSilent(h http.Header) {
	if a.silent.Load() {
		cookie.Set(h, a.silentCookie().String())
	}
}

// silentCookie has neither Max-Age nor Expires, so browsers delete it when they close.
func (a *core) silentCookie() *http.Cookie {
	return &http.Cookie{
		Name: a.cookie.name + ".silent", Value: "1", Path: a.cookie.path,
		Secure: a.cookie.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
}

// signInMethods returns the methods of the sign-in route. A third party may initiate a sign-in with a form too.
func (rp *relyingParty) signInMethods() []string {
	if rp.settings.InitiateLogin {
		return []string{http.MethodGet, http.MethodPost}
	}
	return []string{http.MethodGet}
}

// initiation reads a login initiation request (OpenID Connect Core 1.0, section 4), with which the provider or its
// portal starts a sign-in here. iss must be the configured issuer, and target_link_uri must pass the rule for return
// targets, or the route would be an open redirector (case 17).
func (rp *relyingParty) initiation(c *gin.Context) (target string, _ signInRequest, err error) {
	if !rp.settings.InitiateLogin {
		return "", signInRequest{}, errInitiationOff
	}
	form := c.Request.URL.Query()
	if c.Request.Method == http.MethodPost {
		if form, err = web.ReadForm(c.Writer, c.Request); err != nil {
			return "", signInRequest{}, fmt.Errorf("%w: %w", errInvalidInitiation, err)
		}
	}
	for _, name := range []string{"iss", "login_hint", "target_link_uri"} {
		if len(form[name]) > 1 {
			return "", signInRequest{}, fmt.Errorf("%w: repeated %s", errInvalidInitiation, name)
		}
	}
	if form.Get("iss") != rp.settings.Issuer {
		return "", signInRequest{}, fmt.Errorf("%w: iss is not the configured issuer", errInvalidInitiation)
	}
	allowed := map[string]func(string) bool{"login_hint": isHint}
	hint := linkParameters(rp.log, c.Request.Context(), form, allowed, "iss", "target_link_uri")
	return form.Get("target_link_uri"), signInRequest{link: hint}, nil
}
