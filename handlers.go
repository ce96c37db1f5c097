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
