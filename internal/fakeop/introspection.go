package fakeop

import (
	"maps"
	"net/http"
	"strings"
	"time"
)

const introspectionType = "token-introspection+jwt"

// introspection is the introspection endpoint (RFC 7662, 2). It authenticates the client as the token endpoint does,
// and answers in a signed JWT where that is what the client accepts (RFC 9701, 4).
func (p *Provider) introspection(w http.ResponseWriter, r *http.Request) {
	answer, refusal := p.introspect(r)
	if refusal != nil {
		p.refuseClient(w, refusal)
		return
	}
	p.edit(answer, Introspection)
	if !strings.Contains(r.Header.Get("Accept"), "application/"+introspectionType) {
		writeJSON(w, http.StatusOK, answer)
		return
	}
	claims := map[string]any{
		"iss": p.issuer, "aud": p.cfg.ClientID, "iat": time.Now().Unix(), "token_introspection": answer,
		"typ": introspectionType,
	}
	p.edit(claims, introspectionClaims)
	token, err := p.signTyped(claims)
	if err != nil {
		p.log.Error("introspection request failed", "error", err)
		http.Error(w, "the test provider cannot sign", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/"+introspectionType)
	_, _ = w.Write([]byte(token)) // fails only where the client went away
}

// introspect describes a token. Like many a provider it tells of refresh tokens too, whatever token_type_hint says.
func (p *Provider) introspect(r *http.Request) (map[string]any, *oauthError) {
	if refusal := readForm(r); refusal != nil {
		return nil, refusal
	}
	if refusal := p.authenticate(r); refusal != nil {
		return nil, refusal
	}
	token := r.PostForm.Get("token")
	if token == "" {
		return nil, &oauthError{"invalid_request", "token is missing"}
	}
	if c, unknown := active(&p.refresh, token); unknown == nil {
		return map[string]any{
			"active": true, "iss": p.issuer, "sub": c.session.subject, "client_id": p.cfg.ClientID, "token_use": "refresh_token",
		}, nil
	}
	c, unknown := active(&p.access, token)
	described, ok := p.described.get(token)
	if unknown != nil || !ok {
		return map[string]any{"active": false}, nil
	}
	answer := maps.Clone(described)
	answer["active"], answer["token_type"] = true, "Bearer"
	if c.jkt != "" {
		answer["token_type"] = "DPoP"
	}
	return answer, nil
}
