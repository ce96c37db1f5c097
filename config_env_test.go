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
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/state"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// setenv sets variables under the prefix X_, the required ones included.
func setenv(t *testing.T, env map[string]string) {
	t.Helper()
	all := map[string]string{"ISSUER": "https://idp.example", "CLIENT_ID": "app", "CLIENT_SECRET": "s",
		"COOKIE_SECRET": testapp.CookieSecret}
	maps.Copy(all, env)
	for name, value := range all {
		t.Setenv("X_"+name, value)
	}
}

// fromEnv returns a Config from the variables under X_, the error of New, which includes what ConfigFromEnv could not
// read, and the log of New.
func fromEnv() (c ginoidc.Config, log string, err error) {
	var logs bytes.Buffer
	c, _ = ginoidc.ConfigFromEnv("X_")
	c.Logger, c.State = slog.New(slog.NewTextHandler(&logs, nil)), state.NewMemory(0) // without it, New logs a warning
	_, err = ginoidc.New(c)
	return c, logs.String(), err
}

// certificatePEM returns a file with a certificate and its key, and one with the certificate alone.
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

// TestWhereAConfigComesFrom: an error names the variable that set the field, or should have, by the name that was used.
func TestWhereAConfigComesFrom(t *testing.T) {
	for _, test := range []struct {
		name   string
		prefix string
		env    map[string]string // by full name
		change func(*ginoidc.Config)
		want   []string
	}{
		{"nothing set", "P", nil, nil, []string{"Providers[0].Issuer P_ISSUER", "Providers[0].ClientID P_CLIENT_ID",
			"Providers[0].ClientSecret P_CLIENT_SECRET",
			"CookieSecrets P_COOKIE_SECRET"}},
		{"no prefix", "", nil, nil, []string{"Providers[0].Issuer ISSUER", "Providers[0].ClientID CLIENT_ID",
			"Providers[0].ClientSecret CLIENT_SECRET",
			"CookieSecrets COOKIE_SECRET"}},
		{"by an alias", "X", map[string]string{"X_ISSUER": "", "X_TENANT_DOMAIN": "http://idp.example",
			"X_SESSION_COOKIE_NAME": "__Host-x"}, nil,
			[]string{"Providers[0].Issuer X_TENANT_DOMAIN", "CookieName X_SESSION_COOKIE_NAME"}},
		{"changed", "X", map[string]string{"X_CLIENT_ID": "b "}, func(c *ginoidc.Config) {
			c.Providers[0].Issuer, c.AppURL,
				c.Providers[0].ClientSecret = "x", "x", ""
		}, []string{"Providers[0].Issuer ", "Providers[0].ClientSecret ", "Providers[0].ClientID X_CLIENT_ID", "AppURL "}},
		{"changed in place", "X", map[string]string{"X_SCOPES": "openid email"},
			func(c *ginoidc.Config) { c.Providers[0].Scopes[0] = "profile" }, []string{"Providers[0].Scopes "}},
		{"parameters changed in place", "X", map[string]string{"X_SIGN_IN_PARAMETERS": "a=b"},
			func(c *ginoidc.Config) { c.Providers[0].SignInParameters.Set("nonce", "1") },
			[]string{"Providers[0].SignInParameters "}},
		{"set to the same", "X", map[string]string{"X_COOKIE_NAME": "a b"},
			func(c *ginoidc.Config) { c.CookieName = "a" + " b" }, []string{"CookieName X_COOKIE_NAME"}},
		{"set by code alone", "X", nil, func(c *ginoidc.Config) { c.MaxSessions = -1 }, []string{"MaxSessions "}},
		{"left to the default", "X", map[string]string{"X_SESSION_IDLE": "200h"}, nil,
			[]string{"SessionIdle X_SESSION_IDLE"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			setenv(t, nil)
			for name, value := range test.env {
				t.Setenv(name, value)
			}
			c, _ := ginoidc.ConfigFromEnv(test.prefix)
			if c.Logger = slog.New(slog.DiscardHandler); test.change != nil {
				test.change(&c)
			}
			_, err := ginoidc.New(c)
			if got := problemsOf(err); !slices.Equal(got, test.want) {
				t.Errorf("problems %q, want %q", got, test.want)
			}
		})
	}
	if _, err := ginoidc.New(ginoidc.Config{}); strings.Contains(err.Error(), "OIDC_") ||
		strings.Contains(err.Error(), "_ID") {
		t.Errorf("a Config of code has errors that name variables: %v", err)
	}
}

