// Package fakeop is an OpenID provider for tests, with one client and every fault that a relying party has to survive.
//
// It listens nowhere unless [Start] or [Listen] says so: [Provider.Transport] reaches it in memory, inside a
// testing/synctest bubble too. It can be told to misbehave in ways that have names ([Provider.Misbehave]), can have
// each of its documents edited ([Provider.OnIDToken] and its siblings), and can have an endpoint replaced
// ([Provider.Intercept]).
//
// It speaks what clients of higher security use, and takes it strictly: pushed authorization requests (RFC 9126),
// signed request objects (RFC 9101), responses as a JWT (JARM), DPoP (RFC 9449), private_key_jwt and mutual TLS, signed
// userinfo and encrypted ID tokens. [Config] says what of this it requires. Refresh tokens rotate, and all tokens can
// be revoked (RFC 7009).
//
// It asks for no password: anyone who can reach it can sign in as anyone.
package fakeop
