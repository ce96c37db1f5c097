package ginoidc_test

import (
	"crypto/tls"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc"
)

// TestEveryFieldHasAVariable: what a text can say of a Config, a variable says, and it sets that field alone.
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
		want                   any // nil: only that it is set
	}{
		{"Issuer", "ISSUER", "https://idp.example", "https://idp.example"},
		{"ClientID", "CLIENT_ID", "app", "app"},
		{"ClientSecret", "CLIENT_SECRET", "s", "s"},
		{"ClientAuthMethod", "CLIENT_AUTH_METHOD", "none", "none"},
		{"ClientKey", "CLIENT_KEY_FILE", path("key"), ecKey},
		{"ClientKeyAlg", "CLIENT_KEY_ALG", "PS256", "PS256"},
		{"ClientKeyID", "CLIENT_KEY_ID", "k1", "k1"},
		{"ClientCertificate", "CLIENT_CERT_FILE", path("certificate"), &pair},
		{"CertificateOrigins", "CERTIFICATE_ORIGINS", "https://a.example https://b.example",
			[]string{"https://a.example", "https://b.example"}},
		{"SignRequests", "SIGN_REQUESTS", "true", true},
		{"DecryptionKey", "DECRYPTION_KEY_FILE", path("key"), ecKey},
		{"DPoP", "DPOP", "true", true},
		{"Profile", "PROFILE", "fapi2", "fapi2"},
		{"AppURL", "APP_URL", "https://app.example/x", "https://app.example/x"},
		{"CookieSecrets", "COOKIE_SECRET", "new old", []string{"new", "old"}},
		{"Scopes", "SCOPES", "openid email", []string{"openid", "email"}},
		{"SigningAlgs", "SIGNING_ALGS", "ES256 PS256", []string{"ES256", "PS256"}},
		{"ResponseMode", "RESPONSE_MODE", "form_post", "form_post"},
		{"PushedAuthorization", "USE_PAR", "true", "always"},
		{"SignInParameters", "SIGN_IN_PARAMETERS", "audience=https%3A%2F%2Fapi.example&acr_values=a+b",
			url.Values{"audience": {"https://api.example"}, "acr_values": {"a b"}}},
		{"InitiateLogin", "INITIATE_LOGIN", "true", true},
		{"TrustedAudiences", "TRUSTED_AUDIENCES", "a b", []string{"a", "b"}},
		{"UntypedLogoutTokens", "UNTYPED_LOGOUT_TOKENS", "true", true},
		{"GroupsClaim", "GROUPS_CLAIM", "roles", "roles"},
		{"GroupsPath", "GROUPS_PATH", "realm_access roles", []string{"realm_access", "roles"}},
		{"OrganizationsClaim", "ORGANIZATIONS_CLAIM", "org", "org"},
		{"OrganizationsPath", "ORGANIZATIONS_PATH", "a b", []string{"a", "b"}},
		{"GroupsFormat", "GROUPS_FORMAT", "keys", "keys"},
		{"OrganizationsFormat", "ORGANIZATIONS_FORMAT", "separated", "separated"},
		{"StringEmailVerified", "STRING_EMAIL_VERIFIED", "true", true},
		{"SkipUserInfo", "FETCH_USER_INFO", "false", true},
		{"UserInfoClaims", "USER_INFO_CLAIMS", "sub name", []string{"sub", "name"}},
		{"SessionIdle", "SESSION_IDLE", "30m", 30 * time.Minute},
		{"SessionLifetime", "SESSION_LIFETIME", "24h", 24 * time.Hour},
		{"ClockTolerance", "CLOCK_TOLERANCE", "30s", 30 * time.Second},
		{"ProviderTimeout", "PROVIDER_TIMEOUT", "8s", 8 * time.Second},
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
		{"PostSignOutURL", "POST_SIGN_OUT_URL", "https://a.example/bye", "https://a.example/bye"},
		{"SignOutParameters", "SIGN_OUT_PARAMETERS", "logout_uri=https://a.example",
			url.Values{"logout_uri": {"https://a.example"}}},
		{"RootCAs", "CA_FILE", path("roots"), nil},
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
			now, before := reflect.ValueOf(c), reflect.ValueOf(without)
			for i := range now.NumField() {
				field := now.Type().Field(i)
				if !field.IsExported() {
					continue
				}
				value, changed := now.Field(i).Interface(),
					!reflect.DeepEqual(now.Field(i).Interface(), before.Field(i).Interface())
				if changed != (field.Name == test.field) || changed && test.want != nil && !reflect.DeepEqual(value, test.want) {
					t.Errorf("%s is %v, want %v in %s alone", field.Name, value, test.want, test.field)
				}
			}
		})
	}
	for _, field := range reflect.VisibleFields(reflect.TypeFor[ginoidc.Config]()) {
		if field.IsExported() && isData(field.Type) != seen[field.Name] {
			t.Errorf("Config.%s is data: %v, has a variable: %v", field.Name, isData(field.Type), seen[field.Name])
		}
	}
}

// TestNearestName: a hint only where the names are near.
func TestNearestName(t *testing.T) {
	for name, want := range map[string]string{
		"CLIENT_SECERT": "X_CLIENT_SECRET", "SCOPE": "X_SCOPES", "POST_SIGNOUT_URL": "X_POST_SIGN_OUT_URL",
		"GROUP_CLAIM": "X_GROUPS_CLAIM",
		"CALLBAK_URL": "X_CALLBACK_URL", "DEBUG": "", "PORT": "", "SERVICE_HOST": "", "PORT_8080_TCP_ADDR": "",
		"LOG_LEVEL": "", "X": "",
		"DATABASE_CONNECTION": "", "REALM": "",
	} {
		t.Run(name, func(t *testing.T) {
			setenv(t, map[string]string{name: "x"})
			_, log, err := fromEnv()
			hint := regexp.MustCompile(`variable=X_` + name + `(?: nearest=(\w+))?\n`).FindStringSubmatch(log)
			if err != nil || strings.Count(log, "level=WARN") != 1 || hint == nil || hint[1] != want {
				t.Errorf("%v, want the hint %q: %s", err, want, log)
			}
		})
	}
	setenv(t, map[string]string{"CLOCK_SKEW": "60", "SESSION_COOKIE_SAME_SITE": "lax", "STATE_COOKIE_NAME": "",
		"CLIENT_SECERT": "", "X": "", "REALM": ""})
	if _, log, err := fromEnv(); err != nil || strings.Contains(log, "WARN") ||
		!strings.Contains(log, `variables="[X_CLOCK_SKEW X_SESSION_COOKIE_SAME_SITE]"`) {
		t.Errorf("known names without effect: %v, %s", err, log)
	}
}

// isData tells what a text, or a file that it names, can say. Code alone makes functions, interfaces and loggers.
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
