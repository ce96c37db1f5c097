package main

import (
	"log/slog"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
)

// routes says which route asks for what. app is the router, or a group of it when the app lives below a base path.
func routes(app *gin.RouterGroup, auth *ginoidc.Auth, p *pages, keepTokens bool) {
	auth.Mount(app) // /auth/signin, /auth/callback, /auth/signout, /auth/userinfo

	// For everybody. Handlers may still ask who is there.
	app.GET("/", p.home)
	app.GET("/healthz", healthy)
	app.GET("/readyz", ready(auth))

	// For who is signed in: a browser is sent to sign in and comes back to the page.
	app.GET("/profile", auth.RequireAuth(), p.profile)

	// The same guards on an API: programs get 401 and 403 as JSON.
	api := app.Group("/api", sameOriginOnly())
	api.GET("/me", auth.RequireAuth(), me)
	api.GET("/admin", auth.RequireGroups("admin"), message("Admin-only data"))
	api.GET("/auditors", auth.RequireAllGroups("admin", "audit"), message("Data for admins who audit"))
	api.GET("/orgs/:org/projects", auth.RequireOrganization("org"), projects)

	// The user's own access token, where it is kept (OIDC_KEEP_TOKENS), for a call of another service.
	if keepTokens {
		api.GET("/upstream", auth.RequireAuth(), upstream(auth))
	}

	// Other answers to denied requests, for these routes alone.
	custom := auth.With(ginoidc.Handlers{Unauthenticated: pleaseSignIn, Forbidden: noAccess})
	api.GET("/custom", custom.RequireGroups("admin"), message("Admin-only data"))

	// Data of one's own.
	n := newNotes()
	api.GET("/notes", auth.RequireAuth(), n.list)
	api.POST("/notes", auth.RequireAuth(), n.add)
}

// sameOriginOnly refuses what other sites make a browser send, such as their forms posting to this app. Reading
// stays free for all.
func sameOriginOnly() gin.HandlerFunc {
	protection := http.NewCrossOriginProtection()
	return func(c *gin.Context) {
		if protection.Check(c.Request) != nil {
			c.AbortWithStatusJSON(http.StatusForbidden, gin.H{"error": "cross_origin", "message": "This request came from another site."})
		}
	}
}

// newEngine is the app as an http.Handler.
func newEngine(auth *ginoidc.Auth, config ginoidc.Config, log *slog.Logger) (*gin.Engine, error) {
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
	routes(app, auth, p, config.KeepTokens)
	p.static(app)
	if p.base != "" {
		engine.GET(p.base, p.home)
	}
	return engine, nil
}
