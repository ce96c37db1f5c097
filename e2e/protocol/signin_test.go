package protocol_test

import (
	"slices"
	"testing"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/e2e/start"
)

// signIn is a way to sign in, and what of it is visible on the wire.
type signIn struct {
	name   string
	client map[string]any        // what the app registers
	config func(*ginoidc.Config) // what it sets; nil: nothing
	asked  string                // parameters that the browser takes to the provider; empty: those of a plain request
	answer string                // parameters that it brings back; empty: those of a plain response
	calls  []string              // of the app to the provider; nil: those of a plain client
}

func TestSignIn(t *testing.T) {
	provider := start.RunOpenProvider(t, "")
	for _, row := range slices.Concat(clientAuthentication(t), authorizationRequests(t), answers(t)) {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			row.run(t, startApp(t, provider, row.client, row.config))
		})
	}
}

// run signs alice in. The group that opens the page is in userinfo only.
func (row signIn) run(t *testing.T, a *app) {
	t.Helper()
	alice := somebody(t)
	alice.sees(alice.signIn(a, "/admin", "alice"), a, "/admin", "alice")
	calls := row.calls
	if calls == nil {
		calls = []string{redeems(basic), asks(bearer)}
	}
	if got, want := alice.sent(a.issuer+"/auth"), orElse(row.asked, request); got != want {
		t.Errorf("through the browser to the provider: %s\nwant %s", got, want)
	}
	if got, want := alice.sent(a.url+"/auth/callback"), orElse(row.answer, "code iss state"); got != want {
		t.Errorf("through the browser to the app: %s\nwant %s", got, want)
	}
	if got := a.wire.take(); !slices.Equal(got, calls) {
		t.Errorf("calls to the provider: %q\nwant %q", got, calls)
	}
}

func clientAuthentication(t *testing.T) []signIn {
	method := func(name string, more ...any) map[string]any {
		return client("token_endpoint_auth_method", name, more...)
	}
	byKey := func(key clientKey, alg string) map[string]any {
		return method("private_key_jwt", "token_endpoint_auth_signing_alg", alg, "jwks", jwks(key))
	}
	with := func(key clientKey) func(*ginoidc.Config) {
		return func(c *ginoidc.Config) { c.Providers[0].ClientKey = key.pem }
	}
	ec, rsa, ed := ecKey(t), rsaKey(t), edKey(t)
	named := ecKey(t)
	named.jwk["kid"] = "of the summer"
	posted := []string{redeems(secret), asks(bearer)}
	asserted := []string{redeems(assertion), asks(bearer)}
	return []signIn{
		{name: "client_secret_basic"},
		{name: "client_secret_post", client: method("client_secret_post"), calls: posted},
		{name: "client_secret_jwt", client: method("client_secret_jwt"), calls: asserted},
		{name: "no authentication", client: method("none"), calls: []string{redeems("client_id"), asks(bearer)}},
		{name: "private_key_jwt ES256", client: byKey(ec, "ES256"), config: with(ec), calls: asserted},
		{name: "private_key_jwt RS256", client: byKey(rsa, "RS256"), config: with(rsa), calls: asserted},
		{name: "private_key_jwt EdDSA", client: byKey(ed, "EdDSA"), config: with(ed), calls: asserted},
		{
			name: "private_key_jwt PS256", client: byKey(rsa, "PS256"), calls: asserted,
			config: func(c *ginoidc.Config) { c.Providers[0].ClientKey, c.Providers[0].ClientKeyAlg = rsa.pem, "PS256" },
		}, {
			name: "private_key_jwt with a kid", client: byKey(named, "ES256"), calls: asserted,
			config: func(c *ginoidc.Config) {
				c.Providers[0].ClientKey, c.Providers[0].ClientKeyID = named.pem, "of the summer"
			},
		},
	}
}

func authorizationRequests(t *testing.T) []signIn {
	ec, ed := ecKey(t), edKey(t)
	push := func(c *ginoidc.Config) { c.Providers[0].PushedAuthorization = "always" }
	sign := func(key clientKey) func(*ginoidc.Config) {
		return func(c *ginoidc.Config) { c.Providers[0].ClientKey, c.Providers[0].SignRequests = key.pem, true }
	}
	required := func(alg string, key clientKey) map[string]any {
		return client("require_signed_request_object", true, "request_object_signing_alg", alg, "jwks", jwks(key))
	}
	const pushed, signed = "client_id request_uri", "client_id request response_type scope"
	return []signIn{
		{
			name: "pushed", client: client("require_pushed_authorization_requests", true), config: push,
			asked: pushed, calls: []string{pushes(basic, request), redeems(basic), asks(bearer)},
		}, {
			name: "pushed by a public client", client: client("token_endpoint_auth_method", "none"), config: push,
			asked: pushed, calls: []string{pushes(request), redeems("client_id"), asks(bearer)},
		}, {
			name: "pushed, secret in the form", client: client("token_endpoint_auth_method", "client_secret_post"), config: push,
			asked: pushed, calls: []string{pushes(secret, request), redeems(secret), asks(bearer)},
		},
		{name: "signed ES256", client: required("ES256", ec), config: sign(ec), asked: signed},
		{name: "signed EdDSA", client: required("EdDSA", ed), config: sign(ed), asked: signed},
		{
			name: "signed and pushed", client: required("ES256", ec), config: both(sign(ec), push),
			asked: pushed, calls: []string{pushes(basic, "client_id request"), redeems(basic), asks(bearer)},
		},
	}
}

