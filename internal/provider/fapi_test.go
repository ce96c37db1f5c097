package provider_test

import (
	"strings"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

// fapi2 configures a client as the FAPI 2.0 Security Profile requires.
func fapi2(c *provider.Config) {
	c.FAPI2, c.PushedAuthorization, c.DPoP, c.AuthMethod = true, "always", true, "private_key_jwt"
}

// fapi2Metadata returns the metadata of a provider that supports everything, changed; a nil value removes a member.
func fapi2Metadata(change object) object {
	return merge(metadata(object{
		"authorization_response_iss_parameter_supported": true,
		"code_challenge_methods_supported":               []string{"plain", "S256"},
		"dpop_signing_alg_values_supported":              []string{"PS256", "ES256"},
		"token_endpoint_auth_methods_supported": []string{"private_key_jwt", "tls_client_auth",
			"self_signed_tls_client_auth", "client_secret_basic"},
		"tls_client_certificate_bound_access_tokens": true,
	}), change)
}

func TestFAPI2(t *testing.T) {
	set := func(method string, dpop bool) func(*provider.Config) {
		return func(c *provider.Config) { c.AuthMethod, c.DPoP = method, dpop }
	}
	key, tls, selfSigned := set("private_key_jwt", true), set("tls_client_auth", false),
		set("self_signed_tls_client_auth", false)
	tests := []struct {
		name   string
		client func(*provider.Config)
		change object
		lacks  []string // nil: accepted
	}{
		{"private_key_jwt and DPoP", key, nil, nil},
		{"private_key_jwt and DPoP, tokens bound to no certificate", key,
			object{"tls_client_certificate_bound_access_tokens": nil}, nil},
		{"tls_client_auth", tls, object{"dpop_signing_alg_values_supported": nil}, nil},
		{"self_signed_tls_client_auth", selfSigned, object{"dpop_signing_alg_values_supported": nil}, nil},
		{"tls_client_auth and DPoP", set("tls_client_auth", true),
			object{"tls_client_certificate_bound_access_tokens": nil}, nil},

		{"no PAR endpoint", key, object{"pushed_authorization_request_endpoint": nil},
			[]string{"pushed_authorization_request_endpoint"}},
		{"no iss in responses", key, object{"authorization_response_iss_parameter_supported": nil},
			[]string{"authorization_response_iss_parameter_supported"}},
		{"iss by word", key, object{"authorization_response_iss_parameter_supported": "true"},
			[]string{"authorization_response_iss_parameter_supported"}},
		{"no S256", key, object{"code_challenge_methods_supported": []string{"plain"}},
			[]string{"code_challenge_methods_supported"}},
		{"PKCE unsaid", key, object{"code_challenge_methods_supported": nil}, []string{"code_challenge_methods_supported"}},
		{"PKCE no list", key, object{"code_challenge_methods_supported": "S256"},
			[]string{"code_challenge_methods_supported"}},
		{"no ES256", key, object{"dpop_signing_alg_values_supported": []any{"EdDSA", 1}},
			[]string{"dpop_signing_alg_values_supported"}},
		{"DPoP unsaid", key, object{"dpop_signing_alg_values_supported": nil}, []string{"dpop_signing_alg_values_supported"}},
		{"DPoP off", set("private_key_jwt", false), object{"dpop_signing_alg_values_supported": nil},
			[]string{"dpop_signing_alg_values_supported"}},
		{"DPoP over TLS", set("tls_client_auth", true), object{"dpop_signing_alg_values_supported": nil},
			[]string{"dpop_signing_alg_values_supported"}},
		{"tokens bound to nothing", tls, object{"tls_client_certificate_bound_access_tokens": nil},
			[]string{"tls_client_certificate_bound_access_tokens"}},
		{"method unsaid", key, object{"token_endpoint_auth_methods_supported": nil},
			[]string{"token_endpoint_auth_methods_supported"}},
		{"method not listed", selfSigned, object{"token_endpoint_auth_methods_supported": []string{"tls_client_auth"}},
			[]string{"token_endpoint_auth_methods_supported"}},
		{"secret", set("client_secret_basic", true), nil, []string{"private_key_jwt or tls_client_auth"}},
		{"public", set("none", true), nil,
			[]string{"private_key_jwt or tls_client_auth", "token_endpoint_auth_methods_supported"}},
		{"all at once", set("client_secret_jwt", true), object{
			"pushed_authorization_request_endpoint": nil, "authorization_response_iss_parameter_supported": false,
			"code_challenge_methods_supported": []any{}, "dpop_signing_alg_values_supported": []any{},
		},
			[]string{"pushed_authorization_request_endpoint", "authorization_response_iss_parameter_supported",
				"code_challenge_methods_supported",
				"private_key_jwt or tls_client_auth", "token_endpoint_auth_methods_supported",
				"dpop_signing_alg_values_supported"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			op := newOP(t)
			op.serve(discoveryPath, jsonAnswer(200, fapi2Metadata(test.change)))
			p := op.client(fapi2, test.client)
			if test.lacks == nil {
				if err := p.Ready(t.Context()); err != nil {
					t.Error(err)
				}
				return
			}
			target, err := p.AuthorizationURL(t.Context(), authRequest())
			wantError(t, err, provider.Misconfigured, "fapi2_unsupported")
			contains(t, err.Error(), test.lacks...)
			if n := strings.Count(err.Error(), ";"); n != len(test.lacks)-1 {
				t.Errorf("%d things missing in %v", n+1, err)
			}
			if target != "" || op.count(pushPath) != 0 {
				t.Errorf("the browser is sent to %q, after %d pushes", target, op.count(pushPath))
			}
			wantError(t, p.Ready(t.Context()), provider.Misconfigured, "fapi2_unsupported")
		})
	}
	op := newOP(t) // every endpoint is https, as without FAPI
	op.serve(discoveryPath,
		jsonAnswer(200, fapi2Metadata(object{"pushed_authorization_request_endpoint": "http://op.example/par"})))
	wantError(t, op.client(fapi2).Ready(t.Context()), provider.Invalid, "bad_endpoint")
}

// TestProfilesCheckTheRest: a provider that fits a profile can still disagree with the configuration.
func TestProfilesCheckTheRest(t *testing.T) {
	for name, test := range map[string]struct {
		client func(*provider.Config)
		change object
		code   string
	}{
		"FAPI 2.0": {func(c *provider.Config) { fapi2(c); c.PushedAuthorization = "never" },
			object{"require_pushed_authorization_requests": true}, "par_required"},
		"IPSIE": {func(c *provider.Config) { c.IPSIE, c.DPoP = true, true },
			object{"dpop_signing_alg_values_supported": []string{"PS256"}}, "dpop_unsupported"},
	} {
		op := newOP(t)
		op.serve(discoveryPath, jsonAnswer(200, fapi2Metadata(test.change)))
		_, err := op.client(test.client).Metadata(t.Context())
		if wantError(t, err, provider.Misconfigured, test.code); t.Failed() {
			t.Error(name)
		}
	}
}

// A response mode that is not listed may still work: it causes only a warning.
func TestResponseModeNotListed(t *testing.T) {
	for _, test := range []struct {
		mode   string
		listed any
		warns  bool
	}{
		{"form_post.jwt", []string{"query", "form_post"}, true}, {"form_post.jwt", []string{"form_post.jwt"}, false},
		{"form_post.jwt", nil, false}, {"", []string{"fragment"}, false},
	} {
		var log logBuffer
		op := newOP(t)
		op.serve(discoveryPath, document(object{"response_modes_supported": test.listed}))
		p := op.client(logTo(&log), func(c *provider.Config) { c.ResponseMode = test.mode })
		target, err := p.AuthorizationURL(t.Context(), authRequest())
		if err != nil || strings.Contains(log.String(), "response mode") != test.warns {
			t.Errorf("%q of %v: %v, %s", test.mode, test.listed, err, log.String())
		}
		if strings.Contains(target, "response_mode="+test.mode) != (test.mode != "") {
			t.Errorf("%s", target)
		}
	}
}
