// Package ginoidctest helps to test apps that use ginoidc.
//
// Most tests need a user and not a sign-in. [SignInAs] creates the session itself and needs no provider:
//
//	client := ginoidctest.SignInAs(t, auth, engine, ginoidc.User{Subject: "alice", Groups: []string{"admin"}})
//	resp, err := client.Get("/api/admin")
//
// Tests of the sign-in itself run a small OpenID provider, and [SignIn] goes through the whole flow:
//
//	idp, err := ginoidctest.New(ginoidctest.Config{Issuer: "https://idp.example"})
//	cfg.Providers = []ginoidc.Provider{{Issuer: idp.Issuer(), Transport: idp.Transport(), …}}
//	auth, err := ginoidc.New(cfg)
//	client := ginoidctest.SignIn(t, auth, engine, idp, "alice")
//
// The provider can misbehave ([Provider.Misbehave]), edit the claims of its tokens ([Provider.OnIDToken],
// [Provider.OnAccessToken]), fail at an endpoint ([Provider.Intercept]), and issue access tokens for API tests
// ([Provider.AccessToken]).
//
// [Audit] lists the routes of an engine with their guards, and [OpenRoutes] those that no guard protects.
//
// The provider asks for no password: anyone who can reach it can sign in as anyone. It is for tests and demonstrations,
// never for users.
package ginoidctest
