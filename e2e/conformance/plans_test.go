package conformance_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// published is a plan of the suite: how the app is configured for it, and what is to be expected of its modules.
type published struct {
	name     string
	variant  variant
	client   map[string]any // members of the client in the suite's configuration, beyond id, secret and redirect URI
	env      []string       // of the app
	register bool           // the client is registered at the suite, which rejects it when it is configured: see register
	fapi     bool           // the app is the one in client
	expected map[string]outcome
}

// outcome is what a module has to end with, in addition to the suite's own verdict.
type outcome struct {
	do       step // default: signIn
	signedIn bool
	calls    map[string]int // requests that the suite received, by the last element of their paths
	suite    string         // the suite's result, if it is not PASSED
}

// sign-ins that end as they should, and those that end before the userinfo endpoint, the token endpoint or at once.
var (
	good       = outcome{signedIn: true, calls: map[string]int{"authorize": 1, "token": 1, "userinfo": 1}}
	badToken   = outcome{calls: map[string]int{"authorize": 1, "token": 1, "userinfo": 0}}
	badProfile = outcome{calls: map[string]int{"authorize": 1, "token": 1, "userinfo": 1}}
	badAnswer  = outcome{calls: map[string]int{"authorize": 1, "token": 0, "userinfo": 0}}
	unsigned   = outcome{calls: badToken.calls, suite: "SKIPPED"} // of clients that support no unsigned ID tokens
	badIssuer  = outcome{calls: map[string]int{"authorize": 0, "token": 0, "userinfo": 0}}
)

func (o outcome) by(s step) outcome {
	o.do = s
	return o
}

func (v variant) with(name, value string) variant {
	v = maps.Clone(v)
	v[name] = value
	return v
}

func static(more variant) variant {
	v := variant{"client_registration": "static_client", "request_type": "plain_http_request"}
	maps.Copy(v, more)
	return v
}

// plans returns the plans, for an app at appURL.
func plans(t testing.TB, appURL string) []published {
	basic := map[string]outcome{
		"oidcc-client-test":                          good,
		"oidcc-client-test-invalid-iss":              badToken,
		"oidcc-client-test-missing-sub":              badToken,
		"oidcc-client-test-invalid-aud":              badToken,
		"oidcc-client-test-missing-iat":              badToken,
		"oidcc-client-test-kid-absent-single-jwks":   good,
		"oidcc-client-test-kid-absent-multiple-jwks": good,
		"oidcc-client-test-idtoken-sig-rs256":        good,
		"oidcc-client-test-idtoken-sig-none":         unsigned,
		"oidcc-client-test-invalid-sig-rs256":        badToken,
		"oidcc-client-test-userinfo-invalid-sub":     badProfile,
		"oidcc-client-test-nonce-invalid":            badToken,
		"oidcc-client-test-scope-userinfo-claims":    good,
		"oidcc-client-test-client-secret-basic":      good,
	}
	metadata := outcome{do: ready, calls: map[string]int{"openid-configuration": 1, "authorize": 0}}
	twice := outcome{step(signIn).twice(), true, map[string]int{"authorize": 2, "token": 2, "userinfo": 2}, ""}
	basicAuth := variant{"client_auth_type": "client_secret_basic", "response_mode": "default"}
	code := basicAuth.with("response_type", "code")
	all := []published{
		{name: "oidcc-client-basic-certification-test-plan", variant: static(nil), expected: basic},
		{name: "oidcc-client-formpost-basic-certification-test-plan", variant: static(nil), expected: basic,
			env: []string{"OIDC_RESPONSE_MODE=form_post"}},
		{name: "oidcc-client-config-certification-test-plan", variant: static(basicAuth), expected: map[string]outcome{
			"oidcc-client-test-discovery-openid-config":                  metadata,
			"oidcc-client-test-discovery-jwks-uri-keys":                  metadata,
			"oidcc-client-test-discovery-issuer-mismatch":                badIssuer,
			"oidcc-client-test-idtoken-sig-none":                         unsigned,
			"oidcc-client-test-signing-key-rotation-just-before-signing": good,
			"oidcc-client-test-signing-key-rotation":                     twice,
		}},
		{name: "oidcc-client-test-3rd-party-init-login-test-plan", register: true,
			variant:  static(code).with("client_registration", "dynamic_client"),
			client:   map[string]any{"initiate_login_uri": appURL + "/auth/signin"},
			env:      []string{"OIDC_INITIATE_LOGIN=true"},
			expected: map[string]outcome{"oidcc-client-test-3rd-party-init-login": good.by(initiated)}},
		{name: "oidcc-client-refreshtoken-test-plan", variant: static(code),
			env: []string{"OIDC_RECHECK_EVERY=1s", "OIDC_KEEP_TOKENS=true"},
			expected: map[string]outcome{
				"oidcc-client-test-refresh-token": {step(signIn).then(recheck), true,
					map[string]int{"authorize": 1, "token": 2, "userinfo": 2}, ""},
				"oidcc-client-test-refresh-token-invalid-issuer": {step(signIn).then(recheck), false,
					map[string]int{"authorize": 1, "token": 2, "userinfo": 1}, ""},
				"oidcc-client-test-refresh-token-invalid-sub": {step(signIn).then(recheck), false,
					map[string]int{"authorize": 1, "token": 2, "userinfo": 1}, ""},
			}},
	}
	all = append(all, logoutPlans(basicAuth, appURL)...)
	return append(all, fapiPlans(t)...)
}

