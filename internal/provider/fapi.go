package provider

import (
	"slices"
	"strings"
)

// checkFAPI2 checks the metadata for what the FAPI 2.0 Security Profile requires clients to use (sections 5.3.2 and
// 5.3.3): a provider without it cannot give the protection that this client is configured for. One error lists
// everything that is missing. That the endpoints of an https issuer are https is required of every provider.
func (p *Provider) checkFAPI2(m *Metadata) error {
	var missing []string
	want := func(ok bool, what string) {
		if !ok {
			missing = append(missing, what)
		}
	}
	mutualTLS := UsesMutualTLS(p.authMethod)
	want(m.PushedAuthorizationRequestEndpoint != "", "pushed_authorization_request_endpoint")
	want(m.AuthorizationResponseIssParameterSupported, "authorization_response_iss_parameter_supported")
	want(slices.Contains(m.CodeChallengeMethods, "S256"), "code_challenge_methods_supported with S256")
	want(mutualTLS || p.authMethod == PrivateKeyJWT,
		"client authentication by private_key_jwt or tls_client_auth, not "+excerpt(p.authMethod))
	want(slices.Contains(m.AuthMethods, p.authMethod), "token_endpoint_auth_methods_supported with "+excerpt(p.authMethod))
	if mutualTLS && !p.dpop {
		want(m.TLSClientCertificateBoundAccessTokens, "tls_client_certificate_bound_access_tokens")
	} else {
		want(slices.Contains(m.DPoPSigningAlgs, dpopAlg), "dpop_signing_alg_values_supported with "+dpopAlg)
	}
	if missing != nil {
		return misconfigured(opDiscovery, "fapi2_unsupported", "for FAPI 2.0 this provider and client lack: %s",
			strings.Join(missing, "; "))
	}
	return nil
}
