package ginoidc_test

import (
	"crypto/tls"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// TestUnusableValues: each unusable value is one error, with the name of its variable.
func TestUnusableValues(t *testing.T) {
	dir := t.TempDir()
	certificate, alone := certificatePEM(t)
	path := func(name string, content []byte) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	for name, values := range map[string][]string{
		"SIGN_REQUESTS": {"yes", " true", "true\r", `"true"`}, "DPOP": {"on"}, "UNTYPED_LOGOUT_TOKENS": {"2"},
		"STRING_EMAIL_VERIFIED": {"no"},
		"KEEP_ID_TOKEN":         {"sometimes", "auto ", `"auto"`}, "USE_PAR": {"required"},
		"PROVIDER_TIMEOUT": {"5", "0s", "1h", "-1s", "soon", "100ms"}, "SESSION_LIFETIME": {"9999999h", "-9999999h"},
		"ATTEMPT_LIFE": {"10", "1s", "48h"}, "CLOCK_TOLERANCE": {"0", "-1", "301", "1.5"}, "SESSION_IDLE": {"3600"},
		"MAX_SESSIONS": {"-1", "many", "1.5", "3 ", "99999999999999999999"},
		"SIGN_IN_PARAMETERS": {
			"a=%zz", "a=1;b=2", "?audience=a", "audience", "=a", "audience=", `"audience=a"`, " audience=a", "audience=a&&=b",
			"nonce=1", "scope=openid", "max_age=x", "audience=a&audience=b", `audience="https://api.example"`,
			"resource=a:1&resource='a:2'",
			"prompt=none+login", "prompt=login++none", "claims=userinfo", "claims=[]", "claims=null", `claims={"userinfo":}`,
		},
		"SIGN_OUT_PARAMETERS": {"a=%zz", "?a=b", "a", "client_id=x", `logout_uri="https://app.example"`},
		"CERTIFICATE_ORIGINS": {"api.example", "'https://api.example'", "http://localhost"},
		"GROUPS_FORMAT":       {"list ", "map"}, "ORGANIZATIONS_FORMAT": {"csv"}, "PROFILE": {"fapi1"},
		"CLIENT_KEY_ALG": {"ES256"},
		"CLIENT_KEY_ID":  {"k1"},
		"APP_URL":        {"https://a.example//", "https://a.example:", "https://a.example:0", "https://a.example:65536"},
		"GROUPS_PATH":    {`"realm_access roles"`}, "TRUSTED_AUDIENCES": {"'a b'"},
		"USER_INFO_CLAIMS": {`"sub"`, "sub \u200bname"},
		"SCOPES":           {`"openid email"`, " "}, "SIGNING_ALGS": {"\t "}, "COOKIE_SECRET": {"  "},
		"TRUSTED_ORIGINS":     {"shop.example", "https://shop.example/", "*"},
		"CROSS_ORIGIN_ROUTES": {"hooks", `"/hooks"`},
		"RETURN_ORIGINS":      {"shop.example", "https://shop.example/", "'https://shop.example'"},
		"CLIENT_CERT_FILE":    {dir, path("none", nil), path("alone", alone), path("key", certificate[len(alone):])},
		"DECRYPTION_KEY_FILE": {path("gone", nil) + "x", path("empty", nil), path("text", []byte("no key"))},
		"ROUTE_PREFIX":        {"auth", "/", "//", "/au th", "/auth\n"}, "COOKIE_NAME": {"__Host-x", "a b"},
		"DEFAULT_RETURN_TO":    {"//evil.example"},
		"POST_SIGN_OUT_URL":    {"/bye", "https://a.example/ ", `"https://a.example"`},
		"REQUIRE_BOUND_TOKENS": {"true", "maybe"},
		"ACCESS_TOKEN_PROFILE": {"rfc9068"}, "INTROSPECT": {"true", "maybe"}, "PROVIDERS": {"a b"}, "RECHECK_EVERY": {"1h"},
	} {
		for _, value := range values {
			t.Run(name+"="+value, func(t *testing.T) {
				setenv(t, map[string]string{name: value})
				_, _, err := fromEnv()
				if got := problemsOf(err); len(got) != 1 || !strings.HasSuffix(got[0], " X_"+name) {
					t.Errorf("problems %q, %v", got, err)
				}
			})
		}
	}
}

// TestWhatIsSaidOfAValue: the error for a value says what is wrong and what to write, for the name that was used.
func TestWhatIsSaidOfAValue(t *testing.T) {
	for _, test := range []struct{ name, value, problem, want string }{
		{"TENANT_DOMAIN", `"idp.example"`, "Providers[0].Issuer X_TENANT_DOMAIN", "is in quotes"},
		{"TENANT_DOMAIN", " idp.example", "Providers[0].Issuer X_TENANT_DOMAIN", "has a blank"},
		{"TENANT_DOMAIN", "idp.example\n", "Providers[0].Issuer X_TENANT_DOMAIN", "has a control or invisible character"},
		{"SESSION_LIFETIME", "9999999h", "SessionLifetime X_SESSION_LIFETIME", `"9999999h" is too large`},
		{"SESSION_LIFETIME", "-9999999h", "SessionLifetime X_SESSION_LIFETIME", "is not a positive duration"},
		{"SESSION_LIFETIME", "1h30", "SessionLifetime X_SESSION_LIFETIME", "is not a positive duration"},
		{"CLOCK_TOLERANCE", "99999999999999999999", "Providers[0].ClockTolerance X_CLOCK_TOLERANCE", "is too large"},
		{"MAX_SESSIONS", "99999999999999999999", "MaxSessions X_MAX_SESSIONS", "is too large"},
		{"SESSION_MAX_DURATION", "99999999999", "SessionLifetime X_SESSION_MAX_DURATION", "is too large"},
		{"RESPONSE_TIMEOUT", "500", "Providers[0].Timeout X_RESPONSE_TIMEOUT", "write milliseconds, from 1000 to 60000"},
		{"STATE_DURATION", "99999", "AttemptLife X_STATE_DURATION", "write seconds, from 60 to 86400"},
		{"SIGN_IN_PARAMETERS", `a="b"`, "Providers[0].SignInParameters X_SIGN_IN_PARAMETERS",
			`the value of "a" is in quotes`},
	} {
		t.Run(test.name+"="+test.value, func(t *testing.T) {
			env := map[string]string{test.name: test.value}
			switch test.name {
			case "TENANT_DOMAIN":
				env["ISSUER"] = ""
			case "SESSION_MAX_DURATION":
				env["SESSION_SLIDING"] = "true"
			}
			setenv(t, env)
			_, _, err := fromEnv()
			if got := problemsOf(err); !slices.Equal(got, []string{test.problem}) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %s: %q", err, test.problem, test.want)
			}
		})
	}
}

