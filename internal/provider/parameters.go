package provider

import "slices"

// OwnParameter tells whether an authorization request parameter is this client's own to set, so that nothing else may. A
// request object would replace all of them (RFC 9101 section 5), and has claims of its own (RFC 7519 section 4.1).
func OwnParameter(name string) bool {
	return slices.Contains([]string{
		"response_type", "client_id", "redirect_uri", "scope", "state", "nonce", "code_challenge", "code_challenge_method",
		"response_mode", "request", "request_uri", "dpop_jkt", "client_secret", "client_assertion", "client_assertion_type",
		"iss", "sub", "aud", "exp", "nbf", "iat", "jti",
	}, name)
}
