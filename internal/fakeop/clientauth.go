package fakeop

import (
	"net/http"
	"net/url"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// The client authentication methods of Config.ClientAuthMethod, as OpenID Connect Core (9) and RFC 8705 (2) name them.
const (
	secretJWT     = "client_secret_jwt"
	privateKeyJWT = "private_key_jwt"
	mutualTLS     = "tls_client_auth"
	selfSignedTLS = "self_signed_tls_client_auth"

	assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
	assertionLife = 5 * time.Minute
)

// authMethods returns the methods for the metadata.
func (p *Provider) authMethods() []string {
	switch {
	case p.cfg.ClientAuthMethod != "":
		return []string{p.cfg.ClientAuthMethod}
	case p.cfg.Public:
		return []string{"none"}
	}
	return []string{"client_secret_basic", "client_secret_post"}
}

// authenticate requires the method the client is registered for and no second one (RFC 6749, 2.3): of two, an attacker
// would choose the weaker.
func (p *Provider) authenticate(r *http.Request) *oauthError {
	form := r.PostForm
	secret := form.Has("client_secret")
	basic := r.Header.Get("Authorization") != ""
	assertion := form.Has("client_assertion") || form.Has("client_assertion_type")
	if secret && basic || assertion && (secret || basic) {
		return &oauthError{"invalid_request", "two client authentications"}
	}
	switch p.cfg.ClientAuthMethod {
	case secretJWT, privateKeyJWT:
		return p.checkAssertion(form)
	case mutualTLS, selfSignedTLS:
		if secret || basic || assertion {
			return &oauthError{"invalid_client", "the TLS certificate is to be the only authentication"}
		}
		return p.checkCertificate(r)
	}
	if assertion {
		return &oauthError{"invalid_client", "the client is not registered for assertions"}
	}
	return p.checkSecret(r)
}

// checkSecret requires the secret by client_secret_basic or client_secret_post from a confidential client, and only the
// client_id from a public one.
func (p *Provider) checkSecret(r *http.Request) *oauthError {
	id, secret := r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
	if r.Header.Get("Authorization") != "" {
		user, password, _ := r.BasicAuth()
		var err1, err2 error // both are form-encoded (RFC 6749, 2.3.1)
		id, err1 = url.QueryUnescape(user)
		secret, err2 = url.QueryUnescape(password)
		if err1 != nil || err2 != nil {
			return &oauthError{"invalid_client", "credentials are not form-encoded"}
		}
	}
	if id != p.cfg.ClientID || secret != p.cfg.ClientSecret {
		return &oauthError{"invalid_client", "unknown client or wrong secret"}
	}
	return nil
}

// checkAssertion checks a client assertion (RFC 7523, 3; OpenID Connect Core, 9). The issuer must be the only audience,
// so that an assertion for another provider is not valid here (draft-ietf-oauth-rfc7523bis, 4).
func (p *Provider) checkAssertion(form url.Values) *oauthError {
	var claims jwtClaims
	if err := p.openAssertion(form.Get("client_assertion"), &claims); err != nil {
		return &oauthError{"invalid_client", "client_assertion: " + err.Error()}
	}
	fault := ""
	switch err := claims.lives(assertionLife); {
	case form.Get("client_assertion_type") != assertionType:
		fault = "client_assertion_type is not that of a JWT"
	case claims.Issuer != p.cfg.ClientID || claims.Subject != p.cfg.ClientID:
		fault = "iss and sub are not the client's id"
	case form.Has("client_id") && form.Get("client_id") != p.cfg.ClientID:
		fault = "client_id is another client's"
	case claims.Audience != p.issuer:
		fault = "aud is not the issuer alone"
	case err != nil:
		fault = err.Error()
	case claims.ID == "":
		fault = "jti is missing"
	case !p.seen.add("assertion "+claims.ID, struct{}{}, assertionLife):
		fault = "jti was used before"
	}
	if fault != "" {
		return &oauthError{"invalid_client", "client_assertion: " + fault}
	}
	return nil
}

// openAssertion verifies the signature. The type is that of rfc7523bis or a generic one.
func (p *Provider) openAssertion(raw string, claims *jwtClaims) error {
	types := []string{"", "JWT", "client-authentication+jwt"}
	if p.cfg.ClientAuthMethod == privateKeyJWT {
		_, err := p.openClientJWS(raw, claims, types...)
		return err
	}
	token, err := parseJWS(raw, []jose.SignatureAlgorithm{jose.HS256}, types...)
	if err != nil {
		return err
	}
	return verify(token, []byte(p.cfg.ClientSecret), claims)
}
