package fakeop_test

import (
	"crypto"
	"net/http"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
)

// decrypt decrypts a nested ID token.
func decrypt(t *testing.T, raw string, key any) (jose.Header, string) {
	t.Helper()
	algs := []jose.KeyAlgorithm{jose.RSA_OAEP_256, jose.ECDH_ES, jose.RSA1_5}
	jwe, err := jose.ParseEncryptedCompact(raw, algs, []jose.ContentEncryption{jose.A256GCM})
	if err != nil {
		t.Fatalf("%v: %s", err, raw)
	}
	content, err := jwe.Decrypt(key)
	if err != nil {
		return jwe.Header, ""
	}
	return jwe.Header, string(content)
}

// ID tokens are signed, then encrypted to the client's key (OpenID Connect Core,
// 10.2).
func TestEncryptedIDToken(t *testing.T) {
	for name, tt := range map[string]struct {
		key crypto.Signer
		kid string
		alg string
	}{
		"RSA": {rsaKey(), "enc-1", "RSA-OAEP-256"},
		"EC":  {ecKey(), "", "ECDH-ES"},
	} {
		t.Run(name, func(t *testing.T) {
			a := newApp(t, fakeop.Config{EncryptIDToken: tt.key.Public(), EncryptionKeyID: tt.kid})
			has(t, a.get(a.url(fakeop.Discovery)).object, map[string]any{
				"id_token_encryption_alg_values_supported": []any{tt.alg},
				"id_token_encryption_enc_values_supported": []any{"A256GCM"},
			})
			first := a.signIn("alice")
			for _, answer := range []answer{first, a.refresh(text(first.object, "refresh_token"))} {
				header, content := decrypt(t, text(answer.object, "id_token"), tt.key)
				if header.Algorithm != tt.alg || header.KeyID != tt.kid || header.ExtraHeaders["cty"] != "JWT" {
					t.Errorf("header = %+v", header)
				}
				if token, err := a.verify(content); err != nil || token.Subject != "alice" {
					t.Errorf("content: %v", err)
				}
			}
		})
	}
}

// A signed userinfo response names its issuer and audience (OpenID Connect Core, 5.3.2).
func TestSignedUserInfo(t *testing.T) {
	a := newApp(t, fakeop.Config{SignUserInfo: true, SigningAlg: "RS256"})
	got := a.userInfo(text(a.signIn("alice").object, "access_token"))
	if got.StatusCode != http.StatusOK || got.Header.Get("Content-Type") != "application/jwt" {
		t.Fatalf("%d %s %s", got.StatusCode, got.Header.Get("Content-Type"), got.text)
	}
	if _, ok := a.signedPayload(got.text); !ok {
		t.Error("the signature is bad")
	}
	has(t, part(t, got.text, 1), map[string]any{
		"iss": "https://idp.example", "aud": "app", "sub": "alice", "name": "Alice Archer",
	})
	if denied := a.userInfo("x"); denied.StatusCode != 401 || text(denied.object, "error") != "invalid_token" {
		t.Errorf("unknown token: %d %s", denied.StatusCode, denied.text)
	}
	a.idp.OnUserInfo(func(claims map[string]any) { claims["iss"] = "edited" })
	has(t, part(t, a.userInfo(text(a.signIn("alice").object, "access_token")).text, 1), map[string]any{"iss": "edited"})
}

