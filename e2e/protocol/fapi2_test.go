package protocol_test

import (
	"slices"
	"testing"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/e2e/start"
)

// The provider requires the FAPI 2.0 Security Profile of each client, and a nonce in each DPoP proof.
func TestFAPI2(t *testing.T) {
	provider := start.RunOpenProvider(t, start.ProfileFAPI2)
	ec, rsa, ed := ecKey(t), rsaKey(t), edKey(t)
	byKey := func(key clientKey, alg string, more ...any) map[string]any {
		return client("token_endpoint_auth_method", "private_key_jwt", append(more, "jwks", jwks(key),
			"token_endpoint_auth_signing_alg", alg, "id_token_signed_response_alg", alg, "dpop_bound_access_tokens", true)...)
	}
	profile := func(key clientKey) func(*ginoidc.Config) {
		return func(c *ginoidc.Config) {
			p := &c.Providers[0]
			p.Profile, p.ClientAuthMethod, p.ClientKey = "fapi2", "", key.pem
		}
	}
	// The provider decides on the nonce: it refuses the first proof, and then does not look at the code.
	refused := call("POST", "/token", 400, "application/json", assertion, proof, grant)
	redeemed, asked := redeems(assertion, proof), asks(dpop, proof)
	plain := []string{pushes(assertion, request), refused, redeemed, asked}
	for _, row := range []signIn{
		{name: "ES256", client: byKey(ec, "ES256"), config: profile(ec), calls: plain},
		{name: "PS256", client: byKey(rsa, "PS256"), config: profile(rsa), calls: plain},
		{name: "EdDSA", client: byKey(ed, "EdDSA"), config: profile(ed), calls: plain},
		{name: "signed requests and answers", answer: "response",
			client: byKey(ec, "ES256", "require_signed_request_object", true, "authorization_signed_response_alg", "ES256"),
			config: both(profile(ec), func(c *ginoidc.Config) {
				c.Providers[0].SignRequests, c.Providers[0].ResponseMode = true, "query.jwt"
			}),
			calls: []string{pushes(assertion, "request"), refused, redeemed, asked}},
		{name: "without the profile, pushed since the provider requires it", client: byKey(ec, "ES256"), calls: plain,
			config: func(c *ginoidc.Config) {
				p := &c.Providers[0]
				p.ClientKey, p.DPoP, p.SigningAlgs = ec.pem, true, []string{"ES256"}
			}},
	} {
		row.asked = "client_id request_uri"
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			a := startApp(t, provider, row.client, row.config)
			row.run(t, a)
			row.calls = slices.DeleteFunc(slices.Clone(row.calls), func(line string) bool { return line == refused })
			row.run(t, a) // with the nonce that the provider gave last
		})
	}
}
