package ginoidc

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/audit"
	"github.com/seed-d65cea4d/ginoidc/internal/returnto"
)

// routes are the plugin's routes as browsers see them: with the app's base path.
type routes struct {
	base, prefix                         string
	signIn, callback, signOut, userInfo  string
	backChannel, frontChannel, signedOut string
}

func newRoutes(app *url.URL, prefix string) routes {
	base := strings.TrimSuffix(app.Path, "/")
	prefix = strings.TrimSuffix(prefix, "/")
	at := base + prefix
	return routes{
		base, prefix, at + "/signin", at + "/callback", at + "/signout", at + "/userinfo",
		at + "/backchannel-logout", at + "/frontchannel-logout", at + signedOutPath,
	}
}

func (r routes) all() []string {
	return []string{r.signIn, r.callback, r.signOut, r.userInfo, r.backChannel, r.frontChannel, r.signedOut}
}

const (
	ownParam = "ginoidc"         // in the patterns of other methods
	belowOwn = "/*ginoidc_below" // and of what is no route, so that Gin redirects nothing there
)

// own tells whether the request is for one of the plugin's own routes. It goes by the pattern of the route that matched,
// since a path can be spelled in many ways; a proxy may have taken the base path off. The app may have a handler of its own
// at such a pattern, where it does without Mount or has a base path: that one is guarded like any other.
func (r routes) own(c *gin.Context) bool {
	if !audit.Own(c.HandlerName()) {
		return false
	}
	pattern := c.FullPath()
	name, ok := strings.CutPrefix(pattern, r.base+r.prefix+"/")
	if !ok {
		name, ok = strings.CutPrefix(pattern, r.prefix+"/")
	}
	name = strings.Replace(name, ":"+ownParam, c.Param(ownParam), 1)
	return ok && slices.Contains(r.all(), r.base+r.prefix+"/"+strings.TrimSuffix(name, belowOwn))
}

// check refuses to be mounted where neither the provider nor the plugin's own links look for the routes.
func (r routes) check(router gin.IRouter) {
	group, ok := router.(interface{ BasePath() string })
	if !ok {
		return
	}
	at := strings.TrimSuffix(group.BasePath(), "/")
	if at == "" || at == r.base {
		return
	}
	place := "the engine"
	if r.base != "" {
		place += fmt.Sprintf(", or on a group at the base path %q of AppURL", r.base)
	}
	panic(fmt.Sprintf("ginoidc: Mount on a group at %q would put the routes at %q, and the redirect URI is at %q: mount on %s; Mount adds RoutePrefix %q itself",
		at, at+r.prefix, r.base+r.prefix, place, r.prefix))
}

// places derives from AppURL where the plugin's routes are and which return targets are accepted.
func (c *Config) places(app *url.URL) (routes, returnto.Rule) {
	r := newRoutes(app, c.RoutePrefix)
	return r, returnto.Rule{Origins: append([]string{originOf(app)}, c.ReturnOrigins...), Reserved: r.all()}
}

// originOf is the ASCII serialization of u's origin (RFC 6454, section 6.2), as browsers send it: in lower case and
// without the scheme's own port.
func originOf(u *url.URL) string {
	origin := strings.ToLower(u.Scheme + "://" + u.Host)
	switch u.Scheme {
	case "https":
		return strings.TrimSuffix(origin, ":443")
	case "http":
		return strings.TrimSuffix(origin, ":80")
	}
	return origin
}