// TestProvidersFromEnv: each of several providers has its own variables, and those of a single one have no effect.
func TestProvidersFromEnv(t *testing.T) {
	setenv(t, map[string]string{
		"PROVIDERS": " google  my-company ", "COOKIE_SECRET": testapp.CookieSecret,
		"GOOGLE_ISSUER": "https://google.example", "GOOGLE_CLIENT_ID": "g", "GOOGLE_CLIENT_SECRET": "s",
		"MY_COMPANY_ISSUER": "https://company.example", "MY_COMPANY_CLIENT_ID": "c",
		"MY_COMPANY_CLIENT_SECRET": "s", "MY_COMPANY_GROUPS_CLAIM": "roles", "MY_COMPANY_LABEL": "My company",
		"ISSUER": "https://single.example", "CLIENT_ID": "single", "MY_COMPANY_ISSUE": "x",
	})
	c, err := ginoidc.ConfigFromEnv("X_")
	if err != nil || len(c.Providers) != 2 {
		t.Fatalf("%+v, %v", c.Providers, err)
	}
	google, company := c.Providers[0], c.Providers[1]
	if google.Name != "google" || google.Issuer != "https://google.example" || google.ClientID != "g" ||
		google.GroupsClaim != "" {
		t.Errorf("%+v", google)
	}
	if company.Name != "my-company" || company.ClientID != "c" || company.GroupsClaim != "roles" ||
		company.Label != "My company" {
		t.Errorf("%+v", company)
	}
	var logs bytes.Buffer
	c.Logger = slog.New(slog.NewTextHandler(&logs, nil))
	if _, err := ginoidc.New(c); err != nil {
		t.Error(err)
	}
	for _, want := range []string{`without effect" variables="[X_ISSUER X_CLIENT_ID X_CLIENT_SECRET]"`,
		"variable=X_MY_COMPANY_ISSUE nearest=X_MY_COMPANY_ISSUER"} {
		if !strings.Contains(logs.String(), want) {
			t.Errorf("the log lacks %s: %s", want, &logs)
		}
	}
	for names, want := range map[string]string{
		"google my-company google": "Providers[2].Name X_PROVIDERS", "Google my-company": "Providers[0].Name X_PROVIDERS",
		"google other": "Providers[1].Issuer X_OTHER_ISSUER",
	} {
		t.Setenv("X_PROVIDERS", names)
		c, _ := ginoidc.ConfigFromEnv("X_")
		c.Logger = slog.New(slog.DiscardHandler)
		if _, err := ginoidc.New(c); !slices.Contains(problemsOf(err), want) {
			t.Errorf("%s: %q lacks %s", names, problemsOf(err), want)
		}
	}
}

