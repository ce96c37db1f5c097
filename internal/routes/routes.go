// Package routes has the paths of the plugin's routes, and recognizes requests for them.
package routes

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/audit"
)

// Paths are the paths of the plugin's routes as browsers see them: with the app's base path.
type Paths struct {
	Base, Prefix                         string
	SignIn, Callback, SignOut, UserInfo  string
	BackChannel, FrontChannel, SignedOut string
	Signals                              string
	Metadata                             string // of the app as a resource server; "" if it has none
}

// New returns the paths of an app at the base path of its URL.
func New(app *url.URL, prefix string) Paths {
	base := strings.TrimSuffix(app.Path, "/")
	prefix = strings.TrimSuffix(prefix, "/")
	at := base + prefix
	return Paths{
		base, prefix, at + "/signin", at + "/callback", at + "/signout", at + "/userinfo",
		at + "/backchannel-logout", at + "/frontchannel-logout", at + SignedOutPath, at + SignalsPath, "",
	}
}

// All returns the paths of all routes. They are not return targets, or a sign-in could end in a sign-out.
func (p Paths) All() []string {
	at := p.Base + p.Prefix + "/"
	return []string{
		p.SignIn, p.Callback, p.SignOut, p.UserInfo, p.BackChannel, p.FrontChannel, p.SignedOut, p.Signals,
		at + ClientScript, at + ClientTypes,
	}
}

// The names of routes below the prefix that other code needs.
const (
	SignedOutPath = "/signed-out"
	SignalsPath   = "/signals"
	ClientScript  = "client.js" // the module for scripts of an app's pages
	ClientTypes   = "client.d.ts"
)

// The patterns below a route have a path parameter, so that Gin does not redirect to the route.
const (
	BelowParam = "ginoidc_below"
	Below      = "/*" + BelowParam
)

// Own reports whether the request is for one of the plugin's own routes. It compares the pattern of the matched route,
// because an attacker can spell a path in many ways, with and without the base path, which a proxy may have stripped.
// If the app has registered a handler of its own at such a pattern, that one is guarded like any other.
func (p Paths) Own(c *gin.Context) bool {
	if !audit.Own(c.HandlerName()) {
		return false
	}
	pattern := c.FullPath()
	if p.Metadata != "" && pattern == p.Metadata {
		return true
	}
	name, ok := strings.CutPrefix(pattern, p.Base+p.Prefix+"/")
	if !ok {
		name, ok = strings.CutPrefix(pattern, p.Prefix+"/")
	}
	return ok && slices.Contains(p.All(), p.Base+p.Prefix+"/"+strings.TrimSuffix(name, Below))
}

// SignsIn reports whether the request is for a route on the way to a session.
func (p Paths) SignsIn(c *gin.Context) bool {
	pattern := strings.TrimPrefix(c.FullPath(), p.Base)
	return pattern == p.Prefix+"/signin" || strings.TrimSuffix(pattern, Below) == p.Prefix+"/callback"
}

// Check panics if the routes would be registered where neither the provider nor the plugin's own links find them.
func (p Paths) Check(router gin.IRouter) {
	group, ok := router.(interface{ BasePath() string })
	if !ok {
		return
	}
	at := strings.TrimSuffix(group.BasePath(), "/")
	if at == "" || at == p.Base {
		return
	}
	place := "the engine"
	if p.Base != "" {
		place += fmt.Sprintf(", or on a group at the base path %q of AppURL", p.Base)
	}
	panic(fmt.Sprintf("ginoidc: Mount on a group at %q would put the routes at %q, and the redirect URI is at %q: "+
		"mount on %s; Mount adds RoutePrefix %q itself", at, at+p.Prefix, p.Base+p.Prefix, place, p.Prefix))
}

// Table has the handlers of the plugin's routes by their names below the prefix.
type Table struct {
	Own map[string]gin.HandlerFunc
	// Named has those of the routes below which each of several providers has one of its own.
	Named map[string]gin.HandlerFunc
}

// Mount registers the handlers below prefix, each for all methods: Gin would answer those that are missing with 404, or
// with an Allow of its own.
func (t Table) Mount(r gin.IRouter, prefix string) {
	for name, handler := range t.Own {
		r.Any(prefix+"/"+name, handler)
	}
	for name, handler := range t.Named {
		r.Any(prefix+"/"+name+Below, handler)
	}
}
