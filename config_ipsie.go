package ginoidc

import (
	"fmt"
	"slices"
	"strings"

	"github.com/seed-d65cea4d/ginoidc/internal/settings"
)

// ProfileIPSIESL1 is the IPSIE SL1 OpenID Connect Profile, a value of [Provider].Profile.
const ProfileIPSIESL1 = "ipsie-sl1"

// setIPSIE sets the fields for which the profile allows only one value.
func (p *Provider) setIPSIE() {
	p.InitiateLogin = true
	if len(p.SigningAlgs) == 0 {
		p.SigningAlgs = settings.FAPI2Algs() // the profile has the same
	}
	if key, err := p.clientKey(); p.ClientKeyAlg == "" && err == nil && key.Alg() == "RS256" {
		p.ClientKeyAlg = "PS256"
	}
}

// validateIPSIE reports settings that the profile does not allow. The cryptography is that of its common requirements.
func (p *Provider) validateIPSIE(found *problems) {
	notAllowed := func(alg string) bool { return !slices.Contains(settings.FAPI2Algs(), alg) }
	algs := strings.Join(settings.FAPI2Algs(), " ")
	if strings.HasPrefix(p.Issuer, "http:") {
		found.add("Issuer", "is not https, which the profile ipsie-sl1 requires", "use https")
	}
	if slices.ContainsFunc(p.SigningAlgs, notAllowed) {
		found.add("SigningAlgs", "are not those of the profile ipsie-sl1", "use only "+algs+", or leave it out")
	}
	if key, err := p.clientKey(); len(p.ClientKey) > 0 && err == nil && notAllowed(key.Alg()) {
		found.add("ClientKeyAlg", fmt.Sprintf("%q is not allowed by the profile ipsie-sl1", key.Alg()), "use one of "+algs)
	}
	if p.ClientAuthMethod == ClientSecretJWT {
		found.add("ClientAuthMethod", "signs with HS256, which the profile ipsie-sl1 does not allow",
			"use private_key_jwt, a certificate or client_secret_basic")
	}
	if len(p.TrustedAudiences) > 0 {
		found.add("TrustedAudiences", "is not allowed by the profile ipsie-sl1: ID tokens have one audience", "leave it out")
	}
}

// validateIPSIE reports settings of the app that the profile of its provider does not allow.
func (c *Config) validateIPSIE(found *problems) {
	enterprise := func(p Provider) bool { return p.Profile == ProfileIPSIESL1 }
	if slices.ContainsFunc(c.Providers, enterprise) && strings.HasPrefix(c.AppURL, "http:") {
		found.add("AppURL", "is not https, which the profile ipsie-sl1 requires", "use https")
	}
}
