package ginoidctest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// tokens is the answer to a token request: fresh tokens, bound to the DPoP key of
// the request if there is one (RFC 9449, 5).
func (p *Provider) tokens(d *redemption) (map[string]any, error) {
	accessToken := p.access.put(d.credential, tokenLife)
	idToken, err := p.idToken(d.grant, d.nonce, accessToken)
	if err != nil {
		return nil, err
	}
	answer := map[string]any{
		"access_token": accessToken,
		"token_type":   "Bearer",
		"expires_in":   int(tokenLife.Seconds()),
		"scope":        strings.Join(d.scopes, " "),
		"id_token":     idToken,
	}
	if d.jkt != "" {
		answer["token_type"] = "DPoP"
	}
	if slices.Contains(d.scopes, "offline_access") {
		answer["refresh_token"] = p.refresh.put(d.credential, refreshLife)
	}
	return answer, nil
}

// idToken makes an ID token (OpenID Connect Core, 2 and 3.1.3.6).
func (p *Provider) idToken(g *grant, nonce, accessToken string) (string, error) {
	user, _ := p.user(g.session.subject)
	claims := user.claims(g.scopes)
	include(claims, g.claims.IDToken, user)
	if p.cfg.GroupsInUserInfoOnly {
		delete(claims, "groups")
		delete(claims, "organizations")
	}
	now := time.Now()
	claims["iss"] = p.issuer
	claims["aud"] = p.cfg.ClientID
	claims["sub"] = g.session.subject
	claims["iat"] = now.Unix()
	claims["exp"] = now.Add(tokenLife).Unix()
	claims["auth_time"] = g.session.authTime.Unix()
	claims["sid"] = g.session.sid
	claims["at_hash"] = leftHalf(p.cfg.SigningAlg, accessToken)
	if nonce != "" {
		claims["nonce"] = nonce
	}
	if g.session.acr != "" {
		claims["acr"], claims["amr"] = g.session.acr, []string{"pwd"}
	}
	p.edit(idTokenClaims, claims)
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("ginoidctest: ID token claims: %w", err)
	}
	token, err := p.sign(idTokenClaims, payload)
	if err != nil {
		return "", err
	}
	return p.encrypt(token)
}
