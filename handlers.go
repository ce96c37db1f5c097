package ginoidc

import (
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
