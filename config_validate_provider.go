package ginoidc

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/seed-d65cea4d/ginoidc/internal/origin"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/settings"
)

// validate reports every problem of a Provider with its defaults. found has the path of this provider.
//
// A setting that is malformed or has no effect is refused rather than corrected: an app that starts is one whose
// settings mean what the operator has written.
func (p *Provider) validate(found *problems) {
	if issuer, ok := settings.IssuerOf(p.Issuer); ok {
		found.add("Issuer", "is the address of the provider's metadata",
			fmt.Sprintf("set it to %q, or as the member issuer of that document spells it", issuer))
	} else if why := settings.CheckURL(p.Issuer); why != "" {
		found.add("Issuer", why, "set the issuer exactly as the provider's discovery document spells it")
	}
	if p.ClientID == "" {
		found.add("ClientID", "is empty", "set the client id that the provider registered")
	}
	p.validateClient(found)
	p.validateRequest(found)
	p.validateAccessTokens(found)
	// With none or with HS256, whose key is the client secret, others than the provider could sign (RFC 8725, section
	// 2.1).
	for _, alg := range p.SigningAlgs {
		if algs := settings.SigningAlgs(); !slices.Contains(algs, alg) {
			found.add("SigningAlgs", fmt.Sprintf("%q is not accepted", alg), "use one of "+strings.Join(algs, " "))
		}
	}
	// For the tolerance, tokens are accepted after they have expired. A negative one would refuse fresh ones.
	if p.ClockTolerance < 0 || p.ClockTolerance > settings.MaxClockTolerance {
		found.add("ClockTolerance", fmt.Sprintf("%s is out of range", p.ClockTolerance),
			"use at most 5m and correct the clocks")
	}
	if p.Timeout < settings.MinTimeout || p.Timeout > settings.MaxTimeout {
		found.add("Timeout", fmt.Sprintf("%s is out of range", p.Timeout), "use a duration from 1s to 10s")
	}
	p.validateSignOut(found)
	p.validateSeveral(found)
	p.validateClaims(found)
	p.validateSignals(found)
	found.texts("ClientID", p.ClientID)
	found.texts("ClientSecret", p.ClientSecret)
	found.texts("ClientKeyID", p.ClientKeyID)
	found.texts("TrustedAudiences", p.TrustedAudiences...)
	found.texts("GroupsClaim", p.GroupsClaim)
	found.texts("GroupsPath", p.GroupsPath...)
	found.texts("OrganizationsClaim", p.OrganizationsClaim)
	found.texts("OrganizationsPath", p.OrganizationsPath...)
}

// validateClient checks that the credentials of the app match its client authentication method. A credential that the
// method does not use is refused and not ignored: one of the two settings is a mistake, and only the operator knows
// which one the provider expects.
func (p *Provider) validateClient(found *problems) {
	method := p.ClientAuthMethod
	switch method {
	case ClientSecretBasic, ClientSecretPost:
		if p.ClientSecret == "" {
			found.add("ClientSecret", "is empty",
				"set the client secret, or the client authentication method to none for a public client")
		}
	case ClientSecretJWT:
		if n := len(p.ClientSecret); n < provider.MinHMACSecret {
			found.add("ClientSecret",
				fmt.Sprintf("has %d bytes instead of at least %d, which client_secret_jwt needs", n, provider.MinHMACSecret),
				"have the provider make a longer one, or use another method")
		}
	case PrivateKeyJWT, TLSClientAuth, SelfSignedTLSClientAuth, ClientAuthNone:
		if p.ClientSecret != "" {
			found.add("ClientSecret", "is set although the client authentication method is "+method, "remove one of the two")
		}
	default:
		found.add("ClientAuthMethod", fmt.Sprintf("%q is not supported", method),
			"use client_secret_basic, client_secret_post, client_secret_jwt, private_key_jwt, tls_client_auth, "+
				"self_signed_tls_client_auth or none")
	}
	if p.mutualTLS() && p.ClientCertificate == nil && p.Transport == nil {
		found.add("ClientCertificate", "is not set although the client authentication method is "+method,
			"set the certificate with its private key")
	}
	if len(p.CertificateOrigins) > 0 && p.ClientCertificate == nil && !found.unread("ClientCertificate") {
		found.add("CertificateOrigins", "is set and there is no ClientCertificate to show",
			"set ClientCertificate, or leave it out")
	}
	// The certificate proves who the app is, so it is shown only to addresses that are named in full.
	for _, o := range p.CertificateOrigins {
		if !settings.IsOrigin(o) || !strings.HasPrefix(o, "https:") {
			found.add("CertificateOrigins", fmt.Sprintf("%q is not an https origin", o),
				"write scheme, host and port only, in lower case and without a pattern")
		}
	}
	p.validateKeys(found)
	switch p.Profile {
	case "":
	case ProfileFAPI2:
		p.validateFAPI2(found)
	case ProfileIPSIESL1:
		p.validateIPSIE(found)
	default:
		found.add("Profile", fmt.Sprintf("%q is not known", p.Profile), "use fapi2 or ipsie-sl1, or leave it out")
	}
}

