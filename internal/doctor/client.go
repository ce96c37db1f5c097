package doctor

import (
	"net/http"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

// client judges the answer to a token request with a made-up code. invalid_grant is the right one: the provider has
// accepted the client, and refused the code (RFC 6749, section 5.2).
func (c *check) client() {
	r := c.Token
	switch {
	case r.Code == "invalid_grant":
		c.ok("client", "the provider accepts the client %s with %s", c.ClientID, c.AuthMethod)
	case refusesClient(r) && c.unknownClient(): // which the authorization endpoint says more clearly
	case refusesClient(r):
		c.fail("client_refused", c.clientFix(), "the provider does not accept the client %s with %s: it answered %d%s",
			c.ClientID, c.AuthMethod, r.Status, said(r))
	case r.Code == "unauthorized_client", r.Code == "unsupported_grant_type":
		c.fail("grant_refused", "allow the authorization code flow for this client at the provider",
			"the provider does not let the client %s redeem codes: it answered %d%s", c.ClientID, r.Status, said(r))
	case r.Code == "invalid_dpop_proof" || mentions(r.Description, "dpop"):
		c.fail("dpop_refused", "set "+c.Setting("DPoP")+" as the client is registered at the provider",
			"the provider answered %d%s", r.Status, said(r))
	case r.Status == 0, r.Status >= 500, r.Status == http.StatusTooManyRequests:
		c.warn("token_endpoint_failed", tryAgain,
			"the token request was not answered: %s", failure(r))
	default:
		c.warn("client_unclear", "sign in to find out",
			"whether the provider accepts the client is unclear: it answered %d%s", r.Status, said(r))
	}
}

// refusesClient reports whether an answer says that the client is unknown or has not proven who it is. Keycloak calls
// that unauthorized_client, which otherwise means that the client may not use this flow, and so does not come with 401.
func refusesClient(r provider.Reply) bool {
	return r.Code == "invalid_client" || r.Status == http.StatusUnauthorized
}

// clientFix says what the operator can compare, by the authentication method.
func (c *check) clientFix() string {
	method := c.Setting("ClientAuthMethod")
	if !c.listsMethod() {
		return "set " + method + " to the method of the client at the provider, which lists " +
			words(c.Metadata.AuthMethods)
	}
	if c.AuthMethod != provider.PrivateKeyJWT && mentions(c.Token.Description, "client_assertion") {
		return "the provider expects a signed assertion of this client: set " + method + " to private_key_jwt and " +
			c.Setting("ClientKey") + ", or change the client's authentication at the provider to " + c.AuthMethod
	}
	same := "; check that the client " + c.ClientID + " exists there, and that its authentication method is " +
		c.AuthMethod + ", or set " + method
	switch c.AuthMethod {
	case provider.PrivateKeyJWT:
		return "upload the public key with the kid " + c.KeyID + " to the provider (ginoidc keys prints it)" + same
	case provider.TLSClientAuth, provider.SelfSignedTLSClientAuth:
		return "register the certificate at the provider" + same
	case provider.ClientAuthNone:
		return "the client seems to have a secret: set " + c.Setting("ClientSecret") + ", or make it a public client at " +
			"the provider" + same
	}
	return "copy " + c.Setting("ClientID") + " and " + c.Setting("ClientSecret") + " from the provider again" + same
}
