package ginoidc

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/url"
	"time"
)

// Provider holds the settings of one identity provider: how the app authenticates to it, what a sign-in asks for, what
// is accepted in return, and where the user's groups are.
//
// Issuer, ClientID and, unless ClientAuthMethod needs none, ClientSecret are required; the zero value of every other
// field is its safe default.
type Provider struct {
	// Name identifies the provider in an app with several: in the path of its redirect URI, AppURL + RoutePrefix +
	// "/callback/" + Name, in [User].Provider and in the environment. Example: "google". Accepted: up to 64 lower-case
	// letters, digits and hyphens. Required with several providers. If the name changes, the sessions of the provider's
	// users end with their next request.
	Name string

	// Label is the name of the provider on the page where users choose. Example: "Google". Default: Name.
	Label string

	// EmailDomains are the domains of e-mail addresses whose users sign in with this provider. Example: "acme.example".
	// The selection page then asks for an address instead of listing the provider, which would tell everybody who the
	// customers are, unless Public is set. A domain only leads to the provider: it grants nothing.
	EmailDomains []string

	// Public lists the provider on the selection page although it has EmailDomains.
	Public bool

	// Issuer is the issuer identifier of the provider, compared byte for byte (OpenID Connect Discovery 1.0, section 4.3):
	// a trailing slash matters. What another issuer signs or sends back is refused, so that a malicious provider cannot
	// stand in for this one (mix-up, RFC 9207). Examples:
	//
	//	"https://login.example.com"
	//	"https://sso.example.com/realms/shop"
	//
	// Refused: http outside loopback; a query or fragment; the address of the provider's metadata, which ends in
	// "/.well-known/openid-configuration".
	Issuer string

	// Tenants lists the tenants that may sign in, for an Issuer that many share: with "{tenantid}" in the place of the
	// tenant, as the metadata of Microsoft Entra ID spells it. Example: "9188040d-6c67-4c5b-b112-36a304b66dad". In a
	// token, iss and tid have to name the same one. Anybody can have a tenant there, so without this list anybody could
	// sign in. Refused: none of Tenants and AllowTenant with such an Issuer, and either of them without.
	Tenants []string

	// AllowTenant says whether a tenant may sign in that Tenants does not list. It is asked at every sign-in and refresh.
	AllowTenant func(ctx context.Context, tenant string) (bool, error)

	// ClientID is the client identifier that the provider registered for the app (RFC 6749, section 2.2). Example: "shop".
	// Refused: none, and blanks, quotes or invisible characters around it, with which the provider would not know it.
	ClientID string

	// ClientSecret is the secret that the provider registered with ClientID. Example: what the provider's page shows once;
	// keep it out of the repository. Refused: none where ClientAuthMethod needs one, one where it needs none, and fewer
	// than 32 bytes for client_secret_jwt (OpenID Connect Core 1.0, section 16.19).
	ClientSecret string

	// ClientAuthMethod is how the app authenticates to the provider (OpenID Connect Core 1.0, section 9; RFC 8705, section
	// 2). It is fixed here and never probed, so that the secret is never sent in a form that was not chosen.
	//
	//   - [ClientSecretBasic], the default, [ClientSecretPost] and [ClientSecretJWT] need ClientSecret
	//   - [PrivateKeyJWT] needs ClientKey
	//   - [TLSClientAuth] and [SelfSignedTLSClientAuth] need ClientCertificate
	//   - [ClientAuthNone] is for a public client
	//
	// Refused: anything else. A key or a certificate is better than a secret, because it is never sent (RFC 9700, section
	// 2.5).
	ClientAuthMethod string

	// ClientKey is the private key of [PrivateKeyJWT] and SignRequests: PEM (PKCS #8, PKCS #1 or SEC 1) or a JWK. Example:
	// the content of the file that "openssl genpkey -algorithm ed25519" writes. Accepted: RSA of 2048 bits or more, P-256,
	// P-384, P-521 and Ed25519. Refused: a key that nothing uses.
	ClientKey []byte

	// ClientKeyAlg is the JWS algorithm that ClientKey signs with. Example: "PS256". Default: the alg of the JWK, or
	// RS256, ES256, ES384, ES512 or EdDSA by the type of the key. Refused: one that does not suit the key.
	ClientKeyAlg string

	// ClientKeyID is the kid of ClientKey at the provider. Example: "2026-summer". Default: the kid of the JWK, or the
	// thumbprint (RFC 7638). Refused: one without ClientKey.
	ClientKeyID string

	// ClientCertificate is presented to the provider in TLS, for [TLSClientAuth] and [SelfSignedTLSClientAuth], and to the
	// CertificateOrigins. Example: what [tls.LoadX509KeyPair] returns. Default: none. Refused: none where ClientAuthMethod
	// needs one, unless a Transport of the app presents its own.
	ClientCertificate *tls.Certificate

	// CertificateOrigins lists the resource servers to which [Auth.Client] presents ClientCertificate, for access tokens
	// that are bound to it (RFC 8705, section 3). Example: "https://api.example.com". Default: none. Refused: anything but
	// https origins, because a certificate names its holder to every server that sees it.
	CertificateOrigins []string

	// Profile is [ProfileFAPI2] to make the app a client of the FAPI 2.0 Security Profile: pushed requests; a key or a
	// certificate instead of a secret; access tokens bound by DPoP unless they are bound to the certificate; PS256, ES256
	// or EdDSA; and iss in every response.
	//
	// [ProfileIPSIESL1] makes it a relying party of the IPSIE SL1 profile for enterprises: https; PS256, ES256 or EdDSA;
	// sign-ins that a third party initiates; iss in every response; and ID tokens for this app alone, with acr, amr,
	// auth_time and session_expiry, the end of the session.
	//
	// A profile sets the fields that are left out and refuses other values, and a provider that cannot do it. Default: no
	// profile. Refused: anything else.
	Profile string

	// Scopes lists the scopes of a sign-in. Example: "openid", "profile", "groups". Default: openid, profile and email.
	// Refused: a list without openid, for which there would be no ID token (OpenID Connect Core 1.0, section 3.1.2.1).
	Scopes []string

	// Audience makes the app a resource server: access tokens of the provider that name it in aud identify the user in the
	// Authorization header (RFC 6750), next to sessions. Example: "https://api.example.com", the identifier under which
	// the API is registered with the provider. Default: none, and no access token is accepted. ID tokens never are,
	// whatever their audience.
	Audience string

	// AccessTokenProfile says what JWT access tokens look like. Default: RFC 9068, with the type at+jwt. Accepted:
	// "rfc9068", and the older shapes "keycloak", "entra-v1", "entra-v2", "okta", "auth0" and "cognito", which lack that
	// type: see docs/apis.md for what each of them lacks. Refused: anything else, or without Audience.
	AccessTokenProfile string

	// AccessTokenIssuer is the iss of access tokens if it differs from Issuer. Example:
	// "https://sts.windows.net/<tenant>/" with the profile "entra-v1". Refused: without Audience.
	AccessTokenIssuer string

	// RequireBoundTokens refuses access tokens that are not bound to a key of the client, by DPoP (RFC 9449) or by a TLS
	// client certificate (RFC 8705), so that no stolen token is of use. Default: false; a token that is bound needs proof
	// of its key in any case. Refused: without Audience.
	RequireBoundTokens bool

	// RequireDPoPNonce refuses DPoP proofs without a nonce of the app that is at most five minutes old (RFC 9449, section
	// 9), so that nobody can make proofs in advance for later. A client gets the nonce with the refusal. All instances
	// with the same CookieSecrets accept it. Default: false. Refused: without Audience.
	RequireDPoPNonce bool

	// Introspection makes the app ask the provider about access tokens that are not JWTs (RFC 7662): "json", or "jwt" for
	// signed responses (RFC 9701). Default: never, and such tokens are refused. Refused: anything else, or without
	// Audience.
	Introspection string

	// SignInParameters are further parameters of every sign-in. Example: {"audience": {"https://api.example.com"}}.
	// Refused: parameters that the plugin sets itself, such as state; several values, except of resource (RFC 8707); a
	// prompt of none with others; claims that are not a JSON object.
	//
	// A link to the sign-in route can fill what is left open here, and ask for a smaller max_age. It can replace nothing,
	// or any site could weaken a sign-in. Code can: see [Auth.SignInURLWith].
	SignInParameters url.Values

	// SignOutParameters are further parameters of the provider's end-session endpoint. Example: Amazon Cognito's
	// logout_uri. Refused: parameters that the plugin sets itself, such as state; several values.
	SignOutParameters url.Values

	// InitiateLogin lets a third party, such as the portal of the provider, start sign-ins (OpenID Connect Core 1.0,
	// section 4): register the sign-in route as initiate_login_uri. Default: false, since it lets other sites begin a
	// sign-in that the user did not ask for; such requests are answered with 404.
	InitiateLogin bool

	// ResponseMode is how the authorization response comes back. [ResponseModeQuery], the default, is a redirect.
	// [ResponseModeFormPost] is a form, which keeps the code out of URLs and logs. [ResponseModeQueryJWT] and
	// [ResponseModeFormPostJWT] are the same, signed by the provider (JARM), so that nobody can change it on the way.
	// Refused: anything else, such as fragment, which never reaches a server.
	ResponseMode string

	// PushedAuthorization says whether the request goes from the app to the provider before the browser does (RFC 9126),
	// so that no one can read or change it on the way. [Auto], the default, does so if the provider requires it; [Always];
	// [Never]. Refused: anything else.
	PushedAuthorization string

	// SignRequests signs authorization requests with ClientKey (RFC 9101), so that they cannot be changed on the way
	// through the browser. Default: false. Refused: without ClientKey.
	SignRequests bool

	// DPoP binds access tokens to a key that each sign-in makes (RFC 9449), so that a stolen token is of no use without
	// the key. Default: false; true with [ProfileFAPI2], unless tokens are bound to the certificate. The provider has to
	// support ES256 for it.
	DPoP bool

	// SigningAlgs lists the JWS algorithms that are accepted on ID tokens. Example: "ES256". Default: RS256. Refused:
	// none, with which nothing is signed; HS256 and its relatives, with which anyone who knows ClientSecret could sign;
	// unknown names. They are pinned here and not taken from the provider's metadata (RFC 8725, section 3.1).
	SigningAlgs []string

	// DecryptionKey opens ID tokens and logout tokens that the provider encrypts to the app. Its forms are those of
	// ClientKey; it decrypts RSA-OAEP-256, or ECDH-ES with an EC key. Default: none. With it, tokens that are not
	// encrypted are refused. Refused: an Ed25519 key, and a JWK for signatures.
	DecryptionKey []byte

	// TrustedAudiences lists further audiences that an ID token may name next to ClientID. Example: the project id of
	// ZITADEL. Default: none, and a token that is also for others is refused: one of them could have asked for it (OpenID
	// Connect Core 1.0, section 3.1.3.7).
	TrustedAudiences []string

	// UntypedLogoutTokens accepts logout tokens whose typ is JWT or missing, as older versions of Keycloak send them.
	// Default: false, and typ has to be logout+jwt, so that no other token passes for a logout token (OpenID Connect
	// Back-Channel Logout 1.0, section 2.4).
	UntypedLogoutTokens bool

	// Signals makes the app receive security events, such as revoked sessions and changed credentials. Default: none.
	// Refused: with an Issuer of many tenants.
	Signals *Signals

	// ClockTolerance is the clock skew between the app and the provider that is tolerated. Example: 30*time.Second.
	// Default: 60s. Accepted: up to 5m; a larger one would keep expired tokens alive (RFC 7519, section 4.1.4).
	ClockTolerance time.Duration

	// GroupsClaim names the claim that holds the user's groups: the literal name of a member or, if there is none, a
	// dotted path. Examples: "roles", "realm_access.roles". Default: "groups". Refused: together with GroupsPath.
	GroupsClaim string

	// GroupsPath is GroupsClaim as an explicit path, one member name an element, for names that hold dots themselves.
	// Example: "resource_access", "shop.example.com", "roles". Refused: an empty element.
	GroupsPath []string

	// GroupsFormat says how the claim is written. Nothing is guessed from its shape: a group that is read out of the wrong
	// text would open a door.
	//
	//   - [FormatList], the default: a list of names, or of objects with id and name; a bare string is one name, spaces
	//     and commas included
	//   - [FormatSeparated]: names in one string, separated by commas or, without any, by spaces
	//   - [FormatKeys]: an object whose member names are the names, such as the project roles of ZITADEL: those whose
	//     values are an object, a list or true
	//
	// Refused: anything else.
	GroupsFormat string

	// OrganizationsClaim, OrganizationsPath and OrganizationsFormat say the same of the user's organizations. Default:
	// "organizations". Example: the claim "organization" of Keycloak with [FormatKeys].
	OrganizationsClaim  string
	OrganizationsPath   []string
	OrganizationsFormat string

	// GroupsPrefix is put before the names of the user's groups and organizations, so that they are not mistaken for those
	// of another provider. Example: "acme:", for "acme:admin". Default: none, and for a provider that Config.FindProvider
	// returns, its Name and a colon: such a provider can claim any group, also that of the app's operators.
	GroupsPrefix string

	// GroupsResolver returns the user's groups from somewhere else, once a sign-in, after the ID token and userinfo are
	// validated. Example: ask Microsoft Graph if u.GroupsOverage reports that the provider left the groups out. u.Groups
	// holds those of the claims; the result replaces them. Default: none, and a user whose groups are left out is denied
	// by checks of groups. An error ends the sign-in with 502 and no session.
	GroupsResolver func(ctx context.Context, u *User, accessToken string) ([]string, error)

	// StringEmailVerified accepts the string "true" in email_verified, as Amazon Cognito and Apple send it. Default:
	// false, and only the JSON value true counts (OpenID Connect Core 1.0, section 5.1).
	StringEmailVerified bool

	// SkipUserInfo leaves out the request to the userinfo endpoint at sign-in. Default: false. Set it if the ID token
	// holds every claim that the app needs: each sign-in is then one request shorter.
	SkipUserInfo bool

	// Timeout limits each request to the provider. Example: 8*time.Second. Default: 5s. Accepted: from 1s to 10s: a user
	// does not wait longer, and a provider that hangs would tie up the app. A callback may take twice as long, since it
	// makes several requests.
	Timeout time.Duration

	// Transport makes the requests to the provider. Example: one that goes through a proxy or records traces. Default: one
	// of the plugin's own. The limits of time and size apply to any Transport, and no redirect is followed, since an
	// answer from another place is not the provider's.
	Transport http.RoundTripper

	// AllowPrivateAddresses lets a provider that Config.FindProvider returns be at loopback, private and link-local
	// addresses. Default: false, and the plugin connects to public addresses only, without a proxy: the customer who
	// enters an issuer could otherwise reach services of the app's own network (server-side request forgery). The
	// providers of Config.Providers may be anywhere.
	AllowPrivateAddresses bool

	// RootCAs are the root certificates that the plugin's own Transport trusts. Example: those of the company that runs
	// the provider. Default: those of the system. A Transport of the app has its own.
	RootCAs *x509.CertPool

	found bool // by Config.FindProvider
}
