package ginoidc_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"log/slog"
	"maps"
	"math/big"
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
	"github.com/seed-d65cea4d/ginoidc/internal/state"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// setenv sets variables under the prefix X_, beside those that are required.
func setenv(t *testing.T, env map[string]string) {
	t.Helper()
	all := map[string]string{"ISSUER": "https://idp.example", "CLIENT_ID": "app", "CLIENT_SECRET": "s", "COOKIE_SECRET": testapp.CookieSecret}
	maps.Copy(all, env)
	for name, value := range all {
		t.Setenv("X_"+name, value)
	}
}

// fromEnv is a Config from the variables under X_, the errors of both steps, and what New logs.
func fromEnv() (c ginoidc.Config, log string, err error) {
	var logs bytes.Buffer
	c, unreadable := ginoidc.ConfigFromEnv("X_")
	c.Logger, c.State = slog.New(slog.NewTextHandler(&logs, nil)), state.NewMemory(0) // or New says what a restart forgets
	_, invalid := ginoidc.New(c)
	return c, logs.String(), errors.Join(unreadable, invalid)
}

// certificatePEM is a certificate with its key in one file, and the certificate alone.
func certificatePEM(t *testing.T) (both, alone []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	alone = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return append(slices.Clone(alone), testapp.PEM(key)...), alone
}

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
		{"CertificateOrigins", "CERTIFICATE_ORIGINS", "https://a.example https://b.example", []string{"https://a.example", "https://b.example"}},
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
		{"SignInParameters", "SIGN_IN_PARAMETERS", "audience=https%3A%2F%2Fapi.example&acr_values=a+b", url.Values{"audience": {"https://api.example"}, "acr_values": {"a b"}}},
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
		{"SignOutParameters", "SIGN_OUT_PARAMETERS", "logout_uri=https://a.example", url.Values{"logout_uri": {"https://a.example"}}},
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
				value, changed := now.Field(i).Interface(), !reflect.DeepEqual(now.Field(i).Interface(), before.Field(i).Interface())
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

// isData tells what a text, or a file that it names, can say. Code alone makes functions, interfaces and loggers.
func isData(of reflect.Type) bool {
	switch of.Kind() {
	case reflect.Func, reflect.Interface:
		return false
	case reflect.Struct:
		return slices.ContainsFunc(reflect.VisibleFields(of), func(f reflect.StructField) bool { return isData(f.Type) })
	}
	return of != reflect.TypeFor[*slog.Logger]()
}

