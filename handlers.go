package ginoidc

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"
)

// SignIn starts a sign-in: 302 to the provider with state, nonce and PKCE S256 (RFC 9700, section 2.1.1), and one
// sealed cookie that binds the attempt to this browser. Query parameters: return_to, where to go afterwards;
// prompt, login_hint, max_age, acr_values, ui_locales and display are passed on if well-formed. All others are
// ignored, so a link cannot change what the app asks for. 503 while the provider is unknown.
func (a *Auth) SignIn(c *gin.Context) {
	if !a.begin(c, http.MethodGet) {
		return
	}
	if isElsewhere(c.Request) { // case 9: no attempt for a prefetch, frame, image, script or fetch
		a.fail(c, ErrNotNavigation)
		return
	}
	query := c.Request.URL.Query()
	target := query.Get("return_to")
	if !a.targets.Accept(target) {
		if target != "" {
			a.log.InfoContext(c.Request.Context(), "ginoidc: return target refused")
		}
		target = a.config.DefaultReturnTo
	}
	location, err := a.startAttempt(c, target, signInParameters(query))
	if err != nil {
		a.fail(c, err)
		return
	}
	redirect(c, http.StatusFound, location)
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

// UserInfo answers with the allow-listed claims of the signed-in user as JSON, or 204 when nobody is signed in.
func (a *Auth) UserInfo(c *gin.Context) {
	if !a.begin(c, http.MethodGet) {
		return
	}
	u, err := a.visit(c).open()
	if err != nil {
		a.fail(c, err)
		return
	}
	if u == nil {
		c.Status(http.StatusNoContent)
		c.Writer.WriteHeaderNow()
		return
	}
	claims := map[string]any{}
	if err := u.Claims(&claims); err != nil {
		a.fail(c, err)
		return
	}
	for name := range claims {
		if !slices.Contains(a.userInfoClaims, name) {
			delete(claims, name)
		}
	}
	c.JSON(http.StatusOK, claims)
}

// SignOut ends the session here first and then sends the browser to the provider's end-session endpoint (OpenID
// Connect RP-Initiated Logout 1.0), or to PostSignOutURL where there is none. It works when nobody is signed in.
//
// It takes a POST of the same origin, or a GET that is a navigation of the same origin; any other GET gets a page
// that asks, so that an image or link of another site signs nobody out (case 161). No parameter is read, so there is
// nothing to redirect to but what is configured (case 166).
func (a *Auth) SignOut(c *gin.Context) {
	if !a.begin(c, http.MethodGet, http.MethodPost) {
		return
	}
	if c.Request.Method == http.MethodGet && !isOwnNavigation(c.Request) {
		a.page(c, http.StatusOK, page{
			Title: "Sign out?", Message: "Do you want to sign out of this site?", Post: a.routes.signOut, PostText: "Sign out",
			Referrer: "same-origin", // with no-referrer the form's Origin would be null, which is refused
		})
		return
	}
	if err := a.origin.Check(c.Request); err != nil {
		a.fail(c, ErrCrossOrigin)
		return
	}
	ctx, header := c.Request.Context(), c.Writer.Header()
	user, err := a.visit(c).open()
	if err == nil {
		err = a.end(c, EndedBySignOut)
	}
	if err != nil { // not a half sign-out: the session lives and can be ended by another try
		a.fail(c, err)
		return
	}
	if user != nil {
		a.signedOut(ctx, user)
	}
	a.attempts.ClearAll(header, c.Request)
	header.Set("Clear-Site-Data", `"cache"`) // case 172: or the back button shows pages of the session
	location, ok := a.provider.EndSessionURL(ctx, url.Values{
		"client_id":                {a.config.ClientID},
		"post_logout_redirect_uri": {a.config.PostSignOutURL},
		"state":                    {rand.Text()},
	})
	if !ok {
		location = a.config.PostSignOutURL
	}
	redirect(c, http.StatusSeeOther, location)
}

// begin puts the headers of the plugin's own routes and answers a wrong method with 405 and Allow.
func (a *Auth) begin(c *gin.Context, methods ...string) bool {
	h := c.Writer.Header()
	secureHeaders(h)
	keepPrivate(h)
	if slices.Contains(methods, c.Request.Method) {
		return true
	}
	h.Set("Allow", strings.Join(methods, ", "))
	h.Set("Content-Length", strconv.Itoa(0))
	c.AbortWithStatus(http.StatusMethodNotAllowed)
	return false
}
