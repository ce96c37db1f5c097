package ginoidc

import (
	"reflect"
	"strings"

	"github.com/seed-d65cea4d/ginoidc/internal/env"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/settings"
)

// ConfigFromEnv reads a [Config] from the environment variables that begin with prefix, such as "OIDC_"; a missing
// final underscore is added. docs/configuration.md lists them. There is one provider, or those that OIDC_PROVIDERS
// names: each has its variables under a prefix of its own, such as "OIDC_GOOGLE_" for "google".
//
// The error joins a [ConfigError] for each value that cannot be read. It may be ignored: [New] reports the same, unless
// code has set the field since. A variable under the prefix that the plugin does not know is a warning that New logs,
// with the nearest known name if one is near: platforms inject names of their own.
func ConfigFromEnv(prefix string) (Config, error) {
	if prefix != "" && !strings.HasSuffix(prefix, "_") {
		prefix += "_"
	}
	c := Config{AppURL: settings.DefaultAppURL, Providers: make([]Provider, 1)}
	e := environment{Environment: env.Environment{Prefix: prefix}}
	if names := strings.Fields(env.Vars{Prefix: prefix}.Get("PROVIDERS")); len(names) > 0 {
		e.readProviders(&c, names)
	} else {
		e.readProvider(&c, 0, prefix)
	}
	e.Read(&c, "", prefix, appVariables())
	e.Read(&c.Pages, pagesPath, prefix, pageVariables())
	e.Finish("PROVIDERS")
	left := c.detached()
	e.left = &left
	c.env = e
	return c, configErrors(e.Unreadable, nil)
}

// environment remembers where a Config came from, for messages that name variables.
type environment struct {
	env.Environment
	left *Config // what ConfigFromEnv returned; nil if the Config does not come from the environment
}

// readProvider sets the fields of a provider of c from the variables under a prefix of its own.
func (e *environment) readProvider(c *Config, i int, prefix string) {
	e.Read(&c.Providers[i], settings.ProviderPath(i), prefix, providerVariables())
}

// readProviders reads the providers of these names, each from the variables under a prefix of its own. The variables of
// a single provider have no effect then.
func (e *environment) readProviders(c *Config, names []string) {
	c.Providers = make([]Provider, len(names))
	for i, name := range names {
		c.Providers[i].Name = name
		e.Named(settings.ProviderPath(i), env.Variable{Name: "PROVIDERS", Field: "Name"})
		e.readProvider(c, i, e.Prefix+strings.ToUpper(strings.ReplaceAll(name, "-", "_"))+"_")
	}
	e.Ignore(providerVariables())
}

// variableNames returns, for each field that code has not changed since ConfigFromEnv, the variable that set the field
// or could have.
func (c *Config) variableNames() map[string]string { return c.env.Names(c.at, c.env.left.at) }

// pagesPath is the path of the fields of Pages in a Config.
const pagesPath = "Pages."

// at returns the struct at a path: the Config itself, its Pages, or one of its providers. It returns the zero Value if
// there is no such provider.
func (c *Config) at(path string) reflect.Value {
	switch path {
	case "":
		return reflect.ValueOf(c).Elem()
	case pagesPath:
		return reflect.ValueOf(&c.Pages).Elem()
	}
	for i := range c.Providers {
		if path == settings.ProviderPath(i) {
			return reflect.ValueOf(&c.Providers[i]).Elem()
		}
	}
	return reflect.Value{}
}

// appVariables returns the variables of the Config itself, and providerVariables those of a provider. Every field that
// a text can express has one.
func appVariables() []env.Variable {
	return []env.Variable{
		{Name: "APP_URL", Field: "AppURL"},
		{Name: "COOKIE_SECRET", Field: "CookieSecrets"},
		{Name: "USER_INFO_CLAIMS", Field: "UserInfoClaims"},
		{Name: "SESSION_IDLE", Field: "SessionIdle"},
		{Name: "SESSION_LIFETIME", Field: "SessionLifetime"},
		{Name: "MAX_AUTH_AGE", Field: "MaxAuthAge"},
		{Name: "RECHECK_EVERY", Field: "RecheckEvery"},
		{Name: "RECHECK_GRACE", Field: "RecheckGrace"},
		{Name: "RECHECK_IN_BACKGROUND", Field: "RecheckInBackground"},
		{Name: "ATTEMPT_LIFE", Field: "AttemptLife"},
		{Name: "MAX_SESSIONS", Field: "MaxSessions"},
		{Name: "KEEP_TOKENS", Field: "KeepTokens"},
		{Name: "KEEP_ID_TOKEN", Field: "KeepIDToken", As: autoOrBool(), Fix: "write auto, true or false"},
		{Name: "ROUTE_PREFIX", Field: "RoutePrefix"},
		{Name: "COOKIE_NAME", Field: "CookieName"},
		{Name: "SAME_SITE", Field: "SameSite"},
		{Name: "REMEMBER", Field: "Remember"},
		{Name: "DEFAULT_RETURN_TO", Field: "DefaultReturnTo"},
		{Name: "RETURN_ORIGINS", Field: "ReturnOrigins"},
		{Name: "TRUSTED_ORIGINS", Field: "TrustedOrigins"},
		{Name: "CROSS_ORIGIN_ROUTES", Field: "CrossOriginRoutes"},
		{Name: "BEARER_RESOURCE", Field: "Resource"},
		{Name: "CERTIFICATE_HEADER", Field: "CertificateHeader"},
		{Name: "CERTIFICATE_FORMAT", Field: "CertificateFormat"},
		{Name: "CERTIFICATE_PROXIES", Field: "CertificateProxies"},
		{Name: "POST_SIGN_OUT_URL", Field: "PostSignOutURL"},
		{Name: "REPORT_ALLOWED", Field: "ReportAllowed"},
	}
}

