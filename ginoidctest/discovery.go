package ginoidctest

import "net/http"

// discovery serves the provider's metadata (OpenID Connect Discovery, 3).
func (p *Provider) discovery(w http.ResponseWriter, _ *http.Request) {
	methods := []string{"client_secret_basic", "client_secret_post"}
	if p.cfg.Public {
		methods = []string{"none"}
	}
	doc := map[string]any{
		"issuer":                                         p.issuer,
		"authorization_endpoint":                         p.url(Authorize),
		"token_endpoint":                                 p.url(Token),
		"userinfo_endpoint":                              p.url(UserInfo),
		"jwks_uri":                                       p.url(JWKS),
		"end_session_endpoint":                           p.url(EndSession),
		"response_types_supported":                       []string{"code"},
		"response_modes_supported":                       []string{"query", "form_post"},
		"grant_types_supported":                          []string{"authorization_code", "refresh_token"},
		"subject_types_supported":                        []string{"public"},
		"id_token_signing_alg_values_supported":          []string{p.cfg.SigningAlg},
		"token_endpoint_auth_methods_supported":          methods,
		"code_challenge_methods_supported":               []string{"S256"},
		"prompt_values_supported":                        []string{"none", "login", "consent", "select_account"},
		"scopes_supported":                               []string{"openid", "profile", "email", "groups", "offline_access"},
		"backchannel_logout_supported":                   true,
		"backchannel_logout_session_supported":           true,
		"authorization_response_iss_parameter_supported": true,
	}
	p.edit(Discovery, doc)
	writeJSON(w, http.StatusOK, doc)
}

func (p *Provider) url(e Endpoint) string { return p.root + string(e) }
