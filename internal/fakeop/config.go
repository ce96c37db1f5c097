package fakeop

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"time"
)

// Config describes a provider with one client. The zero value is useful.
type Config struct {
	// Issuer is the provider's URL, with or without a path; default "https://idp.example". For Start and Listen it must be
	// empty or a path, because the listener determines the rest.
	Issuer string
	// MTLSRoot is the base URL of the mtls_endpoint_aliases (RFC 8705, 5): the token, userinfo, PAR, revocation and
	// introspection endpoints are announced and available below it too. Empty means none.
	MTLSRoot string

	// ClientID and ClientSecret identify the one client; defaults "app" and "secret".
	ClientID, ClientSecret string
	// Public makes it a client without a secret (token endpoint method "none").
	Public bool
	// ClientAuthMethod is the one method the client authenticates by: "private_key_jwt" and "client_secret_jwt" (RFC 7523;
	// the latter needs a ClientSecret of 32 bytes), "tls_client_auth" or "self_signed_tls_client_auth" (RFC 8705; both
	// compare the key of the TLS certificate with ClientKey, so the provider must be served over TLS). Empty accepts
	// client_secret_basic and client_secret_post, or none from a public client.
	ClientAuthMethod string
	// ClientKey is the client's registered key for its assertions, its request objects and its TLS certificate. Without it
	// request objects are refused. It is a *rsa.PublicKey, a *ecdsa.PublicKey on P-256 or an ed25519.PublicKey.
	ClientKey crypto.PublicKey
	// ClientKeyID, if set, is the kid that assertions and request objects must name.
	ClientKeyID string
	// RedirectURIs and PostLogoutRedirectURIs are compared exactly. An empty list accepts every absolute URI.
	RedirectURIs, PostLogoutRedirectURIs []string

	// RequirePAR refuses authorization requests that were not pushed (RFC 9126).
	RequirePAR bool
	// RequireRequestObject refuses requests that are not signed (RFC 9101).
	RequireRequestObject bool
	// RequireDPoP refuses token requests without a DPoP proof (RFC 9449).
	RequireDPoP bool
	// DPoPNonces requires the provider's nonce in every proof (RFC 9449, 8 and 9); see RotateDPoPNonce.
	DPoPNonces bool

	// CodeLength is the length of authorization codes in bytes; default and minimum 26.
	CodeLength int
	// TokenLife is how long access tokens are valid: whole seconds, default an hour. ID tokens are always valid for an
	// hour, and refresh tokens for 30 days.
	TokenLife time.Duration
	// JWTAccessTokens makes access tokens JWTs (RFC 9068) for the requested resources, or for the issuer. By default they
	// are opaque.
	JWTAccessTokens bool
	// AlwaysRefreshToken issues a refresh token without the scope offline_access.
	AlwaysRefreshToken bool
	// KeepRefreshToken turns off refresh token rotation. By default each refresh token is valid once and replaced, and
	// reuse revokes all tokens of the same sign-in (RFC 9700, 4.14.2).
	KeepRefreshToken bool

	// Users can sign in; default DemoUsers().
	Users []User
	// ACRValues are the authentication context classes users can sign in with, weakest first. If empty, ID tokens have no
	// acr.
	ACRValues []string
	// SigningAlg signs ID tokens: "RS256" (default), "ES256" or "EdDSA". It also signs userinfo and JARM responses if they
	// are signed.
	SigningAlg string
	// SignUserInfo makes userinfo responses signed JWTs (OpenID Connect Core, 5.3.2).
	SignUserInfo bool
	// EncryptIDToken nests ID tokens in a JWE for this key of the client: RSA by RSA-OAEP-256, EC by ECDH-ES, content by
	// A256GCM. EncryptionKeyID is its kid, if it has one.
	EncryptIDToken  crypto.PublicKey
	EncryptionKeyID string
	// GroupsInUserInfoOnly keeps groups and organizations out of the ID token.
	GroupsInUserInfoOnly bool
	// Logger receives refused requests, without secrets or tokens; default: discarded.
	Logger *slog.Logger
}

// complete sets the defaults and returns an error for an impossible configuration.
func (cfg *Config) complete() error {
	if cfg.Issuer == "" {
		cfg.Issuer = "https://idp.example"
	}
	if !isRoot(cfg.Issuer) {
		return fmt.Errorf("test provider: Issuer %q is not an http or https URL without query and fragment", cfg.Issuer)
	}
	if cfg.MTLSRoot != "" && !isRoot(cfg.MTLSRoot) {
		return fmt.Errorf("test provider: MTLSRoot %q is not an http or https URL without query and fragment", cfg.MTLSRoot)
	}
	if cfg.ClientID == "" {
		cfg.ClientID = "app"
	}
	switch {
	case cfg.Public:
		cfg.ClientSecret = ""
	case cfg.ClientSecret == "":
		cfg.ClientSecret = "secret"
	}
	if cfg.TokenLife == 0 {
		cfg.TokenLife = time.Hour
	}
	if cfg.TokenLife < 0 || cfg.TokenLife%time.Second != 0 {
		return fmt.Errorf("test provider: TokenLife %s is not a whole number of seconds", cfg.TokenLife)
	}
	if cfg.SigningAlg == "" {
		cfg.SigningAlg = "RS256"
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Users == nil {
		cfg.Users = DemoUsers()
	}
	return errors.Join(cfg.checkClient(), cfg.checkKeys())
}

// isRoot reports whether other URLs can be below this one.
func isRoot(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" &&
		u.RawQuery == "" && u.Fragment == ""
}

func (cfg *Config) checkClient() error {
	method := cfg.ClientAuthMethod
	switch {
	case method != "" && !slices.Contains([]string{secretJWT, privateKeyJWT, mutualTLS, selfSignedTLS}, method):
		return fmt.Errorf("test provider: ClientAuthMethod %q is unknown", method)
	case method != "" && cfg.Public:
		return errors.New("test provider: a Public client has no ClientAuthMethod")
	case method != "" && method != secretJWT && cfg.ClientKey == nil:
		return fmt.Errorf("test provider: ClientAuthMethod %q needs ClientKey", method)
	case method == secretJWT && len(cfg.ClientSecret) < 32:
		return errors.New("test provider: HS256 needs a ClientSecret of at least 32 bytes (RFC 7518, 3.2)")
	case cfg.RequireRequestObject && cfg.ClientKey == nil:
		return errors.New("test provider: RequireRequestObject needs ClientKey")
	}
	return nil
}

func (cfg *Config) checkKeys() error {
	if cfg.ClientKey != nil && len(algsOf(cfg.ClientKey)) == 0 {
		return fmt.Errorf("test provider: ClientKey is a %T, not a public key for RS256, PS256, ES256 or EdDSA",
			cfg.ClientKey)
	}
	switch cfg.EncryptIDToken.(type) {
	case nil, *rsa.PublicKey, *ecdsa.PublicKey:
		return nil
	}
	return fmt.Errorf("test provider: EncryptIDToken is a %T, not a public key for RSA-OAEP-256 or ECDH-ES",
		cfg.EncryptIDToken)
}
