package ginoidc

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/audit"
	"github.com/seed-d65cea4d/ginoidc/internal/claims"
	"github.com/seed-d65cea4d/ginoidc/internal/origin"
	"github.com/seed-d65cea4d/ginoidc/internal/returnto"
	"github.com/seed-d65cea4d/ginoidc/internal/session"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/web"
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

// routesAndTargets derives from AppURL where the plugin's routes are and which return targets are accepted.
func (c *Config) routesAndTargets(app *url.URL) (routes, returnto.Rule) {
	r := newRoutes(app, c.RoutePrefix)
	return r, returnto.Rule{Origins: append([]string{origin.Of(app)}, c.ReturnOrigins...), Reserved: r.all()}
}

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
//
// With the query parameter "session" it answers with the times of the session too, in seconds, and does not prolong it:
// a page can ask when to warn its user. expires_in is when it ends whatever happens, idle_expires_in unless it is used.
//
//	GET /auth/userinfo?session
//	{"sub": "alice", …, "session": {"expires_in": 604000, "idle_expires_in": 43000}}
func (a *Auth) UserInfo(c *gin.Context) {
	if !begin(c, http.MethodGet) {
		return
	}
	req := a.requestOf(c)
	_, asksForSession := c.GetQuery("session")
	if asksForSession {
		req.withoutRenewal()
	}
	id, err := req.identify(c)
	if err != nil {
		a.fail(c, err)
		return
	}
	if id.user == nil {
		c.Status(http.StatusNoContent)
		c.Writer.WriteHeaderNow()
		return
	}
	all, err := id.user.claims()
	if err != nil {
		a.fail(c, err)
		return
	}
	answer := a.shown(all)
	if asksForSession && id.session != nil {
		answer["session"] = a.timesOf(id.session)
	}
	c.JSON(http.StatusOK, answer)
}

// sessionTimes are how long a session lives, in seconds.
type sessionTimes struct {
	ExpiresIn     int64 `json:"expires_in"`
	IdleExpiresIn int64 `json:"idle_expires_in"`
}

func (a *core) timesOf(s *session.Session) sessionTimes {
	absolute, idle := a.sessions.Limits(&s.Record)
	return sessionTimes{int64(absolute / time.Second), int64(idle / time.Second)}
}

// shown picks the allow-listed claims. Of an object that holds groups or organizations it shows these alone, unless the
// list names the object.
func (a *core) shown(all map[string]any) map[string]any {
	names := a.userInfoClaims
	if names == nil {
		names = []string{"sub", "name", "preferred_username", "email", "email_verified", "picture", "act"}
	}
	shown := map[string]any{}
	for _, name := range names {
		if value, ok := all[name]; ok {
			shown[name] = value
		}
	}
	for _, place := range []claims.Place{a.shape.Groups, a.shape.Organizations} {
		listed := a.userInfoClaims == nil || slices.Contains(names, place.Name)
		if value, at := place.Find(all); listed && value != nil {
			claims.Put(shown, at, value)
		}
	}
	return shown
}

// begin puts the headers of the plugin's own routes and answers a wrong method with 405 and Allow.
func begin(c *gin.Context, methods ...string) bool {
	h := c.Writer.Header()
	web.SecureHeaders(h)
	web.KeepPrivate(h)
	if slices.Contains(methods, c.Request.Method) {
		return true
	}
	h.Set("Allow", strings.Join(methods, ", "))
	h.Set("Content-Length", strconv.Itoa(0))
	c.AbortWithStatus(http.StatusMethodNotAllowed)
	return false
}

// redirect answers with a redirect to an accepted location.
func redirect(c *gin.Context, status int, location string) {
	web.SetRedirect(c.Writer.Header(), location)
	c.Status(status)
	c.Writer.WriteHeaderNow()
}

// page answers with one of the plugin's pages.
func (a *core) page(c *gin.Context, status int, p web.Page) {
	if err := web.WritePage(c.Writer, status, p); err != nil {
		a.log.DebugContext(c.Request.Context(), "ginoidc: page not written", "error", err)
	}
}
