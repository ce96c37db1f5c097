package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/seed-d65cea4d/ginoidc"
)

const secret = "wF3kq9Zr8Tn2Lx7Vb5Hs1Jd4Gm6Pc0Ya"

// setenv clears the environment variables that configure the app and sets the given ones.
func setenv(t *testing.T, env map[string]string) {
	t.Helper()
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "OIDC_") {
			t.Setenv(name, "")
		}
	}
	for _, name := range []string{
		"ADDR", "PORT", "REDIS_URL", "DATABASE_URL", "OIDC_ENV_PREFIX", "THROTTLE_PER_MINUTE",
	} {
		t.Setenv(name, "")
	}
	for name, value := range env {
		t.Setenv(name, value)
	}
}

func TestAddress(t *testing.T) {
	tests := []struct {
		addr, port, appURL string
		wantAddr, wantURL  string // no address means that it is refused
	}{
		{"", "", "", "localhost:8080", "http://localhost:8080"},
		{"", "9000", "", ":9000", "http://localhost:9000"},
		{"localhost:9001", "9000", "", "localhost:9001", "http://localhost:9001"},
		{"127.0.0.1:9000", "", "", "127.0.0.1:9000", "http://127.0.0.1:9000"},
		{"0.0.0.0:9000", "", "", "0.0.0.0:9000", "http://localhost:9000"},
		{"[::]:9000", "", "", "[::]:9000", "http://localhost:9000"},
		{"[::1]:9000", "", "", "[::1]:9000", "http://[::1]:9000"},
		{":9000", "", "https://app.example/shop", ":9000", "https://app.example/shop"},
		{"localhost", "", "", "", "http://localhost:8080"},
		{"localhost:http", "", "", "", "http://localhost:8080"},
		{"localhost:0", "", "", "", "http://localhost:8080"},
		{"", "-1", "", "", "http://localhost:8080"},
		{"", "65536", "", "", "http://localhost:8080"},
	}
	for _, test := range tests {
		t.Run(test.addr+" "+test.port+" "+test.appURL, func(t *testing.T) {
			setenv(t, map[string]string{"ADDR": test.addr, "PORT": test.port, "OIDC_APP_URL": test.appURL})
			s, err := settingsFromEnv()
			if s.addr != test.wantAddr || s.oidc.AppURL != test.wantURL || (err != nil) != (test.wantAddr == "") {
				t.Errorf("listens on %q for %q, %v; want %q, %q", s.addr, s.oidc.AppURL, err, test.wantAddr, test.wantURL)
			}
		})
	}
}

// There is a limit only if the environment sets one.
func TestThrottle(t *testing.T) {
	for value, want := range map[string]string{
		"": "302 302 302", "0": "302 302 302", "2": "302 302 429", "-1": "", "2.5": "", "many": "",
	} {
		setenv(t, map[string]string{"THROTTLE_PER_MINUTE": value})
		s, err := settingsFromEnv()
		if want == "" {
			if err == nil || !strings.Contains(err.Error(), "THROTTLE_PER_MINUTE") {
				t.Errorf("%q: %v", value, err)
			}
			continue
		}
		a := newAppUntil(t, t.Context(), localhost, func(c *ginoidc.Config) { c.Throttle = s.oidc.Throttle })
		var got []string
		for range 3 {
			r := a.navigate(t, a.client(t, ""), "/auth/signin")
			got = append(got, strconv.Itoa(r.StatusCode))
		}
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("%q: %q, want %q, %v", value, got, want, err)
		}
	}
}

// The environment file of a MonoCloud app in another language works under its own prefix.
func TestPrefix(t *testing.T) {
	for _, prefix := range []string{"MONOCLOUD_AUTH_", "MONOCLOUD_AUTH"} {
		setenv(t, map[string]string{
			"OIDC_ENV_PREFIX":               prefix,
			"MONOCLOUD_AUTH_TENANT_DOMAIN":  "https://tenant.example",
			"MONOCLOUD_AUTH_CLIENT_ID":      "app",
			"MONOCLOUD_AUTH_CLIENT_SECRET":  "s",
			"MONOCLOUD_AUTH_SCOPES":         "openid profile email groups",
			"MONOCLOUD_AUTH_APP_URL":        "https://app.example",
			"MONOCLOUD_AUTH_COOKIE_SECRET":  secret,
			"OIDC_ISSUER":                   "https://other.example",
			"MONOCLOUD_AUTH_SESSION_IDLE":   "",
			"MONOCLOUD_AUTH_RESPONSE_MODE":  "query",
			"MONOCLOUD_AUTH_INITIATE_LOGIN": "false",
		})
		s, err := settingsFromEnv()
		if err != nil || s.bundled || s.oidc.Providers[0].Issuer != "https://tenant.example" ||
			s.oidc.AppURL != "https://app.example" {
			t.Errorf("%s: %+v, %v", prefix, s, err)
		}
		if _, err := ginoidc.New(s.oidc); err != nil {
			t.Errorf("%s: %v", prefix, err)
		}
	}
}

