package settings

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

// ClientConfig returns the settings of the package that talks to the provider, except for those of the app. The errors
// never quote a key.
func (p *Provider) ClientConfig() (provider.Config, error) {
	cfg := provider.Config{
		Issuer: p.Issuer, ClientID: p.ClientID, ClientSecret: p.ClientSecret, AuthMethod: p.ClientAuthMethod,
		ClientCertificate: p.ClientCertificate, SignRequests: p.SignRequests, DPoP: p.DPoP,
		FAPI2: p.Profile == ProfileFAPI2, IPSIE: p.Profile == ProfileIPSIESL1,
		ResponseMode: p.ResponseMode, PushedAuthorization: p.PushedAuthorization,
		Scopes: slices.Clone(p.Scopes), SigningAlgs: slices.Clone(p.SigningAlgs),
		AccessTokens: provider.AccessTokenConfig{
			Audience: p.Audience, Profile: p.AccessTokenProfile, Issuer: p.AccessTokenIssuer, Introspection: p.Introspection,
		},
		TrustedAudiences: p.TrustedAudiences, LaxLogoutType: p.UntypedLogoutTokens, ClockTolerance: p.ClockTolerance,
		Timeout: p.Timeout, Transport: p.Transport, RootCAs: p.RootCAs, AllowPrivate: p.AllowPrivateAddresses,
		AllowTenant: p.tenants(),
	}
	var err error
	if len(p.ClientKey) > 0 {
		if cfg.ClientKey, err = p.key(); err != nil {
			return cfg, fmt.Errorf("ginoidc: ClientKey: %w", err)
		}
	}
	if len(p.DecryptionKey) > 0 {
		if cfg.DecryptionKey, err = provider.ParsePrivateKey(p.DecryptionKey, "", ""); err != nil {
			return cfg, fmt.Errorf("ginoidc: DecryptionKey: %w", err)
		}
	}
	return cfg, nil
}

// tenants returns the rule for the tenants of the issuer, or nil if it has none.
func (p *Provider) tenants() func(context.Context, string) (bool, error) {
	if !strings.Contains(p.Issuer, provider.TenantMarker) {
		return nil
	}
	listed, allow := p.Tenants, p.AllowTenant
	return func(ctx context.Context, tenant string) (bool, error) {
		if slices.Contains(listed, tenant) || allow == nil {
			return slices.Contains(listed, tenant), nil
		}
		return allow(ctx, tenant)
	}
}
