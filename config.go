package ginoidc

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/gin-contrib/sessions"
	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/env"
)

// Config holds the settings of an app: where it lives, how its users sign in and how long they stay signed in.
//
// Providers, AppURL and CookieSecrets are required; the zero value of every other field is its safe default. [New]
// copies the Config, so later changes to it have no effect. [ConfigFromEnv] fills one from environment variables.
type Config struct {
	// Providers lists the identity providers that sign users in. With several, each needs a Name, and users choose: see
	// docs/several-providers.md. Refused: none, unless FindProvider is set.
	//
	// A copy of a Config shares its providers: assign a new slice to a copy that uses another provider.
	Providers []Provider

	// FindProvider returns the provider of a name that Providers does not list, such as that of a customer in the app's
	// database. An error that wraps [ErrUnknownProvider] means that there is none. After any other error, sign-ins with
	// this provider are answered with 503, and its users remain signed in.
	//
	// A result is kept for a minute, or until [Auth.ForgetProvider], and asked for again while it is in use. Return the
	// same Transport each time, if any: another one makes for new connections. The limits of the provider are its own, and
	// smaller than those of Providers, so that a slow or hostile one does not affect the others. It accepts no access
	// tokens. See also Provider.GroupsPrefix and Provider.AllowPrivateAddresses.
	FindProvider func(ctx context.Context, name string) (Provider, error)

	// FindDomain returns the name of the provider for e-mail addresses of a domain that no EmailDomains of Providers has,
	// or "" if there is none.
	FindDomain func(ctx context.Context, domain string) (name string, err error)

	// OnLink is called when a user who is signed in has proven a second identity: see [Auth.LinkURL]. It stores that
	// linked belongs to user. An error refuses it with 403. Default: there is nothing to link.
	OnLink func(ctx context.Context, user, linked *User) error

	// AppURL is the external base URL of the app. Examples:
	//
	//	"https://app.example.com"
	//	"https://example.com/shop", for an app below a base path
	//	"http://localhost:8080", during development
	//
	// Refused: http outside loopback, so that no code or cookie crosses a network in clear (RFC 9700, section 2.6); a
	// user, query or fragment; a path with dot segments, escapes or doubled slashes; the address of one of the plugin's
	// routes.
	//
	// The redirect URI, the names of the cookies and their Secure attribute follow from AppURL and never from the headers
	// of a request, which a client could forge.
	AppURL string

	// RoutePrefix is where [Auth.Mount] puts the plugin's routes, below the base path of AppURL. Example: "/login", for
	// "/login/signin" and so on. Default: "/auth". Refused: "/", and paths that are not in their plain form, such as
	// "auth", "/a//b" and "/:tenant". The redirect URI below it is the one to register at the provider.
	RoutePrefix string

	// CookieName is the base of the names of the cookies. Example: "shop". Default: "ginoidc". Accepted: 1 to 64 letters,
	// digits, "-" and "_". Two Auths in one app need two names and two prefixes.
	//
	// The name gets the strongest prefix that AppURL allows, "__Host-" or "__Secure-", which keeps sibling domains from
	// planting the cookie (RFC 6265bis, section 4.1.3). A name that already has one is refused.
	CookieName string

	// SameSite is the SameSite attribute of the session cookie (RFC 6265bis, section 4.1.2.7). [SameSiteLax], the default,
	// keeps users signed in when they follow a link from another site. [SameSiteStrict] does not: no request that another
	// site began carries the cookie, so that not even a GET route that changes something can be abused (cross-site request
	// forgery). It is for apps without links from elsewhere, such as in e-mails: see docs/sessions.md. Refused: anything
	// else, such as none, with which every site could send requests as the user.
	SameSite string

	// Remember says whether browsers keep the session after they are closed. [RememberAlways], the default, keeps it until
	// it ends; [RememberNever] does not, for shared computers; with [RememberAsk] the user chooses: the sign-in route
	// keeps it if the link has remember=true, as a checkbox of that name sends it with the value true. Many browsers
	// restore such sessions with their tabs, so SessionIdle and SessionLifetime still count. Refused: anything else.
	Remember string

	// DefaultReturnTo is where a sign-in ends that named no acceptable return target. Example: "/start". Default: the root
	// of the app. Refused: anything that is not a return target itself, such as "//other.example", which browsers take for
	// another host, and the plugin's own routes.
	DefaultReturnTo string

	// ReturnOrigins lists further origins that a return target may name. Example: "https://shop.example.net:8443".
	// Default: none but that of AppURL. Refused: a path, a pattern, upper case, the default port of the scheme, and http
	// outside loopback. Origins are compared exactly, or sign-in would be an open redirector (RFC 9700, section 4.11).
	ReturnOrigins []string

	// TrustedOrigins lists further origins whose pages may send requests that change state with the session's cookie.
	// Example: "https://admin.example.com". Default: none but that of AppURL. Refused: what ReturnOrigins refuses.
	//
	// Guards and the sign-out route refuse such requests of other sites with 403, code "cross_origin" (cross-site request
	// forgery; see [net/http.CrossOriginProtection]).
	TrustedOrigins []string

	// CrossOriginRoutes lists routes of the app for which guards leave out that check, because the handler has its own.
	// Example: "/webhooks/:id", a pattern as Gin writes it, base path included. Default: none. Refused: what does not
	// begin with "/". Without a check, such as of a signature, the route is open to forged requests.
	CrossOriginRoutes []string

	// Resource is the identifier of the app as a resource server (RFC 9728, section 1.2): its API, for clients that have
	// to find out who issues access tokens for it. Example: "https://app.example.com/api". Default: none. Refused:
	// anything but a URL at or below AppURL, and without Provider.Audience.
	//
	// Then [Auth.Mount] publishes metadata of the resource, in the example at "/.well-known/oauth-protected-resource/api",
	// and refused requests get its address. A proxy in front of an app with a base path has to pass that path on.
	Resource string

	// CertificateHeader is the header in which a proxy that ends TLS forwards the certificate of the client, for access
	// tokens that are bound to it (RFC 8705, section 3). Example: "Client-Cert". Default: none, and the certificate is
	// that of the connection. Refused: without CertificateProxies and Provider.Audience.
	//
	// The proxy has to remove the header from the requests of its clients. From any other sender than the proxies the
	// header is refused together with the access token: a certificate is public, so anyone could claim it.
	CertificateHeader string

	// CertificateFormat is the format of CertificateHeader. [CertificateByteSequence], the default, is that of RFC 9440.
	// [CertificatePEM] is PEM with percent-encoding, as in $ssl_client_escaped_cert of nginx and %DOWNSTREAM_PEER_CERT% of
	// Envoy.
	CertificateFormat string

	// CertificateProxies lists the addresses from which those proxies connect. Example: "10.0.0.0/8", "192.0.2.7".
	// Refused: host names, and networks of all addresses. The address is that of the connection, whatever X-Forwarded-For
	// says.
	CertificateProxies []string

	// PostSignOutURL is where the browser goes after a sign-out: an absolute URL that is registered at the provider.
	// Example: "https://www.example.com/bye". Default: the root of the app. Refused: what AppURL refuses.
	//
	// With AppURL, RoutePrefix and "/signed-out", [Auth.SignedOut] checks that the response belongs to a sign-out of this
	// browser (OpenID Connect RP-Initiated Logout 1.0, section 3).
	PostSignOutURL string

	// UserInfoClaims lists the claims that the userinfo route shows to scripts in the browser. Example: "sub", "name",
	// "plan". Default: sub, name, preferred_username, email, email_verified, picture, and the groups and organizations.
	//
	// Of an object that holds the groups or organizations, such as "realm_access", the default shows these alone. So does
	// the name in GroupsClaim or OrganizationsClaim. The name of the object itself shows all of it. Name what pages need
	// and nothing else: a script that an attacker gets into a page can read it.
	UserInfoClaims []string

	// CookieSecrets are the secrets that seal cookies, newest first: the first one seals, all of them open. Example: what
	// "openssl rand -base64 32" prints. Refused: fewer than 32 bytes, a text that repeats itself, and fewer than 8
	// different bytes, because anyone who guesses a secret can sign in as any user.
	//
	// For rotation, put a new secret in front, and drop the last one after SessionLifetime. All instances of the app need
	// the same secrets.
	CookieSecrets []string

	// SessionIdle is how long a session lasts without use. Example: 30*time.Minute. Default: 12h, or SessionLifetime if
	// that is shorter. Accepted: from a second up to SessionLifetime. It limits how long an unattended browser, or a copy
	// of its cookie that nobody uses, stays signed in (OWASP ASVS 5.0, 7.3.1).
	SessionIdle time.Duration

	// SessionLifetime is how long a session lasts after the sign-in, whatever its use. Example: 8*time.Hour. Default:
	// 168h, a week. Accepted: a second or more. It limits how long a stolen cookie is of use to a thief who keeps it busy
	// (OWASP ASVS 5.0, 7.3.2), and for how long the groups of a sign-in count.
	SessionLifetime time.Duration

	// MaxAuthAge ends a session when the provider's last authentication of the user (auth_time) is older, whatever the use
	// of the session. Example: 8*time.Hour. Default: 0, no limit. Accepted: a second or more. Sign-ins request it as
	// max_age, so the provider asks the user again if its own session is older (OpenID Connect Core 1.0, section 3.1.2.1).
	MaxAuthAge time.Duration

	// RecheckEvery is the age above which the user's groups, organizations and profile, and that the account may still
	// sign in, are read again at the provider, in the course of the next request. Example: 5*time.Minute. Default: 0,
	// never. Accepted: from a second up to SessionLifetime.
	//
	// A check refreshes the tokens and asks userinfo, as far as the provider allows, and then asks GroupsResolver and
	// OnSignIn: see docs/rechecks.md. For that, the session keeps tokens as with KeepTokens, though [Auth.Token] needs
	// KeepTokens itself. A user whom the provider refuses is signed out. One check serves all requests and instances that
	// share State.
	RecheckEvery time.Duration

	// RecheckGrace is how much older than RecheckEvery the user may become while the provider does not respond. After that
	// requests get 503 until it does. Example: 10*time.Minute. Default: 1h with RecheckEvery. Accepted: a second or more.
	RecheckGrace time.Duration

	// RecheckInBackground lets requests continue with what is known, within RecheckGrace, while a check is under way.
	// Default: false, and they wait for it, at most for Provider.Timeout.
	RecheckInBackground bool

	// AttemptLife is how long a user may take to sign in at the provider. Example: 30*time.Minute, for a registration with
	// a second factor. Default: 10m. Accepted: from 1m to 24h. The browser holds the state, nonce and PKCE verifier of the
	// attempt for so long, and an authorization response that comes later is refused.
	AttemptLife time.Duration

	// MaxSessions is how many sessions a user may have; a further sign-in ends the oldest one. Example: 3. Default: 0, no
	// limit. Refused: a negative number, and a State that keeps no list of sessions. Two sign-ins at the same moment may
	// end one session too many.
	MaxSessions int

	// Store keeps the sessions: any store of gin-contrib/sessions. Example: a store of package redisstate. Default:
	// package cookiestore with CookieSecrets, which needs no server. Records are sealed and bound to their place: reading
	// the store reveals no user, and writing to it gives nobody the session of another.
	Store sessions.Store

	// State is what several instances share about sessions: which ended, what was used up, who has which, and who
	// refreshes tokens. Example: a store of package redisstate. Default: the memory of this process, which is enough for
	// one instance and is lost at a restart. Refused: a State that cannot record the end of sessions, because copies of
	// the cookies of an ended session would stay valid. See [SharedState].
	State SharedState

	// KeepTokens keeps the access token, and the refresh token if there is one, with the session, for [Auth.Token] and
	// [Auth.Client]. Default: false, because a token that is not kept cannot leak. The tokens are sealed, in cookies or in
	// a record of their own, and are revoked at sign-out. Most providers issue a refresh token for the scope
	// offline_access only.
	KeepTokens bool

	// KeepIDToken says whether the ID token is kept with the session, for the id_token_hint of a sign-out (OpenID Connect
	// RP-Initiated Logout 1.0, section 2): without it, some providers ask the user to confirm, or do not come back.
	// [Auto], the default, keeps it in a Store on a server, and in sealed cookies as far as it fits; [Always]; [Never].
	// Refused: anything else.
	KeepIDToken string

	// Authenticators identify users by other means than a session, such as API keys. They are asked in order, before the
	// session is opened. Example: keys of machines, from a table of the app. Default: none. Refused: nil. See
	// [Authenticator].
	Authenticators []Authenticator

	// AppState is called when a sign-in begins. The string it returns, at most about 1 kB, is sealed with the attempt, so
	// that the browser cannot change it, and handed to OnSignIn. Example: the id of an invitation. Default: none. An error
	// is answered with 500, and no sign-in begins.
	AppState func(c *gin.Context) (string, error)

	// Throttle limits the routes that everybody can call and that cause work: sign-in, callback, back-channel and
	// front-channel logout, and pushed security events. It is called before anything of the request is read. A result
	// above 0 refuses the request with 429, code "too_many_requests", and is the time after which the client may try
	// again. Example: [ThrottleByAddress](600), or a limiter that the instances share. Default: none, as many users may
	// have one address.
	Throttle func(c *gin.Context) (wait time.Duration)

	// SessionLabel describes the browser that signs in, for [Auth.UserSessions]. Example: "Firefox on Linux", made of the
	// header User-Agent. r is the request that completes the sign-in, without its body. At most 64 bytes are kept, sealed,
	// without control characters. Default: none.
	SessionLabel func(r *http.Request) string

	// OnSignIn is called once the provider has authenticated a user, before there is a session. Example: refuse an account
	// that the app has locked, or a user without a verified email. Default: none, and everybody who can sign in at the
	// provider is signed in. An error refuses the sign-in with 403.
	OnSignIn func(ctx context.Context, s *PendingSignIn) error

	// OnSignedIn is called after the session of a sign-in has begun, for each request that receives it, before the browser
	// is redirected. [RequestFrom] returns the request, so that the hook can change cookies of the app. Example: empty the
	// basket of another user. Its error is logged.
	OnSignedIn func(ctx context.Context, u *User) error

	// OnSignOut is called after a user has signed out here. [RequestFrom] returns the request. Example: remove cookies of
	// the app. Default: none. Its error is logged, and the user stays signed out.
	OnSignOut func(ctx context.Context, u *User) error

	// OnSessionEnd is called whenever sessions are ended, for any reason except expiry. Example: close the WebSockets of
	// the user.
	OnSessionEnd func(ctx context.Context, e SessionEnd)

	// OnSignal is called for each security event that the app receives once it had its effect, with Provider.Signals.
	// Example: look again at the roles of a user. An error makes the transmitter send the event again.
	OnSignal func(ctx context.Context, s Signal) error

	// OnEvent is called for each event that concerns the security of the app, such as sign-ins, refusals, ends of sessions
	// and denied requests: see [Event]. Example: count denied requests by Code. It is called in the course of the request,
	// which waits for it: hand events to a channel or a counter. A panic in it is logged and has no other effect.
	OnEvent func(ctx context.Context, e Event)

	// ReportAllowed makes OnEvent receive each request that a guard allows, too. Default: false. OWASP ASVS 5.0, 16.3.2,
	// requires it for level 3.
	ReportAllowed bool

	// OnProviderCall is called after each HTTP exchange with an identity provider: see [ProviderCall]. Example: measure
	// how long they take. Default: none. The work that made the call waits for it. A panic in it is logged and has no
	// other effect.
	OnProviderCall func(ctx context.Context, call ProviderCall)

	// AbortHandlers replaces the default answers to denied requests and failures. Example: a page in the design of the
	// app. Default: pages for browsers and JSON for programs. No handler can let such a request pass.
	AbortHandlers AbortHandlers

	// Pages has the settings of the plugin's own pages: name and logo of the app, style, languages, texts, and the app's
	// own templates. Example: Pages{AppName: "Acme Shop"}. Default: plain pages in English and German.
	Pages Pages

	// Logger receives the plugin's events. Example: slog.New(slog.NewJSONHandler(os.Stderr, nil)). Default:
	// [slog.Default]. Tokens, codes and cookies are never logged.
	Logger *slog.Logger

	env          env.Environment
	left         *Config  // what ConfigFromEnv returned; nil if the Config does not come from the environment
	lacksMethods []string // methods that State does not support
}
