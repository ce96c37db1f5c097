// Package ginoidc signs in the users of a Gin service with any OpenID Connect provider, keeps their sessions and guards
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
// Middleware MUST run before handlers that call [UserFrom] or [UserFromContext]. Guards do the work of Middleware
// themselves and do not need it. Other middleware that replaces c.Request MUST derive the new request's context from
// the old one.
//
// Guards MUST be passed to Use or Group before the routes that they protect are registered, because Gin applies
// middleware to later routes only. ginoidctest.OpenRoutes finds unprotected routes in a test.
//
// An access log MUST NOT contain the query of the callback route, which holds the authorization code. Set
// gin.LoggerConfig.SkipQueryString for Gin's logger. The engine's RedirectFixedPath MUST stay off, its default, because
// its redirect copies the code into a second URL.
//
// Guards refuse cross-site requests with unsafe methods, which could change something with the session cookie
// (cross-site request forgery). GET requests are let through, so GET routes MUST NOT change anything. POST routes
// without a guard SHOULD be protected with [net/http.CrossOriginProtection]. The session cookie is SameSite=Lax unless
// [Config].SameSite is set.
//
// Handlers SHOULD treat the [User] as read-only. Without [Config].RecheckEvery, groups are those of the sign-in: a user
// who is removed from a group keeps it for at most SessionLifetime.
//
// # What it does
//
// It always uses the authorization code flow with PKCE S256, state and nonce (RFC 9700; OpenID Connect Core 1.0).
// Sessions are sealed in cookies by default, or kept in any store of gin-contrib/sessions. With [Provider].Audience,
// access tokens identify users and clients on the same guards, and [Config].Authenticators identify them by other
// means. docs/errors.md lists the response to each denied or failed request; docs/architecture.md says which package
// does what.
package ginoidc
