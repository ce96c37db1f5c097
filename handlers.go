package ginoidc

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"
)

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
