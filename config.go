package ginoidc

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/gin-contrib/sessions"
	"github.com/gin-gonic/gin"
)

// Config says which provider signs users in, where the app lives and how long a session lasts.
//
// Issuer, ClientID, ClientSecret, AppURL and CookieSecrets are required; the zero value of every other
// field is its safe default. [New] copies the Config, so later changes to it have no effect.
// [ConfigFromEnv] fills one from environment variables.
type Config struct {
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

	// AppURL is the app's external base URL, such as "https://app.example.com" or, with a base path,
	// "https://example.com/app". The redirect URI, cookie names and the Secure attribute follow from it and
	// never from a request's headers. http is accepted on loopback only.
	AppURL string

	// CookieSecrets are the secrets that seal cookies, newest first: the first seals, all open. Each has at
	// least 32 bytes; `openssl rand -base64 32` makes one. To rotate, put a new one in front and drop the
	// last one after SessionLifetime.
	CookieSecrets []string

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

	// UserInfoClaims lists the claims that the userinfo route shows to the browser. Default: sub, name,
	// preferred_username, email, email_verified, picture, and groups and organizations without what else stands in an object
	// that holds them. Those are shown for the names in GroupsClaim and OrganizationsClaim too.
	UserInfoClaims []string

	// SessionIdle ends a session not used for this long, default 12h or a shorter SessionLifetime, which ends
	// it this long after sign-in whatever its use, default 168h. The idle limit may not exceed the lifetime.
	SessionIdle, SessionLifetime time.Duration

	// ClockTolerance is the clock difference to the provider that is put up with, default 60s, at most 5m.
	ClockTolerance time.Duration

	// ProviderTimeout limits each call to the provider, default 5s, from 1s to 1m. A callback may take twice as long, since it
	// makes several.
	ProviderTimeout time.Duration

	// AttemptLife is how long a user may take to sign in at the provider, default 10m, from 1m to 24h. Registration with a
	// second factor can take longer than the default.
	AttemptLife time.Duration

	// Store keeps the sessions: any store of gin-contrib/sessions. Default: package cookiestore, sealed
	// cookies in the browser, with CookieSecrets.
	Store sessions.Store

	// State is what several instances share about sessions: what was ended and used up, who has which sessions, and who
	// refreshes. Default: the memory of this process, which is enough for one and forgets at a restart.
	State SharedState

	// MaxSessions, when set, is how many sessions a user may have: at a further sign-in the oldest ends. It needs a State
	// that keeps the list of sessions, as the default does. Two sign-ins at the same moment may end one session too many.
	MaxSessions int

	// AppState, when set, is called when a sign-in begins. What it returns, at most about 1 kB, is sealed with the
	// attempt and handed to OnSignIn. An error answers 500 and starts nothing.
	AppState func(c *gin.Context) (string, error)

	// Authenticators show users by other means than a session, such as API keys. They are asked in order, before the
	// session is opened. See [Authenticator].
	Authenticators []Authenticator

	// OnSignIn is called once the provider has vouched for a user and before there is a session. An error refuses
	// the sign-in with 403.
	OnSignIn func(ctx context.Context, s *PendingSignIn) error

	// OnSignOut is called after a user has signed out here. Its error is logged.
	OnSignOut func(ctx context.Context, u *User) error

	// OnSessionEnd is called whenever sessions are ended, by whomever; not when they expire.
	OnSessionEnd func(ctx context.Context, e SessionEnd)

	// KeepTokens keeps the access token, and the refresh token if the provider gives one, with the session, for Token and
	// Client. They are sealed, in cookies or a record of their own, and revoked at sign-out. Most providers give a refresh
	// token for the scope offline_access only.
	KeepTokens bool

	// KeepIDToken says when the ID token is kept with the session, for the id_token_hint of sign-outs: some providers ask the
	// user to confirm a sign-out without it, or do not come back. "auto" (default) keeps it in a Store on a server, and in
	// sealed cookies as far as it fits; "always" and "never".
	KeepIDToken string

	// RoutePrefix is where Mount puts the plugin's routes below the app's base path, default "/auth".
	RoutePrefix string

	// CookieName is the base of the cookies' names, default "ginoidc"; it is given the strongest name prefix
	// AppURL allows (__Host- or __Secure-). Two plugins in one app need two names and two prefixes.
	CookieName string

	// DefaultReturnTo is where a sign-in ends that named no acceptable return target, default the app's root.
	DefaultReturnTo string

	// ReturnOrigins are further origins ("https://shop.example.net:8443") that a return target may name.
	// They are exact: no patterns.
	ReturnOrigins []string

	// PostSignOutURL is where the provider, or the plugin itself, sends the browser after sign-out: an
	// absolute URL that is registered at the provider. Default: the app's root. With AppURL, RoutePrefix and
	// "/signed-out", [Auth.SignedOut] checks that the answer belongs to a sign-out of this browser.
	PostSignOutURL string

	// SignOutParameters are further parameters of the provider's end-session endpoint, such as Amazon Cognito's logout_uri.
	// They may not repeat one of the plugin's own.
	SignOutParameters url.Values

	// AbortHandlers replaces the default answers to denied requests and failures.
	AbortHandlers AbortHandlers

	// Transport carries the calls to the provider, default one of the plugin's own with time limits. Size
	// limits and the refusal of redirects apply to either. RootCAs adds trust roots to the default one.
	Transport http.RoundTripper
	RootCAs   *x509.CertPool

	// Logger gets the plugin's events, default [slog.Default]. No token, code or cookie is ever logged.
	Logger *slog.Logger

	env   environment
	lacks []string // methods that State does not support
}
