package fakeop

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// tokens returns the response to a token request: new tokens, bound to the DPoP key of the request if there is one (RFC
// 9449, 5).
func (p *Provider) tokens(d *redemption) (map[string]any, error) {
	accessToken, err := p.accessToken(d.credential, d.resources)
	if err != nil {
		return nil, err
	}
	answer := map[string]any{
		"access_token": accessToken,
		"token_type":   "Bearer",
		"expires_in":   int(p.cfg.TokenLife.Seconds()),
	}
	if len(d.reach()) > 0 {
		answer["scope"] = strings.Join(d.reach(), " ")
	}
	if d.jkt != "" {
		answer["token_type"] = "DPoP"
	}
	if d.exchanged {
		answer["issued_token_type"] = accessTokenType
	}
	if d.byClient() || d.exchanged {
		return answer, nil // no refresh token or ID token (RFC 6749, 4.4.3; RFC 8693, 2.2.1)
	}
	if answer["id_token"], err = p.idToken(d, accessToken); err != nil {
		return nil, err
	}
	switch {
	case d.kept != "":
		answer["refresh_token"] = d.kept
	case p.cfg.AlwaysRefreshToken || slices.Contains(d.scopes, "offline_access"):
		whole := credential{grant: d.grant, jkt: d.jkt}
		answer["refresh_token"] = p.refresh.put(whole, refreshLife)
	}
	return answer, nil
}

// idToken issues an ID token (OpenID Connect Core, 2, 3.1.3.6 and 12.2).
func (p *Provider) idToken(d *redemption, accessToken string) (string, error) {
	user, _ := p.user(d.session.subject)
	claims := user.claims(d.scopes)
	include(claims, d.claims.IDToken, user)
	if p.cfg.GroupsInUserInfoOnly {
		delete(claims, "groups")
		delete(claims, "organizations")
	}
	now := time.Now()
	claims["iss"] = p.issuer
	claims["aud"] = p.cfg.ClientID
	claims["sub"] = d.session.subject
	claims["iat"] = now.Unix()
	claims["exp"] = now.Add(idTokenLife).Unix()
	claims["auth_time"] = d.session.authTime.Unix()
	claims["sid"] = d.session.sid
	claims["at_hash"] = leftHalf(p.cfg.SigningAlg, accessToken)
	if d.nonce != "" {
		claims["nonce"] = d.nonce
	}
	if d.session.acr != "" {
		claims["acr"], claims["amr"] = d.session.acr, []string{"pwd"}
	}
	what := d.as(idTokenClaims, refreshedIDToken)
	p.edit(claims, what...)
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("test provider: ID token claims: %w", err)
	}
	token, err := p.sign(payload, what...)
	if err != nil {
		return "", err
	}
	return p.encrypt(token)
}
