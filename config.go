package ginoidc

import (
	"context"
	"log/slog"
	"time"

	"github.com/gin-contrib/sessions"
	"github.com/gin-gonic/gin"
)

// Config says which provider signs users in, where the app lives and how long a session lasts.
//
// Providers, AppURL and CookieSecrets are required; the zero value of every other field is its safe default. [New] copies the Config, so later changes to it have no effect.
// [ConfigFromEnv] fills one from environment variables.
type Config struct {
	// Providers are the identity providers that sign users in. This version accepts exactly one.
	//
	// A copy of a Config shares them: give one that is to have another provider a list of its own.
	Providers []Provider

	// AppURL is the app's external base URL, such as "https://app.example.com" or, with a base path,
	// "https://example.com/app". The redirect URI, cookie names and the Secure attribute follow from it and
	// never from a request's headers. http is accepted on loopback only.
	AppURL string

	// CookieSecrets are the secrets that seal cookies, newest first: the first seals, all open. Each has at
	// least 32 bytes; `openssl rand -base64 32` makes one. To rotate, put a new one in front and drop the
	// last one after SessionLifetime.
	CookieSecrets []string

	// UserInfoClaims lists the claims that the userinfo route shows to the browser. Default: sub, name,
	// preferred_username, email, email_verified, picture, and groups and organizations without what else stands in an object
	// that holds them. Those are shown for the names in GroupsClaim and OrganizationsClaim too.
	UserInfoClaims []string

	// SessionIdle ends a session not used for this long, default 12h or a shorter SessionLifetime, which ends
	// it this long after sign-in whatever its use, default 168h. The idle limit may not exceed the lifetime.
	SessionIdle, SessionLifetime time.Duration

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

	// TrustedOrigins are further origins, such as "https://admin.example.com", whose pages may send requests that change
	// state with the session's cookie. Guards refuse those of other sites with 403, code "cross_origin" (cross-site request
	// forgery; see [net/http.CrossOriginProtection]), and so does the sign-out route. They are exact: no patterns.
	TrustedOrigins []string

	// CrossOriginRoutes are routes of the app for which guards leave that check out, since the handler has one of its own:
	// patterns as Gin writes them ("/webhooks/:id"), base path included.
	CrossOriginRoutes []string

	// PostSignOutURL is where the provider, or the plugin itself, sends the browser after sign-out: an
	// absolute URL that is registered at the provider. Default: the app's root. With AppURL, RoutePrefix and
	// "/signed-out", [Auth.SignedOut] checks that the answer belongs to a sign-out of this browser.
	PostSignOutURL string

	// AbortHandlers replaces the default answers to denied requests and failures.
	AbortHandlers AbortHandlers

	// Logger gets the plugin's events, default [slog.Default]. No token, code or cookie is ever logged.
	Logger *slog.Logger

	env   environment
	lacks []string // methods that State does not support
}

// When something is done, for [Provider].PushedAuthorization and [Config].KeepIDToken.
const (
	Auto   = "auto"
	Always = "always"
	Never  = "never"
)

// idp is the one provider of a valid Config.
func (c *Config) idp() *Provider { return &c.Providers[0] }