// Several providers are those of the environment, and the bundled one is not started, not even if one lacks an issuer.
func TestSeveralProviders(t *testing.T) {
	env := map[string]string{
		"OIDC_PROVIDERS": "one two", "OIDC_COOKIE_SECRET": secret,
		"OIDC_ONE_ISSUER": "https://one.example", "OIDC_ONE_CLIENT_ID": "app", "OIDC_ONE_CLIENT_SECRET": "s",
		"OIDC_TWO_ISSUER": "https://two.example", "OIDC_TWO_CLIENT_ID": "app", "OIDC_TWO_CLIENT_SECRET": "s",
	}
	setenv(t, env)
	s, err := settingsFromEnv()
	if err != nil || s.bundled || len(s.oidc.Providers) != 2 {
		t.Errorf("%+v, %v", s, err)
	}
	if _, err := ginoidc.New(s.oidc); err != nil {
		t.Error(err)
	}
	var out bytes.Buffer
	greet(&out, s)
	for _, line := range []string{"The provider: one https://one.example\n", "The provider: two https://two.example\n"} {
		if !strings.Contains(out.String(), line) {
			t.Errorf("the greeting lacks %q: %s", line, out.String())
		}
	}
	for _, names := range []string{"one two", "one"} {
		setenv(t, map[string]string{"OIDC_PROVIDERS": names, "OIDC_ONE_ISSUER": ""})
		if s, err := settingsFromEnv(); err != nil || s.bundled {
			t.Errorf("%s without issuers: bundled %t, %v", names, s.bundled, err)
		}
	}
}

// The path after a sign-out is one of the app, whatever address it listens on.
func TestPathAfterSignOut(t *testing.T) {
	for _, test := range []struct{ name, value, want string }{
		{"OIDC_POST_LOGOUT_REDIRECT_URI", "/bye", "http://localhost:9000/bye"},
		{"OIDC_POST_LOGOUT_REDIRECT_URI", "http://localhost:8080/bye", "http://localhost:8080/bye"},
		{"OIDC_POST_SIGN_OUT_URL", "http://localhost:8080", "http://localhost:8080"},
	} {
		setenv(t, map[string]string{"PORT": "9000", "OIDC_POST_SIGN_OUT_URL": "", test.name: test.value})
		s, err := settingsFromEnv()
		if err != nil || s.oidc.PostSignOutURL != test.want {
			t.Errorf("%s=%s: %q, %v; want %q", test.name, test.value, s.oidc.PostSignOutURL, err, test.want)
		}
		t.Setenv(test.name, "")
	}
}