// TestUnusableValues: each is one error, under the name of the variable that has the value.
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
		"SIGN_REQUESTS": {"yes", " true", "true\r", `"true"`}, "DPOP": {"on"}, "UNTYPED_LOGOUT_TOKENS": {"2"}, "STRING_EMAIL_VERIFIED": {"no"},
		"KEEP_ID_TOKEN": {"sometimes", "auto ", `"auto"`}, "USE_PAR": {"required"},
		"PROVIDER_TIMEOUT": {"5", "0s", "1h", "-1s", "soon", "100ms"}, "SESSION_LIFETIME": {"9999999h", "-9999999h"}, "ATTEMPT_LIFE": {"10", "1s", "48h"}, "CLOCK_TOLERANCE": {"0", "-1", "301", "1.5"}, "SESSION_IDLE": {"3600"},
		"MAX_SESSIONS": {"-1", "many", "1.5", "3 ", "99999999999999999999"},
		"SIGN_IN_PARAMETERS": {
			"a=%zz", "a=1;b=2", "?audience=a", "audience", "=a", "audience=", `"audience=a"`, " audience=a", "audience=a&&=b",
			"nonce=1", "scope=openid", "max_age=x", "audience=a&audience=b", `audience="https://api.example"`, "resource=a:1&resource='a:2'",
			"prompt=none+login", "prompt=login++none", "claims=userinfo", "claims=[]", "claims=null", `claims={"userinfo":}`,
		},
		"SIGN_OUT_PARAMETERS": {"a=%zz", "?a=b", "a", "client_id=x", `logout_uri="https://app.example"`}, "CERTIFICATE_ORIGINS": {"api.example", "'https://api.example'", "http://localhost"},
		"GROUPS_FORMAT": {"list ", "map"}, "ORGANIZATIONS_FORMAT": {"csv"}, "PROFILE": {"fapi1"}, "CLIENT_KEY_ALG": {"ES256"}, "CLIENT_KEY_ID": {"k1"},
		"APP_URL":     {"https://a.example//", "https://a.example:", "https://a.example:0", "https://a.example:65536"},
		"GROUPS_PATH": {`"realm_access roles"`}, "TRUSTED_AUDIENCES": {"'a b'"}, "USER_INFO_CLAIMS": {`"sub"`, "sub \u200bname"},
		"SCOPES": {`"openid email"`, " "}, "SIGNING_ALGS": {"\t "}, "COOKIE_SECRET": {"  "}, "RETURN_ORIGINS": {"shop.example", "https://shop.example/", "'https://shop.example'"},
		"CLIENT_CERT_FILE":    {dir, path("none", nil), path("alone", alone), path("key", certificate[len(alone):])},
		"DECRYPTION_KEY_FILE": {path("gone", nil) + "x", path("empty", nil), path("text", []byte("no key"))},
		"ROUTE_PREFIX":        {"auth", "/", "//", "/au th", "/auth\n"}, "COOKIE_NAME": {"__Host-x", "a b"}, "DEFAULT_RETURN_TO": {"//evil.example"},
		"POST_SIGN_OUT_URL": {"/bye", "https://a.example/ ", `"https://a.example"`},
		"BEARER_AUDIENCE":   {"api"}, "INTROSPECT": {"true"}, "PROVIDERS": {"a b"}, "RECHECK_EVERY": {"1h"},
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

// TestWhereAConfigComesFrom: an error names a variable if that set the field, or should have, and by its name.
func TestWhereAConfigComesFrom(t *testing.T) {
	for _, test := range []struct {
		name   string
		prefix string
		env    map[string]string // by whole name
		change func(*ginoidc.Config)
		want   []string
	}{
		{"nothing set", "P", nil, nil, []string{"Issuer P_ISSUER", "ClientID P_CLIENT_ID", "ClientSecret P_CLIENT_SECRET", "CookieSecrets P_COOKIE_SECRET"}},
		{"no prefix", "", nil, nil, []string{"Issuer ISSUER", "ClientID CLIENT_ID", "ClientSecret CLIENT_SECRET", "CookieSecrets COOKIE_SECRET"}},
		{"by an alias", "X", map[string]string{"X_ISSUER": "", "X_TENANT_DOMAIN": "http://idp.example", "X_SESSION_COOKIE_NAME": "__Host-x"}, nil, []string{"Issuer X_TENANT_DOMAIN", "CookieName X_SESSION_COOKIE_NAME"}},
		{"changed", "X", map[string]string{"X_CLIENT_ID": "b "}, func(c *ginoidc.Config) { c.Issuer, c.AppURL, c.ClientSecret = "x", "x", "" }, []string{"Issuer ", "ClientSecret ", "AppURL ", "ClientID X_CLIENT_ID"}},
		{"changed in place", "X", map[string]string{"X_SCOPES": "openid email"}, func(c *ginoidc.Config) { c.Scopes[0] = "profile" }, []string{"Scopes "}},
		{"parameters changed in place", "X", map[string]string{"X_SIGN_IN_PARAMETERS": "a=b"}, func(c *ginoidc.Config) { c.SignInParameters.Set("nonce", "1") }, []string{"SignInParameters "}},
		{"set to the same", "X", map[string]string{"X_COOKIE_NAME": "a b"}, func(c *ginoidc.Config) { c.CookieName = "a" + " b" }, []string{"CookieName X_COOKIE_NAME"}},
		{"set by code alone", "X", nil, func(c *ginoidc.Config) { c.MaxSessions = -1 }, []string{"MaxSessions "}},
		{"left to the default", "X", map[string]string{"X_SESSION_IDLE": "200h"}, nil, []string{"SessionIdle X_SESSION_IDLE"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			setenv(t, nil)
			for name, value := range test.env {
				t.Setenv(name, value)
			}
			c, unreadable := ginoidc.ConfigFromEnv(test.prefix)
			if c.Logger = slog.New(slog.DiscardHandler); test.change != nil {
				test.change(&c)
			}
			_, invalid := ginoidc.New(c)
			if got := problemsOf(errors.Join(unreadable, invalid)); !slices.Equal(got, test.want) {
				t.Errorf("problems %q, want %q", got, test.want)
			}
		})
	}
	if _, err := ginoidc.New(ginoidc.Config{}); strings.Contains(err.Error(), "OIDC_") || strings.Contains(err.Error(), "_ID") {
		t.Errorf("a Config of code has errors that name variables: %v", err)
	}
}

