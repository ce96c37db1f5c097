package ginoidc

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/ascii"
	"github.com/seed-d65cea4d/ginoidc/internal/audit"
	"github.com/seed-d65cea4d/ginoidc/internal/guard"
	"github.com/seed-d65cea4d/ginoidc/internal/outcome"
	"github.com/seed-d65cea4d/ginoidc/internal/web"
)

// Middleware makes the signed-in user available to [UserFrom] and [UserFromContext]. It never denies a request, and it
// opens the session only when a guard or handler asks for the user.
func (a *Auth) Middleware() gin.HandlerFunc {
	return func(c *gin.Context) { a.attend(c) }
}

// RequireAuth allows signed-in users.
//
// If nobody is signed in, navigations are redirected to the sign-in route, which returns to the page. Posted forms get
// a page with 401, because a redirect would lose their content, and all other requests JSON with 401, code
// "unauthorized". A request that could change something gets 403, code "cross_origin", if another site began it. If the
// session store or State does not respond, the response is 503, and nobody is taken for signed out. [AbortHandlers]
// replace these responses.
//
// Every other guard decides only about users whom RequireAuth allows, and responds to the others in the same way.
func (a *Auth) RequireAuth() gin.HandlerFunc {
	return a.guard("RequireAuth", func(*gin.Context, identity) error { return nil })
}

// OptionalAuth is for public pages that show who is signed in. It allows everybody, and answers only those requests
// whose user cannot be known: if the session store or State does not respond, the response is 503, and nobody is taken
// for signed out. An access token that is refused is 401, and a request that another site makes with the session's
// cookie and that could change something is 403, code "cross_origin".
//
// Without it, [UserFrom] returns false in such a request, and the page would ask a user who is signed in to sign in.
func (a *Auth) OptionalAuth() gin.HandlerFunc {
	return func(c *gin.Context) {
		id, err := a.attend(c).identifyForGuard(c)
		if id.visit != nil {
			err = checkOrigin(c, a.origin)
		}
		if err != nil && !a.routes.Own(c) {
			a.denier.deny(c, err)
		}
	}
}

// RequireGroups allows users who belong to any of the groups, compared byte for byte. It panics without a group or with
// an empty one: an unset variable in the caller's configuration must not allow everybody. Other users get 403: code
// "forbidden" or, if the provider left the groups out because there are too many, "groups_overage".
func (a *Auth) RequireGroups(anyOf ...string) gin.HandlerFunc {
	groups := guardList("RequireGroups", guard.CheckGroups, anyOf)
	a.groupsGuarded.Store(true)
	return a.guard(guard.Label("RequireGroups", groups...), func(_ *gin.Context, id identity) error {
		return guard.Groups("any_of", groups, id.inAnyGroup(groups), id.groupsOverage())
	})
}

// RequireAllGroups allows users who belong to all of the groups. Other users are denied as by RequireGroups. It panics
// as [Auth.RequireGroups] does.
func (a *Auth) RequireAllGroups(allOf ...string) gin.HandlerFunc {
	groups := guardList("RequireAllGroups", guard.CheckGroups, allOf)
	a.groupsGuarded.Store(true)
	return a.guard(guard.Label("RequireAllGroups", groups...), func(_ *gin.Context, id identity) error {
		return guard.Groups("all_of", groups, id.inAllGroups(groups), id.groupsOverage())
	})
}

// RequireOrganization allows users who are members of the organization that the path parameter names:
//
//	router.GET("/orgs/:org/projects", auth.RequireOrganization("org"), projects)
//
// The value of the parameter must equal one of the user's organization ids. Otherwise the response is 403, code
// "forbidden", whether or not there is such an organization, so that nobody can probe for them. It panics if param is
// empty. A route without the parameter is always denied.
func (a *Auth) RequireOrganization(param string) gin.HandlerFunc {
	if param == "" {
		panic("ginoidc: RequireOrganization needs the name of a path parameter")
	}
	return a.guard(guard.Label("RequireOrganization", ":"+param), func(c *gin.Context, id identity) error {
		if organization := c.Param(param); !id.inOrganization(organization) {
			return guard.In("organization", []string{ascii.Clean(organization, 256)}, false)
		}
		return nil
	})
}

// RequireEmailDomain allows users whose e-mail address is verified and at any of the domains, for example
// "example.com". A subdomain is another domain, and so is a name of another script that looks alike. It is for
// providers with which anyone can have an account: whether the address is at a domain says nothing of who the user is,
// so identify users by Issuer and Subject all the same. RequireEmailDomain panics without a domain and with one that
// could not be the domain of an address.
func (a *Auth) RequireEmailDomain(anyOf ...string) gin.HandlerFunc {
	domains, err := guard.Domains(anyOf)
	if err != nil {
		panic("ginoidc: RequireEmailDomain " + err.Error())
	}
	return a.guard(guard.Label("RequireEmailDomain", domains...), func(_ *gin.Context, id identity) error {
		return guard.EmailDomain(id.user().Email, id.user().EmailVerified, domains)
	})
}

