package settings_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/settings"
)

// rsaKey returns a private key in PEM, the same for all tests.
func rsaKey(t *testing.T) string {
	t.Helper()
	key, err := makeKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

var makeKey = sync.OnceValues(func() (string, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return "", err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), err
})

// TestClientConfig: keys are read, the lists are the client's own, and errors name the setting and no key.
func TestClientConfig(t *testing.T) {
	p := validProvider()
	p.Profile, p.ClientKey, p.ClientKeyAlg, p.ClientKeyID = settings.ProfileFAPI2, []byte(rsaKey(t)), "PS256", "k"
	p.DecryptionKey, p.UntypedLogoutTokens, p.Audience = []byte(rsaKey(t)), true, "api"
	cfg, err := p.ClientConfig()
	if err != nil {
		t.Fatal(err)
	}
	p.Scopes[0] = "changed"
	if cfg.Issuer != p.Issuer || cfg.ClientID != "app" || !cfg.FAPI2 || cfg.IPSIE || cfg.ClientKey.KeyID() != "k" ||
		cfg.ClientKey.Alg() != "PS256" || !cfg.DecryptionKey.CanDecrypt() || !cfg.LaxLogoutType ||
		cfg.AccessTokens.Audience != "api" || cfg.Scopes[0] != "openid" || cfg.AllowTenant != nil {
		t.Errorf("%+v", cfg)
	}
	for field, p := range map[string]*settings.Provider{
		"ClientKey":     {Client: settings.Client{ClientKey: []byte("hunter2")}},
		"DecryptionKey": {Client: settings.Client{DecryptionKey: []byte("hunter2")}},
	} {
		_, err := p.ClientConfig()
		if err == nil || !strings.HasPrefix(err.Error(), "ginoidc: "+field+": ") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", field, err)
		}
	}
}

// TestTenantRule: a tenant may sign in that is listed, or that the app allows.
func TestTenantRule(t *testing.T) {
	asked := errors.New("asked")
	for _, tt := range []struct {
		tenant string
		asks   bool
		want   bool
		err    error
	}{
		{"one", false, true, nil},
		{"two", false, false, nil},
		{"one", true, true, nil},
		{"two", true, true, asked},
	} {
		p := &settings.Provider{Issuer: "https://login.example/{tenantid}/v2.0", Tenants: []string{"one"}}
		if tt.asks {
			p.AllowTenant = func(context.Context, string) (bool, error) { return true, asked }
		}
		cfg, err := p.ClientConfig()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := cfg.AllowTenant(t.Context(), tt.tenant); got != tt.want || err != tt.err {
			t.Errorf("%+v: %t, %v", tt, got, err)
		}
	}
}