// pageVariables returns the variables of the plugin's own pages.
func pageVariables() []env.Variable {
	return []env.Variable{
		{Name: "APP_NAME", Field: "AppName"},
		{Name: "APP_LOGO", Field: "Logo"},
		{Name: "PAGE_STYLE", Field: "Style"},
		{Name: "LANGUAGES", Field: "Languages"},
	}
}

// providerVariables returns the variables of one identity provider. Several providers have a prefix each.
func providerVariables() []env.Variable {
	return []env.Variable{
		{Name: "LABEL", Field: "Label"},
		{Name: "EMAIL_DOMAINS", Field: "EmailDomains"},
		{Name: "PUBLIC", Field: "Public"},
		{Name: "TENANTS", Field: "Tenants"},
		{Name: "GROUPS_PREFIX", Field: "GroupsPrefix"},
		{Name: "ISSUER", Field: "Issuer"},
		{Name: "CLIENT_ID", Field: "ClientID"},
		{Name: "CLIENT_SECRET", Field: "ClientSecret"},
		{Name: "CLIENT_AUTH_METHOD", Field: "ClientAuthMethod"},
		{Name: "CLIENT_KEY_FILE", Field: "ClientKey"},
		{Name: "CLIENT_KEY_ALG", Field: "ClientKeyAlg"},
		{Name: "CLIENT_KEY_ID", Field: "ClientKeyID"},
		{Name: "CLIENT_CERT_FILE", Field: "ClientCertificate"},
		{Name: "CERTIFICATE_ORIGINS", Field: "CertificateOrigins"},
		{Name: "SIGN_REQUESTS", Field: "SignRequests"},
		{Name: "DECRYPTION_KEY_FILE", Field: "DecryptionKey"},
		{Name: "DPOP", Field: "DPoP"},
		{Name: "PROFILE", Field: "Profile"},
		{Name: "RESPONSE_MODE", Field: "ResponseMode"},
		{Name: "USE_PAR", Field: "PushedAuthorization", As: autoOrBool(), Fix: "write auto, true or false"},
		{Name: "BEARER_AUDIENCE", Field: "Audience"},
		{Name: "ACCESS_TOKEN_PROFILE", Field: "AccessTokenProfile"},
		{Name: "ACCESS_TOKEN_ISSUER", Field: "AccessTokenIssuer"},
		{Name: "REQUIRE_BOUND_TOKENS", Field: "RequireBoundTokens"},
		{Name: "REQUIRE_DPOP_NONCE", Field: "RequireDPoPNonce"},
		{Name: "INTROSPECT", Field: "Introspection", Fix: "write json, jwt, true or false",
			As: env.BoolOr(provider.IntrospectionJSON, "", provider.IntrospectionJSON, provider.IntrospectionJWT)},
		{Name: "SIGN_IN_PARAMETERS", Field: "SignInParameters"},
		{Name: "SIGN_OUT_PARAMETERS", Field: "SignOutParameters"},
		{Name: "INITIATE_LOGIN", Field: "InitiateLogin"},
		{Name: "SCOPES", Field: "Scopes"},
		{Name: "SIGNING_ALGS", Field: "SigningAlgs"},
		{Name: "TRUSTED_AUDIENCES", Field: "TrustedAudiences"},
		{Name: "UNTYPED_LOGOUT_TOKENS", Field: "UntypedLogoutTokens"},
		{Name: "GROUPS_CLAIM", Field: "GroupsClaim"},
		{Name: "GROUPS_PATH", Field: "GroupsPath"},
		{Name: "GROUPS_FORMAT", Field: "GroupsFormat"},
		{Name: "ORGANIZATIONS_CLAIM", Field: "OrganizationsClaim"},
		{Name: "ORGANIZATIONS_PATH", Field: "OrganizationsPath"},
		{Name: "ORGANIZATIONS_FORMAT", Field: "OrganizationsFormat"},
		{Name: "STRING_EMAIL_VERIFIED", Field: "StringEmailVerified"},
		{Name: "FETCH_USER_INFO", Field: "SkipUserInfo", As: env.Not, Fix: "write true or false"},
		{Name: "CLOCK_TOLERANCE", Field: "ClockTolerance", As: env.WithUnit},
		{Name: "PROVIDER_TIMEOUT", Field: "Timeout"},
		{Name: "CA_FILE", Field: "RootCAs"},
	}
}

// autoOrBool reads a setting that is [Auto], [Always] or [Never].
func autoOrBool() func(string) (string, error) { return env.BoolOr(Always, Never, Auto) }
