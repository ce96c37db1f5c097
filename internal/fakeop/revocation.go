package fakeop

import "net/http"

// revocation is the revocation endpoint (RFC 7009, 2). It authenticates the client as the token endpoint does. An
// unknown token counts as revoked already, so the response is 200.
func (p *Provider) revocation(w http.ResponseWriter, r *http.Request) {
	if refusal := p.revoke(r); refusal != nil {
		p.refuseClient(w, refusal)
		return
	}
	w.WriteHeader(http.StatusOK)
}

// revoke revokes the grant of a refresh token, but for an access token only that token (RFC 7009, 2.1). token_type_hint
// is not needed to find either. A spent refresh token revokes nothing: a client that lost the newest one has not signed
// anyone out, and its test should show that.
func (p *Provider) revoke(r *http.Request) *oauthError {
	if refusal := readForm(r); refusal != nil {
		return refusal
	}
	if refusal := p.authenticate(r); refusal != nil {
		return refusal
	}
	token := r.PostForm.Get("token")
	if token == "" {
		return &oauthError{"invalid_request", "token is missing"}
	}
	if c, ok := p.refresh.get(token); ok {
		c.revoked.Store(true)
	}
	p.access.drop(token)
	return nil
}

// Active reports whether an access token or refresh token is valid: known, and not expired, used up or revoked (RFC
// 7662, 2.2).
func (p *Provider) Active(token string) bool {
	for _, v := range []*vault[credential]{&p.access, &p.refresh} {
		if _, refusal := active(v, token); refusal == nil {
			return true
		}
	}
	return false
}

// Refreshes returns how many refreshes succeeded at the provider, including those that a misbehaviour or hook spoiled
// afterwards.
func (p *Provider) Refreshes() int { return p.Count(refreshAnswer) }
