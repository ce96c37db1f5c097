package ginoidc

import (
	"reflect"
	"slices"
)

// variable is one environment variable: its name without the prefix and the field it sets. The type of the field
// determines how its value is read, after as, if any, has converted it.
type variable struct {
	name, field string
	as          func(value string) (string, error)
	fix         string // for an unreadable value, if the type has no better one
}

// parse reads a value for the variable's field of c. fix says what to write instead of an unreadable value.
func (v variable) parse(c *Config, value string) (parsed reflect.Value, fix string, err error) {
	if v.as != nil {
		if value, err = v.as(value); err != nil {
			return parsed, "", err
		}
	}
	field := reflect.New(c.field(v.field).Type())
	fix, err = parse(field.Interface(), value)
	return field.Elem(), fix, err
}

// variables returns all environment variables. Every field that a text can express has one.
func variables() []variable {
	all := providerVariables()
	for i := range all {
		all[i].field = firstProvider + all[i].field
	}
	return slices.Concat(all, appVariables(), laterVariables())
}

func appVariables() []variable {
	return []variable{
		{name: "APP_URL", field: "AppURL"},
		{name: "COOKIE_SECRET", field: "CookieSecrets"},
		{name: "USER_INFO_CLAIMS", field: "UserInfoClaims"},
		{name: "SESSION_IDLE", field: "SessionIdle"},
		{name: "SESSION_LIFETIME", field: "SessionLifetime"},
		{name: "ATTEMPT_LIFE", field: "AttemptLife"},
		{name: "MAX_SESSIONS", field: "MaxSessions"},
		{name: "KEEP_TOKENS", field: "KeepTokens"},
		{name: "KEEP_ID_TOKEN", field: "KeepIDToken", as: sometimes, fix: "write auto, true or false"},
		{name: "ROUTE_PREFIX", field: "RoutePrefix"},
		{name: "COOKIE_NAME", field: "CookieName"},
		{name: "DEFAULT_RETURN_TO", field: "DefaultReturnTo"},
		{name: "RETURN_ORIGINS", field: "ReturnOrigins"},
		{name: "TRUSTED_ORIGINS", field: "TrustedOrigins"},
		{name: "CROSS_ORIGIN_ROUTES", field: "CrossOriginRoutes"},
		{name: "POST_SIGN_OUT_URL", field: "PostSignOutURL"},
	}
}

func providerVariables() []variable {
	return []variable{
		{name: "ISSUER", field: "Issuer"},
		{name: "CLIENT_ID", field: "ClientID"},
		{name: "CLIENT_SECRET", field: "ClientSecret"},
		{name: "CLIENT_AUTH_METHOD", field: "ClientAuthMethod"},
		{name: "CLIENT_KEY_FILE", field: "ClientKey"},
		{name: "CLIENT_KEY_ALG", field: "ClientKeyAlg"},
		{name: "CLIENT_KEY_ID", field: "ClientKeyID"},
		{name: "CLIENT_CERT_FILE", field: "ClientCertificate"},
		{name: "CERTIFICATE_ORIGINS", field: "CertificateOrigins"},
		{name: "SIGN_REQUESTS", field: "SignRequests"},
		{name: "DECRYPTION_KEY_FILE", field: "DecryptionKey"},
		{name: "DPOP", field: "DPoP"},
		{name: "PROFILE", field: "Profile"},
		{name: "RESPONSE_MODE", field: "ResponseMode"},
		{name: "USE_PAR", field: "PushedAuthorization", as: sometimes, fix: "write auto, true or false"},
		{name: "BEARER_AUDIENCE", field: "Audience"},
		{name: "ACCESS_TOKEN_PROFILE", field: "AccessTokenProfile"},
		{name: "ACCESS_TOKEN_ISSUER", field: "AccessTokenIssuer"},
		{name: "REQUIRE_BOUND_TOKENS", field: "RequireBoundTokens"},
		{name: "INTROSPECT", field: "Introspection", as: introspection, fix: "write json, jwt, true or false"},
		{name: "SIGN_IN_PARAMETERS", field: "SignInParameters"},
		{name: "SIGN_OUT_PARAMETERS", field: "SignOutParameters"},
		{name: "INITIATE_LOGIN", field: "InitiateLogin"},
		{name: "SCOPES", field: "Scopes"},
		{name: "SIGNING_ALGS", field: "SigningAlgs"},
		{name: "TRUSTED_AUDIENCES", field: "TrustedAudiences"},
		{name: "UNTYPED_LOGOUT_TOKENS", field: "UntypedLogoutTokens"},
		{name: "GROUPS_CLAIM", field: "GroupsClaim"},
		{name: "GROUPS_PATH", field: "GroupsPath"},
		{name: "GROUPS_FORMAT", field: "GroupsFormat"},
		{name: "ORGANIZATIONS_CLAIM", field: "OrganizationsClaim"},
		{name: "ORGANIZATIONS_PATH", field: "OrganizationsPath"},
		{name: "ORGANIZATIONS_FORMAT", field: "OrganizationsFormat"},
		{name: "STRING_EMAIL_VERIFIED", field: "StringEmailVerified"},
		{name: "FETCH_USER_INFO", field: "SkipUserInfo", as: opposite, fix: "write true or false"},
		{name: "CLOCK_TOLERANCE", field: "ClockTolerance", as: withUnit},
		{name: "PROVIDER_TIMEOUT", field: "Timeout"},
		{name: "CA_FILE", field: "RootCAs"},
	}
}

// laterVariables returns variables that a later version will read. An app that sets one relies on it, so any value is
// refused.
func laterVariables() []variable {
	return []variable{
		{name: "PROVIDERS", as: unsupported, fix: "unset it"},
		{name: "RECHECK_EVERY", as: unsupported, fix: "unset it"},
	}
}

// knownNames returns all names that the plugin reads, those of MonoCloud's SDK included.
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

// nearest returns the known name that is closest to an unknown one, as a hint at a misspelling. It returns "" if none
// is within a third of its length, because such a hint would mislead.
func nearest(unknown string) string {
	best, near := len(unknown)/3, ""
	for _, name := range knownNames() {
		if d := editDistance(unknown, name); d < best || d == best && near == "" {
			best, near = d, name
		}
	}
	return near
}

// editDistance returns the Levenshtein distance in bytes.
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
