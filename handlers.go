package ginoidc

import (
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/outcome"
	"github.com/seed-d65cea4d/ginoidc/internal/routes"
	"github.com/seed-d65cea4d/ginoidc/internal/throttle"
	"github.com/seed-d65cea4d/ginoidc/internal/web"
)

// Mount registers the plugin's routes below RoutePrefix: signin, callback, signout, userinfo, backchannel-logout,
// frontchannel-logout and signed-out, signals with Provider.Signals, and client.js and client.d.ts for scripts. Each is
// registered for all methods, and answers those that it does not support with 405 and Allow, whatever the engine's
// settings. Every other path below RoutePrefix is left to the app. With Config.Resource it also registers the metadata
// of that resource, below "/.well-known".
//
// r is the engine, or a group at the base path of AppURL. Mount panics for any other group: it adds RoutePrefix itself.
func (a *Auth) Mount(r gin.IRouter) {
	a.routes.Check(r)
	newRouteTable(a).Mount(r, a.routes.Prefix)
	mountMetadata(a, r)
}

// newRouteTable returns the handlers of an Auth. All of them are methods, by which guards recognize them. With one
// provider, the pattern below the callback keeps Gin from redirecting to it.
func newRouteTable(a *Auth) routes.Table {
	t := routes.Table{
		Own: map[string]gin.HandlerFunc{
			"signin": a.SignIn, "callback": a.Callback, "signout": a.SignOut, "userinfo": a.UserInfo,
			"backchannel-logout": a.BackChannelLogout, "frontchannel-logout": a.FrontChannelLogout, "signed-out": a.SignedOut,
			routes.ClientScript: a.client, routes.ClientTypes: a.client,
		},
		Named: map[string]gin.HandlerFunc{"callback": a.slash},
	}
	if a.providers.Several {
		t.Named = map[string]gin.HandlerFunc{
			"callback": a.Callback, "backchannel-logout": a.BackChannelLogout, "frontchannel-logout": a.FrontChannelLogout,
		}
	}
	if slices.ContainsFunc(a.providers.Fixed(), func(rp *relyingParty) bool { return rp.signals != nil }) {
		t.Own["signals"] = a.ReceiveSignal
		if a.providers.Several {
			t.Named["signals"] = a.ReceiveSignal
		}
	}
	return t
}

// slash prevents Gin's redirect for a trailing slash, which would copy the authorization code into a second URL.
func (a *Auth) slash(c *gin.Context) {
	web.SecureHeaders(c.Writer.Header())
	a.denier.fail(c, "", outcome.ErrNoRoute)
}

// UserInfo responds with the claims of the signed-in user that Config.UserInfoClaims allows, as JSON, or with 204 if
// nobody is signed in, and 503 if the session store does not respond. The response is private and never cached. It
// accepts GET only.
//
// With the query parameter "session" the response also has the remaining times of the session in seconds, and the
// request does not renew the session, so a page can find out when to warn its user. The session ends after expires_in
// in any case, and after idle_expires_in unless it is used.
//
//	GET /auth/userinfo?session
//	{"sub": "alice", …, "session": {"expires_in": 604000, "idle_expires_in": 43000}}
func (a *Auth) UserInfo(c *gin.Context) {
	if !a.begin(c, http.MethodGet) {
		return
	}
	c.Header("Cache-Control", "private, no-store")
	req := a.requestOf(c)
	if asksForSession(c) { // also if the app has registered this handler elsewhere
		req.withoutRenewal()
	}
	id, err := req.identify(c)
	if err != nil {
		a.denier.fail(c, "", err)
		return
	}
	u := id.user()
	if u == nil {
		c.Status(http.StatusNoContent)
		c.Writer.WriteHeaderNow()
		return
	}
	all, err := u.claims()
	if err != nil {
		a.denier.fail(c, "", err)
		return
	}
	answer := u.shape.Shown(all, a.config.UserInfoClaims)
	if asksForSession(c) && id.session() != nil {
		absolute, idle := a.sessions.Limits(&id.session().Record)
		answer["session"] = sessionTimes{int64(absolute / time.Second), int64(idle / time.Second)}
	}
	c.JSON(http.StatusOK, answer)
}

// asksForTimes reports whether the request only looks at its session. It is known before the handler runs, because a
// guard or middleware of the engine may open the session first.
func asksForTimes(r *routes.Paths, c *gin.Context) bool {
	return strings.HasSuffix(c.FullPath(), "/userinfo") && r.Own(c) && asksForSession(c)
}

// asksForSession reports whether a request for the claims of the user also wants to know when the session ends.
func asksForSession(c *gin.Context) bool {
	_, asks := c.GetQuery("session")
	return asks
}

