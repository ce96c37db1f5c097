package ginoidc

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

const (
	maxTolerance           = 5 * time.Minute
	minTimeout, maxTimeout = time.Second, time.Minute
)

// validate reports every problem of a Provider with its defaults.
func (p *Provider) validate(found *problems) {
	if issuer, ok := issuerOf(p.Issuer); ok {
		found.add("Issuer", "is the address of the provider's metadata",
			fmt.Sprintf("set it to %q, or as the member issuer of that document spells it", issuer))
	} else if why := badURL(p.Issuer); why != "" {
		found.add("Issuer", why, "set the issuer exactly as the provider's discovery document spells it")
	}
	if p.ClientID == "" {
		found.add("ClientID", "is empty", "set the client id that the provider registered")
	}
	p.validateClient(found)
	p.validateRequest(found)
	p.validateAccessTokens(found)
	for _, alg := range p.SigningAlgs {
		if !slices.Contains(asymmetricAlgs(), alg) {
			found.add("SigningAlgs", fmt.Sprintf("%q is not accepted", alg), "use one of "+strings.Join(asymmetricAlgs(), " "))
		}
	}
	if p.ClockTolerance < 0 || p.ClockTolerance > maxTolerance {
		found.add("ClockTolerance", fmt.Sprintf("%s is out of range", p.ClockTolerance),
			"use at most 5m and correct the clocks")
	}
	if p.Timeout < minTimeout || p.Timeout > maxTimeout {
		found.add("Timeout", fmt.Sprintf("%s is out of range", p.Timeout), "use a duration from 1s to 1m")
	}
	p.validateSignOut(found)
	p.validateClaims(found)
	p.validateTexts(found)
}

// validateRequest checks the settings of authorization requests.
func (p *Provider) validateRequest(found *problems) {
	modes := []string{ResponseModeQuery, ResponseModeFormPost, ResponseModeQueryJWT, ResponseModeFormPostJWT}
	if !slices.Contains(modes, p.ResponseMode) {
		found.add("ResponseMode", fmt.Sprintf("%q is not supported", p.ResponseMode),
			"use query or form_post, or query.jwt or form_post.jwt for signed answers")
	}
	if !slices.Contains([]string{Auto, Always, Never}, p.PushedAuthorization) {
		found.add("PushedAuthorization", fmt.Sprintf("%q is not one of its values", p.PushedAuthorization),
			"use auto, always or never")
	}
	if err := provider.CheckParameters(p.SignInParameters); err != nil {
		found.add("SignInParameters", err.Error(), "leave it out")
	}
	if !slices.Contains(p.Scopes, "openid") {
		found.add("Scopes", "do not contain openid", "add openid: without it the provider returns no ID token")
	}
	for _, s := range p.Scopes {
		if why, _ := strayCharacters(s); why != "" || !tokenPattern.MatchString(s) {
			found.add("Scopes", fmt.Sprintf("%q is not a scope", s), "give scopes as single words")
		}
	}
}

// asymmetricAlgs leaves out none and HS256 and its relatives, with which anyone who knows the client secret could sign
// (RFC 8725, sections 2.1 and 3.1).
func asymmetricAlgs() []string {
	return []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
}

// validateAccessTokens reports settings of access tokens that would have no effect, or an unknown one.
func (p *Provider) validateAccessTokens(found *problems) {
	found.texts("Audience", p.Audience)
	if p.RequireBoundTokens && p.Audience == "" {
		found.add("RequireBoundTokens", "is set without Audience", "set Audience, or leave it out")
	}
	for _, setting := range []struct {
		field, value string
		values       []string // nil: any
	}{
		{"AccessTokenProfile", p.AccessTokenProfile, provider.AccessTokenProfiles()},
		{"AccessTokenIssuer", p.AccessTokenIssuer, nil},
		{"Introspection", p.Introspection, []string{provider.IntrospectionJSON, provider.IntrospectionJWT}},
	} {
		switch {
		case setting.value == "":
		case p.Audience == "":
			found.add(setting.field, "is set without Audience", "set Audience, or leave it out")
		case setting.values == nil:
			found.texts(setting.field, setting.value)
		case !slices.Contains(setting.values, setting.value):
			found.add(setting.field, fmt.Sprintf("%q is not one of its values", setting.value),
				"use "+strings.Join(setting.values, ", "))
		}
	}
}

func (p *Provider) validateSignOut(found *problems) {
	for _, name := range slices.Sorted(maps.Keys(p.SignOutParameters)) {
		switch {
		case slices.Contains(ownSignOutParameters(), name):
			found.add("SignOutParameters", fmt.Sprintf("%q is set by the plugin", name), "leave it out")
		case len(p.SignOutParameters[name]) != 1:
			found.add("SignOutParameters", fmt.Sprintf("%q has %d values", name, len(p.SignOutParameters[name])), "give it one")
		}
	}
}

// ownSignOutParameters returns the parameters of a logout request that the plugin sets (OpenID Connect RP-Initiated
// Logout 1.0, section 2).
func ownSignOutParameters() []string {
	return []string{"client_id", "id_token_hint", "logout_hint", "post_logout_redirect_uri", "state"}
}

// validateClaims reports settings of groups and organizations that are ambiguous or match no claim.
func (p *Provider) validateClaims(found *problems) {
	if p.GroupsClaim != "" && len(p.GroupsPath) > 0 {
		found.add("GroupsPath", "is set together with GroupsClaim", "keep one of them")
	}
	if p.OrganizationsClaim != "" && len(p.OrganizationsPath) > 0 {
		found.add("OrganizationsPath", "is set together with OrganizationsClaim", "keep one of them")
	}
	formats := []string{FormatList, FormatSeparated, FormatKeys}
	if !slices.Contains(formats, p.GroupsFormat) {
		found.add("GroupsFormat", fmt.Sprintf("%q is not one of its values", p.GroupsFormat), "use list, separated or keys")
	}
	if !slices.Contains(formats, p.OrganizationsFormat) {
		found.add("OrganizationsFormat", fmt.Sprintf("%q is not one of its values", p.OrganizationsFormat),
			"use list, separated or keys")
	}
	if slices.Contains(p.GroupsPath, "") {
		found.add("GroupsPath", "has an empty element", "name a member in each element")
	}
	if slices.Contains(p.OrganizationsPath, "") {
		found.add("OrganizationsPath", "has an empty element", "name a member in each element")
	}
}

// validateTexts checks the texts that have no check of their own.
func (p *Provider) validateTexts(found *problems) {
	found.texts("ClientID", p.ClientID)
	found.texts("ClientSecret", p.ClientSecret)
	found.texts("ClientKeyID", p.ClientKeyID)
	found.texts("TrustedAudiences", p.TrustedAudiences...)
	found.texts("GroupsClaim", p.GroupsClaim)
	found.texts("GroupsPath", p.GroupsPath...)
	found.texts("OrganizationsClaim", p.OrganizationsClaim)
	found.texts("OrganizationsPath", p.OrganizationsPath...)
}
