package ginoidc

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/url"
	"time"
)

// Provider is one identity provider, and what this app is there: how it proves itself, what it asks for, and where the
// user's groups are in what it gets.
//
// Issuer, ClientID and ClientSecret are required; the zero value of every other field is its safe default.
type Provider struct {
	// Issuer is the provider's issuer identifier (OpenID Connect Discovery 1.0, section 3), compared byte
	// for byte: a trailing slash matters. It must be an https URL; http is accepted on loopback only.
	Issuer string

	// ClientID and ClientSecret are what the provider registered for this app.
	ClientID, ClientSecret string

	// ClientAuthMethod is how the app authenticates to the provider (OpenID Connect Core 1.0, section 9; RFC 8705):
	// "client_secret_basic" (default), "client_secret_post" or "client_secret_jwt" with ClientSecret; "private_key_jwt"
	// with ClientKey; "tls_client_auth" or "self_signed_tls_client_auth" with ClientCertificate; or "none" for a public
	// client. It is never probed.
	ClientAuthMethod string

	// ClientKey is the private key of private_key_jwt and SignRequests: PEM (PKCS #8, PKCS #1, SEC 1) or a JWK, of RSA with
	// 2048 bits or more, P-256, P-384, P-521 or Ed25519. ClientKeyAlg is what it signs with, default what the JWK says, or
	// RS256, ES256, ES384, ES512 or EdDSA by its type. ClientKeyID is its kid at the provider, default what the JWK says, or
	// its thumbprint (RFC 7638).
	ClientKey                 []byte
	ClientKeyAlg, ClientKeyID string

	// ClientCertificate is shown to the provider in TLS. A Transport of your own brings its own.
	ClientCertificate *tls.Certificate

	// CertificateOrigins are the origins of resource servers ("https://api.example.com") to which [Auth.Client] shows
	// ClientCertificate, for access tokens that are bound to it (RFC 8705, section 3). Default: none but the provider.
	CertificateOrigins []string

	// SignRequests signs authorization requests with ClientKey (RFC 9101), so that nobody can change them on their way.
	SignRequests bool

	// DecryptionKey, in the forms of ClientKey, opens ID tokens and logout tokens that the provider encrypts to this app:
	// RSA-OAEP-256, or ECDH-ES with an EC key. With it one that is not encrypted is refused.
	DecryptionKey []byte

	// DPoP binds access tokens to a key that each sign-in makes (RFC 9449), so that a stolen one is of no use.
	DPoP bool

	// Profile "fapi2" makes the app a client of the FAPI 2.0 Security Profile: pushed requests, private_key_jwt or a TLS
	// certificate, DPoP unless tokens are bound to that certificate, PS256, ES256 or EdDSA, and iss in every response. It
	// sets the fields that are left out, refuses others, and refuses a provider that cannot do it. Default: none.
	Profile string

	// Scopes asked for at sign-in; must contain "openid". Default: openid profile email.
	Scopes []string

	// SigningAlgs are the JWS algorithms accepted on ID tokens, default RS256. They are pinned here and not
	// taken from the provider's metadata (RFC 8725, section 3.1). Symmetric algorithms and "none" are refused.
	SigningAlgs []string

	// ResponseMode is how the provider's answer comes back: "query" (default), or "form_post", a form that keeps the code
	// out of URLs and logs (OAuth 2.0 Form Post Response Mode). With ".jwt" added the answer is signed (JARM).
	ResponseMode string

	// PushedAuthorization says when requests go to the provider before the browser does (RFC 9126): "auto" (default), when
	// the provider requires it; "always"; or "never".
	PushedAuthorization string

	// SignInParameters are further parameters of every sign-in, such as audience, resource or acr_values. They may not
	// repeat one of the plugin's own. A link to the sign-in route fills what is left open here, and may ask for a smaller
	// max_age; it replaces nothing. Code may: see [Auth.SignInURLWith].
	SignInParameters url.Values

	// InitiateLogin lets a third party, such as the provider's portal, start sign-ins (OpenID Connect Core 1.0, section 4):
	// register the sign-in route as initiate_login_uri. Default: such requests are 404.
	InitiateLogin bool

	// TrustedAudiences are further audiences that an ID token may name beside ClientID, such as ZITADEL's project id
	// (OpenID Connect Core 1.0, section 3.1.3.7). Default: none, and a token made for others too is refused.
	TrustedAudiences []string

	// UntypedLogoutTokens accepts logout tokens of the type JWT or of none, as older versions of Keycloak send
	// them. Default: the type has to be logout+jwt (OpenID Connect Back-Channel Logout 1.0, section 2.4).
	UntypedLogoutTokens bool

	// GroupsClaim names the claim that holds the user's groups, default "groups": first as the literal name
	// of a member, then as a dotted path ("realm_access.roles"). GroupsPath gives the path explicitly, one
	// member name an element, and excludes GroupsClaim.
	GroupsClaim string
	GroupsPath  []string

	// OrganizationsClaim and OrganizationsPath say the same for organizations, default "organizations".
	OrganizationsClaim string
	OrganizationsPath  []string

	// GroupsFormat and OrganizationsFormat say how the claim is written: "list" (default), a list of names or of objects
	// with id and name, where a bare string is one name, spaces and commas included; "separated", names in one string,
	// separated by commas or, without any, by spaces; "keys", an object whose member names are the names, such as ZITADEL's
	// project roles and Keycloak's organizations: those of members that are an object, a list or true. null counts as absent.
	GroupsFormat, OrganizationsFormat string

	// StringEmailVerified takes exactly the string "true" in email_verified for true, as Amazon Cognito and Apple send it.
	// Default: the JSON value true alone (OpenID Connect Core 1.0, section 5.1).
	StringEmailVerified bool

	// GroupsResolver, when set, is called once a sign-in, after the ID token and userinfo are validated. What
	// it returns becomes the user's groups; u.Groups holds those found in the claims and u.GroupsOverage
	// tells that the provider left them out. An error ends the sign-in with 502 and no session.
	GroupsResolver func(ctx context.Context, u *User, accessToken string) ([]string, error)

	// SkipUserInfo leaves out the call to the userinfo endpoint at sign-in.
	SkipUserInfo bool

	// ClockTolerance is the clock difference to the provider that is put up with, default 60s, at most 5m.
	ClockTolerance time.Duration

	// Timeout limits each call to the provider, default 5s, from 1s to 1m. A callback may take twice as long, since it
	// makes several.
	Timeout time.Duration

	// SignOutParameters are further parameters of the provider's end-session endpoint, such as Amazon Cognito's logout_uri.
	// They may not repeat one of the plugin's own.
	SignOutParameters url.Values

	// Transport carries the calls to the provider, default one of the plugin's own with time limits. Size
	// limits and the refusal of redirects apply to either. RootCAs adds trust roots to the default one.
	Transport http.RoundTripper
	RootCAs   *x509.CertPool
}

