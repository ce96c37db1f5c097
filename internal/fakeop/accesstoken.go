package fakeop

import (
	"crypto/rand"
	"fmt"
	"maps"
	"net/url"
	"strings"
	"time"
)

// AccessToken issues a JWT access token for a user, like a sign-in with these scopes and this resource. It is also
// valid at the userinfo endpoint, and can be revoked.
func (p *Provider) AccessToken(subject, audience string, scopes ...string) (string, error) {
	user, known := p.user(subject)
	if !known {
		return "", fmt.Errorf("test provider: no user %q", subject)
	}
	return p.jwtAccessToken(p.signedIn(user, scopes...), []string{audience})
}

// OpaqueToken issues an opaque access token for a user. Resource servers have to introspect it.
func (p *Provider) OpaqueToken(subject, audience string, scopes ...string) (string, error) {
	user, known := p.user(subject)
	if !known {
		return "", fmt.Errorf("test provider: no user %q", subject)
	}
	return p.opaqueAccessToken(p.signedIn(user, scopes...), []string{audience}), nil
}

// ClientToken issues a JWT access token for the client itself, like the client_credentials grant.
func (p *Provider) ClientToken(audience string, scopes ...string) (string, error) {
	g := &grant{authorization: &authorization{scopes: scopes}}
	return p.jwtAccessToken(credential{grant: g}, []string{audience})
}

// signedIn returns what a user's sign-in grants.
func (p *Provider) signedIn(user User, scopes ...string) credential {
	a := &authorization{scopes: scopes}
	return credential{grant: &grant{authorization: a, session: *newSession(user, p.reached(a))}}
}

// grantClient returns the grant of the client itself (RFC 6749, 4.4): only for a client that can authenticate.
func (p *Provider) grantClient(form url.Values) (*grant, *oauthError) {
	if p.cfg.Public {
		return nil, &oauthError{"unauthorized_client", "a public client has no credentials"}
	}
	a := &authorization{scopes: strings.Fields(form.Get("scope")), resources: form["resource"]}
	return &grant{authorization: a}, checkResources(a.resources)
}

// byClient reports whether the grant is the client's own, without a user.
func (g *grant) byClient() bool { return g.session.subject == "" }

// accessToken issues an access token for resources. It is opaque unless Config.JWTAccessTokens is set.
func (p *Provider) accessToken(c credential, resources []string) (string, error) {
	if len(resources) == 0 {
		resources = []string{p.issuer} // the userinfo endpoint is the default resource
	}
	if !p.cfg.JWTAccessTokens {
		return p.opaqueAccessToken(c, resources), nil
	}
	return p.jwtAccessToken(c, resources)
}

// opaqueAccessToken issues an access token that only introspection describes.
func (p *Provider) opaqueAccessToken(c credential, audience []string) string {
	token := p.access.put(c, p.cfg.TokenLife)
	p.described.add(token, p.accessTokenClaims(c, audience), p.cfg.TokenLife)
	return token
}

// jwtAccessToken issues an access token that a resource server verifies itself (RFC 9068, 2.2).
func (p *Provider) jwtAccessToken(c credential, audience []string) (string, error) {
	claims := p.accessTokenClaims(c, audience)
	described := maps.Clone(claims)
	claims["typ"] = "at+jwt"
	p.edit(claims, accessTokenClaims)
	token, err := p.signTyped(claims)
	if err == nil {
		p.access.add(token, c, p.cfg.TokenLife)
		p.described.add(token, described, p.cfg.TokenLife)
	}
	return token, err
}

// accessTokenClaims returns the claims of an access token, or of introspection of it. Its subject is the client if
// there is no user.
func (p *Provider) accessTokenClaims(c credential, audience []string) map[string]any {
	now := time.Now()
	user, _ := p.user(c.session.subject)
	claims := user.claims(nil)
	claims["sub"] = p.cfg.ClientID
	if !c.byClient() {
		claims["sub"], claims["auth_time"] = c.session.subject, c.session.authTime.Unix()
	}
	if c.session.acr != "" {
		claims["acr"] = c.session.acr
	}
	if c.jkt != "" {
		claims["cnf"] = map[string]any{"jkt": c.jkt} // RFC 9449, 6.1
	}
	if len(c.reach()) > 0 {
		claims["scope"] = strings.Join(c.reach(), " ")
	}
	claims["iss"], claims["client_id"], claims["jti"] = p.issuer, p.cfg.ClientID, rand.Text()
	claims["iat"], claims["exp"] = now.Unix(), now.Add(p.cfg.TokenLife).Unix()
	claims["aud"] = audience
	if len(audience) == 1 {
		claims["aud"] = audience[0]
	}
	return claims
}
