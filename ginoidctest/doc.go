// Package ginoidctest gives tests an OpenID provider in their own process, and
// signed-in clients that need no provider at all.
//
// An app's own tests mostly want a user, not a sign-in:
//
//	client := ginoidctest.LoginAs(t, auth, engine, ginoidc.User{Subject: "alice", Groups: []string{"admin"}})
//	resp, err := client.Get("/api/admin")
//
// Tests of the sign-in itself start a provider. [Start] listens on a loopback
// port; [New] listens nowhere and is reached through [Provider.Transport], which
// also works inside a testing/synctest bubble:
//
//	idp, err := ginoidctest.New(ginoidctest.Config{Issuer: "https://idp.example"})
//	auth, err := ginoidc.New(ginoidc.Config{Issuer: idp.Issuer(), Transport: idp.Transport(), …})
//	callback, err := idp.Approve(location, "alice") // the browser's part, without HTML
//
// A provider can be told to misbehave in ways that have names
// ([Provider.Misbehave]), can have each of its documents edited ([Provider.OnIDToken]
// and its siblings), and can have an endpoint replaced ([Provider.Intercept]).
//
// It speaks what clients of higher security use, and takes it strictly: pushed
// authorization requests (RFC 9126), signed request objects (RFC 9101), responses
// as a JWT (JARM), DPoP (RFC 9449), private_key_jwt and mutual TLS, signed userinfo
// and encrypted ID tokens. [Config] says what of this it requires. Refresh tokens
// rotate, and all tokens can be revoked (RFC 7009).
//
// Everyone who can reach the provider can sign in as anyone: it asks for no
// password. It is for tests and demonstrations, never for users.
package ginoidctest