// TestNamesOfMonoCloud: what its SDK reads from the same file means the same here, or says that it does not.
func TestNamesOfMonoCloud(t *testing.T) {
	for _, test := range []struct {
		env  map[string]string
		want []string // of problems
		held func(ginoidc.Config) bool
	}{
		{map[string]string{"ID_TOKEN_SIGNING_ALG": "ES256"}, nil, func(c ginoidc.Config) bool { return slices.Equal(c.SigningAlgs, []string{"ES256"}) }},
		{map[string]string{"ID_TOKEN_SIGNING_ALG": "ES256", "SIGNING_ALGS": "ES256"}, nil, nil},
		{map[string]string{"ID_TOKEN_SIGNING_ALG": "ES256", "SIGNING_ALGS": "RS256"}, []string{"SigningAlgs X_SIGNING_ALGS"}, nil},
		{map[string]string{"ID_TOKEN_SIGNING_ALG": "HS256"}, []string{"SigningAlgs X_ID_TOKEN_SIGNING_ALG"}, nil},
		{map[string]string{"POST_LOGOUT_REDIRECT_URI": "https://a.example/bye"}, nil, func(c ginoidc.Config) bool { return c.PostSignOutURL == "https://a.example/bye" }},
		{map[string]string{"POST_LOGOUT_REDIRECT_URI": "/bye", "APP_URL": "https://a.example/app/"}, nil, func(c ginoidc.Config) bool { return c.PostSignOutURL == "https://a.example/app/bye" }},
		{map[string]string{"POST_LOGOUT_REDIRECT_URI": "/bye"}, nil, func(c ginoidc.Config) bool { return c.PostSignOutURL == "http://localhost:8080/bye" }},
		{map[string]string{"SESSION_COOKIE_NAME": "shop"}, nil, func(c ginoidc.Config) bool { return c.CookieName == "shop" }},
		{map[string]string{"SESSION_COOKIE_NAME": "shop", "COOKIE_NAME": "other"}, []string{"CookieName X_COOKIE_NAME"}, nil},
		{map[string]string{"RESOURCE": "https://a.example https://b.example"}, nil, func(c ginoidc.Config) bool { return len(c.SignInParameters["resource"]) == 2 }},
		{map[string]string{"USER_INFO": "false"}, nil, func(c ginoidc.Config) bool { return c.SkipUserInfo }},
		{map[string]string{"RESPONSE_TIMEOUT": "10000"}, nil, func(c ginoidc.Config) bool { return c.ProviderTimeout == 10*time.Second }},
		{map[string]string{"RESPONSE_TIMEOUT": "10000", "PROVIDER_TIMEOUT": "10s"}, nil, nil},
		{map[string]string{"RESPONSE_TIMEOUT": "10s"}, []string{"ProviderTimeout X_RESPONSE_TIMEOUT"}, nil},
		{map[string]string{"RESPONSE_TIMEOUT": "1000"}, nil, func(c ginoidc.Config) bool { return c.ProviderTimeout == time.Second }},
		{map[string]string{"RESPONSE_TIMEOUT": "500"}, []string{"ProviderTimeout X_RESPONSE_TIMEOUT"}, nil}, // which their SDK refuses too
		{map[string]string{"RESPONSE_TIMEOUT": "60001"}, []string{"ProviderTimeout X_RESPONSE_TIMEOUT"}, nil},
		{map[string]string{"STATE_DURATION": "59"}, []string{"AttemptLife X_STATE_DURATION"}, nil},
		{map[string]string{"STATE_DURATION": "900"}, nil, func(c ginoidc.Config) bool { return c.AttemptLife == 15*time.Minute }},
		{map[string]string{"CLOCK_TOLERANCE": "30"}, nil, func(c ginoidc.Config) bool { return c.ClockTolerance == 30*time.Second }},
		{map[string]string{"SESSION_DURATION": "3600"}, nil, func(c ginoidc.Config) bool { return c.SessionIdle == time.Hour && c.SessionLifetime == time.Hour }},
		{map[string]string{"SESSION_DURATION": "3600", "SESSION_MAX_DURATION": "7200"}, nil, func(c ginoidc.Config) bool { return c.SessionIdle == time.Hour && c.SessionLifetime == time.Hour }},
		{map[string]string{"SESSION_DURATION": "3600", "SESSION_MAX_DURATION": "7200", "SESSION_SLIDING": "true"}, nil, func(c ginoidc.Config) bool { return c.SessionIdle == time.Hour && c.SessionLifetime == 2*time.Hour }},
		{map[string]string{"SESSION_DURATION": "3600", "SESSION_SLIDING": "perhaps"}, []string{" X_SESSION_SLIDING"}, nil},
		{map[string]string{"SESSION_SLIDING": "perhaps"}, []string{" X_SESSION_SLIDING"}, nil},
		{map[string]string{"RESOURCE": `"https://a.example"`}, []string{"SignInParameters X_RESOURCE"}, nil},
		{map[string]string{"RESOURCE": " "}, []string{"SignInParameters X_RESOURCE"}, nil},
		{map[string]string{"TENANT_DOMAIN": "idp.example"}, nil, nil},
		{map[string]string{"SESSION_DURATION": "0"}, []string{"SessionIdle X_SESSION_DURATION", "SessionLifetime X_SESSION_DURATION"}, nil},

		{map[string]string{"CALLBACK_URL": "/auth/callback"}, nil, nil},
		{map[string]string{"CALLBACK_URL": "auth/callback/"}, nil, nil},
		{map[string]string{"CALLBACK_URL": "http://localhost:8080/auth/callback"}, nil, nil},
		{map[string]string{"CALLBACK_URL": "HTTPS://App.example:443/x/auth/callback", "APP_URL": "https://app.example/x/"}, nil, nil},
		{map[string]string{"CALLBACK_URL": "/x/auth/callback", "APP_URL": "https://app.example/x"}, nil, nil},
		{map[string]string{"CALLBACK_URL": "/auth/callback", "APP_URL": "https://app.example/x"}, nil, nil},
		{map[string]string{"CALLBACK_URL": "/api/auth/callback", "ROUTE_PREFIX": "/api/auth"}, nil, nil},
		{map[string]string{"CALLBACK_URL": "/api/auth/callback"}, []string{" X_CALLBACK_URL"}, nil},
		{map[string]string{"CALLBACK_URL": "http://localhost:3000/auth/callback"}, []string{" X_CALLBACK_URL"}, nil},
		{map[string]string{"CALLBACK_URL": "https://localhost:8080/auth/callback"}, []string{" X_CALLBACK_URL"}, nil},
		{map[string]string{"CALLBACK_URL": "/auth/callback?x"}, []string{" X_CALLBACK_URL"}, nil},
		{map[string]string{"CALLBACK_URL": "http://%zz/auth/callback"}, []string{" X_CALLBACK_URL"}, nil},
		{map[string]string{"SIGNIN_URL": "/auth/signin", "SIGNOUT_URL": "/auth/signout", "USER_INFO_URL": "/auth/userinfo", "BACK_CHANNEL_LOGOUT_URL": "/auth/backchannel-logout"}, nil, nil},
		{map[string]string{"SIGNIN_URL": "/auth/login", "SIGNOUT_URL": "/out"}, []string{" X_SIGNIN_URL", " X_SIGNOUT_URL"}, nil},
	} {
		t.Run(strings.Join(slices.Sorted(maps.Keys(test.env)), " ")+" "+strings.Join(slices.Sorted(maps.Values(test.env)), " "), func(t *testing.T) {
			setenv(t, test.env)
			c, log, err := fromEnv()
			if got := problemsOf(err); !slices.Equal(got, test.want) || log != "" {
				t.Errorf("problems %q, want %q\n%v%s", got, test.want, err, log)
			}
			if test.held != nil && !test.held(c) {
				t.Errorf("config %+v", c)
			}
		})
	}
	setenv(t, map[string]string{"CALLBACK_URL": "https://app.example/x/api/auth/callback", "APP_URL": "https://app.example/x"})
	if _, _, err := fromEnv(); err == nil || !strings.Contains(err.Error(), "set X_ROUTE_PREFIX=/api/auth, or unset it") {
		t.Errorf("no mend: %v", err)
	}
}