// TestConfigFromEnv reads every variable of the example's contract, under any prefix.
func TestConfigFromEnv(t *testing.T) {
	caFile, keyFile := filepath.Join(t.TempDir(), "ca.pem"), filepath.Join(t.TempDir(), "key.pem")
	ecKey, _ := testKeys(t)
	if err := errors.Join(os.WriteFile(caFile, []byte("no certificate"), 0o600),
		os.WriteFile(keyFile, ecKey, 0o600)); err != nil {
		t.Fatal(err)
	}
	base := map[string]string{"ISSUER": "https://idp.example", "CLIENT_ID": "app", "CLIENT_SECRET": "s",
		"COOKIE_SECRET": testapp.CookieSecret}
	for _, tt := range []struct {
		name string
		env  map[string]string
		want []string // as TestConfigProblems
		held func(ginoidc.Config) bool
	}{
		{"the least", nil, nil, func(c ginoidc.Config) bool {
			return c.AppURL == "http://localhost:8080" &&
				!c.Providers[0].SkipUserInfo
		}},
		{"lists", map[string]string{"SCOPES": " openid  groups ",
			"COOKIE_SECRET": testapp.CookieSecret + "2 " + testapp.CookieSecret, "SIGNING_ALGS": "ES256 RS256"}, nil,
			func(c ginoidc.Config) bool {
				return slices.Equal(c.Providers[0].Scopes, []string{"openid", "groups"}) && len(c.CookieSecrets) == 2 &&
					c.Providers[0].SigningAlgs[0] == "ES256"
			}},
		{"durations and booleans", map[string]string{"SESSION_IDLE": "1h", "SESSION_LIFETIME": "24h",
			"CLOCK_TOLERANCE": "30s", "FETCH_USER_INFO": "false"}, nil,
			func(c ginoidc.Config) bool {
				return c.SessionIdle == time.Hour && c.SessionLifetime == 24*time.Hour &&
					c.Providers[0].ClockTolerance == 30*time.Second &&
					c.Providers[0].SkipUserInfo
			}},
		{"claims", map[string]string{"GROUPS_CLAIM": "realm_access.roles", "ORGANIZATIONS_CLAIM": "orgs"}, nil,
			func(c ginoidc.Config) bool {
				return c.Providers[0].GroupsClaim == "realm_access.roles" && c.Providers[0].OrganizationsClaim == "orgs"
			}},
		{"defaults spelled out", map[string]string{"RESPONSE_MODE": "query", "USE_PAR": "auto", "KEEP_TOKENS": "false",
			"INITIATE_LOGIN": "false", "CLIENT_AUTH_METHOD": "client_secret_post"}, nil, nil},
		{"unparsable", map[string]string{"SESSION_IDLE": "soon", "FETCH_USER_INFO": "maybe", "CLOCK_TOLERANCE": "-1s"},
			[]string{"Providers[0].SkipUserInfo X_FETCH_USER_INFO", "Providers[0].ClockTolerance X_CLOCK_TOLERANCE",
				"SessionIdle X_SESSION_IDLE"}, nil},
		{"tokens", map[string]string{"KEEP_TOKENS": "true"}, nil, func(c ginoidc.Config) bool { return c.KeepTokens }},
		{"the protocol", map[string]string{"RESPONSE_MODE": "form_post", "USE_PAR": "true", "INITIATE_LOGIN": "true"},
			nil, func(c ginoidc.Config) bool {
				return c.Providers[0].ResponseMode == "form_post" && c.Providers[0].PushedAuthorization == "always" &&
					c.Providers[0].InitiateLogin
			}},
		{"no PAR", map[string]string{"USE_PAR": "false"}, nil,
			func(c ginoidc.Config) bool { return c.Providers[0].PushedAuthorization == "never" }},
		{"key file", map[string]string{"CLIENT_SECRET": "", "CLIENT_AUTH_METHOD": "private_key_jwt",
			"CLIENT_KEY_FILE": keyFile}, nil,
			func(c ginoidc.Config) bool { return bytes.Equal(c.Providers[0].ClientKey, ecKey) }},
		{"key file that is not there", map[string]string{"CLIENT_SECRET": "", "CLIENT_AUTH_METHOD": "private_key_jwt",
			"CLIENT_KEY_FILE": keyFile + ".gone"}, []string{"Providers[0].ClientKey X_CLIENT_KEY_FILE"}, nil},
		{"key file with something else", map[string]string{"CLIENT_SECRET": "", "CLIENT_AUTH_METHOD": "private_key_jwt",
			"CLIENT_KEY_FILE": caFile}, []string{"Providers[0].ClientKey X_CLIENT_KEY_FILE"}, nil},
		{"the protocol, misspelt", map[string]string{"RESPONSE_MODE": "fragment", "USE_PAR": "yes", "INITIATE_LOGIN": "si"},
			[]string{"Providers[0].PushedAuthorization X_USE_PAR", "Providers[0].InitiateLogin X_INITIATE_LOGIN",
				"Providers[0].ResponseMode X_RESPONSE_MODE"}, nil},
		{"CA file without certificate", map[string]string{"CA_FILE": caFile}, []string{"Providers[0].RootCAs X_CA_FILE"},
			nil},
		{"CA file that is not there", map[string]string{"CA_FILE": caFile + ".gone"},
			[]string{"Providers[0].RootCAs X_CA_FILE"}, nil},
		{"alias", map[string]string{"ISSUER": "", "TENANT_DOMAIN": "tenant.example"}, nil,
			func(c ginoidc.Config) bool { return c.Providers[0].Issuer == "https://tenant.example" }},
		{"alias that differs", map[string]string{"TENANT_DOMAIN": "https://other.example"},
			[]string{"Providers[0].Issuer X_ISSUER"}, nil},
		{"empty counts as absent", map[string]string{"ISSUER": ""}, []string{"Providers[0].Issuer X_ISSUER"}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, env := range []map[string]string{base, tt.env} {
				for name, value := range env {
					t.Setenv("X_"+name, value)
				}
			}
			c, _ := ginoidc.ConfigFromEnv("X")
			c.Logger = slog.New(slog.DiscardHandler)
			_, err := ginoidc.New(c)
			if got := problemsOf(err); !slices.Equal(got, tt.want) {
				t.Errorf("problems %q, want %q", got, tt.want)
			}
			if tt.held != nil && !tt.held(c) {
				t.Errorf("config %+v", c)
			}
		})
	}
}

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
		"REMEMBER":             {"yes", "Ask", "true"},
		"SAME_SITE":            {"none", "Strict", "true"},
		"POST_SIGN_OUT_URL":    {"/bye", "https://a.example/ ", `"https://a.example"`},
		"REQUIRE_BOUND_TOKENS": {"true", "maybe"}, "REQUIRE_DPOP_NONCE": {"true", "maybe"},
		"BEARER_RESOURCE":    {"/api", "https://other.example", "https://app.example.com/api"},
		"CERTIFICATE_FORMAT": {"pem", "der"}, "CERTIFICATE_PROXIES": {"10.0.0.0/8", "proxy"},
		"ACCESS_TOKEN_PROFILE": {"rfc9068"}, "INTROSPECT": {"true", "maybe"}, "RECHECK_IN_BACKGROUND": {"maybe"},
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
		{"MaxAuthAge", "MAX_AUTH_AGE", "8h", 8 * time.Hour},
		{"RecheckEvery", "RECHECK_EVERY", "5m", 5 * time.Minute},
		{"RecheckGrace", "RECHECK_GRACE", "15m", 15 * time.Minute},
		{"RecheckInBackground", "RECHECK_IN_BACKGROUND", "true", true},
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
		{"SameSite", "SAME_SITE", "strict", "strict"},
		{"Remember", "REMEMBER", "ask", "ask"},
		{"DefaultReturnTo", "DEFAULT_RETURN_TO", "/start", "/start"},
		{"ReturnOrigins", "RETURN_ORIGINS", "https://a.example", []string{"https://a.example"}},
		{"Providers[0].Audience", "BEARER_AUDIENCE", "https://api.example", "https://api.example"},
		{"Providers[0].AccessTokenProfile", "ACCESS_TOKEN_PROFILE", "keycloak", "keycloak"},
		{"Providers[0].AccessTokenIssuer", "ACCESS_TOKEN_ISSUER", "https://sts.example/", "https://sts.example/"},
		{"Providers[0].RequireBoundTokens", "REQUIRE_BOUND_TOKENS", "true", true},
		{"Providers[0].RequireDPoPNonce", "REQUIRE_DPOP_NONCE", "true", true},
		{"Resource", "BEARER_RESOURCE", "https://api.example", "https://api.example"},
		{"CertificateHeader", "CERTIFICATE_HEADER", "Client-Cert", "Client-Cert"},
		{"CertificateFormat", "CERTIFICATE_FORMAT", "pem", "pem"},
		{"CertificateProxies", "CERTIFICATE_PROXIES", "10.0.0.0/8 ::1", []string{"10.0.0.0/8", "::1"}},
		{"Providers[0].Introspection", "INTROSPECT", "true", "json"},
		{"Providers[0].Introspection", "INTROSPECT", "jwt", "jwt"},
		{"TrustedOrigins", "TRUSTED_ORIGINS", "https://a.example", []string{"https://a.example"}},
		{"CrossOriginRoutes", "CROSS_ORIGIN_ROUTES", "/a /b/:c", []string{"/a", "/b/:c"}},
		{"PostSignOutURL", "POST_SIGN_OUT_URL", "https://a.example/bye", "https://a.example/bye"},
		{"Providers[0].SignOutParameters", "SIGN_OUT_PARAMETERS", "logout_uri=https://a.example",
			url.Values{"logout_uri": {"https://a.example"}}},
		{"Providers[0].RootCAs", "CA_FILE", path("roots"), nil},
		{"ReportAllowed", "REPORT_ALLOWED", "true", true},
		{"Providers[0].Name", "PROVIDERS", "one", "one"},
		{"Providers[0].Label", "LABEL", "One", "One"},
		{"Providers[0].EmailDomains", "EMAIL_DOMAINS", "a.example b.example", []string{"a.example", "b.example"}},
		{"Providers[0].Public", "PUBLIC", "true", true},
		{"Providers[0].Tenants", "TENANTS", "t1 t2", []string{"t1", "t2"}},
		{"Providers[0].GroupsPrefix", "GROUPS_PREFIX", "a:", "a:"},
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
		if path == "Providers[0].AllowPrivateAddresses" { // for providers found at run time only
			continue
		}
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

