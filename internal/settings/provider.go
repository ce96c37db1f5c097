package settings

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

// Provider has the settings of an identity provider, with their defaults, under their names in ginoidc.Provider.
type Provider struct {
	Name, Label, Issuer, GroupsPrefix string
	EmailDomains, Tenants             []string

	Client // how the app authenticates to it

	ResponseMode, PushedAuthorization   string
	SignInParameters, SignOutParameters url.Values
	Scopes, TrustedAudiences            []string
	ClockTolerance, Timeout             time.Duration

	GroupsClaim, GroupsFormat               string
	OrganizationsClaim, OrganizationsFormat string
	GroupsPath, OrganizationsPath           []string

	Audience, AccessTokenProfile, AccessTokenIssuer, Introspection string
	RequireBoundTokens, RequireDPoPNonce                           bool

	AllowTenant                                               func(ctx context.Context, tenant string) (bool, error)
	AllowPrivateAddresses, InitiateLogin, UntypedLogoutTokens bool
	Signals                                                   *Signals
}

// Check reports every problem of the settings of one provider.
//
// A setting that is malformed or has no effect is refused rather than corrected: an app that starts is one whose
// settings mean what the operator has written.
func (p *Provider) Check(found *Problems) {
	if issuer, ok := IssuerOf(p.Issuer); ok {
		found.Add("Issuer", "is the address of the provider's metadata",
			fmt.Sprintf("set it to %q, or as the member issuer of that document spells it", issuer))
	} else if why := CheckURL(p.Issuer); why != "" {
		found.Add("Issuer", why, "set the issuer exactly as the provider's discovery document spells it")
	}
	if p.ClientID == "" {
		found.Add("ClientID", "is empty", "set the client id that the provider registered")
	}
	p.checkClient(found)
	p.checkRequest(found)
	p.checkAccessTokens(found)
	found.algs("SigningAlgs", p.SigningAlgs)
	// For the tolerance, tokens are accepted after they have expired. A negative one would refuse fresh ones.
	if p.ClockTolerance < 0 || p.ClockTolerance > maxClockTolerance {
		found.Add("ClockTolerance", fmt.Sprintf("%s is out of range", p.ClockTolerance),
			"use at most 5m and correct the clocks")
	}
	if p.Timeout < MinTimeout || p.Timeout > MaxTimeout {
		found.Add("Timeout", fmt.Sprintf("%s is out of range", p.Timeout), "use a duration from 1s to 10s")
	}
	p.checkSignOut(found)
	p.checkName(found)
	p.checkTenants(found)
	p.checkClaims(found)
	p.Signals.check(p.Issuer, found)
	found.texts("ClientID", p.ClientID)
	found.texts("ClientSecret", p.ClientSecret)
	found.texts("ClientKeyID", p.ClientKeyID)
	found.texts("TrustedAudiences", p.TrustedAudiences...)
	found.texts("GroupsClaim", p.GroupsClaim)
	found.texts("GroupsPath", p.GroupsPath...)
	found.texts("OrganizationsClaim", p.OrganizationsClaim)
	found.texts("OrganizationsPath", p.OrganizationsPath...)
}

// algs refuses signing algorithms with which others than the provider could sign: none, and HS256, whose key is the
// client secret (RFC 8725, section 2.1).
func (p *Problems) algs(field string, algs []string) {
	for _, alg := range algs {
		if accepted := SigningAlgs(); !slices.Contains(accepted, alg) {
			p.Add(field, fmt.Sprintf("%q is not accepted", alg), "use one of "+strings.Join(accepted, " "))
		}
	}
}

// checkRequest checks the settings of authorization requests. What it lets pass the provider may still refuse, but only
// during a sign-in, and with a message that users see.
func (p *Provider) checkRequest(found *Problems) {
	if !slices.Contains([]string{"query", "form_post", "query.jwt", "form_post.jwt"}, p.ResponseMode) {
		found.Add("ResponseMode", fmt.Sprintf("%q is not supported", p.ResponseMode),
			"use query or form_post, or query.jwt or form_post.jwt for signed answers")
	}
	found.oneOf("PushedAuthorization", p.PushedAuthorization, "auto", "always", "never")
	if err := provider.CheckParameters(p.SignInParameters); err != nil {
		found.Add("SignInParameters", err.Error(), "leave it out")
	}
	// Without openid it is an OAuth 2.0 request: an access token does not prove to the app who the user is.
	if !slices.Contains(p.Scopes, "openid") {
		found.Add("Scopes", "do not contain openid", "add openid: without it the provider returns no ID token")
	}
	for _, s := range p.Scopes {
		if why, _ := CheckText(s); why != "" || !IsScopeToken(s) {
			found.Add("Scopes", fmt.Sprintf("%q is not a scope", s), "give scopes as single words")
		}
	}
}

// checkSignOut reports parameters of a logout request that the plugin sets itself (OpenID Connect RP-Initiated Logout
// 1.0, section 2), and those that are ambiguous.
func (p *Provider) checkSignOut(found *Problems) {
	own := []string{"client_id", "id_token_hint", "logout_hint", "post_logout_redirect_uri", "state"}
	for _, name := range slices.Sorted(maps.Keys(p.SignOutParameters)) {
		switch {
		case slices.Contains(own, name):
			found.Add("SignOutParameters", fmt.Sprintf("%q is set by the plugin", name), "leave it out")
		case len(p.SignOutParameters[name]) != 1:
			found.Add("SignOutParameters", fmt.Sprintf("%q has %d values", name, len(p.SignOutParameters[name])), "give it one")
		}
	}
}

// checkClaims reports settings of groups and organizations that are ambiguous or match no claim. Nothing is guessed,
// because a user who is in the wrong groups is let in.
func (p *Provider) checkClaims(found *Problems) {
	type place struct {
		of, claim, format string
		path              []string
	}
	places := []place{{"Groups", p.GroupsClaim, p.GroupsFormat, p.GroupsPath},
		{"Organizations", p.OrganizationsClaim, p.OrganizationsFormat, p.OrganizationsPath}}
	for _, s := range places {
		if s.claim != "" && len(s.path) > 0 {
			found.Add(s.of+"Path", "is set together with "+s.of+"Claim", "keep one of them")
		}
	}
	for _, s := range places {
		found.oneOf(s.of+"Format", s.format, "list", "separated", "keys")
	}
	for _, s := range places {
		if slices.Contains(s.path, "") {
			found.Add(s.of+"Path", "has an empty element", "name a member in each element")
		}
	}
}

// checkAccessTokens reports settings of access tokens that would have no effect, or an unknown one.
func (p *Provider) checkAccessTokens(found *Problems) {
	found.texts("Audience", p.Audience)
	found.without("Audience", "RequireBoundTokens", p.RequireBoundTokens && p.Audience == "")
	found.without("Audience", "RequireDPoPNonce", p.RequireDPoPNonce && p.Audience == "")
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
			found.without("Audience", setting.field, true)
		case setting.values == nil:
			found.texts(setting.field, setting.value)
		case !slices.Contains(setting.values, setting.value):
			found.Add(setting.field, fmt.Sprintf("%q is not one of its values", setting.value),
				"use "+strings.Join(setting.values, ", "))
		}
	}
}
