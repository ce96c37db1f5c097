package ginoidctest

import (
	"crypto"
	"log/slog"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
)

// Config describes a provider with one client. The zero value is useful.
type Config struct {
	// Issuer is the provider's URL, with or without a path; default "https://idp.example". For [Listen] it must
	// be empty or a path, because the listener determines the rest.
	Issuer string

	// ClientID and ClientSecret are the credentials of the one client; defaults "app" and "secret".
	ClientID, ClientSecret string
	// ClientAuthMethod is the method by which the client has to authenticate, as in ginoidc.Provider. "none" makes it a
	// public client. Empty accepts client_secret_basic and client_secret_post. Mutual TLS needs a provider that is
	// served over TLS with net/http.
	ClientAuthMethod string
	// ClientKey is the client's public key, for private_key_jwt, mutual TLS and signed requests: RSA, EC on P-256 or
	// Ed25519. Without it signed requests are refused.
	ClientKey crypto.PublicKey
	// EncryptIDToken, when set, encrypts ID tokens for this key of the client: RSA or EC.
	EncryptIDToken crypto.PublicKey
	// RedirectURIs and PostLogoutRedirectURIs are compared exactly. An empty list accepts every absolute URI.
	RedirectURIs, PostLogoutRedirectURIs []string

	// Users can sign in; default [DemoUsers].
	Users []User
	// ACRValues are the authentication context classes that users can sign in with, weakest first. Empty leaves acr out
	// of ID tokens.
	ACRValues []string
	// SigningAlg signs every token: "RS256" (default), "ES256" or "EdDSA".
	SigningAlg string
	// TokenLife is how long access tokens are valid: whole seconds, default an hour.
	TokenLife time.Duration
	// JWTAccessTokens makes the token endpoint issue access tokens as JWTs (RFC 9068): for the resources that the app
	// asked for (RFC 8707), or for the issuer. By default they are opaque.
	JWTAccessTokens bool
	// AlwaysRefreshToken issues a refresh token without the scope offline_access.
	AlwaysRefreshToken bool
	// Logger receives refused requests, without secrets or tokens; default: discarded.
	Logger *slog.Logger
}

// provider converts cfg to the configuration of the underlying provider.
func (cfg Config) provider() fakeop.Config {
	c := fakeop.Config{
		Issuer: cfg.Issuer, ClientID: cfg.ClientID, ClientSecret: cfg.ClientSecret,
		ClientAuthMethod: cfg.ClientAuthMethod, ClientKey: cfg.ClientKey, EncryptIDToken: cfg.EncryptIDToken,
		RedirectURIs: cfg.RedirectURIs, PostLogoutRedirectURIs: cfg.PostLogoutRedirectURIs,
		ACRValues: cfg.ACRValues, SigningAlg: cfg.SigningAlg, Logger: cfg.Logger,
		TokenLife: cfg.TokenLife, JWTAccessTokens: cfg.JWTAccessTokens, AlwaysRefreshToken: cfg.AlwaysRefreshToken,
	}
	switch cfg.ClientAuthMethod {
	case "none":
		c.Public, c.ClientAuthMethod = true, ""
	case "client_secret_basic", "client_secret_post": // both are accepted
		c.ClientAuthMethod = ""
	}
	if cfg.Users != nil {
		c.Users = []fakeop.User{} // nil would mean the default
	}
	for _, u := range cfg.Users {
		c.Users = append(c.Users, fakeop.User(u))
	}
	return c
}

// User can sign in at the provider.
type User struct {
	Subject, Name, Email  string
	EmailVerified         bool
	Picture               string
	Groups, Organizations []string
	// Claims are additional claims of the user's tokens and of userinfo. A claim with the name of a field above replaces
	// it in any shape ("groups": "admin"), and nil removes it. Protocol claims (iss, sub, nonce …) cannot be changed here;
	// see [Provider.OnIDToken].
	Claims map[string]any
}

// DemoUsers are the users of the example app: alice (groups admin, staff and audit; organization acme), bob (group
// staff; organization globex) and carol (no group, no organization).
func DemoUsers() []User {
	var users []User
	for _, u := range fakeop.DemoUsers() {
		users = append(users, User(u))
	}
	return users
}
