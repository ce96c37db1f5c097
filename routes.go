package ginoidc

import (
	"net/url"
	"strings"

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