// The class a user reaches is the first requested one that is supported; a session of a weaker class does not suffice
// (OpenID Connect Core, 3.1.2.1).
func TestACR(t *testing.T) {
	essential := func(member string) changes {
		return changes{"claims": {`{"id_token":{"acr":{"essential":true,` + member + `}}}`}}
	}
	const page, silent, unmet = "page", "silent", "unmet_authentication_requirements"
	tests := map[string]struct {
		first, second changes
		acr           string // after the second
		want          string
	}{
		"nothing asked":           {nil, nil, "bronze", silent},
		"the same":                {nil, changes{"acr_values": {"bronze"}}, "bronze", silent},
		"stronger":                {nil, changes{"acr_values": {"gold"}}, "gold", page},
		"first that is supported": {nil, changes{"acr_values": {"x silver gold"}}, "silver", page},
		"none supported":          {nil, changes{"acr_values": {"x y"}}, "bronze", silent},
		"strong enough":           {changes{"acr_values": {"gold"}}, changes{"acr_values": {"silver"}}, "silver", silent},
		"nothing after strong":    {changes{"acr_values": {"gold"}}, nil, "gold", silent},
		"stronger, silently":      {nil, changes{"acr_values": {"gold"}, "prompt": {"none"}}, "", "login_required"},
		"essential value":         {nil, essential(`"value":"gold"`), "gold", page},
		"essential values":        {nil, essential(`"values":["x","silver"]`), "silver", page},
		"essential, reached":      {nil, essential(`"values":["bronze"]`), "bronze", silent},
		"essential, unsupported":  {nil, essential(`"value":"x"`), "", unmet},
		"essential, whichever":    {nil, essential(`"x":1`), "bronze", silent},
		"voluntary, unsupported":  {nil, changes{"claims": {`{"id_token":{"acr":{"value":"x"}}}`}}, "bronze", silent},
		"claims before values": {
			nil, changes{"claims": {`{"id_token":{"acr":{"value":"silver"}}}`}, "acr_values": {"gold"}}, "silver", page,
		},
		"null":   {nil, changes{"claims": {`{"id_token":{"acr":null}}`}, "acr_values": {"gold"}}, "gold", page},
		"create": {nil, changes{"prompt": {"create"}}, "bronze", page},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			a := newApp(t, fakeop.Config{ACRValues: []string{"bronze", "silver", "gold"}})
			a.press(logInForm(t, a.get(a.authURL(tt.first))), "subject", "alice")
			got := a.get(a.authURL(tt.second))
			query := got.location().Query()
			switch tt.want {
			case page:
				query = a.press(logInForm(t, got), "subject", "alice")
			case silent:
			default:
				if query.Get("error") != tt.want {
					t.Errorf("%d to %s, want %s", got.StatusCode, got.location(), tt.want)
				}
				return
			}
			claims := part(t, text(a.redeem(query.Get("code")).object, "id_token"), 1)
			has(t, claims, map[string]any{"acr": tt.acr, "amr": []any{"pwd"}})
			if tt.want == page {
				has(t, a.claimsAfter(tt.second), map[string]any{"acr": tt.acr})
			}
		})
	}
	plain := newApp(t, fakeop.Config{})
	has(t, plain.claimsAfter(changes{"acr_values": {"gold"}}), map[string]any{"acr": nil, "amr": nil})
}

// Claims requested by name are returned whatever the scopes, each where it was requested (OpenID Connect Core, 5.5).
func TestNamedClaims(t *testing.T) {
	a := newApp(t, fakeop.Config{})
	for claims, want := range map[string]struct{ idToken, userInfo map[string]any }{
		`{"id_token":{"email":null,"nonce":null,"x":{"essential":true}}}`: {
			map[string]any{"email": "alice@example.com", "email_verified": nil, "x": nil, "nonce": "the-nonce"},
			map[string]any{"email": nil},
		},
		`{"userinfo":{"name":{"essential":true}},"x":1}`: {
			map[string]any{"name": nil}, map[string]any{"name": "Alice Archer", "email": nil},
		},
		`{"userinfo":null}`: {map[string]any{"name": nil}, map[string]any{"name": nil}},
	} {
		got := a.redeem(a.approve("alice", changes{"scope": {"openid"}, "claims": {claims}}).Get("code"))
		has(t, part(t, text(got.object, "id_token"), 1), want.idToken)
		has(t, a.userInfo(text(got.object, "access_token")).object, want.userInfo)
	}
}