// logoutPlans returns the three plans of sign-outs.
func logoutPlans(v variant, appURL string) []published {
	out := outcome{step(signIn).then(signOut), false, map[string]int{"end_session_endpoint": 1}, ""}
	framed := outcome{step(signIn).then(signOutFramed), false, map[string]int{"frontchannel_logout_callback": 1}, "REVIEW"}
	back := map[string]any{
		"post_logout_redirect_uri": appURL + "/auth/signed-out",
		"backchannel_logout_uri":   appURL + "/auth/backchannel-logout",
	}
	front := map[string]any{
		"post_logout_redirect_uri": appURL + "/auth/signed-out",
		"frontchannel_logout_uri":  appURL + "/auth/frontchannel-logout",
	}
	env := []string{"OIDC_KEEP_ID_TOKEN=true", "OIDC_UNTYPED_LOGOUT_TOKENS=true",
		"OIDC_POST_SIGN_OUT_URL=" + appURL + "/auth/signed-out"}
	const channel = "oidcc-client-test-rp-backchannel-rpinitlogout"
	return []published{
		{name: "oidcc-client-rp-initiated-logout-rp-basic", variant: static(v), client: back, env: env,
			expected: map[string]outcome{
				"oidcc-client-test-rp-init-logout":             out,
				"oidcc-client-test-rp-init-logout-other-state": out,
				"oidcc-client-test-rp-init-logout-no-state":    out,
			}},
		{name: "oidcc-client-back-channel-logout-rp-basic", variant: static(v), client: back, env: env,
			expected: map[string]outcome{
				channel: out, channel + "-alg-none": out, channel + "-no-event": out, channel + "-with-nonce": out,
				channel + "-wrong-alg": out, channel + "-wrong-aud": out, channel + "-wrong-event": out,
				channel + "-wrong-iss": out,
			}},
		{name: "oidcc-client-front-channel-logout-rp-basic", variant: static(v), client: front, env: env,
			expected: map[string]outcome{
				"oidcc-client-test-rp-frontchannel-rpinitlogout": framed,
			}},
	}
}

// fapiPlans returns the plans of FAPI 2.0 for a client with OpenID Connect, private_key_jwt and DPoP.
func fapiPlans(t testing.TB) []published {
	file, jwks := clientKey(t)
	const prefix = "fapi2-security-profile-final-client-test-"
	// Each first request to an endpoint has no DPoP nonce, and is repeated.
	called := outcome{do: step(signIn).then(resource), signedIn: true,
		calls: map[string]int{"par": 1, "authorize": 1, "token": 2, "userinfo": 2, "accounts": 2}}
	once := called
	once.calls = map[string]int{"par": 1, "authorize": 1, "token": 1, "userinfo": 1, "accounts": 1}
	refused := outcome{calls: map[string]int{"authorize": 1, "token": 2, "userinfo": 0, "accounts": 0}}
	both := map[string]outcome{
		"happy-path": called, "happy-path-no-dpop-nonce": once, "valid-aud-as-array": called,
		"token-endpoint-response-without-expires_in": called, "token-type-case-insensitivity": called,
		"rs-dpop-auth-scheme-case-insensitivity": called,
		"discovery-issuer-mismatch":              badIssuer,
	}
	for _, name := range []string{"iss", "aud", "secondary-aud", "null-alg", "alternate-alg", "expired-exp", "missing-exp",
		"missing-aud", "missing-iss", "nonce", "missing-nonce"} {
		both["invalid-"+name] = refused
	}
	for _, name := range []string{"state", "missing-state"} {
		both["ensure-authorization-response-with-invalid-"+name+"-fails"] = badAnswer
	}
	security, signing := map[string]outcome{}, map[string]outcome{}
	for name, o := range both {
		security[prefix+name], signing[prefix+name] = o, o
	}
	for _, name := range []string{"invalid", "remove"} {
		security[prefix+name+"-authorization-response-iss"] = badAnswer
	}
	for _, name := range []string{"without-iss-fails", "with-invalid-iss-fails", "without-aud-fails",
		"with-invalid-aud-fails", "without-exp-fails", "with-expired-exp-fails", "with-invalid-sig-fails",
		"signature-is-not-none"} {
		signing[prefix+"ensure-jarm-"+name] = badAnswer
	}
	v := variant{"client_auth_type": "private_key_jwt", "sender_constrain": "dpop", "fapi_client_type": "oidc",
		"fapi_profile": "plain_fapi", "authorization_request_type": "simple"}
	signed := v.with("fapi_request_method", "signed_non_repudiation").with("fapi_response_mode", "jarm")
	env := []string{"OIDC_PROFILE=fapi2", "OIDC_CLIENT_KEY_FILE=" + file, "OIDC_CLIENT_KEY_ID=client",
		"OIDC_KEEP_TOKENS=true"}
	client := map[string]any{"jwks": jwks, "scope": "openid profile email"}
	return []published{
		{name: "fapi2-security-profile-final-client-test-plan", variant: v, client: client, env: env, fapi: true,
			expected: security},
		{name: "fapi2-message-signing-final-client-test-plan", variant: signed, client: client, fapi: true,
			env:      append(slices.Clone(env), "OIDC_SIGN_REQUESTS=true", "OIDC_RESPONSE_MODE=query.jwt"),
			expected: signing},
	}
}

// clientKey returns the file of a client's private key and its public key as a JSON Web Key Set.
func clientKey(t testing.TB) (file string, jwks any) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "client.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600); err != nil {
		t.Fatal(err)
	}
	point, err := key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	b64 := base64.RawURLEncoding.EncodeToString
	return file, map[string]any{"keys": []any{map[string]any{
		"kty": "EC", "crv": "P-256", "x": b64(point[1:33]), "y": b64(point[33:]),
		"kid": "client", "alg": "ES256", "use": "sig",
	}}}
}
