package ginoidctest

import (
	"net/http"
	"strings"
)

// userInfo is the userinfo endpoint (OpenID Connect Core, 5.3). The token comes
// in the Authorization header, nowhere else.
func (p *Provider) userInfo(w http.ResponseWriter, r *http.Request) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	g, ok := p.access.get(token)
	if !strings.EqualFold(scheme, "Bearer") || !ok || g.revoked.Load() {
		refuseBearer(w, r)
		return
	}
	user, _ := p.user(g.session.subject)
	claims := user.claims(g.scopes)
	claims["sub"] = g.session.subject
	p.edit(UserInfo, claims)
	writeJSON(w, http.StatusOK, claims)
}

func refuseBearer(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
	writeJSON(w, http.StatusUnauthorized, (&oauthError{"invalid_token", "unknown, expired or revoked"}).document())
}
