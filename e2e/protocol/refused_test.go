package protocol_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/e2e/start"
)

// If only one side has a feature, the sign-in fails: so the sign-ins above prove that both had it.
func TestOneSideOnly(t *testing.T) {
	open := start.RunOpenProvider(t, "")
	strict := start.RunOpenProvider(t, start.ProfileFAPI2)
	ec, other := ecKey(t), ecKey(t)
	byKey := client("token_endpoint_auth_method", "private_key_jwt", "jwks", jwks(ec))
	encrypted := client("id_token_encrypted_response_alg", "ECDH-ES", "jwks", jwks(ec))
	opens := func(key clientKey) func(*ginoidc.Config) {
		return func(c *ginoidc.Config) { c.Providers[0].DecryptionKey = key.pem }
	}
	for _, row := range []struct {
		name     string
		provider start.Provider
		client   map[string]any
		config   func(*ginoidc.Config)
		status   int
		reason   string // part of it
	}{
		{"pushed requests are required of the client", open,
			client("require_pushed_authorization_requests", true), nil, 401, "invalid_request"},
		{"pushed requests are required of all", strict, byKey, func(c *ginoidc.Config) {
			c.Providers[0].ClientKey, c.Providers[0].PushedAuthorization = ec.pem, "never"
		}, 503, "par_required"},
		{"signed requests are required", open, client("require_signed_request_object", true), nil, 401, "invalid_request"},
		{"requests are signed with another key", open, client("jwks", jwks(ec)), func(c *ginoidc.Config) {
			c.Providers[0].ClientKey, c.Providers[0].SignRequests = other.pem, true
		}, 401, "invalid_request_object"},
		{"DPoP is required", open, client("dpop_bound_access_tokens", true), nil, 401, "invalid_grant"},
		{"ID tokens are encrypted", open, encrypted, nil, 401, "id token: encrypted"},
		{"ID tokens are to be encrypted", open, nil, opens(ec), 401, "id token: not_encrypted"},
		{"ID tokens are encrypted to another key", open, encrypted, opens(other), 401, "id token: decryption_failed"},
		{"another algorithm of ID tokens", open, client("id_token_signed_response_alg", "PS256"), nil, 401,
			"id token: algorithm"},
		{"another algorithm of userinfo", open, client("userinfo_signed_response_alg", "ES256"), nil, 502,
			"userinfo: algorithm"},
		{"another algorithm of JARM", open, client("authorization_signed_response_alg", "ES256"), func(c *ginoidc.Config) {
			c.Providers[0].ResponseMode = "query.jwt"
		}, 400, "authorization response: algorithm"},
		{"assertions are signed with another key", open, byKey, func(c *ginoidc.Config) {
			c.Providers[0].ClientKey = other.pem
		}, 502, "invalid_client"},
		{"another secret", open, nil, func(c *ginoidc.Config) { c.Providers[0].ClientSecret += "?" }, 502, "invalid_client"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			a := startApp(t, row.provider, row.client, row.config)
			alice := somebody(t)
			shown := alice.Open(a.url + "/me")
			if strings.HasPrefix(shown.At.String(), a.issuer) {
				shown = alice.Submit(shown, url.Values{"account": {"alice"}})
			}
			if shown.Status != row.status || !strings.HasPrefix(shown.At.String(), a.url) ||
				!strings.Contains(shown.Text, row.reason) {
				t.Errorf("%s: %d %s, want %d with %q", shown.At, shown.Status, shown.Text, row.status, row.reason)
			}
			alice.sees(alice.Open(a.url+"/"), a, "/", "nobody")
		})
	}
}
