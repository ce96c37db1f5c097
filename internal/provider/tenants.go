package provider

import (
	"context"
	"fmt"
	"regexp"
	"strings"
)

// TenantMarker stands for the tenant in an issuer of many tenants, as the metadata of Microsoft Entra ID spells it.
const TenantMarker = "{tenantid}"

// tenantPattern finds a tenant in iss.
var tenantPattern = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)

// IsTenant reports whether text is the identifier of a tenant, as tid spells it.
func IsTenant(text string) bool { return text != "" && tenantPattern.FindString(text) == text }

// metadataIssuer returns the address below which the metadata of an issuer of many tenants is: there, the place of the
// tenant has a name for all of an organization.
func metadataIssuer(issuer string) string {
	return strings.Replace(issuer, TenantMarker, "organizations", 1)
}

// tenantIn returns the tenant that iss has in the place of the marker.
func tenantIn(template, iss string) (tenant string, ok bool) {
	before, after, marked := strings.Cut(template, TenantMarker)
	rest, begins := strings.CutPrefix(iss, before)
	tenant, ends := strings.CutSuffix(rest, after)
	return tenant, marked && begins && ends && IsTenant(tenant)
}

// checkIssuer checks iss against the issuer of this provider, or of its access tokens. For an issuer of many tenants,
// iss has to name a tenant, and tid the same one. Tokens without tid, such as logout tokens, are checked by iss alone.
func (p *Provider) checkIssuer(op, issuer string, claims Claims) error {
	if p.allowTenant == nil {
		if claims["iss"] != issuer {
			return badToken(op, "issuer", "%w", ErrIssuerMismatch)
		}
		return nil
	}
	iss, _ := claims["iss"].(string)
	tenant, ok := tenantIn(issuer, iss)
	if !ok {
		return badToken(op, "issuer", "%w: iss %s names no tenant of %s",
			ErrIssuerMismatch, excerpt(iss), excerpt(issuer))
	}
	if tid, present := claims["tid"]; present && tid != tenant || !present && (op == opIDToken || op == opAccessToken) {
		return badToken(op, "tenant", "%w: tid and iss name different tenants", ErrIssuerMismatch)
	}
	return nil
}

// checkTenant checks that the tenant of a token is allowed. Anybody can have a tenant at such an issuer, and
// all share its keys, so without this check a user of any tenant could sign in. It comes after the signature, because
// it calls the app.
func (p *Provider) checkTenant(ctx context.Context, op string, claims Claims) error {
	if p.allowTenant == nil {
		return nil
	}
	tenant := tenantPattern.FindString(fmt.Sprint(claims["iss"]))
	allowed, err := p.allowTenant(ctx, tenant)
	if err != nil {
		return fmt.Errorf("whether the tenant %s is allowed: %w", tenant, err)
	}
	if !allowed {
		return badToken(op, "tenant", "the tenant %s is not allowed", tenant)
	}
	return nil
}

// Issuer returns the issuer of the user whom checked claims describe: for an issuer of many tenants, that of the user's
// tenant.
func (p *Provider) Issuer(claims Claims) string {
	if p.allowTenant == nil {
		return p.issuer
	}
	return strings.Replace(p.issuer, TenantMarker, tenantPattern.FindString(fmt.Sprint(claims["iss"])), 1)
}

// Issues reports whether iss is an issuer of this provider. It only decides which provider a token or a request is to
// be checked with.
func (p *Provider) Issues(iss string) bool {
	if p.allowTenant == nil {
		return iss == p.issuer
	}
	_, ok := tenantIn(p.issuer, iss)
	return ok
}

// signerOf returns the rule for the keys that may sign a token: in the key set of many tenants, a key can be that of a
// single one. A payload that cannot be read names no tenant, and is refused when its claims are checked.
func (p *Provider) signerOf(payload []byte) func(keyIssuer string) bool {
	if p.allowTenant == nil {
		return func(string) bool { return true }
	}
	claims, _ := decodeObject(payload, len(payload))
	tenant := tenantPattern.FindString(fmt.Sprint(claims["iss"]))
	return func(keyIssuer string) bool {
		return keyIssuer == "" || strings.Contains(keyIssuer, TenantMarker) || tenantPattern.FindString(keyIssuer) == tenant
	}
}

// IssuesAccessTokens is Issues for access tokens.
func (p *Provider) IssuesAccessTokens(iss string) bool {
	if p.allowTenant == nil {
		return iss == p.access.Issuer
	}
	_, ok := tenantIn(p.access.Issuer, iss)
	return ok
}

// Unverified returns what a JWT says about its issuer and audience, to find the provider whose keys verify it. It
// returns false for a token that is not a JWT, or whose contents cannot be read.
func Unverified(raw string) (iss string, audience []string, ok bool) {
	if len(raw) > maxIDToken || strings.Count(raw, ".") != 2 {
		return "", nil, false
	}
	claims, err := payload(opIDToken, raw, maxIDToken)
	if err != nil {
		return "", nil, false
	}
	iss, _ = claims["iss"].(string)
	if single, ok := claims["aud"].(string); ok {
		return iss, []string{single}, true
	}
	return iss, document(claims).list("aud"), true
}