// Each of these is one problem and is reported once. The process exits, so nothing listens.
func TestProblems(t *testing.T) {
	bundled := map[string]string{}
	provider := map[string]string{
		"OIDC_ISSUER": "https://idp.example", "OIDC_CLIENT_ID": "app", "OIDC_COOKIE_SECRET": secret,
		"OIDC_CLIENT_SECRET": "s",
	}
	keyed := map[string]string{
		"OIDC_ISSUER": "https://idp.example", "OIDC_CLIENT_ID": "app", "OIDC_COOKIE_SECRET": secret,
		"OIDC_CLIENT_AUTH_METHOD": "private_key_jwt",
	}
	cached := maps.Clone(provider)
	cached["REDIS_URL"] = "redis://localhost:6379"
	tests := []struct {
		env                  map[string]string
		name, value, problem string
	}{
		{provider, "OIDC_CLIENT_ID", "", "OIDC_CLIENT_ID"}, // case 305
		{provider, "OIDC_CLIENT_SECRET", "", "OIDC_CLIENT_SECRET"},
		{provider, "OIDC_COOKIE_SECRET", "", "OIDC_COOKIE_SECRET"}, // case 291: no random secret for a real provider
		{provider, "OIDC_TENANT_DOMAIN", "https://other.example", "OIDC_ISSUER"},
		{provider, "ADDR", "192.0.2.1:80", "OIDC_APP_URL"}, // the app URL follows the address
		{provider, "OIDC_SESSION_IDLE", "soon", "OIDC_SESSION_IDLE"},
		{provider, "REDIS_URL", "http://localhost:6379", "REDIS_URL"},
		{provider, "DATABASE_URL", "oracle://localhost/app", "DATABASE_URL"},
		{provider, "DATABASE_URL", "postgres://app:p%zz@localhost/app", "DATABASE_URL"},
		{provider, "DATABASE_URL", "postgres:///app", "DATABASE_URL"},
		{provider, "DATABASE_URL", "mysql://localhost", "DATABASE_URL"},
		{provider, "DATABASE_URL", "mysql://localhost/app?tls=sometimes", "DATABASE_URL"},
		{provider, "DATABASE_URL", "sqlite:", "DATABASE_URL"},
		{provider, "DATABASE_URL", "sqlite::memory:", "DATABASE_URL"},
		{provider, "DATABASE_URL", "sqlite:/nowhere/app.db", "DATABASE_URL"},
		{cached, "DATABASE_URL", "sqlite:app.db", "DATABASE_URL"}, // together with REDIS_URL
		{provider, "OIDC_INTROSPECT", "true", "OIDC_INTROSPECT"},
		{provider, "OIDC_CLIENT_ID", `"app"`, "OIDC_CLIENT_ID"},
		{provider, "OIDC_CLIENT_SECRET", "s\r", "OIDC_CLIENT_SECRET"},
		{provider, "OIDC_ISSUER", "https://idp.example/.well-known/openid-configuration", "OIDC_ISSUER"},
		{provider, "OIDC_APP_URL", "https://app.example/auth/callback", "OIDC_APP_URL"},
		{provider, "OIDC_CALLBACK_URL", "/api/auth/callback", "OIDC_CALLBACK_URL"},
		{keyed, "OIDC_CLIENT_KEY_FILE", "/nowhere", "OIDC_CLIENT_KEY_FILE"},
		{provider, "OIDC_COOKIE_SECRET", " ", "OIDC_COOKIE_SECRET"},
		{bundled, "OIDC_SESSION_LIFETIME", "9999999h", "OIDC_SESSION_LIFETIME"},
		{bundled, "OIDC_SIGN_IN_PARAMETERS", "prompt=none+login", "OIDC_SIGN_IN_PARAMETERS"},
		{bundled, "OIDC_SIGN_IN_PARAMETERS", `audience="api"`, "OIDC_SIGN_IN_PARAMETERS"},
		{bundled, "OIDC_MAX_SESSIONS", "-1", "OIDC_MAX_SESSIONS"},
		{bundled, "OIDC_SIGNING_ALGS", "PS256", "OIDC_SIGNING_ALGS"},    // not supported by the bundled provider
		{bundled, "OIDC_COOKIE_SECRET", "short", "OIDC_COOKIE_SECRET"},  // case 306
		{bundled, "OIDC_APP_URL", "http://app.example", "OIDC_APP_URL"}, // case 307
		{bundled, "OIDC_SCOPES", "profile email", "OIDC_SCOPES"},        // case 310
		{bundled, "OIDC_CLIENT_AUTH_METHOD", "guess", "OIDC_CLIENT_AUTH_METHOD"},
		{bundled, "OIDC_KEEP_TOKENS", "maybe", "OIDC_KEEP_TOKENS"},
		{bundled, "OIDC_INITIATE_LOGIN", "maybe", "OIDC_INITIATE_LOGIN"},
		{bundled, "OIDC_CLIENT_KEY_FILE", "/nowhere", "OIDC_CLIENT_KEY_FILE"},
		{bundled, "OIDC_RESPONSE_MODE", "fragment", "OIDC_RESPONSE_MODE"},
		{bundled, "REDIS_URL", "http://localhost:6379", "REDIS_URL"},
		{bundled, "PORT", "http", "PORT"},
		{bundled, "OIDC_CLIENT_KEY_ALG", "RS256", "OIDC_CLIENT_KEY_ALG"}, // without a key
		{bundled, "OIDC_CLIENT_KEY_ID", "k1", "OIDC_CLIENT_KEY_ID"},
		{bundled, "OIDC_DECRYPTION_KEY_FILE", "/nowhere", "OIDC_DECRYPTION_KEY_FILE"},
		{bundled, "OIDC_SESSION_LIFETIME", "500ms", "OIDC_SESSION_LIFETIME"}, // the idle time follows from it
		{bundled, "OIDC_SESSION_SLIDING", "maybe", "OIDC_SESSION_SLIDING"},
		{bundled, "OIDC_APP_URL", "https://app.example//", "OIDC_APP_URL"},
		{bundled, "OIDC_APP_URL", "https://app.example:70000", "OIDC_APP_URL"},
		{bundled, "OIDC_ROUTE_PREFIX", "//", "OIDC_ROUTE_PREFIX"},
		{bundled, "OIDC_COOKIE_SECRET", " ", "OIDC_COOKIE_SECRET"},
		{bundled, "OIDC_SCOPES", "  ", "OIDC_SCOPES"},
		{bundled, "OIDC_RESOURCE", `"https://api.example"`, "OIDC_RESOURCE"},
		{bundled, "OIDC_CLIENT_AUTH_METHOD", "private_key_jwt", "OIDC_CLIENT_KEY_FILE"},
		// It does not mention the generated client secret.
		{bundled, "OIDC_CLIENT_AUTH_METHOD", "tls_client_auth", "OIDC_CLIENT_CERT_FILE"},
	}
	for _, test := range tests {
		t.Run(test.name+"="+test.value, func(t *testing.T) {
			setenv(t, test.env)
			t.Setenv(test.name, test.value)
			var out, errOut bytes.Buffer
			ended, end := context.WithCancel(t.Context())
			end() // so that an app that starts nevertheless stops at once
			status := run(ended, &out, &errOut)
			text := errOut.String()
			if status != exitBadConfig || out.Len() > 0 || strings.Count(text, "\n") != 1 ||
				!strings.Contains(text, ": "+test.problem) {
				t.Errorf("status %d, output %q, problems:\n%s", status, out.String(), text)
			}
		})
	}
}