// Ways of client authentication, for [Provider].ClientAuthMethod (OpenID Connect Core 1.0, section 9; RFC 8705, section 2).
const (
	ClientSecretBasic       = "client_secret_basic"
	ClientSecretPost        = "client_secret_post"
	ClientSecretJWT         = "client_secret_jwt"
	PrivateKeyJWT           = "private_key_jwt"
	TLSClientAuth           = "tls_client_auth"
	SelfSignedTLSClientAuth = "self_signed_tls_client_auth"
	ClientAuthNone          = "none" // a public client
)

// ProfileFAPI2 is the FAPI 2.0 Security Profile, for [Provider].Profile.
const ProfileFAPI2 = "fapi2"

// Response modes, for [Provider].ResponseMode (OAuth 2.0 Multiple Response Type Encoding Practices, section 2.1; OAuth 2.0
// Form Post Response Mode; JARM, section 2.3).
const (
	ResponseModeQuery       = "query"
	ResponseModeFormPost    = "form_post"
	ResponseModeQueryJWT    = "query.jwt"
	ResponseModeFormPostJWT = "form_post.jwt"
)

// Shapes of a claim, for [Provider].GroupsFormat and OrganizationsFormat.
const (
	FormatList      = "list"
	FormatSeparated = "separated"
	FormatKeys      = "keys"
)
