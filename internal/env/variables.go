package env

import "github.com/seed-d65cea4d/ginoidc/internal/provider"

// AppVariables returns the variables of an app, by the fields of ginoidc.Config. Every field that a text can express
// has one.
func AppVariables() []Variable {
	return []Variable{
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
		{Name: "KEEP_ID_TOKEN", Field: "KeepIDToken", As: autoOrBool, Fix: "write auto, true or false"},
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

// PageVariables returns the variables of the plugin's own pages.
func PageVariables() []Variable {
	return []Variable{
		{Name: "APP_NAME", Field: "AppName"},
		{Name: "APP_LOGO", Field: "Logo"},
		{Name: "PAGE_STYLE", Field: "Style"},
		{Name: "LANGUAGES", Field: "Languages"},
	}
}

// ProviderVariables returns the variables of one identity provider, by the fields of ginoidc.Provider. Several
// providers have a prefix each.
func ProviderVariables() []Variable {
	return []Variable{
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
		{Name: "USE_PAR", Field: "PushedAuthorization", As: autoOrBool, Fix: "write auto, true or false"},
		{Name: "BEARER_AUDIENCE", Field: "Audience"},
		{Name: "ACCESS_TOKEN_PROFILE", Field: "AccessTokenProfile"},
		{Name: "ACCESS_TOKEN_ISSUER", Field: "AccessTokenIssuer"},
		{Name: "REQUIRE_BOUND_TOKENS", Field: "RequireBoundTokens"},
		{Name: "REQUIRE_DPOP_NONCE", Field: "RequireDPoPNonce"},
		{Name: "INTROSPECT", Field: "Introspection", Fix: "write json, jwt, true or false",
			As: BoolOr(provider.IntrospectionJSON, "", provider.IntrospectionJSON, provider.IntrospectionJWT)},
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
		{Name: "FETCH_USER_INFO", Field: "SkipUserInfo", As: Not, Fix: "write true or false"},
		{Name: "CLOCK_TOLERANCE", Field: "ClockTolerance", As: WithUnit},
		{Name: "PROVIDER_TIMEOUT", Field: "Timeout"},
		{Name: "CA_FILE", Field: "RootCAs"},
	}
}

// autoOrBool reads a setting that is "auto", "always" or "never".
func autoOrBool(value string) (string, error) { return BoolOr("always", "never", "auto")(value) }
