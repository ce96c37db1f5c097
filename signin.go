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

// SignIn starts a sign-in: 302 to the provider with state, nonce and PKCE S256 (RFC 9700, section 2.1.1), and one
// sealed cookie that binds the attempt to this browser. Query parameters: return_to, where to go afterwards;
// prompt, login_hint, max_age, acr_values, ui_locales and display are passed on if well-formed, where neither
// Provider.SignInParameters nor what [Auth.SignInURLWith] sealed has them; of max_age the smaller counts. All others are
// ignored, so a link cannot change what the app asks for. 503 while the provider is unknown.
//
// A browser that has just signed in and comes without its session gets a page that says so, code "cookie_missing", since
// another sign-in would end the same way.
//
// With iss it is a sign-in that a third party initiates, which is 404 unless Provider.InitiateLogin is set.
func (a *Auth) SignIn(c *gin.Context) {
	if !begin(c, a.signInMethods()...) {
		return
	}
	if web.IsSubresource(c.Request) { // case 9: no attempt for a prefetch, frame, image, script or fetch
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
			a.log.DebugContext(ctx, "ginoidc: return target ignored, since it is not acceptable")
		}
		target = a.config.DefaultReturnTo
	}
	again, err := a.comesBack(c)
	if err != nil {
		a.failOnWay(c, target, err)
		return
	}
	location, err := a.startAttempt(ctx, c, attempt.Purpose{ReturnTo: target, Again: again}, requested)
	if err != nil {
		a.failOnWay(c, target, err)
		return
	}
	redirect(c, http.StatusFound, location)
}

// SignInURL is the path of the sign-in route with returnTo, a path of the app, as the page to come back to;
// empty for the default.
func (a *Auth) SignInURL(returnTo string) string {
	if returnTo == "" {
		return a.routes.signIn
	}
	return a.routes.signIn + "?return_to=" + url.QueryEscape(returnTo)
}

// startAttempt makes a sign-in attempt and the URL that carries it to the provider. The provider is asked for first,
// so that an unknown one costs the browser no cookie. ctx bounds the calls to the provider.
func (a *Auth) startAttempt(
	ctx context.Context, c *gin.Context, purpose attempt.Purpose, requested signInRequest,
) (string, error) {
	if err := a.requireProvider(ctx); err != nil {
		return "", err
	}
	params := a.parameters(ctx, requested)
	purpose.MaxAge, purpose.ACRValues = maxAge(params), params.Get("acr_values")
	if a.config.AppState != nil {
		var err error
		if purpose.AppState, err = a.config.AppState(c); err != nil {
			return "", fmt.Errorf("ginoidc: AppState: %w", err)
		}
	}
	if a.formPost() { // whose answer comes without the session's cookie
		req := a.requestOf(c)
		if s, err := req.ownSession(c); err == nil {
			purpose.Replaces, purpose.Replaced = s.ID, s.Subject
			req.leaveTokens()
		}
	}
	header := http.Header{} // not yet the response's: a request that cannot be pushed leaves no cookie
	at, err := a.attempts.Start(header, c.Request, purpose)
	if errors.Is(err, attempt.ErrTooLarge) { // beside a large app state a long target has no room
		a.log.DebugContext(ctx, "ginoidc: return target ignored, since it does not fit in a cookie beside the app's state")
		purpose.ReturnTo = a.config.DefaultReturnTo
		at, err = a.attempts.Start(header, c.Request, purpose)
	}
	if err != nil {
		return "", translated(err)
	}
	location, err := a.provider.AuthorizationURL(ctx, provider.AuthRequest{
		State: at.State, Nonce: at.Nonce, Verifier: at.Verifier, Params: params,
	})
	if err != nil {
		return "", translated(err)
	}
	cookie.Set(c.Writer.Header(), header[setCookie]...)
	return location, nil
}

// silentTimeout is how long a public page waits for a provider that is not known yet.
const silentTimeout = time.Second

// SilentSignIn signs in, without a page and once a browser session, who has a session at the provider already (OpenID
// Connect Core 1.0, section 3.1.2.1, prompt=none). Put it before public pages. It acts on navigations of nobody signed in;
// they come back to the same page, signed in or as they were. After a sign-out it lets the browser alone.
//
// Clients that keep no cookies, such as search engines, are sent to the provider on every page.
func (a *Auth) SilentSignIn() gin.HandlerFunc {
	a.silent.Store(true)
	return func(c *gin.Context) {
		target, ok := a.triesSilently(c)
		if !ok {
			return
		}
		ctx, cancel := context.WithTimeout(c.Request.Context(), silentTimeout)
		defer cancel()
		silently := signInRequest{app: url.Values{"prompt": {"none"}}}
		location, err := a.startAttempt(ctx, c, attempt.Purpose{ReturnTo: target, Silent: true}, silently)
		if err != nil { // nobody asked for it: the page is served as it is
			a.emit(ctx, event{kind: eventSilentSignInFailed, err: err})
			return
		}
		a.markSilent(c.Writer.Header())
		c.Abort()
		redirect(c, http.StatusFound, location)
	}
}

// triesSilently decides whether a request is worth a trip to the provider, and where it comes back to.
func (a *Auth) triesSilently(c *gin.Context) (target string, ok bool) {
	r := c.Request
	if r.Method != http.MethodGet || !web.IsNavigation(r) {
		return "", false
	}
	if _, err := r.Cookie(a.silentCookie().Name); err == nil {
		return "", false
	}
	id, err := a.requestOf(c).identify(c)
	target = a.currentTarget(r) // of the plugin's own routes there is none
	return target, id.user == nil && err == nil && target != ""
}

// markSilent notes in the browser, until it is closed, that it is not to be signed in silently (case 14).
func (a *core) markSilent(h http.Header) {
	if a.silent.Load() {
		cookie.Set(h, a.silentCookie().String())
	}
}

func (a *core) silentCookie() *http.Cookie {
	return &http.Cookie{
		Name: a.cookie.name + ".silent", Value: "1", Path: a.cookie.path,
		Secure: a.cookie.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
}

// signInMethods: a third party may initiate a sign-in by a form too.
func (a *core) signInMethods() []string {
	if a.config.idp().InitiateLogin {
		return []string{http.MethodGet, http.MethodPost}
	}
	return []string{http.MethodGet}
}

// initiation reads a login initiation request (OpenID Connect Core 1.0, section 4): where the provider, or a portal of
// its, sends the user to be signed in here. Only our issuer's may be asked for, and target_link_uri passes the rule of
// return targets, or the route would be an open redirector (case 17).
func (a *Auth) initiation(c *gin.Context) (target string, _ signInRequest, err error) {
	if !a.config.idp().InitiateLogin {
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
	if form.Get("iss") != a.issuer {
		return "", signInRequest{}, fmt.Errorf("%w: iss is not the configured issuer", errInvalidInitiation)
	}
	hint := a.linkParameters(c.Request.Context(), form, map[string]func(string) bool{"login_hint": isHint}, "iss", "target_link_uri")
	return form.Get("target_link_uri"), signInRequest{link: hint}, nil
}