func answers(t *testing.T) []signIn {
	ec, rsa := ecKey(t), rsaKey(t)
	algs := func(names ...string) func(*ginoidc.Config) {
		return func(c *ginoidc.Config) { c.Providers[0].SigningAlgs = names }
	}
	opens := func(key clientKey) func(*ginoidc.Config) {
		return func(c *ginoidc.Config) { c.Providers[0].DecryptionKey = key.pem }
	}
	encrypted := func(alg, enc string, key clientKey) map[string]any {
		return client("id_token_encrypted_response_alg", alg, "id_token_encrypted_response_enc", enc, "jwks", jwks(key))
	}
	jarm := func(c *ginoidc.Config) { c.Providers[0].ResponseMode = "query.jwt" }
	withMode := names(request, "response_mode")
	jwt := []string{redeems(basic), call("GET", "/me", 200, "application/jwt", bearer)}
	return []signIn{
		{name: "ID token ES256", client: client("id_token_signed_response_alg", "ES256"), config: algs("ES256")},
		{name: "ID token EdDSA", client: client("id_token_signed_response_alg", "EdDSA"), config: algs("EdDSA")},
		{name: "ID token PS256", client: client("id_token_signed_response_alg", "PS256"), config: algs("PS256")},
		{name: "ID token RSA-OAEP-256", client: encrypted("RSA-OAEP-256", "A128CBC-HS256", rsa), config: opens(rsa)},
		{name: "ID token ECDH-ES", client: encrypted("ECDH-ES", "A256GCM", ec), config: opens(ec)},
		{name: "JARM RS256", config: jarm, asked: withMode, answer: "response"},
		{
			name: "JARM ES256", client: client("authorization_signed_response_alg", "ES256"),
			config: both(jarm, algs("ES256", "RS256")), asked: withMode, answer: "response",
		},
		{name: "userinfo RS256", client: client("userinfo_signed_response_alg", "RS256"), calls: jwt},
		{
			name: "userinfo EdDSA", client: client("userinfo_signed_response_alg", "EdDSA"),
			config: algs("EdDSA", "RS256"), calls: jwt,
		}, {
			name: "DPoP", client: client("dpop_bound_access_tokens", true),
			config: func(c *ginoidc.Config) { c.Providers[0].DPoP = true },
			calls:  []string{redeems(basic, proof), asks(dpop, proof)},
		},
		allAtOnce(ec, rsa),
	}
}

// allAtOnce has every protection that a client can have here.
func allAtOnce(signs, opens clientKey) signIn {
	return signIn{
		name: "all at once",
		client: client("token_endpoint_auth_method", "private_key_jwt", "jwks", jwks(signs, opens),
			"require_pushed_authorization_requests", true, "require_signed_request_object", true,
			"dpop_bound_access_tokens", true, "authorization_signed_response_alg", "ES256",
			"id_token_signed_response_alg", "ES256", "id_token_encrypted_response_alg", "RSA-OAEP-256",
			"userinfo_signed_response_alg", "ES256"),
		config: func(c *ginoidc.Config) {
			p := &c.Providers[0]
			p.ClientKey, p.DecryptionKey, p.SigningAlgs = signs.pem, opens.pem, []string{"ES256"}
			p.PushedAuthorization, p.SignRequests, p.DPoP, p.ResponseMode = "always", true, true, "query.jwt"
		},
		asked: "client_id request_uri", answer: "response",
		calls: []string{
			pushes(assertion, "request"), redeems(assertion, proof),
			call("GET", "/me", 200, "application/jwt", dpop, proof),
		},
	}
}

// client returns client metadata: name, value, name, value.
func client(name string, value any, more ...any) map[string]any {
	metadata := map[string]any{name: value}
	for pair := range slices.Chunk(more, 2) {
		metadata[pair[0].(string)] = pair[1]
	}
	return metadata
}

func both(one, other func(*ginoidc.Config)) func(*ginoidc.Config) {
	return func(c *ginoidc.Config) {
		one(c)
		other(c)
	}
}

func orElse(text, other string) string {
	if text == "" {
		return other
	}
	return text
}
