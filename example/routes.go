package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
)

// routes registers all routes and shows what each requires. app is the router, or a group of it if the app lives below
// a base path. stopping is done when the app shuts down.
func routes(stopping context.Context, app *gin.RouterGroup, auth *ginoidc.Auth, p *pages, config ginoidc.Config) {
	auth.Mount(app) // /auth/signin, /auth/callback, /auth/signout, /auth/userinfo

	// Public. The page shows who is signed in; if that cannot be known, because the session store is down, it is 503.
	app.GET("/", auth.OptionalAuth(), p.home)
	app.GET("/healthz", healthy)
	app.GET("/readyz", ready(auth, config.Providers))

	// Public too, but users who are signed in at the provider are signed in here without a click.
	app.GET("/silent", auth.OptionalAuth(), auth.SilentSignIn(), p.silent)

	// For signed-in users. Browsers are redirected to the sign-in and return to the page.
	app.GET("/profile", auth.RequireAuth(), p.profile)

	// The same guards for an API: programs get 401 and 403 as JSON.
	api := app.Group("/api")
	api.GET("/me", auth.RequireAuth(), me)
	api.GET("/admin", auth.RequireGroups("admin"), message("Admin-only data"))
	api.GET("/auditors", auth.RequireAllGroups("admin", "audit"), message("Data for admins who audit"))
	api.GET("/orgs/:org/projects", auth.RequireOrganization("org"), projects)

	// Step-up: for users with a recent sign-in, or one with a second factor. Others are redirected to it and return.
	api.GET("/fresh", auth.RequireFreshSignIn(time.Minute), message("You signed in within the last minute."))
	api.GET("/mfa", auth.RequireACR(secondFactor), message("You signed in with a second factor."))

	// For programs, by access token (OIDC_BEARER_AUDIENCE). A session has no scopes.
	api.GET("/machine", auth.RequireScopes("read:things"), machine)

	// Calls another service with the user's access token, if it is kept (OIDC_KEEP_TOKENS).
	if config.KeepTokens {
		api.GET("/upstream", auth.RequireAuth(), upstream(auth, p.log))
	}

	// Custom responses to denied requests, for these routes only.
	custom := auth.With(ginoidc.AbortHandlers{Unauthenticated: pleaseSignIn, Forbidden: noAccess})
	api.GET("/custom", custom.RequireGroups("admin"), message("Admin-only data"))

	// The sessions of the user, and how to end them.
	own := sessions{auth}
	api.GET("/sessions", auth.RequireAuth(), own.list)
	api.DELETE("/sessions/:id", auth.RequireAuth(), own.end)
	api.POST("/sign-out-everywhere", auth.RequireAuth(), own.endAll)

	// A stream that ends with the session.
	api.GET("/stream", auth.RequireAuth(), stream(stopping, auth))

	// Data of the user. The guard refuses cross-site POST requests (cross-site request forgery).
	n := newNotes()
	api.GET("/notes", auth.RequireAuth(), n.list)
	api.POST("/notes", auth.RequireAuth(), n.add)
}

// secondFactor is the authentication context class that /api/mfa asks for.
const secondFactor = "urn:example:mfa"

// newEngine returns the app as a Gin engine. Streams end when stopping is done.
func newEngine(
	stopping context.Context, auth *ginoidc.Auth, config ginoidc.Config, log *slog.Logger,
) (*gin.Engine, error) {
	p, err := newPages(auth, basePath(config.AppURL), log)
	if err != nil {
		return nil, err
	}
	engine := gin.New()
	if err := engine.SetTrustedProxies(nil); err != nil { // Gin trusts X-Forwarded-For of every client by default
		return nil, err
	}
	engine.RedirectTrailingSlash = false // its redirect would use X-Forwarded-Prefix of any client
	engine.HandleMethodNotAllowed = true
	engine.Use(accessLog(log), recovery(log), secureHeaders, auth.Middleware())
	engine.NoRoute(p.notFound)
	engine.NoMethod(p.noMethod)

	app := engine.Group(p.base)
	routes(stopping, app, auth, p, config)
	p.static(app)
	if p.base != "" {
		engine.GET(p.base, auth.OptionalAuth(), p.home)
	}
	return engine, nil
}