// TestNearestName: a hint only where the names are near.
func TestNearestName(t *testing.T) {
	for name, want := range map[string]string{
		"CLIENT_SECERT": "X_CLIENT_SECRET", "SCOPE": "X_SCOPES", "POST_SIGNOUT_URL": "X_POST_SIGN_OUT_URL", "GROUP_CLAIM": "X_GROUPS_CLAIM",
		"CALLBAK_URL": "X_CALLBACK_URL", "DEBUG": "", "PORT": "", "SERVICE_HOST": "", "PORT_8080_TCP_ADDR": "", "LOG_LEVEL": "", "X": "",
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
	setenv(t, map[string]string{"CLOCK_SKEW": "60", "SESSION_COOKIE_SAME_SITE": "lax", "STATE_COOKIE_NAME": "", "CLIENT_SECERT": "", "X": "", "REALM": ""})
	if _, log, err := fromEnv(); err != nil || strings.Contains(log, "WARN") || !strings.Contains(log, `variables="[X_CLOCK_SKEW X_SESSION_COOKIE_SAME_SITE]"`) {
		t.Errorf("known names without effect: %v, %s", err, log)
	}
}

// TestWhatIsSaidOfAValue: what is wrong with it, of the name that it has, and what to write under that name.
func TestWhatIsSaidOfAValue(t *testing.T) {
	for _, test := range []struct{ name, value, problem, want string }{
		{"TENANT_DOMAIN", `"idp.example"`, "Issuer X_TENANT_DOMAIN", "is in quotes"},
		{"TENANT_DOMAIN", " idp.example", "Issuer X_TENANT_DOMAIN", "has a blank"},
		{"TENANT_DOMAIN", "idp.example\n", "Issuer X_TENANT_DOMAIN", "has a control or invisible character"},
		{"SESSION_LIFETIME", "9999999h", "SessionLifetime X_SESSION_LIFETIME", `"9999999h" is too large`},
		{"SESSION_LIFETIME", "-9999999h", "SessionLifetime X_SESSION_LIFETIME", "is not a positive duration"},
		{"SESSION_LIFETIME", "1h30", "SessionLifetime X_SESSION_LIFETIME", "is not a positive duration"},
		{"CLOCK_TOLERANCE", "99999999999999999999", "ClockTolerance X_CLOCK_TOLERANCE", "is too large"},
		{"MAX_SESSIONS", "99999999999999999999", "MaxSessions X_MAX_SESSIONS", "is too large"},
		{"SESSION_MAX_DURATION", "99999999999", "SessionLifetime X_SESSION_MAX_DURATION", "is too large"},
		{"RESPONSE_TIMEOUT", "500", "ProviderTimeout X_RESPONSE_TIMEOUT", "write milliseconds, from 1000 to 60000"},
		{"STATE_DURATION", "99999", "AttemptLife X_STATE_DURATION", "write seconds, from 60 to 86400"},
		{"SIGN_IN_PARAMETERS", `a="b"`, "SignInParameters X_SIGN_IN_PARAMETERS", `the value of "a" is in quotes`},
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

// TestUnreadableValues: a value that cannot be read is all that is said of its field, of those that need it and, when only
// New is asked, too.
func TestUnreadableValues(t *testing.T) {
	for _, test := range []struct {
		env  map[string]string
		want string
	}{
		{map[string]string{"CLIENT_AUTH_METHOD": "private_key_jwt", "CLIENT_SECRET": "", "CLIENT_KEY_FILE": "/nowhere"}, "X_CLIENT_KEY_FILE"},
		{map[string]string{"SIGN_REQUESTS": "true", "CLIENT_KEY_FILE": "/nowhere", "CLIENT_KEY_ALG": "ES256"}, "X_CLIENT_KEY_FILE"},
		{map[string]string{"CLIENT_KEY_FILE": "/nowhere", "CLIENT_KEY_ALG": "ES256", "CLIENT_KEY_ID": "k1"}, "X_CLIENT_KEY_FILE"},
		{map[string]string{"PROFILE": "fapi2", "CLIENT_SECRET": "", "CLIENT_KEY_FILE": "/nowhere"}, "X_CLIENT_KEY_FILE"},
		{map[string]string{"CLIENT_AUTH_METHOD": "tls_client_auth", "CLIENT_SECRET": "", "CLIENT_CERT_FILE": "/nowhere"}, "X_CLIENT_CERT_FILE"},
		{map[string]string{"CLIENT_CERT_FILE": "/nowhere", "CERTIFICATE_ORIGINS": "https://api.example"}, "X_CLIENT_CERT_FILE"},
		{map[string]string{"COOKIE_SECRET": "  "}, "X_COOKIE_SECRET"},
	} {
		t.Run(test.want+" "+strings.Join(slices.Sorted(maps.Keys(test.env)), " "), func(t *testing.T) {
			setenv(t, test.env)
			c, unreadable := ginoidc.ConfigFromEnv("X_")
			c.Logger = slog.New(slog.DiscardHandler)
			_, invalid := ginoidc.New(c)
			if unreadable == nil || !strings.Contains(unreadable.Error(), test.want+" ") || strings.Contains(unreadable.Error(), "\n") {
				t.Fatalf("ConfigFromEnv: %v", unreadable)
			}
			if invalid != nil && invalid.Error() != unreadable.Error() {
				t.Errorf("New says something else: %v", invalid)
			}
			optional := test.env["CLIENT_AUTH_METHOD"] == "" && test.env["CERTIFICATE_ORIGINS"] != ""
			if (invalid == nil) != optional {
				t.Errorf("New: %v", invalid)
			}
			if c.ClientKey, c.ClientCertificate, c.CookieSecrets = []byte("no key"), nil, []string{"short"}; invalid != nil {
				if _, err := ginoidc.New(c); err == nil || strings.Contains(err.Error(), test.want) && test.want != "X_CLIENT_CERT_FILE" {
					t.Errorf("set by code: %v", err)
				}
			}
		})
	}
}

// TestKeyProblems: of a key it is said what is wrong with it and how to make one for its use.
func TestKeyProblems(t *testing.T) {
	file := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(file, []byte("no key"), 0o600); err != nil {
		t.Fatal(err)
	}
	setenv(t, map[string]string{"DECRYPTION_KEY_FILE": file})
	_, _, err := fromEnv()
	if err == nil || strings.Contains(err.Error(), "client key") || strings.Contains(err.Error(), "ed25519") || !strings.Contains(err.Error(), "algorithm EC") {
		t.Errorf("decryption key: %v", err)
	}
}