// RequireProvider allows users who signed in with any of the providers of these names, and those whose access token is
// of one of them. It panics without a name, and with one that no provider can have. Names are those of Provider.Name.
func (a *Auth) RequireProvider(anyOf ...string) gin.HandlerFunc {
	names := slices.Clone(anyOf)
	if len(names) == 0 {
		panic("ginoidc: RequireProvider needs at least one name")
	}
	for _, name := range names {
		if !a.providers.Can(name) {
			panic(fmt.Sprintf("ginoidc: RequireProvider: there is no provider %q", name))
		}
	}
	return a.guard(guard.Label("RequireProvider", names...), func(_ *gin.Context, id identity) error {
		return guard.In("provider", names, slices.Contains(names, id.provider()))
	})
}

// Require allows users for whom check returns nil. Any error denies with 403, code "forbidden", whatever it wraps, and
// [Reason] wraps it. check is called only for signed-in users. Require panics if check is nil.
func (a *Auth) Require(check func(*User) error) gin.HandlerFunc {
	if check == nil {
		panic("ginoidc: Require needs a check")
	}
	return a.guard("Require", ownRule(func(_ *gin.Context, u *User) error { return check(u) }))
}

// RequireFunc is [Auth.Require] with a check that sees the request too, such as its path parameters:
//
//	router.PUT("/notes/:id", auth.RequireFunc(func(c *gin.Context, u *ginoidc.User) error {
//		return notes.CanEdit(c.Request.Context(), u.Subject, c.Param("id"))
//	}), edit)
//
// check only decides: it must not call Next, and the guard sends the response. To respond with a status other than 403,
// such as 500 after a failed database query, check writes the response, aborts the chain itself and returns nil.
func (a *Auth) RequireFunc(check func(*gin.Context, *User) error) gin.HandlerFunc {
	if check == nil {
		panic("ginoidc: RequireFunc needs a check")
	}
	return a.guard("RequireFunc", ownRule(check))
}

// ownRule is the decision of a check of the app, whose errors deny whatever they wrap: an app's error that wraps one of
// a session store, for example, must not make users try again.
func ownRule(check func(*gin.Context, *User) error) func(*gin.Context, identity) error {
	return func(c *gin.Context, id identity) error {
		if err := check(c, id.user()); err != nil {
			return guard.Forbidden(err)
		}
		return nil
	}
}

// ProtectAll requires sign-in on every route except the plugin's own and the public ones, given as Gin's route patterns
// ("/healthz", "/files/*path"). It compares the pattern of the matched route and never the path of the request, which
// an attacker can spell in many ways. A request that matches no route is denied too. The response is that of
// [Auth.RequireAuth]. It panics if a pattern does not begin with a slash.
//
//go:noinline
func (a *Auth) ProtectAll(public ...string) gin.HandlerFunc {
	open := map[string]bool{}
	for _, pattern := range public {
		if !strings.HasPrefix(pattern, "/") {
			panic(fmt.Sprintf("ginoidc: ProtectAll: %q is not a route pattern", pattern))
		}
		open[pattern] = true
	}
	protect := a.guard("ProtectAll", func(*gin.Context, identity) error { return nil })
	return func(c *gin.Context) {
		if open[c.FullPath()] {
			a.attend(c)
			if p := audit.Of(c.Request.Context()); p != nil && !p.Exempted(c.HandlerNames()) {
				c.Abort()
			}
			return
		}
		protect(c)
	}
}

// guard makes a Gin handler of a decision: it identifies the user, decides and otherwise denies. The plugin's own
// routes are not guarded: nobody could sign in if the guard was passed to the engine. The label is for people who audit
// the routes. Package audit knows the handler by its name, which depends on where the literal is.
//
//go:noinline
func (a *Auth) guard(label string, decide func(*gin.Context, identity) error) gin.HandlerFunc {
	return func(c *gin.Context) {
		decided := false
		defer func() {
			if !decided { // decide panicked: without Abort, a recovery of the app that only writes would let Gin go on
				c.Abort()
			}
		}()
		id, err := a.attend(c).identifyForGuard(c)
		// Browsers withhold the cookie from most cross-site requests, so one without it may come from a signed-in user.
		// Clients that authenticate in another way have to learn that they are not authenticated, so they get 401 instead.
		if err == nil && (id.visit != nil || a.browsersOnly) {
			err = checkOrigin(c, a.origin)
		}
		if err == nil {
			err = id.signedIn()
		}
		if err == nil && id.visit != nil {
			err = stepUp(guard.Since(id.visit.stepUp(), time.Now), nil)
		}
		if err == nil {
			err = decide(c, id)
		}
		decided = true
		if err == nil {
			a.allowed(c, id)
		}
		if err == nil || a.routes.Own(c) {
			return
		}
		if p := audit.Of(c.Request.Context()); p != nil && !c.Writer.Written() && // otherwise a handler ran before
			p.Guarded(label, c.HandlerNames()) {
			return
		}
		a.denier.deny(c, err)
	}
}

// checkOrigin refuses requests that another site makes a browser send with the session cookie.
func checkOrigin(c *gin.Context, origin web.CrossOrigin) error {
	if !origin.Allows(c.Request, c.FullPath()) {
		return outcome.ErrCrossOrigin
	}
	return nil
}