// isData reports whether a text, or a file that it names, can express a value of the type. Functions, interfaces,
// loggers and signals, which need a function, can only be set by code.
func isData(of reflect.Type) bool {
	switch of.Kind() {
	case reflect.Func, reflect.Interface:
		return false
	case reflect.Slice:
		return isData(of.Elem())
	case reflect.Struct:
		return slices.ContainsFunc(reflect.VisibleFields(of), func(f reflect.StructField) bool { return isData(f.Type) })
	}
	return of != reflect.TypeFor[*slog.Logger]() && of != reflect.TypeFor[*ginoidc.Signals]()
}

// TestMonoCloudEnvironment: the environment file of a MonoCloud Next.js app works unchanged under its prefix.
func TestMonoCloudEnvironment(t *testing.T) {
	for name, value := range map[string]string{
		"TENANT_DOMAIN": "https://tenant.example", "CLIENT_ID": "app", "CLIENT_SECRET": "s",
		"SCOPES":  "openid profile email groups",
		"APP_URL": "http://localhost:3000", "COOKIE_SECRET": testapp.CookieSecret,
	} {
		t.Setenv("MONOCLOUD_AUTH_"+name, value)
	}
	t.Setenv("MONOCLOUD_AUTH_CALLBAK_URL", "/x")
	t.Setenv("MONOCLOUD_AUTH_SCOPE", "openid")
	c, err := ginoidc.ConfigFromEnv("MONOCLOUD_AUTH_")
	if err != nil {
		t.Fatal(err)
	}
	var logs bytes.Buffer
	c.Logger = slog.New(slog.NewTextHandler(&logs, nil))
	if _, err := ginoidc.New(c); err != nil {
		t.Fatal(err)
	}
	if c.Providers[0].Issuer != "https://tenant.example" || c.AppURL != "http://localhost:3000" ||
		len(c.Providers[0].Scopes) != 4 {
		t.Errorf("config %+v", c)
	}
	if out := logs.String(); strings.Count(out, "level=WARN") != 2 ||
		!strings.Contains(out, "variable=MONOCLOUD_AUTH_SCOPE nearest=MONOCLOUD_AUTH_SCOPES") {
		t.Errorf("warnings: %s", out)
	}
}

