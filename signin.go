package ginoidc

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/attempt"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

// SignIn starts a sign-in: 302 to the provider with state, nonce and PKCE S256 (RFC 9700, section 2.1.1), and one
// sealed cookie that binds the attempt to this browser. Query parameters: return_to, where to go afterwards;
// prompt, login_hint, max_age, acr_values, ui_locales and display are passed on if well-formed, and so is what
// [Auth.SignInURLWith] sealed. All others are ignored, so a link cannot change what the app asks for. 503 while the
// provider is unknown.
//
// With iss it is a sign-in that a third party initiates, which is 404 unless Config.InitiateLogin is set.
func (a *Auth) SignIn(c *gin.Context) {
	if !a.begin(c, a.signInMethods()...) {
		return
	}
	if isElsewhere(c.Request) { // case 9: no attempt for a prefetch, frame, image, script or fetch
		a.fail(c, ErrNotNavigation)
		return
	}
	target, params, err := a.asked(c)
	if err != nil {
		a.fail(c, err)
		return
	}
	if !a.targets.Accept(target) {
		if target != "" {
			a.log.InfoContext(c.Request.Context(), "ginoidc: return target refused")
		}
		target = a.config.DefaultReturnTo
	}
	location, err := a.startAttempt(c.Request.Context(), c, attempt.Purpose{ReturnTo: target}, params)
	if err != nil {
		a.failOnWay(c, target, err)
		return
	}
	redirect(c, http.StatusFound, location)
}

// asked reads where a sign-in is to end, unchecked, and what it is to ask the provider for.
func (a *Auth) asked(c *gin.Context) (target string, params url.Values, err error) {
	query := c.Request.URL.Query()
	if c.Request.Method == http.MethodPost || query.Has("iss") {
		return a.initiation(c)
	}
	params = signInParameters(query)
	if sealed := query.Get(sealedParameters); sealed != "" {
		text, ok := a.attempts.OpenText(attempt.SignInParameters, sealed)
		own, err := url.ParseQuery(text)
		if !ok || err != nil { // of an older secret, or made up: a sign-in without them is an ordinary one
			a.log.InfoContext(c.Request.Context(), "ginoidc: sealed sign-in parameters ignored")
		}
		maps.Copy(params, own)
	}
	return query.Get("return_to"), params, nil
}

var (
	hintPattern    = regexp.MustCompile(`^[\x20-\x7E]{1,256}$`)
	promptPattern  = regexp.MustCompile(`^(none|((login|consent|select_account|create)( |$))+)$`)
	displayPattern = regexp.MustCompile(`^(page|popup|touch|wap)$`)
	maxAgePattern  = regexp.MustCompile(`^[0-9]{1,9}$`)
)

// signInParameters picks the allowed authentication request parameters (OpenID Connect Core 1.0, section
// 3.1.2.1) out of a query. Those that would weaken the sign-in are not among them (case 4).
func signInParameters(query url.Values) url.Values {
	params := url.Values{}
	for name, pattern := range map[string]*regexp.Regexp{
		"prompt": promptPattern, "login_hint": hintPattern, "max_age": maxAgePattern,
		"acr_values": hintPattern, "ui_locales": hintPattern, "display": displayPattern,
	} {
		if value := query.Get(name); pattern.MatchString(value) {
			params.Set(name, value)
		}
	}
	return params
}

const (
	sealedParameters    = "with"
	maxSealedParameters = 1500 // bytes, so that the URL stays below what proxies take
)

// SignInURL is the path of the sign-in route with returnTo, a path of the app, as the page to come back to;
// empty for the default.
func (a *Auth) SignInURL(returnTo string) string {
	if returnTo == "" {
		return a.routes.signIn
	}
	return a.routes.signIn + "?return_to=" + url.QueryEscape(returnTo)
}

// SignInURLWith is SignInURL for a sign-in that asks the provider for more, such as prompt=create for a sign-up, one or
// more resource (RFC 8707) or claims (OpenID Connect Core 1.0, section 5.5). The parameters are sealed into the URL: who
// has it can use it and not change it. An error if they repeat one of the plugin's own, such as scope or redirect_uri, or
// take more than 1,500 bytes.
func (a *Auth) SignInURLWith(returnTo string, params url.Values) (string, error) {
	if err := checkParameters(params); err != nil {
		return "", fmt.Errorf("ginoidc: sign-in parameters: %w", err)
	}
	text := params.Encode()
	if len(text) > maxSealedParameters {
		return "", fmt.Errorf("ginoidc: sign-in parameters: %d bytes, at most %d fit in a URL", len(text), maxSealedParameters)
	}
	query := url.Values{sealedParameters: {a.attempts.SealText(attempt.SignInParameters, text)}}
	if returnTo != "" {
		query.Set("return_to", returnTo)
	}
	return a.routes.signIn + "?" + query.Encode(), nil
}

// checkParameters refuses what would replace the plugin's own part of the request (case 6).
func checkParameters(params url.Values) error {
	for name, values := range params {
		switch {
		case provider.OwnParameter(name):
			return fmt.Errorf("%q is set by the plugin", name)
		case len(values) != 1 && name != "resource":
			return fmt.Errorf("%q has %d values", name, len(values))
		case name == "max_age" && !maxAgePattern.MatchString(values[0]):
			return errors.New("max_age is not a number of seconds")
		}
	}
	return nil
}

// startAttempt makes a sign-in attempt and the URL that carries it to the provider. The provider is asked for first,
// so that an unknown one costs the browser no cookie. Parameters of the configuration give way to those of this sign-in.
// ctx bounds the calls to the provider.
func (a *Auth) startAttempt(ctx context.Context, c *gin.Context, purpose attempt.Purpose, params url.Values) (string, error) {
	if err := a.known(ctx); err != nil {
		return "", err
	}
	all := maps.Clone(a.config.SignInParameters)
	maps.Copy(all, params)
	purpose.MaxAge, purpose.ACRValues = -1, all.Get("acr_values")
	if n, err := strconv.Atoi(all.Get("max_age")); err == nil {
		purpose.MaxAge = n
	}
	if a.config.AppState != nil {
		var err error
		if purpose.AppState, err = a.config.AppState(c); err != nil {
			return "", fmt.Errorf("ginoidc: AppState: %w", err)
		}
	}
	if a.formPost() { // whose answer comes without the session's cookie
		if v := a.visit(c); v.signedIn(c) {
			purpose.Replaces = v.session.ID
		}
	}
	header := http.Header{} // not yet the response's: a request that cannot be pushed leaves no cookie
	at, err := a.attempts.Start(header, c.Request, purpose)
	if errors.Is(err, attempt.ErrTooLarge) { // beside a large app state a long target has no room
		purpose.ReturnTo = a.config.DefaultReturnTo
		at, err = a.attempts.Start(header, c.Request, purpose)
	}
	if err != nil {
		return "", translated(err)
	}
	location, err := a.provider.AuthorizationURL(ctx, provider.AuthRequest{
		State: at.State, Nonce: at.Nonce, Verifier: at.Verifier, Params: all,
	})
	if err != nil {
		return "", translated(err)
	}
	for _, cookie := range header["Set-Cookie"] {
		c.Writer.Header().Add("Set-Cookie", cookie)
	}
	return location, nil
}
