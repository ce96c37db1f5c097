package ginoidc_test

import (
	"crypto/tls"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc"
)

// TestEveryFieldHasAVariable: every field of a Config that a text can express has a variable, which sets only that
// field.
func TestEveryFieldHasAVariable(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	certificate, root := certificatePEM(t)
	ecKey, _ := testKeys(t)
	for name, content := range map[string][]byte{"key": ecKey, "certificate": certificate, "roots": root} {
		if err := os.WriteFile(path(name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pair, err := tls.X509KeyPair(certificate, certificate)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		field, variable, value string
		want                   any // nil: check only that it is set
	}{
		{"Providers[0].Issuer", "ISSUER", "https://idp.example", "https://idp.example"},
		{"Providers[0].ClientID", "CLIENT_ID", "app", "app"},
		{"Providers[0].ClientSecret", "CLIENT_SECRET", "s", "s"},
		{"Providers[0].ClientAuthMethod", "CLIENT_AUTH_METHOD", "none", "none"},
		{"Providers[0].ClientKey", "CLIENT_KEY_FILE", path("key"), ecKey},
		{"Providers[0].ClientKeyAlg", "CLIENT_KEY_ALG", "PS256", "PS256"},
		{"Providers[0].ClientKeyID", "CLIENT_KEY_ID", "k1", "k1"},
		{"Providers[0].ClientCertificate", "CLIENT_CERT_FILE", path("certificate"), &pair},
		{"Providers[0].CertificateOrigins", "CERTIFICATE_ORIGINS", "https://a.example https://b.example",
			[]string{"https://a.example", "https://b.example"}},
		{"Providers[0].SignRequests", "SIGN_REQUESTS", "true", true},
		{"Providers[0].DecryptionKey", "DECRYPTION_KEY_FILE", path("key"), ecKey},
		{"Providers[0].DPoP", "DPOP", "true", true},
		{"Providers[0].Profile", "PROFILE", "fapi2", "fapi2"},
		{"AppURL", "APP_URL", "https://app.example/x", "https://app.example/x"},
		{"CookieSecrets", "COOKIE_SECRET", "new old", []string{"new", "old"}},
		{"Providers[0].Scopes", "SCOPES", "openid email", []string{"openid", "email"}},
		{"Providers[0].SigningAlgs", "SIGNING_ALGS", "ES256 PS256", []string{"ES256", "PS256"}},
		{"Providers[0].ResponseMode", "RESPONSE_MODE", "form_post", "form_post"},
		{"Providers[0].PushedAuthorization", "USE_PAR", "true", "always"},
		{"Providers[0].SignInParameters", "SIGN_IN_PARAMETERS", "audience=https%3A%2F%2Fapi.example&acr_values=a+b",
			url.Values{"audience": {"https://api.example"}, "acr_values": {"a b"}}},
		{"Providers[0].InitiateLogin", "INITIATE_LOGIN", "true", true},
		{"Providers[0].TrustedAudiences", "TRUSTED_AUDIENCES", "a b", []string{"a", "b"}},
		{"Providers[0].UntypedLogoutTokens", "UNTYPED_LOGOUT_TOKENS", "true", true},
		{"Providers[0].GroupsClaim", "GROUPS_CLAIM", "roles", "roles"},
		{"Providers[0].GroupsPath", "GROUPS_PATH", "realm_access roles", []string{"realm_access", "roles"}},
		{"Providers[0].OrganizationsClaim", "ORGANIZATIONS_CLAIM", "org", "org"},
		{"Providers[0].OrganizationsPath", "ORGANIZATIONS_PATH", "a b", []string{"a", "b"}},
		{"Providers[0].GroupsFormat", "GROUPS_FORMAT", "keys", "keys"},
		{"Providers[0].OrganizationsFormat", "ORGANIZATIONS_FORMAT", "separated", "separated"},
		{"Providers[0].StringEmailVerified", "STRING_EMAIL_VERIFIED", "true", true},
		{"Providers[0].SkipUserInfo", "FETCH_USER_INFO", "false", true},
		{"UserInfoClaims", "USER_INFO_CLAIMS", "sub name", []string{"sub", "name"}},
		{"SessionIdle", "SESSION_IDLE", "30m", 30 * time.Minute},
		{"SessionLifetime", "SESSION_LIFETIME", "24h", 24 * time.Hour},
		{"Providers[0].ClockTolerance", "CLOCK_TOLERANCE", "30s", 30 * time.Second},
		{"Providers[0].Timeout", "PROVIDER_TIMEOUT", "8s", 8 * time.Second},
		{"AttemptLife", "ATTEMPT_LIFE", "20m", 20 * time.Minute},
		{"MaxSessions", "MAX_SESSIONS", "3", 3},
		{"KeepTokens", "KEEP_TOKENS", "true", true},
		{"KeepIDToken", "KEEP_ID_TOKEN", "false", "never"},
		{"KeepIDToken", "KEEP_ID_TOKEN", "true", "always"},
		{"KeepIDToken", "KEEP_ID_TOKEN", "auto", "auto"},
		{"RoutePrefix", "ROUTE_PREFIX", "/login", "/login"},
		{"CookieName", "COOKIE_NAME", "shop", "shop"},
		{"DefaultReturnTo", "DEFAULT_RETURN_TO", "/start", "/start"},
		{"ReturnOrigins", "RETURN_ORIGINS", "https://a.example", []string{"https://a.example"}},
		{"Providers[0].Audience", "BEARER_AUDIENCE", "https://api.example", "https://api.example"},
		{"Providers[0].AccessTokenProfile", "ACCESS_TOKEN_PROFILE", "keycloak", "keycloak"},
		{"Providers[0].AccessTokenIssuer", "ACCESS_TOKEN_ISSUER", "https://sts.example/", "https://sts.example/"},
		{"Providers[0].RequireBoundTokens", "REQUIRE_BOUND_TOKENS", "true", true},
		{"Providers[0].Introspection", "INTROSPECT", "true", "json"},
		{"Providers[0].Introspection", "INTROSPECT", "jwt", "jwt"},
		{"TrustedOrigins", "TRUSTED_ORIGINS", "https://a.example", []string{"https://a.example"}},
		{"CrossOriginRoutes", "CROSS_ORIGIN_ROUTES", "/a /b/:c", []string{"/a", "/b/:c"}},
		{"PostSignOutURL", "POST_SIGN_OUT_URL", "https://a.example/bye", "https://a.example/bye"},
		{"Providers[0].SignOutParameters", "SIGN_OUT_PARAMETERS", "logout_uri=https://a.example",
			url.Values{"logout_uri": {"https://a.example"}}},
		{"Providers[0].RootCAs", "CA_FILE", path("roots"), nil},
	}
	without, err := ginoidc.ConfigFromEnv("X_")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, test := range tests {
		seen[test.field] = true
		t.Run(test.variable+"="+test.value, func(t *testing.T) {
			t.Setenv("X_"+test.variable, test.value)
			c, err := ginoidc.ConfigFromEnv("X_")
			if err != nil {
				t.Fatal(err)
			}
			before := fields(without)
			for path, value := range fields(c) {
				changed := !reflect.DeepEqual(value.Interface(), before[path].Interface())
				wrong := changed && test.want != nil && !reflect.DeepEqual(value.Interface(), test.want)
				if wrong || changed != (path == test.field) {
					t.Errorf("%s is %v, want %v in %s alone", path, value, test.want, test.field)
				}
			}
		})
	}
	for path, value := range fields(ginoidc.Config{Providers: make([]ginoidc.Provider, 1)}) {
		if isData(value.Type()) != seen[path] {
			t.Errorf("%s is data: %v, has a variable: %v", path, isData(value.Type()), seen[path])
		}
	}
}

// fields returns the exported fields of a Config and its provider by their paths.
func fields(c ginoidc.Config) map[string]reflect.Value {
	found := map[string]reflect.Value{}
	structs := map[string]reflect.Value{"": reflect.ValueOf(c), "Providers[0].": reflect.ValueOf(c.Providers[0])}
	for prefix, of := range structs {
		for i := range of.NumField() {
			if field := of.Type().Field(i); field.IsExported() && field.Name != "Providers" {
				found[prefix+field.Name] = of.Field(i)
			}
		}
	}
	return found
}

// isData reports whether a text, or a file that it names, can express a value of the type. Functions, interfaces and
// loggers can only be set by code.
func isData(of reflect.Type) bool {
	switch of.Kind() {
	case reflect.Func, reflect.Interface:
		return false
	case reflect.Slice:
		return isData(of.Elem())
	case reflect.Struct:
		return slices.ContainsFunc(reflect.VisibleFields(of), func(f reflect.StructField) bool { return isData(f.Type) })
	}
	return of != reflect.TypeFor[*slog.Logger]()
}
