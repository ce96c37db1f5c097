package fakeop

import (
	"encoding/json"
	"net/http"
	"strings"
)

// userInfo is the userinfo endpoint (OpenID Connect Core, 5.3). The token must be in the Authorization header.
func (p *Provider) userInfo(w http.ResponseWriter, r *http.Request) {
	claims, ok := p.userInfoFor(w, r)
	if !ok {
		return
	}
	if !p.cfg.SignUserInfo {
		writeJSON(w, http.StatusOK, claims)
		return
	}
	p.edit(claims, userInfoClaims)
	payload, err := json.Marshal(claims)
	token := ""
	if err == nil {
		token, err = p.sign(payload, userInfoClaims)
	}
	if err != nil {
		p.log.Error("userinfo request failed", "error", err)
		http.Error(w, "the test provider cannot sign", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/jwt")
	_, _ = w.Write([]byte(token)) // fails only if the client disconnected
}

// unsignedUserInfo serves plain JSON to a client that is registered for signed userinfo.
func (p *Provider) unsignedUserInfo(w http.ResponseWriter, r *http.Request) {
	if claims, ok := p.userInfoFor(w, r); ok {
		writeJSON(w, http.StatusOK, claims)
	}
}

// userInfoFor returns the claims of the access token's user, with iss and aud if they will be signed (OpenID Connect
// Core, 5.3.2). If there is no valid token, it has written the response.
func (p *Provider) userInfoFor(w http.ResponseWriter, r *http.Request) (claims map[string]any, ok bool) {
	p.offerNonce(w)
	g, ok := p.bearer(w, r)
	if !ok {
		return nil, false
	}
	user, _ := p.user(g.session.subject)
	claims = user.claims(g.scopes)
	include(claims, g.claims.UserInfo, user)
	claims["sub"] = g.session.subject
	if p.cfg.SignUserInfo {
		claims["iss"], claims["aud"] = p.issuer, p.cfg.ClientID
	}
	p.edit(claims, UserInfo)
	return claims, true
}

// bearer returns the grant of the access token. A token bound to a DPoP key is not accepted as a bearer token, nor the
// other way round: otherwise binding would not stop a thief (RFC 9449, 7.1 and 7.2).
func (p *Provider) bearer(w http.ResponseWriter, r *http.Request) (*grant, bool) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	c, unknown := active(&p.access, token)
	ok := unknown == nil && !c.byClient() // tokens of the client name no user
	if !strings.EqualFold(scheme, "DPoP") {
		if !strings.EqualFold(scheme, "Bearer") || !ok || c.jkt != "" {
			refuseBearer(w, r)
			return nil, false
		}
		return c.grant, true
	}
	jkt, refusal := p.checkProof(r, token)
	if refusal == nil && jkt == "" {
		refusal = invalidProof("there is none")
	}
	if refusal == nil && (!ok || c.jkt != jkt) {
		refusal = &oauthError{"invalid_token", "unknown, expired, revoked or bound to another key"}
	}
	if refusal != nil {
		p.log.Info("userinfo request refused", "error", refusal.code, "reason", refusal.description)
		refuseDPoP(w, refusal)
		return nil, false
	}
	return c.grant, true
}

func refuseBearer(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
	writeJSON(w, http.StatusUnauthorized, (&oauthError{"invalid_token", "unknown, expired or revoked"}).document())
}