// TestNamesOfMonoCloud: variables of its SDK have the same meaning here, or an error or warning says that they do not.
func TestNamesOfMonoCloud(t *testing.T) {
	for _, test := range []struct {
		env  map[string]string
		want []string // of problems
		held func(ginoidc.Config) bool
	}{
		{map[string]string{"ID_TOKEN_SIGNING_ALG": "ES256"}, nil,
			func(c ginoidc.Config) bool { return slices.Equal(c.Providers[0].SigningAlgs, []string{"ES256"}) }},
		{map[string]string{"ID_TOKEN_SIGNING_ALG": "ES256", "SIGNING_ALGS": "ES256"}, nil, nil},
		{map[string]string{"ID_TOKEN_SIGNING_ALG": "ES256", "SIGNING_ALGS": "RS256"},
			[]string{"Providers[0].SigningAlgs X_SIGNING_ALGS"},
			nil},
		{map[string]string{"ID_TOKEN_SIGNING_ALG": "HS256"}, []string{"Providers[0].SigningAlgs X_ID_TOKEN_SIGNING_ALG"},
			nil},
		{map[string]string{"POST_LOGOUT_REDIRECT_URI": "https://a.example/bye"}, nil,
			func(c ginoidc.Config) bool { return c.PostSignOutURL == "https://a.example/bye" }},
		{map[string]string{"POST_LOGOUT_REDIRECT_URI": "/bye", "APP_URL": "https://a.example/app/"}, nil,
			func(c ginoidc.Config) bool { return c.PostSignOutURL == "https://a.example/app/bye" }},
		{map[string]string{"POST_LOGOUT_REDIRECT_URI": "/bye"}, nil,
			func(c ginoidc.Config) bool { return c.PostSignOutURL == "http://localhost:8080/bye" }},
		{map[string]string{"SESSION_COOKIE_NAME": "shop"}, nil,
			func(c ginoidc.Config) bool { return c.CookieName == "shop" }},
		{map[string]string{"SESSION_COOKIE_NAME": "shop", "COOKIE_NAME": "other"}, []string{"CookieName X_COOKIE_NAME"}, nil},
		{map[string]string{"RESOURCE": "https://a.example https://b.example"}, nil,
			func(c ginoidc.Config) bool { return len(c.Providers[0].SignInParameters["resource"]) == 2 }},
		{map[string]string{"USER_INFO": "false"}, nil, func(c ginoidc.Config) bool { return c.Providers[0].SkipUserInfo }},
		{map[string]string{"RESPONSE_TIMEOUT": "10000"}, nil,
			func(c ginoidc.Config) bool { return c.Providers[0].Timeout == 10*time.Second }},
		{map[string]string{"RESPONSE_TIMEOUT": "10000", "PROVIDER_TIMEOUT": "10s"}, nil, nil},
		{map[string]string{"RESPONSE_TIMEOUT": "10s"}, []string{"Providers[0].Timeout X_RESPONSE_TIMEOUT"}, nil},
		{map[string]string{"RESPONSE_TIMEOUT": "1000"}, nil,
			func(c ginoidc.Config) bool { return c.Providers[0].Timeout == time.Second }},
		// their SDK refuses it too
		{map[string]string{"RESPONSE_TIMEOUT": "500"}, []string{"Providers[0].Timeout X_RESPONSE_TIMEOUT"}, nil},
		{map[string]string{"RESPONSE_TIMEOUT": "60001"}, []string{"Providers[0].Timeout X_RESPONSE_TIMEOUT"}, nil},
		{map[string]string{"STATE_DURATION": "59"}, []string{"AttemptLife X_STATE_DURATION"}, nil},
		{map[string]string{"STATE_DURATION": "900"}, nil,
			func(c ginoidc.Config) bool { return c.AttemptLife == 15*time.Minute }},
		{map[string]string{"CLOCK_TOLERANCE": "30"}, nil,
			func(c ginoidc.Config) bool { return c.Providers[0].ClockTolerance == 30*time.Second }},
		{map[string]string{"SESSION_DURATION": "3600"}, nil,
			func(c ginoidc.Config) bool { return c.SessionIdle == time.Hour && c.SessionLifetime == time.Hour }},
		{map[string]string{"SESSION_DURATION": "3600", "SESSION_MAX_DURATION": "7200"}, nil,
			func(c ginoidc.Config) bool { return c.SessionIdle == time.Hour && c.SessionLifetime == time.Hour }},
		{map[string]string{"SESSION_DURATION": "3600", "SESSION_MAX_DURATION": "7200", "SESSION_SLIDING": "true"}, nil,
			func(c ginoidc.Config) bool { return c.SessionIdle == time.Hour && c.SessionLifetime == 2*time.Hour }},
		{map[string]string{"SESSION_DURATION": "3600", "SESSION_SLIDING": "perhaps"}, []string{" X_SESSION_SLIDING"}, nil},
		{map[string]string{"SESSION_SLIDING": "perhaps"}, []string{" X_SESSION_SLIDING"}, nil},
		{map[string]string{"RESOURCE": `"https://a.example"`}, []string{"Providers[0].SignInParameters X_RESOURCE"}, nil},
		{map[string]string{"RESOURCE": " "}, []string{"Providers[0].SignInParameters X_RESOURCE"}, nil},
		{map[string]string{"TENANT_DOMAIN": "idp.example"}, nil, nil},
		{map[string]string{"SESSION_DURATION": "0"}, []string{"SessionIdle X_SESSION_DURATION",
			"SessionLifetime X_SESSION_DURATION"}, nil},

		{map[string]string{"CALLBACK_URL": "/auth/callback"}, nil, nil},
		{map[string]string{"CALLBACK_URL": "auth/callback/"}, nil, nil},
		{map[string]string{"CALLBACK_URL": "http://localhost:8080/auth/callback"}, nil, nil},
		{map[string]string{"CALLBACK_URL": "HTTPS://App.example:443/x/auth/callback", "APP_URL": "https://app.example/x/"},
			nil, nil},
		{map[string]string{"CALLBACK_URL": "/x/auth/callback", "APP_URL": "https://app.example/x"}, nil, nil},
		{map[string]string{"CALLBACK_URL": "/auth/callback", "APP_URL": "https://app.example/x"}, nil, nil},
		{map[string]string{"CALLBACK_URL": "/api/auth/callback", "ROUTE_PREFIX": "/api/auth"}, nil, nil},
		{map[string]string{"CALLBACK_URL": "/api/auth/callback"}, []string{" X_CALLBACK_URL"}, nil},
		{map[string]string{"CALLBACK_URL": "http://localhost:3000/auth/callback"}, []string{" X_CALLBACK_URL"}, nil},
		{map[string]string{"CALLBACK_URL": "https://localhost:8080/auth/callback"}, []string{" X_CALLBACK_URL"}, nil},
		{map[string]string{"CALLBACK_URL": "/auth/callback?x"}, []string{" X_CALLBACK_URL"}, nil},
		{map[string]string{"CALLBACK_URL": "http://%zz/auth/callback"}, []string{" X_CALLBACK_URL"}, nil},
		{map[string]string{"SIGNIN_URL": "/auth/signin", "SIGNOUT_URL": "/auth/signout", "USER_INFO_URL": "/auth/userinfo",
			"BACK_CHANNEL_LOGOUT_URL": "/auth/backchannel-logout"}, nil, nil},
		{map[string]string{"SIGNIN_URL": "/auth/login", "SIGNOUT_URL": "/out"}, []string{" X_SIGNIN_URL", " X_SIGNOUT_URL"},
			nil},
	} {
		t.Run(strings.Join(slices.Sorted(maps.Keys(test.env)), " ")+" "+strings.Join(slices.Sorted(maps.Values(test.env)),
			" "), func(t *testing.T) {
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
	setenv(t, map[string]string{"CALLBACK_URL": "https://app.example/x/api/auth/callback",
		"APP_URL": "https://app.example/x"})
	if _, _, err := fromEnv(); err == nil || !strings.Contains(err.Error(), "set X_ROUTE_PREFIX=/api/auth, or unset it") {
		t.Errorf("no fix: %v", err)
	}
}