// validateKeys reports keys that cannot be used, and those that no other setting uses: the operator would believe that
// they protect something. The problems never quote a key.
func (p *Provider) validateKeys(found *problems) {
	const fix = "make one with openssl genpkey -algorithm ed25519, or -algorithm EC -pkeyopt ec_paramgen_curve:P-256"
	needed := p.ClientAuthMethod == PrivateKeyJWT || p.SignRequests
	switch {
	case len(p.ClientKey) > 0:
		if key, err := p.clientKey(); unfit(err) && p.ClientKeyAlg != "" {
			found.add("ClientKeyAlg", fmt.Sprintf("%q: %v", p.ClientKeyAlg, errors.Unwrap(err)),
				"leave it out, or use one that the key can sign with")
		} else if err != nil {
			found.add("ClientKey", errors.Unwrap(err).Error(), fix)
		} else if !key.CanSign() {
			found.add("ClientKey", "is a key for encryption", fix)
		} else if !needed {
			found.add("ClientKey", "is set and neither private_key_jwt nor SignRequests uses it",
				"remove it, or set one of them")
		}
	case needed || found.unread("ClientKey"):
		found.add("ClientKey", "is empty although private_key_jwt or SignRequests needs it", fix)
	default:
		for _, s := range []struct{ field, value string }{{"ClientKeyAlg", p.ClientKeyAlg}, {"ClientKeyID", p.ClientKeyID}} {
			if s.value != "" {
				found.add(s.field, "is set and there is no ClientKey that it is about", "set ClientKey, or leave it out")
			}
		}
	}
	if len(p.DecryptionKey) > 0 {
		if key, err := p.decryptionKey(); err != nil {
			found.add("DecryptionKey", errors.Unwrap(err).Error(),
				"make one with openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256")
		} else if !key.CanDecrypt() {
			found.add("DecryptionKey", "is a key for signatures", "use an RSA or EC key")
		}
	}
}

// unfit reports whether a key was read but cannot be used with the algorithm, so that ClientKeyAlg is to be corrected
// and not the key.
func unfit(err error) bool {
	var bad *provider.Error
	return errors.As(err, &bad) && bad.Code == "key_algorithm"
}

// validateRequest checks the settings of authorization requests. What it lets pass the provider may still refuse, but
// only during a sign-in, and with a message that users see.
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
	// Without openid it is an OAuth 2.0 request: an access token does not prove to the app who the user is.
	if !slices.Contains(p.Scopes, "openid") {
		found.add("Scopes", "do not contain openid", "add openid: without it the provider returns no ID token")
	}
	for _, s := range p.Scopes {
		if why, _ := settings.CheckText(s); why != "" || !settings.IsScopeToken(s) {
			found.add("Scopes", fmt.Sprintf("%q is not a scope", s), "give scopes as single words")
		}
	}
}

// validateSignOut reports parameters of a logout request that the plugin sets itself (OpenID Connect RP-Initiated
// Logout 1.0, section 2), and those that are ambiguous.
func (p *Provider) validateSignOut(found *problems) {
	own := []string{"client_id", "id_token_hint", "logout_hint", "post_logout_redirect_uri", "state"}
	for _, name := range slices.Sorted(maps.Keys(p.SignOutParameters)) {
		switch {
		case slices.Contains(own, name):
			found.add("SignOutParameters", fmt.Sprintf("%q is set by the plugin", name), "leave it out")
		case len(p.SignOutParameters[name]) != 1:
			found.add("SignOutParameters", fmt.Sprintf("%q has %d values", name, len(p.SignOutParameters[name])), "give it one")
		}
	}
}

