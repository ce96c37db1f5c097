package ginoidc

import (
	"net/url"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

// variable is one environment variable: its name without the prefix and what it sets.
type variable struct {
	name, field, mend string
	set               func(c *Config, value string) error
}

// variables is the whole environment, in the order of docs/configuration.md. Every field of Config that a text can say
// has one.
func variables() []variable {
	const (
		duration = "write a Go duration such as 12h or 90s"
		boolean  = "write true or false"
		sometime = "write auto, true or false"
		query    = "write a query string such as audience=https://api.example.com&acr_values=mfa"
		unquoted = "remove the quotes"
		keyFile  = "name a readable file with a PEM or JWK private key"
		later    = "unset it"
	)
	return []variable{
		{name: "ISSUER", field: "Issuer", set: text(func(c *Config) *string { return &c.Issuer })},
		{name: "CLIENT_ID", field: "ClientID", set: text(func(c *Config) *string { return &c.ClientID })},
		{name: "CLIENT_SECRET", field: "ClientSecret", set: text(func(c *Config) *string { return &c.ClientSecret })},
		{name: "APP_URL", field: "AppURL", set: text(func(c *Config) *string { return &c.AppURL })},
		{name: "COOKIE_SECRET", field: "CookieSecrets", mend: unquoted, set: words(func(c *Config) *[]string { return &c.CookieSecrets })},
		{name: "CLIENT_AUTH_METHOD", field: "ClientAuthMethod", set: text(func(c *Config) *string { return &c.ClientAuthMethod })},
		{name: "CLIENT_KEY_FILE", field: "ClientKey", mend: keyFile, set: file(func(c *Config) *[]byte { return &c.ClientKey })},
		{name: "CLIENT_KEY_ALG", field: "ClientKeyAlg", set: text(func(c *Config) *string { return &c.ClientKeyAlg })},
		{name: "CLIENT_KEY_ID", field: "ClientKeyID", set: text(func(c *Config) *string { return &c.ClientKeyID })},
		{name: "CLIENT_CERT_FILE", field: "ClientCertificate", mend: "name a readable PEM file with the certificate, or its chain, and its private key", set: certificateFile},
		{name: "CERTIFICATE_ORIGINS", field: "CertificateOrigins", mend: unquoted, set: words(func(c *Config) *[]string { return &c.CertificateOrigins })},
		{name: "SIGN_REQUESTS", field: "SignRequests", mend: boolean, set: truth(func(c *Config, on bool) { c.SignRequests = on })},
		{name: "DECRYPTION_KEY_FILE", field: "DecryptionKey", mend: keyFile, set: file(func(c *Config) *[]byte { return &c.DecryptionKey })},
		{name: "DPOP", field: "DPoP", mend: boolean, set: truth(func(c *Config, on bool) { c.DPoP = on })},
		{name: "PROFILE", field: "Profile", set: text(func(c *Config) *string { return &c.Profile })},
		{name: "RESPONSE_MODE", field: "ResponseMode", set: text(func(c *Config) *string { return &c.ResponseMode })},
		{name: "USE_PAR", field: "PushedAuthorization", mend: sometime, set: when(func(c *Config) *string { return &c.PushedAuthorization }, provider.PushAuto, provider.PushAlways, provider.PushNever)},
		{name: "SIGN_IN_PARAMETERS", field: "SignInParameters", mend: query, set: parameters(func(c *Config) *url.Values { return &c.SignInParameters })},
		{name: "INITIATE_LOGIN", field: "InitiateLogin", mend: boolean, set: truth(func(c *Config, on bool) { c.InitiateLogin = on })},
		{name: "SCOPES", field: "Scopes", mend: unquoted, set: words(func(c *Config) *[]string { return &c.Scopes })},
		{name: "SIGNING_ALGS", field: "SigningAlgs", mend: unquoted, set: words(func(c *Config) *[]string { return &c.SigningAlgs })},
		{name: "TRUSTED_AUDIENCES", field: "TrustedAudiences", mend: unquoted, set: words(func(c *Config) *[]string { return &c.TrustedAudiences })},
		{name: "UNTYPED_LOGOUT_TOKENS", field: "UntypedLogoutTokens", mend: boolean, set: truth(func(c *Config, on bool) { c.UntypedLogoutTokens = on })},
		{name: "GROUPS_CLAIM", field: "GroupsClaim", set: text(func(c *Config) *string { return &c.GroupsClaim })},
		{name: "GROUPS_PATH", field: "GroupsPath", mend: unquoted, set: words(func(c *Config) *[]string { return &c.GroupsPath })},
		{name: "GROUPS_FORMAT", field: "GroupsFormat", set: text(func(c *Config) *string { return &c.GroupsFormat })},
		{name: "ORGANIZATIONS_CLAIM", field: "OrganizationsClaim", set: text(func(c *Config) *string { return &c.OrganizationsClaim })},
		{name: "ORGANIZATIONS_PATH", field: "OrganizationsPath", mend: unquoted, set: words(func(c *Config) *[]string { return &c.OrganizationsPath })},
		{name: "ORGANIZATIONS_FORMAT", field: "OrganizationsFormat", set: text(func(c *Config) *string { return &c.OrganizationsFormat })},
		{name: "STRING_EMAIL_VERIFIED", field: "StringEmailVerified", mend: boolean, set: truth(func(c *Config, on bool) { c.StringEmailVerified = on })},
		{name: "FETCH_USER_INFO", field: "SkipUserInfo", mend: boolean, set: truth(func(c *Config, on bool) { c.SkipUserInfo = !on })},
		{name: "USER_INFO_CLAIMS", field: "UserInfoClaims", mend: unquoted, set: words(func(c *Config) *[]string { return &c.UserInfoClaims })},
		{name: "SESSION_IDLE", field: "SessionIdle", mend: duration, set: span(func(c *Config) *time.Duration { return &c.SessionIdle })},
		{name: "SESSION_LIFETIME", field: "SessionLifetime", mend: duration, set: span(func(c *Config) *time.Duration { return &c.SessionLifetime })},
		{name: "CLOCK_TOLERANCE", field: "ClockTolerance", mend: duration, set: tolerance},
		{name: "PROVIDER_TIMEOUT", field: "ProviderTimeout", mend: duration, set: span(func(c *Config) *time.Duration { return &c.ProviderTimeout })},
		{name: "ATTEMPT_LIFE", field: "AttemptLife", mend: duration, set: span(func(c *Config) *time.Duration { return &c.AttemptLife })},
		{name: "MAX_SESSIONS", field: "MaxSessions", mend: "write a number, 0 for no limit", set: maxSessions},
		{name: "KEEP_TOKENS", field: "KeepTokens", mend: boolean, set: truth(func(c *Config, on bool) { c.KeepTokens = on })},
		{name: "KEEP_ID_TOKEN", field: "KeepIDToken", mend: sometime, set: when(func(c *Config) *string { return &c.KeepIDToken }, keepAuto, keepAlways, keepNever)},
		{name: "ROUTE_PREFIX", field: "RoutePrefix", set: text(func(c *Config) *string { return &c.RoutePrefix })},
		{name: "COOKIE_NAME", field: "CookieName", set: text(func(c *Config) *string { return &c.CookieName })},
		{name: "DEFAULT_RETURN_TO", field: "DefaultReturnTo", set: text(func(c *Config) *string { return &c.DefaultReturnTo })},
		{name: "RETURN_ORIGINS", field: "ReturnOrigins", mend: unquoted, set: words(func(c *Config) *[]string { return &c.ReturnOrigins })},
		{name: "POST_SIGN_OUT_URL", field: "PostSignOutURL", set: text(func(c *Config) *string { return &c.PostSignOutURL })},
		{name: "SIGN_OUT_PARAMETERS", field: "SignOutParameters", mend: query, set: parameters(func(c *Config) *url.Values { return &c.SignOutParameters })},
		{name: "CA_FILE", field: "RootCAs", mend: "name a readable file of PEM certificates", set: caFile},

		{name: "BEARER_AUDIENCE", mend: later, set: unsupported},
		{name: "INTROSPECT", mend: later, set: unsupported},
		{name: "PROVIDERS", mend: later, set: unsupported},
		{name: "RECHECK_EVERY", mend: later, set: unsupported},
	}
}

// knownNames are all names that the plugin reads, those of MonoCloud's SDK included.
func knownNames() []string {
	names := []string{slidingName}
	for _, v := range variables() {
		names = append(names, v.name)
	}
	for _, a := range aliases() {
		names = append(names, a.name)
	}
	for _, r := range routeNames() {
		names = append(names, r.name)
	}
	return names
}

// nearest returns the known name that is closest to an unknown one, for a hint at a misspelling: "" if none is within a
// third of its length, where a hint would mislead.
func nearest(unknown string) string {
	best, near := len(unknown)/3, ""
	for _, name := range knownNames() {
		if d := editDistance(unknown, name); d < best || d == best && near == "" {
			best, near = d, name
		}
	}
	return near
}

// editDistance is the Levenshtein distance, by bytes.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			substitute := diagonal
			if a[i] != b[j] {
				substitute++
			}
			diagonal = row[j+1]
			row[j+1] = min(substitute, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
