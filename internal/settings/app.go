package settings

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/clientcert"
)

// App has the settings of an app, with their defaults, under their names in ginoidc.Config.
type App struct {
	AppURL, RoutePrefix, PostSignOutURL, DefaultReturnTo string
	ReturnOrigins, TrustedOrigins                        []string
	CrossOriginRoutes                                    []string

	CookieName, SameSite, Remember, KeepIDToken string
	CookieSecrets, UserInfoClaims               []string

	SessionIdle, SessionLifetime, AttemptLife time.Duration
	MaxAuthAge, RecheckEvery, RecheckGrace    time.Duration
	RecheckInBackground                       bool
	MaxSessions                               int

	Resource, CertificateHeader, CertificateFormat string
	CertificateProxies                             []string

	AccessTokens     bool // the app accepts access tokens of one of its providers
	Enterprise       bool // one of its providers has the profile ipsie-sl1
	NilAuthenticator bool // one of Authenticators is nil

	// The methods that State does not support: of those that end sessions, and of those that list them.
	UnsupportedEnds, UnsupportedLists []string
}

// Check reports every problem of the app's settings.
func (a *App) Check(found *Problems) {
	a.checkAddress(found)
	a.checkSite(found)
	if a.Enterprise && strings.HasPrefix(a.AppURL, "http:") {
		found.Add("AppURL", "is not https, which the profile ipsie-sl1 requires", "use https")
	}
	a.checkSecrets(found)
	a.checkSession(found)
	a.checkAPI(found)
	found.texts("UserInfoClaims", a.UserInfoClaims...)
}

// checkSite checks the routes and cookies of the app, and the other sites that it trusts.
func (a *App) checkSite(found *Problems) {
	if !IsPlainPath(a.RoutePrefix) || a.RoutePrefix == "/" {
		found.Add("RoutePrefix", fmt.Sprintf("%q is not a plain path", a.RoutePrefix), `use a path such as "/auth"`)
	}
	if !IsCookieName(a.CookieName) {
		found.Add("CookieName", fmt.Sprintf("%q is not accepted", a.CookieName),
			"use letters, digits, - and _, without a name prefix")
	}
	found.oneOf("SameSite", a.SameSite, "lax", "strict")
	found.oneOf("Remember", a.Remember, "always", "never", "ask")
	found.origins("ReturnOrigins", a.ReturnOrigins)
	found.origins("TrustedOrigins", a.TrustedOrigins)
	for _, pattern := range a.CrossOriginRoutes {
		if !strings.HasPrefix(pattern, "/") {
			found.Add("CrossOriginRoutes", fmt.Sprintf("%q is not a route pattern", pattern),
				`write patterns as Gin does, such as "/webhooks/:id"`)
		}
	}
	if why := CheckURL(a.PostSignOutURL); a.PostSignOutURL != "" && why != "" {
		found.Add("PostSignOutURL", why, "set an absolute URL that is registered at the provider")
	}
}

// checkSecrets refuses secrets that can be guessed, those that only open cookies included: a cookie sealed with one of
// them is accepted as well.
func (a *App) checkSecrets(found *Problems) {
	const fix = "set a random secret: openssl rand -base64 32"
	if len(a.CookieSecrets) == 0 {
		found.Add("CookieSecrets", "is empty", fix)
	}
	for i, s := range a.CookieSecrets {
		if why := CheckSecret(s, minSecret); why != "" {
			found.Add("CookieSecrets", fmt.Sprintf("secret %d %s", i+1, why), fix)
		}
	}
}

// checkSession checks the limits of sessions. A negative one would end each session at once, and one that was meant in
// other units, such as 12 for hours, after a few nanoseconds.
func (a *App) checkSession(found *Problems) {
	if a.SessionIdle < time.Second && a.SessionIdle != a.SessionLifetime { // else the lifetime is reported
		found.Add("SessionIdle", "is below a second", "use a duration such as 12h")
	}
	if a.SessionLifetime < time.Second {
		found.Add("SessionLifetime", "is below a second", "use a duration such as 168h")
	}
	if a.MaxAuthAge != 0 && a.MaxAuthAge < time.Second {
		found.Add("MaxAuthAge", fmt.Sprintf("%s is below a second", a.MaxAuthAge),
			"use a duration such as 8h, or 0 for no limit")
	}
	if a.SessionIdle > a.SessionLifetime {
		found.Add("SessionIdle", fmt.Sprintf("%s is above the lifetime of %s", a.SessionIdle, a.SessionLifetime),
			"lower it or raise the lifetime")
	}
	a.checkRecheck(found)
	if a.AttemptLife < MinAttemptLife || a.AttemptLife > MaxAttemptLife {
		found.Add("AttemptLife", fmt.Sprintf("%s is out of range", a.AttemptLife), "use a duration from 1m to 24h")
	}
	found.oneOf("KeepIDToken", a.KeepIDToken, "auto", "always", "never")
	a.checkState(found)
}

