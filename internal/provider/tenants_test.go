package provider_test

import (
	"context"
	"crypto/ecdsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

const (
	manyTenants = "https://op.example/{tenantid}/v2.0"
	acme        = "11111111-1111-4111-8111-111111111111"
	globex      = "22222222-2222-4222-8222-222222222222"
	stranger    = "99999999-9999-4999-8999-999999999999"
)

func issuerOf(tenant string) string { return "https://op.example/" + tenant + "/v2.0" }

// entra returns a provider with many tenants, of which acme and globex are allowed. Each key may have an issuer.
func entra(t *testing.T, keys ...object) (*scriptedOP, *provider.Provider) {
	op := newOP(t)
	if keys == nil {
		keys = []object{merge(jwk(&op.key.PublicKey, "k1"), object{"issuer": manyTenants})}
	}
	op.serve(discoveryPath, jsonAnswer(200, metadata(object{"issuer": manyTenants})))
	op.serve(keysPath, jsonAnswer(200, object{"keys": keys}))
	return op, op.client(func(c *provider.Config) {
		c.Issuer, c.Transport = manyTenants, belowOrganizations{op}
		c.AccessTokens = provider.AccessTokenConfig{
			Audience: "api", Profile: provider.ProfileEntraV1, Issuer: "https://sts.example/{tenantid}/",
		}
		c.AllowTenant = func(_ context.Context, tenant string) (bool, error) {
			return slices.Contains([]string{acme, globex}, tenant), nil
		}
	})
}

// belowOrganizations serves the metadata where that of many tenants is.
type belowOrganizations struct{ http.RoundTripper }

func (b belowOrganizations) RoundTrip(r *http.Request) (*http.Response, error) {
	if path, ok := strings.CutPrefix(r.URL.Path, "/organizations/v2.0"); ok {
		r = r.Clone(r.Context())
		r.URL.Path = path
	} else if strings.HasSuffix(r.URL.Path, discoveryPath) {
		return nil, errors.New("not the address of the metadata")
	}
	return b.RoundTripper.RoundTrip(r)
}

// TestTenants: of an issuer that many tenants share, only tokens of allowed tenants are accepted, whose tid and iss
// agree. Case 322.
func TestTenants(t *testing.T) {
	op, p := entra(t)
	for _, tt := range []struct {
		name string
		iss  any
		tid  any
		code string
	}{
		{"allowed", issuerOf(acme), acme, ""},
		{"another one", issuerOf(globex), globex, ""},
		{"of a stranger", issuerOf(stranger), stranger, "tenant"},
		{"iss of an allowed one, tid of a stranger", issuerOf(acme), stranger, "tenant"},
		{"tid of an allowed one, iss of a stranger", issuerOf(stranger), acme, "tenant"},
		{"two allowed ones", issuerOf(acme), globex, "tenant"},
		{"no tid", issuerOf(acme), nil, "tenant"},
		{"tid that is a list", issuerOf(acme), []string{acme}, "tenant"},
		{"the template itself", manyTenants, "{tenantid}", "issuer"},
		{"no tenant", "https://op.example//v2.0", "", "issuer"},
		{"the name for all", issuerOf("organizations"), "organizations", "issuer"},
		{"capitals", issuerOf("AAAAAAAA-1111-4111-8111-111111111111"), "AAAAAAAA-1111-4111-8111-111111111111", "issuer"},
		{"another host", "https://evil.example/" + acme + "/v2.0", acme, "issuer"},
		{"another host of the same length", "https://no.example/" + acme + "/v2.0", acme, "issuer"},
		{"no host", acme + "/v2.0", acme, "issuer"},
		{"no version", "https://op.example/" + acme, acme, "issuer"},
		{"more path", issuerOf("x/" + acme), acme, "issuer"},
		{"another version", "https://op.example/" + acme + "/v1.0", acme, "issuer"},
		{"cut", "https://op.example/v2.0", acme, "issuer"},
		{"no iss", nil, acme, "issuer"},
	} {
		got, err := p.VerifyIDToken(t.Context(), op.token(claims(object{"iss": tt.iss, "tid": tt.tid})), expect())
		if tt.code == "" {
			if err != nil || p.Issuer(got) != tt.iss {
				t.Errorf("%s: %v, issuer %q", tt.name, err, p.Issuer(got))
			}
			continue
		}
		if err == nil {
			t.Errorf("%s: accepted", tt.name)
			continue
		}
		wantBadToken(t, err, tt.code)
	}
}

// TestTenantKeys: in the key set of many tenants, a key that names one tenant signs for that one alone. Case 322.
func TestTenantKeys(t *testing.T) {
	op := newOP(t)
	ofAcme, ofAll := newKey(t), newKey(t)
	_, p := entra(t, merge(jwk(&ofAcme.PublicKey, "acme"), object{"issuer": issuerOf(acme)}),
		merge(jwk(&ofAll.PublicKey, "all"), object{"issuer": manyTenants}), jwk(&op.key.PublicKey, "k1"))
	for _, tt := range []struct {
		key    *ecdsa.PrivateKey
		kid    string
		tenant string
		ok     bool
	}{
		{ofAcme, "acme", acme, true}, {ofAcme, "acme", globex, false}, {ofAll, "all", acme, true},
		{ofAll, "all", globex, true}, {op.key, "k1", globex, true},
	} {
		payload, err := json.Marshal(claims(object{"iss": issuerOf(tt.tenant), "tid": tt.tenant}))
		if err != nil {
			t.Fatal(err)
		}
		token := sign(t, tt.key, `{"alg":"ES256","kid":"`+tt.kid+`"}`, string(payload))
		if _, err := p.VerifyIDToken(t.Context(), token, expect()); (err == nil) != tt.ok {
			t.Errorf("key of %s, tenant %s: %v", tt.kid, tt.tenant, err)
		}
	}
	// Of a single issuer, what a key says beyond the standard limits nothing.
	op.serve(keysPath, jsonAnswer(200, object{"keys": []any{
		merge(jwk(&op.key.PublicKey, "k1"), object{"issuer": issuerOf(acme)}),
	}}))
	if _, err := op.client().VerifyIDToken(t.Context(), op.token(claims(nil)), expect()); err != nil {
		t.Error(err)
	}
}

// TestTenantsOfOtherTokens: access tokens, logout tokens and responses name tenants too.
func TestTenantsOfOtherTokens(t *testing.T) {
	op, p := entra(t)
	for tenant, code := range map[string]string{acme: "", stranger: "tenant"} {
		access := op.token(claims(object{
			"iss": "https://sts.example/" + tenant + "/", "tid": tenant, "aud": "api", "ver": "1.0", "scp": "read",
			"appid": "client", "nonce": nil,
		}))
		token, err := p.VerifyAccessToken(t.Context(), access)
		if code != "" {
			wantBadToken(t, err, code)
		} else if err != nil || p.Issuer(token.Claims) != issuerOf(tenant) {
			t.Errorf("%s: %v", tenant, err)
		}
	}
	_, err := p.VerifyAccessToken(t.Context(), op.token(claims(object{
		"iss": "https://sts.example/" + acme + "/", "aud": "api", "ver": "1.0", "scp": "read", "appid": "client",
		"nonce": nil,
	})))
	wantBadToken(t, err, "tenant") // without tid
	now := time.Now().Unix()
	logout := func(iss string) error {
		payload, err := json.Marshal(object{"iss": iss, "aud": clientID, "sub": "alice", "jti": iss, "iat": now,
			"exp": now + 60, "events": object{"http://schemas.openid.net/event/backchannel-logout": object{}}})
		if err != nil {
			t.Fatal(err)
		}
		_, err = p.VerifyLogoutToken(t.Context(),
			sign(t, op.key, `{"alg":"ES256","kid":"k1","typ":"logout+jwt"}`, string(payload)))
		return err
	}
	if err := logout(issuerOf(acme)); err != nil {
		t.Error(err)
	}
	wantBadToken(t, logout(manyTenants), "issuer")
	for iss, want := range map[string]bool{issuerOf(acme): true, manyTenants: false, issuer: false} {
		if err := p.CheckResponseIssuer(t.Context(), iss, true); (err == nil) != want {
			t.Errorf("%s: %v", iss, err)
		}
		if p.Issues(iss) != want {
			t.Errorf("issues %s: %t", iss, !want)
		}
	}
}

// TestTenantUnknown: an app that cannot say whether a tenant is allowed lets nobody in, and the token is not blamed.
func TestTenantUnknown(t *testing.T) {
	op, _ := entra(t)
	down := errors.New("the database is down")
	p := op.client(func(c *provider.Config) {
		c.Issuer, c.Transport = manyTenants, belowOrganizations{op}
		c.AllowTenant = func(context.Context, string) (bool, error) { return true, down }
	})
	_, err := p.VerifyIDToken(t.Context(), op.token(claims(object{"iss": issuerOf(acme), "tid": acme})), expect())
	if !errors.Is(err, down) || errors.Is(err, provider.ErrInvalidToken) {
		t.Errorf("got %v", err)
	}
}

// TestUnverified: what a token says finds the provider that is to verify it, and nothing else.
func TestUnverified(t *testing.T) {
	token := func(payload string) string {
		return "e30." + base64.RawURLEncoding.EncodeToString([]byte(payload)) + ".AA"
	}
	const head = `{"iss":"i","aud":"a"}`
	longest := strings.TrimSuffix(token(head+strings.Repeat(" ", 196_602-len(head))), "AA") + "AAA"
	if len(longest) != 256<<10 {
		t.Fatalf("%d bytes", len(longest))
	}
	for _, tt := range []struct {
		raw, iss string
		audience []string
		ok       bool
	}{
		{token(head), "i", []string{"a"}, true}, {token(`{"iss":"i","aud":["a","b"]}`), "i", []string{"a", "b"}, true},
		{token(`{"iss":"i","aud":[1,"a"]}`), "i", []string{"a"}, true},
		{token(`{}`), "", nil, true}, {token(`{"iss":1,"aud":{}}`), "", nil, true}, {longest, "i", []string{"a"}, true},
		{"", "", nil, false}, {"opaque", "", nil, false}, {token(head) + ".x", "", nil, false},
		{"e30.!.AA", "", nil, false}, {token("[]"), "", nil, false}, {longest + "A", "", nil, false},
	} {
		iss, audience, ok := provider.Unverified(tt.raw)
		if iss != tt.iss || !slices.Equal(audience, tt.audience) || ok != tt.ok {
			t.Errorf("%.40q: %q, %q, %t", tt.raw, iss, audience, ok)
		}
	}
}

// TestIssuesAccessTokens: access tokens may have an issuer of their own.
func TestIssuesAccessTokens(t *testing.T) {
	one := provider.New(provider.Config{Issuer: issuer, ClientID: clientID,
		AccessTokens: provider.AccessTokenConfig{Issuer: "https://sts.example"}})
	all := provider.New(provider.Config{Issuer: manyTenants, ClientID: clientID,
		AllowTenant: func(context.Context, string) (bool, error) { return true, nil }})
	for iss, of := range map[string]*provider.Provider{
		"https://sts.example": one, issuerOf(acme): all, issuer: nil, manyTenants: nil, "": nil,
	} {
		for _, p := range []*provider.Provider{one, all} {
			if got := p.IssuesAccessTokens(iss); got != (p == of) {
				t.Errorf("%q: %t", iss, got)
			}
		}
	}
	unmarked := provider.New(provider.Config{Issuer: manyTenants, ClientID: clientID,
		AccessTokens: provider.AccessTokenConfig{Issuer: "https://sts.example/"},
		AllowTenant:  func(context.Context, string) (bool, error) { return true, nil }})
	if unmarked.IssuesAccessTokens("https://sts.example/" + acme) {
		t.Error("an issuer without a place for tenants has one")
	}
	if got := one.Issuer(provider.Claims{"iss": "https://evil.example"}); got != issuer {
		t.Errorf("the issuer is %q", got)
	}
}