// validateClaims reports settings of groups and organizations that are ambiguous or match no claim. Nothing is guessed,
// because a user who is in the wrong groups is let in.
func (p *Provider) validateClaims(found *problems) {
	type place struct {
		of, claim, format string
		path              []string
	}
	places := []place{{"Groups", p.GroupsClaim, p.GroupsFormat, p.GroupsPath},
		{"Organizations", p.OrganizationsClaim, p.OrganizationsFormat, p.OrganizationsPath}}
	for _, s := range places {
		if s.claim != "" && len(s.path) > 0 {
			found.add(s.of+"Path", "is set together with "+s.of+"Claim", "keep one of them")
		}
	}
	for _, s := range places {
		if !slices.Contains([]string{FormatList, FormatSeparated, FormatKeys}, s.format) {
			found.add(s.of+"Format", fmt.Sprintf("%q is not one of its values", s.format), "use list, separated or keys")
		}
	}
	for _, s := range places {
		if slices.Contains(s.path, "") {
			found.add(s.of+"Path", "has an empty element", "name a member in each element")
		}
	}
}

// validateAccessTokens reports settings of access tokens that would have no effect, or an unknown one.
func (p *Provider) validateAccessTokens(found *problems) {
	found.texts("Audience", p.Audience)
	if p.RequireBoundTokens && p.Audience == "" {
		found.add("RequireBoundTokens", "is set without Audience", "set Audience, or leave it out")
	}
	if p.RequireDPoPNonce && p.Audience == "" {
		found.add("RequireDPoPNonce", "is set without Audience", "set Audience, or leave it out")
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

var (
	providerNamePattern = regexp.MustCompile(`^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$`)
	domainPattern       = regexp.MustCompile(`^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}$`)
)

// isProviderName reports whether s can be the name of a provider: one segment of a path without escapes.
func isProviderName(s string) bool { return providerNamePattern.MatchString(s) }

// isDomain reports whether s is a domain in the one form in which domains are compared: ASCII, in lower case.
func isDomain(s string) bool { return len(s) <= 253 && domainPattern.MatchString(s) }

// validateSeveral checks the settings of a provider that matter if there are others. Names are part of paths, records
// and logs, so they need no escaping anywhere. An issuer of many tenants without a list would let every organization
// in the world sign in that has an account there.
func (p *Provider) validateSeveral(found *problems) {
	if p.Name != "" && !isProviderName(p.Name) {
		found.add("Name", fmt.Sprintf("%q is not accepted", p.Name), "use up to 64 lower-case letters, digits and hyphens")
	}
	for _, domain := range p.EmailDomains {
		if !isDomain(domain) {
			found.add("EmailDomains", fmt.Sprintf("%q is not a domain in lower case", domain), "write it as in acme.example")
		}
	}
	found.texts("Label", p.Label)
	found.texts("GroupsPrefix", p.GroupsPrefix)
	many := strings.Count(p.Issuer, provider.TenantMarker)
	listed := len(p.Tenants) > 0 || p.AllowTenant != nil
	switch {
	case many > 1:
		found.add("Issuer", "has more than one "+provider.TenantMarker, "write it once")
	case many == 1 && !listed:
		found.add("Tenants", "is empty, and the issuer has users of every tenant", "list the tenants that may sign in")
	case many == 0 && listed:
		found.add("Tenants", "is set, and the issuer has no "+provider.TenantMarker,
			"write the issuer as the metadata for all tenants spells it")
	}
	if many > 0 && p.Signals != nil { // they would be accepted, and end nothing
		found.add("Signals", "is set, and the subject of an event is found by one issuer only",
			"configure the tenant as a provider of its own")
	}
	for _, tenant := range p.Tenants {
		if !provider.IsTenant(tenant) {
			found.add("Tenants", fmt.Sprintf("%q is not a tenant", tenant), "write its id, in lower case")
		}
	}
}

// validateFound checks the settings of a provider that Config.FindProvider has returned. Customers of the app may have
// entered them, so they must not speak for other providers, nor make the app call addresses inside of its network
// (server-side request forgery).
func (p *Provider) validateFound(found *problems) {
	const atRunTime = "is set for a provider found at run time"
	if p.Audience != "" {
		found.add("Audience", atRunTime+", which no token names", "list the provider in Providers")
	}
	if p.AllowTenant != nil {
		found.add("AllowTenant", atRunTime, "list its Tenants")
	}
	if p.Signals != nil {
		found.add("Signals", atRunTime, "list the provider in Providers")
	}
	issuer, err := url.Parse(p.Issuer)
	if err == nil && !p.AllowPrivateAddresses && origin.IsLoopback(issuer.Hostname()) {
		found.add("Issuer", "is on this machine", "set AllowPrivateAddresses if it may be")
	}
}
