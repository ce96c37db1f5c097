package ginoidc_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"log/slog"
	"maps"
	"math/big"
	"os"
	"path/filepath"
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
		{"of later versions", map[string]string{"PROVIDERS": "a"}, []string{" X_PROVIDERS"}, nil},
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
