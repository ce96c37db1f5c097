package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
)

// routes says which route asks for what. app is the router, or a group of it when the app lives below a base path.
// stopping is done when the app is to end.
func routes(stopping context.Context, app *gin.RouterGroup, auth *ginoidc.Auth, p *pages, keepTokens bool) {
	auth.Mount(app) // /auth/signin, /auth/callback, /auth/signout, /auth/userinfo

	// For everybody. Handlers may still ask who is there.
	app.GET("/", p.home)
	app.GET("/healthz", healthy)
	app.GET("/readyz", ready(auth))

	// For everybody too, but who is signed in at the provider already is so here without a click.
	app.GET("/silent", auth.SilentSignIn(), p.silent)

	// For who is signed in: a browser is sent to sign in and comes back to the page.
	app.GET("/profile", auth.RequireAuth(), p.profile)

	// The same guards on an API: programs get 401 and 403 as JSON.
	api := app.Group("/api")
	api.GET("/me", auth.RequireAuth(), me)
	api.GET("/admin", auth.RequireGroups("admin"), message("Admin-only data"))
	api.GET("/auditors", auth.RequireAllGroups("admin", "audit"), message("Data for admins who audit"))
	api.GET("/orgs/:org/projects", auth.RequireOrganization("org"), projects)

	// For who has just proved who they are, or by more than a password. Others are sent to do so, and come back.
	api.GET("/fresh", auth.RequireFreshSignIn(time.Minute), message("You signed in within the last minute."))
	api.GET("/mfa", auth.RequireACR(secondFactor), message("You signed in with a second factor."))

	// For programs, by access token (OIDC_BEARER_AUDIENCE). A session has no scopes.
	api.GET("/machine", auth.RequireScopes("read:things"), machine)

	// The user's own access token, where it is kept (OIDC_KEEP_TOKENS), for a call of another service.
	if keepTokens {
		api.GET("/upstream", auth.RequireAuth(), upstream(auth, p.log))
	}

	// Other answers to denied requests, for these routes alone.
	custom := auth.With(ginoidc.AbortHandlers{Unauthenticated: pleaseSignIn, Forbidden: noAccess})
	api.GET("/custom", custom.RequireGroups("admin"), message("Admin-only data"))

	// Where one is signed in, and how to end it.
	own := sessions{auth}
	api.GET("/sessions", auth.RequireAuth(), own.list)
	api.DELETE("/sessions/:id", auth.RequireAuth(), own.end)
	api.POST("/sign-out-everywhere", auth.RequireAuth(), own.endAll)

	// A response that goes on for as long as the session does.
	api.GET("/stream", auth.RequireAuth(), stream(stopping, auth))

	// Data of the user. The guard refuses a POST of another site with the user's session.
	n := newNotes()
	api.GET("/notes", auth.RequireAuth(), n.list)
	api.POST("/notes", auth.RequireAuth(), n.add)
}

// secondFactor is the authentication context class that /api/mfa asks for.
const secondFactor = "urn:example:mfa"

// newEngine is the app as an http.Handler. Streams end when stopping is done.
func newEngine(stopping context.Context, auth *ginoidc.Auth, config ginoidc.Config, log *slog.Logger) (*gin.Engine, error) {
	p, err := newPages(auth, basePath(config.AppURL), log)
	if err != nil {
		return nil, err
	}
	engine := gin.New()
	if err := engine.SetTrustedProxies(nil); err != nil { // Gin's default believes X-Forwarded-For of everybody
		return nil, err
	}
	engine.RedirectTrailingSlash = false // its redirect would go where X-Forwarded-Prefix says
	engine.HandleMethodNotAllowed = true
	engine.Use(accessLog(log), recovery(log), secureHeaders, auth.Middleware())
	engine.NoRoute(p.notFound)
	engine.NoMethod(noMethod)

	app := engine.Group(p.base)
	routes(stopping, app, auth, p, config.KeepTokens)
	p.static(app)
	if p.base != "" {
		engine.GET(p.base, p.home)
	}
	return engine, nil
}
