package provider

import (
	"slices"
	"strings"
)

// checkIPSIE checks the metadata for what the IPSIE SL1 profile requires of the authorization response and of PKCE.
func checkIPSIE(m *Metadata) error {
	var missing []string
	if !m.AuthorizationResponseIssParameterSupported {
		missing = append(missing, "authorization_response_iss_parameter_supported")
	}
	if !slices.Contains(m.CodeChallengeMethods, "S256") {
		missing = append(missing, "code_challenge_methods_supported with S256")
	}
	if missing != nil {
		return misconfigured(opDiscovery, "ipsie_unsupported", "for IPSIE SL1 this provider lacks: %s",
			strings.Join(missing, "; "))
	}
	return nil
}

// checkIPSIEAudience requires the audience of an ID token to be this client alone, and a string: a token for several
// parties could be replayed by any of them (IPSIE SL1; NIST SP 800-63C-4, FAL2).
func checkIPSIEAudience(claims Claims) error {
	if _, ok := claims["aud"].(string); !ok {
		return badToken(opIDToken, "audience", "for IPSIE SL1, aud has to be a string")
	}
	return nil
}

// checkIPSIEClaims requires what the profile has ID tokens say of the authentication, and how long the session may
// last. What they say is for the caller to judge.
func checkIPSIEClaims(claims Claims) error {
	methods, _ := claims["amr"].([]any)
	isText := func(value any) bool { s, _ := value.(string); return s != "" }
	_, hasAuthTime := seconds(claims["auth_time"])
	var missing []string
	for name, ok := range map[string]bool{
		"acr": isText(claims["acr"]), "auth_time": hasAuthTime, "session_expiry": claims["session_expiry"] != nil,
		"amr": len(methods) > 0 && !slices.ContainsFunc(methods, func(m any) bool { return !isText(m) }),
	} {
		if !ok {
			missing = append(missing, name)
		}
	}
	if missing != nil {
		slices.Sort(missing)
		return badToken(opIDToken, "ipsie_claims", "for IPSIE SL1 the ID token lacks: %s", strings.Join(missing, " "))
	}
	return nil
}