func TestDistinct(t *testing.T) {
	a, b := errors.New("a"), errors.New("b")
	if got := distinct(errors.Join(b, errors.Join(a, b)), nil, b, a); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("%q", got)
	}
}

// The bundled provider accepts the client as the environment describes it.
func TestBundledClient(t *testing.T) {
	tests := []struct {
		given   ginoidc.Provider
		secrets []string
		id      string
	}{
		{ginoidc.Provider{}, nil, "example"},
		{ginoidc.Provider{ClientID: "mine", ClientSecret: "s"}, nil, "mine"},
		{ginoidc.Provider{ClientAuthMethod: "none"}, []string{secret}, "example"},
	}
	for _, test := range tests {
		c := ginoidc.Config{
			Providers: []ginoidc.Provider{test.given}, AppURL: localhost, CookieSecrets: test.secrets,
			Logger: slog.New(slog.DiscardHandler),
		}
		client, err := bundledClient(&c, "OIDC_")
		if err != nil {
			t.Fatal(err)
		}
		stop, err := startProvider(&c, client)
		if err != nil {
			t.Fatal(err)
		}
		stop()
		if _, err := ginoidc.New(c); err != nil {
			t.Error(err)
		}
		p := c.Providers[0]
		if p.ClientID != test.id || test.given.ClientSecret != "" && p.ClientSecret != test.given.ClientSecret ||
			test.secrets != nil && !slices.Equal(c.CookieSecrets, test.secrets) {
			t.Errorf("%+v became %+v", test.given, c)
		}
	}
}

// keyFiles returns files with private keys in common formats: an EC key in PKCS #8 and an RSA key in PKCS #1.
func keyFiles(t *testing.T) (ec, rsaFile string) {
	t.Helper()
	ecKey, err1 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	rsaKey, err2 := rsa.GenerateKey(rand.Reader, 2048)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(ecKey)
	if err != nil {
		t.Fatal(err)
	}
	ec, rsaFile = filepath.Join(t.TempDir(), "ec.pem"), filepath.Join(t.TempDir(), "rsa.pem")
	err1 = os.WriteFile(ec, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600)
	pkcs1 := &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(rsaKey)}
	err2 = os.WriteFile(rsaFile, pem.EncodeToMemory(pkcs1), 0o600)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	return ec, rsaFile
}
