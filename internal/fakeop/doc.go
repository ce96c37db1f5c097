// Package fakeop is an OpenID provider for tests, with one client and every fault that a relying party must survive.
//
// It listens only if started by [Start] or [Listen]: [Provider.Transport] reaches it in memory, including inside a
// testing/synctest bubble. It has named misbehaviours ([Provider.Misbehave]); each of its documents can be edited
// ([Provider.OnIDToken] and its siblings), and each endpoint replaced ([Provider.Intercept]).
//
// It supports what high-security clients use, strictly: pushed authorization requests (RFC 9126), signed request
// objects (RFC 9101), responses as a JWT (JARM), DPoP (RFC 9449), private_key_jwt and mutual TLS, signed userinfo and
// encrypted ID tokens. [Config] says which of these it requires. Refresh tokens are rotated, and all tokens can be
// revoked (RFC 7009).
//
// It asks for no password: anyone who can reach it can sign in as anyone.
package fakeop