// Tokens are issued only for resources that the request named (RFC 8707, 2.2).
func TestResources(t *testing.T) {
	const one, two = "https://one.example/api", "urn:two"
	for name, tt := range map[string]struct {
		asked, token []string
		want         string
	}{
		"none":        {nil, nil, ""},
		"all":         {[]string{one, two}, []string{two, one}, ""},
		"one of them": {[]string{one, two}, []string{two}, ""},
		"unspecified": {[]string{one, two}, nil, ""},
		"another":     {[]string{one}, []string{two}, "invalid_target"},
		"one more":    {[]string{one}, []string{one, two}, "invalid_target"},
		"never asked": {nil, []string{one}, "invalid_target"},
	} {
		t.Run(name, func(t *testing.T) {
			a := newApp(t, fakeop.Config{})
			code := a.approve("alice", changes{"resource": tt.asked}).Get("code")
			got := a.token(changes{"code": {code}, "resource": tt.token}, nil)
			got.refused(t, tt.want)
			if tt.want != "" {
				return
			}
			refresh := changes{
				"grant_type": {"refresh_token"}, "refresh_token": {text(got.object, "refresh_token")}, "resource": {"urn:three"},
			}
			a.token(refresh, nil).refused(t, "invalid_target")
		})
	}
}

// The metadata describes the configuration.
func TestMetadataOfOptions(t *testing.T) {
	algs := []any{"ES256", "PS256", "RS256", "EdDSA"}
	always := map[string]any{
		"response_modes_supported":                   []any{"query", "form_post", "query.jwt", "form_post.jwt", "jwt"},
		"authorization_signing_alg_values_supported": []any{"RS256"}, "dpop_signing_alg_values_supported": algs,
		"prompt_values_supported":         []any{"none", "login", "consent", "select_account", "create"},
		"claims_parameter_supported":      true,
		"request_uri_parameter_supported": false,
	}
	tests := map[string]struct {
		cfg  fakeop.Config
		want map[string]any
	}{
		"nothing": {fakeop.Config{}, map[string]any{
			"acr_values_supported": nil, "mtls_endpoint_aliases": nil, "userinfo_signing_alg_values_supported": nil,
			"id_token_encryption_alg_values_supported": nil, "request_parameter_supported": false,
			"request_object_signing_alg_values_supported": nil, "token_endpoint_auth_signing_alg_values_supported": nil,
		}},
		"acr": {fakeop.Config{ACRValues: []string{"1", "2"}}, map[string]any{"acr_values_supported": []any{"1", "2"}}},
		"userinfo": {
			fakeop.Config{SignUserInfo: true}, map[string]any{"userinfo_signing_alg_values_supported": []any{"RS256"}},
		},
		"keyed": {
			keyed(), map[string]any{"request_parameter_supported": true, "request_object_signing_alg_values_supported": algs},
		},
		"private_key_jwt": {fakeop.Config{ClientAuthMethod: "private_key_jwt", ClientKey: ecKey().Public()}, map[string]any{
			"token_endpoint_auth_methods_supported":            []any{"private_key_jwt"},
			"token_endpoint_auth_signing_alg_values_supported": algs,
		}},
		"client_secret_jwt": {fakeop.Config{ClientAuthMethod: "client_secret_jwt", ClientSecret: longSecret}, map[string]any{
			"token_endpoint_auth_methods_supported":            []any{"client_secret_jwt"},
			"token_endpoint_auth_signing_alg_values_supported": []any{"HS256"},
		}},
		"tls_client_auth": {fakeop.Config{ClientAuthMethod: "tls_client_auth", ClientKey: ecKey().Public()}, map[string]any{
			"token_endpoint_auth_methods_supported":            []any{"tls_client_auth"},
			"token_endpoint_auth_signing_alg_values_supported": nil,
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			a := newApp(t, tt.cfg)
			a.idp.OnDiscovery(func(doc map[string]any) { // what a hook does to one answer stays there
				if modes, ok := doc["response_modes_supported"].([]string); ok {
					modes[0] = "fragment"
				}
			})
			a.get(a.url(fakeop.Discovery))
			a.idp.OnDiscovery(nil)
			doc := a.get(a.url(fakeop.Discovery)).object
			has(t, doc, always)
			has(t, doc, tt.want)
		})
	}
}