// sessionTimes are the remaining times of a session in seconds.
type sessionTimes struct {
	ExpiresIn     int64 `json:"expires_in"`
	IdleExpiresIn int64 `json:"idle_expires_in"`
}

// begin sets the headers of the plugin's own routes. It answers other methods with 405 and Allow, and returns false.
func (a *Auth) begin(c *gin.Context, methods ...string) bool {
	h := c.Writer.Header()
	web.SecureHeaders(h)
	web.KeepPrivate(h)
	if slices.Contains(methods, c.Request.Method) {
		return true
	}
	h.Set("Allow", strings.Join(methods, ", "))
	a.denier.fail(c, "", outcome.ErrMethod)
	return false
}

// redirect responds with a redirect. The caller has checked location, so this cannot be an open redirect.
func redirect(c *gin.Context, status int, location string) {
	web.SetRedirect(c.Writer.Header(), location)
	c.Status(status)
	c.Writer.WriteHeaderNow()
}

// With SameSite=Strict a browser sends the session cookie only if a page of the app's own site began the request. A
// navigation that another site began, such as the provider's redirect to the callback, comes without the cookie, and so
// does every redirect that it leads to: the user would seem to be signed out. A page of the plugin that opens the next
// address by itself ends the chain, because that navigation is the app's own.

// landing leads browsers to pages of the app.
type landing struct {
	strict bool // the session cookie is SameSite=Strict
	pages  *ownPages
}

// withheld reports whether the browser withholds the session cookie, so that the request says nothing about the user.
func (l landing) withheld(r *http.Request) bool { return l.strict && web.IsCrossSiteNavigation(r) }

// land sends the browser to a page of the app at the end of a sign-in.
func (l landing) land(c *gin.Context, target string) {
	if !l.strict {
		redirect(c, http.StatusSeeOther, target)
		return
	}
	language := l.pages.language(c, "")
	l.pages.show(c, language, &Page{
		Kind: PageReturning, Link: PageLink{target, language.Text(outcome.LinkContinue)}, Next: target, CutAddress: true,
	})
}

// reopen answers a navigation without its session cookie with a page that opens the same address of the plugin again,
// with the cookie. It reports whether it has answered. The second request is the app's own, so it never loops.
func (l landing) reopen(c *gin.Context, path string) bool {
	if c.Request.Method != http.MethodGet || !l.withheld(c.Request) {
		return false
	}
	if query := c.Request.URL.Query().Encode(); query != "" {
		path += "?" + query
	}
	l.land(c, path)
	return true
}

// client responds with one of the two files. They hold nothing about users and are the same for all apps.
func (a *Auth) client(c *gin.Context) {
	if c.Request.Method != http.MethodGet {
		a.begin(c, http.MethodGet)
		return
	}
	web.ServeClient(c.Writer, c.Request, strings.HasSuffix(c.FullPath(), routes.ClientTypes))
}

// ThrottleByAddress returns a [Config].Throttle that allows each client address perMinute requests a minute on each of
// the routes, all at once if need be. It stops one client from occupying the provider, the store and the log, and slows
// down the guessing of codes (RFC 6819, section 4.4.1.12). It returns nil, for no limit, if perMinute is not above 0.
//
// Many users can have one address, such as all of a company: choose a number for the busiest, at nine in the morning. A
// sign-in is one request to the sign-in route and one to the callback. A provider sends its logout tokens and security
// events from few addresses, and at times for all its users: except lists networks without a limit, and should have
// those.
//
// The address is that of Gin's ClientIP, so behind a proxy SetTrustedProxies must be right: without it, all users have
// the address of the proxy, and with too many trusted, a client can invent one for each request. IPv6 addresses of one
// network of 64 bits count as one. A request without an address, as over a Unix socket, has no limit.
//
// It remembers a bounded number of addresses, in this process: with several instances, each allows as many.
func ThrottleByAddress(perMinute int, except ...netip.Prefix) func(*gin.Context) time.Duration {
	if perMinute < 1 {
		return nil
	}
	take := throttle.ByAddress(perMinute, except)
	return func(c *gin.Context) time.Duration { return take(c.ClientIP(), c.FullPath()) }
}

// throttled answers a request that Config.Throttle refuses, and reports whether it has. Nothing of the request is used
// except where the error page leads: an attempt stays as it is, and works when the client tries again.
func (a *Auth) throttled(c *gin.Context) bool {
	if a.config.Throttle == nil {
		return false
	}
	wait := a.config.Throttle(c)
	if wait <= 0 {
		return false
	}
	web.SecureHeaders(c.Writer.Header())
	wanted := c.Query("return_to")
	if at, _ := a.attempts.Find(c.Request, c.Query("state")); at != nil {
		wanted = at.ReturnTo
	}
	a.denier.fail(c, wanted, &throttle.Error{Wait: wait}, slog.String("client", c.ClientIP()))
	return true
}
