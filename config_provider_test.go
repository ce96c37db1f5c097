package ginoidc_test

import (
	"crypto/tls"
	"testing"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// TestConstants: New accepts each constant in its field.
func TestConstants(t *testing.T) {
	key, _ := testKeys(t)
	type provider = ginoidc.Provider
	for _, p := range []provider{
		{ClientAuthMethod: ginoidc.ClientSecretBasic, ClientSecret: "s"},
		{ClientAuthMethod: ginoidc.ClientSecretPost, ClientSecret: "s"},
		{ClientAuthMethod: ginoidc.ClientSecretJWT, ClientSecret: testapp.ClientSecret + testapp.ClientSecret},
		{ClientAuthMethod: ginoidc.PrivateKeyJWT, ClientKey: key},
		{ClientAuthMethod: ginoidc.TLSClientAuth, ClientCertificate: &tls.Certificate{}},
		{ClientAuthMethod: ginoidc.SelfSignedTLSClientAuth, ClientCertificate: &tls.Certificate{}},
		{ClientAuthMethod: ginoidc.ClientAuthNone},
		{Profile: ginoidc.ProfileFAPI2, ClientKey: key},
		{ResponseMode: ginoidc.ResponseModeQuery, ClientSecret: "s"},
		{ResponseMode: ginoidc.ResponseModeFormPost, ClientSecret: "s"},
		{ResponseMode: ginoidc.ResponseModeQueryJWT, ClientSecret: "s"},
		{ResponseMode: ginoidc.ResponseModeFormPostJWT, ClientSecret: "s"},
		{PushedAuthorization: ginoidc.Auto, ClientSecret: "s"},
		{PushedAuthorization: ginoidc.Always, ClientSecret: "s"},
		{PushedAuthorization: ginoidc.Never, ClientSecret: "s"},
		{GroupsFormat: ginoidc.FormatList, OrganizationsFormat: ginoidc.FormatList, ClientSecret: "s"},
		{GroupsFormat: ginoidc.FormatSeparated, OrganizationsFormat: ginoidc.FormatSeparated, ClientSecret: "s"},
		{GroupsFormat: ginoidc.FormatKeys, OrganizationsFormat: ginoidc.FormatKeys, ClientSecret: "s"},
	} {
		c := validConfig()
		p.Issuer, p.ClientID = c.Providers[0].Issuer, c.Providers[0].ClientID
		c.Providers = []provider{p}
		checkProblems(t, c, nil)
	}
	for _, when := range []string{ginoidc.Auto, ginoidc.Always, ginoidc.Never} {
		c := validConfig()
		c.KeepIDToken = when
		checkProblems(t, c, nil)
	}
}