// checkRecheck reports settings of re-checks that cannot work or have no effect. An operator who sets only RecheckGrace
// believes that users are read again, and none would be.
func (a *App) checkRecheck(found *Problems) {
	switch {
	case a.RecheckEvery == 0 && a.RecheckGrace != 0:
		found.without("RecheckEvery", "RecheckGrace", true)
	case a.RecheckEvery == 0:
		found.without("RecheckEvery", "RecheckInBackground", a.RecheckInBackground)
	case a.RecheckEvery < time.Second || a.RecheckEvery > a.SessionLifetime:
		found.Add("RecheckEvery", fmt.Sprintf("%s is not between a second and SessionLifetime", a.RecheckEvery),
			"use a duration such as 5m, or leave it out")
	case a.RecheckGrace < time.Second:
		found.Add("RecheckGrace", fmt.Sprintf("%s is below a second", a.RecheckGrace), "use a duration such as 10m")
	}
}

// checkState reports a State without the required methods, and a MaxSessions that cannot be enforced. If ends were not
// shared, a copied cookie would stay valid after the sign-out, and a response could be replayed at another instance.
func (a *App) checkState(found *Problems) {
	if missing := a.UnsupportedEnds; len(missing) > 0 {
		found.Add("State", fmt.Sprintf("does not support %v, without which no session ends", missing), "use one that does")
	}
	switch missing := a.UnsupportedLists; {
	case a.MaxSessions < 0:
		found.Add("MaxSessions", "is negative", "use 0 for no limit")
	case a.MaxSessions > 0 && len(missing) > 0:
		found.Add("MaxSessions", fmt.Sprintf("is set and State does not support %v, so it cannot be enforced", missing),
			"use a State that does, or no limit")
	}
}

// checkAPI checks the settings of the app as a resource server.
func (a *App) checkAPI(found *Problems) {
	a.checkResource(found)
	if a.CertificateHeader == "" {
		found.without("CertificateHeader", "CertificateFormat", a.CertificateFormat != "")
		found.without("CertificateHeader", "CertificateProxies", len(a.CertificateProxies) > 0)
		return
	}
	if !IsFieldName(a.CertificateHeader) {
		found.Add("CertificateHeader", fmt.Sprintf("%q is not the name of a header", a.CertificateHeader),
			"write the name alone, such as Client-Cert")
	}
	if !a.AccessTokens {
		found.Add("CertificateHeader", "is set without Audience", "set Audience of the provider, or leave it out")
	}
	if !slices.Contains(clientcert.Formats(), a.CertificateFormat) {
		found.Add("CertificateFormat", fmt.Sprintf("%q is not one of its values", a.CertificateFormat),
			"use "+strings.Join(clientcert.Formats(), ", "))
	}
	const fix = "list the addresses of the proxy, such as 10.0.0.0/8"
	if len(a.CertificateProxies) == 0 {
		found.Add("CertificateProxies", "is empty, and anyone could send CertificateHeader", fix)
	}
	if _, err := clientcert.ParseNetworks(a.CertificateProxies); err != nil {
		found.Add("CertificateProxies", err.Error(), fix)
	}
}

// checkResource checks that clients find the metadata on this host: its address follows from that of the resource (RFC
// 9728, section 3.1), so no other host can be named.
func (a *App) checkResource(found *Problems) {
	if a.Resource == "" {
		return
	}
	fix := "use the URL of the API, at or below AppURL"
	app, err := url.Parse(a.AppURL)
	resource, badResource := url.Parse(a.Resource)
	switch {
	case CheckURL(a.Resource) != "":
		found.Add("Resource", CheckURL(a.Resource), fix)
	case err != nil || badResource != nil: // the first one is reported elsewhere
	case app.Scheme != resource.Scheme || app.Host != resource.Host || !IsPlainPath(resource.Path) ||
		!strings.HasPrefix(resource.Path+"/", strings.TrimSuffix(app.Path, "/")+"/"):
		found.Add("Resource", fmt.Sprintf("%q is not a plain URL at or below AppURL", a.Resource), fix)
	case !a.AccessTokens:
		found.Add("Resource", "is set without Audience", "set Audience of the provider, or leave it out")
	}
}
