package ginoidc

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/web"
)

// With SameSite=Strict a browser sends the session cookie only if a page of the app's own site began the request. A
// navigation that another site began, such as the provider's redirect to the callback, comes without the cookie, and so
// does every redirect that it leads to: the user would seem to be signed out. A page of the plugin that opens the next
// address by itself ends the chain, because that navigation is the app's own.

// strict reports whether the session cookie is SameSite=Strict.
func (c *Config) strict() bool { return c.SameSite == SameSiteStrict }

// sameSite returns the SameSite attribute of the session cookie.
func (c *Config) sameSite() http.SameSite {
	if c.strict() {
		return http.SameSiteStrictMode
	}
	return http.SameSiteLaxMode
}

// withheld reports whether the browser withholds the session cookie, so that the request says nothing about the user.
func (c *Config) withheld(r *http.Request) bool { return c.strict() && web.IsCrossSiteNavigation(r) }

// land sends the browser to a page of the app at the end of a sign-in.
func (a *core) land(c *gin.Context, target string) {
	if !a.config.strict() {
		redirect(c, http.StatusSeeOther, target)
		return
	}
	page(c, a.log, http.StatusOK, web.Page{
		Title: "One moment", Message: "You are returning to the site.", Link: target, LinkText: "Continue", Next: target,
		CutAddress: true,
	})
}

// reopen answers a navigation without its session cookie with a page that opens the same address of the plugin again,
// with the cookie. It reports whether it has answered. The second request is the app's own, so it never loops.
func (a *core) reopen(c *gin.Context, path string) bool {
	if c.Request.Method != http.MethodGet || !a.config.withheld(c.Request) {
		return false
	}
	if query := c.Request.URL.Query().Encode(); query != "" {
		path += "?" + query
	}
	a.land(c, path)
	return true
}
