package fakeop

import (
	"net/http"
	"slices"

	"github.com/go-jose/go-jose/v4"
)

// discovery serves the provider's metadata (OpenID Connect Discovery, 3).
func (p *Provider) discovery(w http.ResponseWriter, _ *http.Request) {
	doc := map[string]any{
		"issuer":                                         p.issuer,
		"authorization_endpoint":                         p.url(Authorize),
		"token_endpoint":                                 p.url(Token),
		"userinfo_endpoint":                              p.url(UserInfo),
		"jwks_uri":                                       p.url(JWKS),
		"end_session_endpoint":                           p.url(EndSession),
		"pushed_authorization_request_endpoint":          p.url(PAR),
		"revocation_endpoint":                            p.url(Revocation),
		"introspection_endpoint":                         p.url(Introspection),
		"require_pushed_authorization_requests":          p.cfg.RequirePAR,
		"response_types_supported":                       []string{"code"},
		"response_modes_supported":                       responseModes(),
		"grant_types_supported":                          grantTypes(),
		"subject_types_supported":                        []string{"public"},
		"id_token_signing_alg_values_supported":          []string{p.cfg.SigningAlg},
		"authorization_signing_alg_values_supported":     []string{p.cfg.SigningAlg},
		"token_endpoint_auth_methods_supported":          p.authMethods(),
		"revocation_endpoint_auth_methods_supported":     p.authMethods(),
		"introspection_endpoint_auth_methods_supported":  p.authMethods(),
		"introspection_signing_alg_values_supported":     []string{p.cfg.SigningAlg},
		"dpop_signing_alg_values_supported":              names(clientAlgs()),
		"code_challenge_methods_supported":               []string{"S256"},
		"prompt_values_supported":                        promptValues(),
		"scopes_supported":                               []string{"openid", "profile", "email", "groups", "offline_access"},
		"claims_parameter_supported":                     true,
		"request_parameter_supported":                    p.cfg.ClientKey != nil,
		"request_uri_parameter_supported":                false, // the client's own; those of PAR are separate
		"require_signed_request_object":                  p.cfg.RequireRequestObject,
		"backchannel_logout_supported":                   true,
		"backchannel_logout_session_supported":           true,
		"authorization_response_iss_parameter_supported": true,
	}
	p.describeOptions(doc)
	p.edit(doc, Discovery)
	writeJSON(w, http.StatusOK, doc)
}

// describeOptions adds what only some configurations have.
func (p *Provider) describeOptions(doc map[string]any) {
	for _, endpoint := range []string{"token", "revocation", "introspection"} {
		switch p.cfg.ClientAuthMethod {
		case privateKeyJWT:
			doc[endpoint+"_endpoint_auth_signing_alg_values_supported"] = names(clientAlgs())
		case secretJWT:
			doc[endpoint+"_endpoint_auth_signing_alg_values_supported"] = []string{"HS256"}
		}
	}
	if p.cfg.ClientKey != nil {
		doc["request_object_signing_alg_values_supported"] = names(clientAlgs())
	}
	if p.cfg.SignUserInfo {
		doc["userinfo_signing_alg_values_supported"] = []string{p.cfg.SigningAlg}
	}
	if p.cfg.EncryptIDToken != nil {
		doc["id_token_encryption_alg_values_supported"] = []jose.KeyAlgorithm{encryptionAlg(p.cfg.EncryptIDToken)}
		doc["id_token_encryption_enc_values_supported"] = []jose.ContentEncryption{jose.A256GCM}
	}
	if len(p.cfg.ACRValues) > 0 {
		doc["acr_values_supported"] = slices.Clone(p.cfg.ACRValues)
	}
	if p.cfg.MTLSRoot != "" {
		doc["mtls_endpoint_aliases"] = map[string]any{
			"token_endpoint":                        p.alias(Token),
			"userinfo_endpoint":                     p.alias(UserInfo),
			"pushed_authorization_request_endpoint": p.alias(PAR),
			"revocation_endpoint":                   p.alias(Revocation),
			"introspection_endpoint":                p.alias(Introspection),
		}
	}
}

func (p *Provider) url(e Endpoint) string { return p.root + string(e) }
