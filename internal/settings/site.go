package settings

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/seed-d65cea4d/ginoidc/internal/origin"
	"github.com/seed-d65cea4d/ginoidc/internal/returnto"
	"github.com/seed-d65cea4d/ginoidc/internal/routes"
)

// Site derives the paths of the plugin's routes and the rule for return targets from app, which is AppURL. They never
// come from a request, whose headers a client could forge.
func (a *App) Site(app *url.URL) (routes.Paths, returnto.Site) {
	r := routes.New(app, a.RoutePrefix)
	rule := returnto.Rule{Origins: append([]string{origin.Of(app)}, a.ReturnOrigins...), Reserved: r.All()}
	return r, returnto.Site{Rule: rule, Origin: origin.Of(app), Base: r.Base}
}

// checkAddress checks where the app is. What depends on AppURL is checked only if AppURL is correct: everything else
// would be reported for the wrong reason.
func (a *App) checkAddress(found *Problems) {
	if why := CheckURL(a.AppURL); why != "" {
		found.Add("AppURL", why, "set the URL under which browsers reach the app, such as https://app.example.com")
	} else if base, ok := a.aboveRoutes(); ok {
		found.Add("AppURL", "ends in the path of the plugin's routes",
			fmt.Sprintf("set it to %q, below which the plugin has its routes, or choose another RoutePrefix", base))
	} else if app, _ := url.Parse(a.AppURL); !IsPlainPath(app.Path) {
		found.Add("AppURL", "its path is not in its plain form",
			"write the base path without dot segments, escapes and doubled slashes")
	} else if _, targets := a.Site(app); a.DefaultReturnTo != "" && !targets.Accept(a.DefaultReturnTo) {
		found.Add("DefaultReturnTo", fmt.Sprintf("%q is not an acceptable return target", a.DefaultReturnTo),
			"use a path of the app")
	}
	if a.NilAuthenticator {
		found.Add("Authenticators", "one of them is nil", "leave it out")
	}
}

// aboveRoutes returns AppURL without the path of one of the plugin's routes, if it ends in one. The redirect URI is
// mistaken for AppURL because it is the address that the provider's page asks for.
func (a *App) aboveRoutes() (base string, ok bool) {
	app, err := url.Parse(strings.TrimSuffix(a.AppURL, "/"))
	r := routes.New(&url.URL{}, a.RoutePrefix)
	for _, route := range append(r.All(), r.Prefix) {
		if err == nil && route != "" && strings.HasSuffix(app.Path, route) {
			return strings.TrimSuffix(app.String(), route), true
		}
	}
	return "", false
}
