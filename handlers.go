package ginoidc

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"
)

// Mount registers the plugin's routes below RoutePrefix: signin, callback, signout, userinfo, backchannel-logout,
// frontchannel-logout and signed-out. Each answers a wrong method with 405 itself, whatever the engine's settings.
//
// r is the engine, or a group at the base path of AppURL. Mount panics for any other group: it adds RoutePrefix itself.
//
// For methods other than GET and POST there is one route each, with a path parameter. So the app's own routes directly
// below RoutePrefix cannot have parameters for these, or Gin panics: choose another RoutePrefix then.
func (a *Auth) Mount(r gin.IRouter) {
	a.routes.check(r)
	for name, handler := range a.ownHandlers() {
		r.GET(a.routes.prefix+"/"+name, handler)
		r.POST(a.routes.prefix+"/"+name, handler)
	}
	for _, method := range otherMethods() {
		r.Handle(method, a.routes.prefix+"/:"+ownParam, a.answerOtherMethod)
		r.Handle(method, a.routes.prefix+"/:"+ownParam+belowOwn, a.answerSlash)
	}
	r.GET(a.routes.prefix+"/callback"+belowOwn, a.answerSlash)
	r.POST(a.routes.prefix+"/callback"+belowOwn, a.answerSlash)
}

// otherMethods are those that no route of the plugin has.
func otherMethods() []string {
	return []string{
		http.MethodHead, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions, http.MethodConnect, http.MethodTrace,
	}
}

// ownHandlers are the plugin's routes by their names below RoutePrefix.
func (a *Auth) ownHandlers() map[string]gin.HandlerFunc {
	return map[string]gin.HandlerFunc{
		"signin": a.SignIn, "callback": a.Callback, "signout": a.SignOut, "userinfo": a.UserInfo,
		"backchannel-logout": a.BackChannelLogout, "frontchannel-logout": a.FrontChannelLogout, "signed-out": a.SignedOut,
	}
}

// answerOtherMethod lets the route say which methods it has.
func (a *Auth) answerOtherMethod(c *gin.Context) {
	handler := a.ownHandlers()[c.Param(ownParam)]
	if handler == nil {
		c.AbortWithStatus(http.StatusNotFound)
		return
	}
	handler(c)
}

// answerSlash forestalls Gin's redirect for a trailing slash, which would copy the authorization code into a second URL.
func (a *Auth) answerSlash(c *gin.Context) { c.AbortWithStatus(http.StatusNotFound) }

// UserInfo answers with the allow-listed claims of the signed-in user as JSON, or 204 when nobody is signed in.
func (a *Auth) UserInfo(c *gin.Context) {
	if !a.begin(c, http.MethodGet) {
		return
	}
	u, err := a.visit(c).open(c)
	if err != nil {
		a.fail(c, err)
		return
	}
	if u == nil {
		c.Status(http.StatusNoContent)
		c.Writer.WriteHeaderNow()
		return
	}
	claims, err := u.claims()
	if err != nil {
		a.fail(c, err)
		return
	}
	c.JSON(http.StatusOK, a.shown(claims))
}

// shown picks the allow-listed claims. Of an object that holds groups or organizations it shows these alone, unless the
// list names the object.
func (a *core) shown(claims map[string]any) map[string]any {
	names := a.userInfoClaims
	if names == nil {
		names = []string{"sub", "name", "preferred_username", "email", "email_verified", "picture"}
	}
	shown := map[string]any{}
	for _, name := range names {
		if value, ok := claims[name]; ok {
			shown[name] = value
		}
	}
	for _, place := range []claimPlace{a.shape.groups, a.shape.organizations} {
		listed := a.userInfoClaims == nil || slices.Contains(names, place.name)
		if value, at := place.find(claims); listed && value != nil {
			put(shown, at, value)
		}
	}
	return shown
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