// TestUnreadableValues: an unreadable value is reported once, in the same words by ConfigFromEnv and by New, whether or
// not other fields need it, and nothing else is reported for its field or those that depend on it. New does not report
// a field that code has set since.
func TestUnreadableValues(t *testing.T) {
	for _, test := range []struct {
		env  map[string]string
		want string
	}{
		{map[string]string{"CLIENT_AUTH_METHOD": "private_key_jwt", "CLIENT_SECRET": "", "CLIENT_KEY_FILE": "/nowhere"},
			"X_CLIENT_KEY_FILE"},
		{map[string]string{"SIGN_REQUESTS": "true", "CLIENT_KEY_FILE": "/nowhere", "CLIENT_KEY_ALG": "ES256"},
			"X_CLIENT_KEY_FILE"},
		{map[string]string{"CLIENT_KEY_FILE": "/nowhere", "CLIENT_KEY_ALG": "ES256", "CLIENT_KEY_ID": "k1"},
			"X_CLIENT_KEY_FILE"},
		{map[string]string{"PROFILE": "fapi2", "CLIENT_SECRET": "", "CLIENT_KEY_FILE": "/nowhere"}, "X_CLIENT_KEY_FILE"},
		{map[string]string{"CLIENT_AUTH_METHOD": "tls_client_auth", "CLIENT_SECRET": "", "CLIENT_CERT_FILE": "/nowhere"},
			"X_CLIENT_CERT_FILE"},
		{map[string]string{"CLIENT_CERT_FILE": "/nowhere", "CERTIFICATE_ORIGINS": "https://api.example"},
			"X_CLIENT_CERT_FILE"},
		{map[string]string{"COOKIE_SECRET": "  "}, "X_COOKIE_SECRET"},
		{map[string]string{"MAX_SESSIONS": "many"}, "X_MAX_SESSIONS"},
		{map[string]string{"SESSION_SLIDING": "perhaps"}, "X_SESSION_SLIDING"},
		{map[string]string{"PROVIDERS": "a b"}, "X_PROVIDERS"},
	} {
		t.Run(test.want+" "+strings.Join(slices.Sorted(maps.Keys(test.env)), " "), func(t *testing.T) {
			setenv(t, test.env)
			c, unreadable := ginoidc.ConfigFromEnv("X_")
			c.Logger = slog.New(slog.DiscardHandler)
			if unreadable == nil || !strings.Contains(unreadable.Error(), test.want) ||
				strings.Contains(unreadable.Error(), "\n") {
				t.Fatalf("ConfigFromEnv: %v", unreadable)
			}
			if _, err := ginoidc.New(c); err == nil || err.Error() != unreadable.Error() {
				t.Errorf("New says something else: %v", err)
			}
			p := &c.Providers[0]
			p.ClientKey, p.ClientCertificate = []byte("no key"), &tls.Certificate{}
			c.CookieSecrets, c.MaxSessions = []string{testapp.CookieSecret}, 3
			ofField := !slices.Contains(problemsOf(unreadable), " "+test.want)
			if _, err := ginoidc.New(c); (err == nil || !strings.Contains(err.Error(), test.want)) != ofField {
				t.Errorf("set by code: %v", err)
			}
		})
	}
}
