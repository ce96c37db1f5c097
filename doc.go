// Package ginoidc signs users of a Gin service in with any OpenID Connect provider, keeps their session and guards
// route groups.
//
//	cfg, _ := ginoidc.ConfigFromEnv("OIDC_") // New reports what it cannot read
//	auth, err := ginoidc.New(cfg)
//	router := gin.New()
//	router.Use(auth.Middleware())
//	auth.Mount(router)
//	admin := router.Group("/admin", auth.RequireGroups("admin"))
//
// # Rules of use
//
// Middleware MUST run before handlers that call [UserFrom] or [UserFromContext]; guards attach themselves and need no
// Middleware before them. Middleware that replaces c.Request MUST derive the new request's context from the old one.
//
// Guards MUST be given to Use or Group before the routes they are to guard are registered: Gin applies middleware to
// later routes only. ginoidctest.OpenRoutes finds the routes that were missed.
//
// An access log MUST leave the query of the callback route out, as it holds the authorization code: Gin's logger
// does with gin.LoggerConfig.SkipQueryString. The engine's RedirectFixedPath MUST stay off, its default, because its
// redirect copies the code into a second URL.
//
// Guards refuse requests of other sites that could change something with the session's cookie; GET routes MUST NOT change
// anything, since these are let through. POST routes without a guard SHOULD be protected with
// [net/http.CrossOriginProtection]. The session cookie is SameSite=Lax.
//
// Handlers SHOULD treat the [User] as read-only. Groups are as old as the sign-in: SessionLifetime bounds for how long
// somebody who lost a group keeps it.
//
// # What it does
//
// The authorization code flow with PKCE S256, state and nonce, always (RFC 9700; OpenID Connect Core 1.0). The session
// is sealed in cookies by default, or kept in any store of gin-contrib/sessions. What each denied or failed request
// is answered with is listed in docs/errors.md; docs/architecture.md says which package does what.
package ginoidc
