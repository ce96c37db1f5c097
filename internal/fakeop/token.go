package fakeop

import (
	"crypto/sha256"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// verifierSyntax is a PKCE code verifier (RFC 7636, 4.1).
var verifierSyntax = regexp.MustCompile(`^[A-Za-z0-9._~-]{43,128}$`)

// token is the token endpoint (RFC 6749, 3.2).
func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	p.offerNonce(w)
	if refusal := readForm(r); refusal != nil {
		p.refuseClient(w, refusal)
		return
	}
	if fault := p.intercepted(refreshAnswer); fault != nil && r.PostForm.Get("grant_type") == "refresh_token" {
		fault(w, r)
		return
	}
	d, refusal := p.redeem(r)
	if refusal != nil {
		p.refuseClient(w, refusal)
		return
	}
	answer, err := p.tokens(d)
	if err != nil {
		p.log.Error("token request failed", "error", err)
		http.Error(w, "the test provider cannot sign", http.StatusInternalServerError)
		return
	}
	if d.refreshed {
		p.count(refreshAnswer)
	}
	p.edit(answer, d.as(Token, refreshAnswer)...)
	writeJSON(w, http.StatusOK, answer)
}

// refuseClient refuses a request of the client itself (RFC 6749, 5.2).
func (p *Provider) refuseClient(w http.ResponseWriter, refusal *oauthError) {
	p.log.Info("request of the client refused", "error", refusal.code, "reason", refusal.description)
	status := http.StatusBadRequest
	if refusal.code == "invalid_client" {
		status = http.StatusUnauthorized
		w.Header().Set("WWW-Authenticate", `Basic realm="test provider"`)
	}
	writeJSON(w, status, refusal.document())
}

// readForm reads the body of a request of the client.
func readForm(r *http.Request) *oauthError {
	if err := r.ParseForm(); err != nil {
		return &oauthError{"invalid_request", "the body cannot be read as a form"}
	}
	return repeated(r.PostForm)
}

// redemption is the result of a valid token request: a grant, the key to bind its tokens to, and the nonce of the ID
// token.
type redemption struct {
	credential
	nonce     string
	resources []string // of the access token: a subset of the grant's
	refreshed bool
	exchanged bool
	kept      string // the refresh token, if it stays valid
}

// as returns the keys of the hooks for a document of this token request.
func (d *redemption) as(always, refreshed Endpoint) []Endpoint {
	if d.refreshed {
		return []Endpoint{always, refreshed}
	}
	return []Endpoint{always}
}

// redeem authenticates the client and returns the grant of its code or refresh token. The nonce belongs only in the
// first ID token. A missing or invalid DPoP proof spends neither.
func (p *Provider) redeem(r *http.Request) (*redemption, *oauthError) {
	if refusal := p.authenticate(r); refusal != nil {
		return nil, refusal
	}
	jkt, refusal := p.checkProof(r, "")
	switch {
	case refusal != nil:
		return nil, refusal
	case jkt == "" && p.cfg.RequireDPoP:
		return nil, invalidProof("there is none")
	}
	d := &redemption{credential: credential{jkt: jkt}}
	switch r.PostForm.Get("grant_type") {
	case "authorization_code":
		if d.grant, refusal = p.redeemCode(r.PostForm, jkt); refusal == nil {
			d.nonce = d.grant.nonce
		}
	case "refresh_token":
		d.refreshed = true
		if p.keepsRefreshTokens() {
			d.kept = r.PostForm.Get("refresh_token")
		}
		d.grant, refusal = p.redeemRefreshToken(r.PostForm, jkt, d.kept != "")
	case "client_credentials":
		d.grant, refusal = p.grantClient(r.PostForm)
	case tokenExchange:
		d.exchanged = true
		d.grant, refusal = p.exchange(r.PostForm)
	default:
		refusal = &oauthError{"unsupported_grant_type", "none of " + strings.Join(grantTypes(), ", ")}
	}
	if refusal != nil {
		return nil, refusal
	}
	d.resources = append(r.PostForm["resource"], r.PostForm["audience"]...)
	if len(d.resources) == 0 {
		d.resources = d.grant.resources
	}
	d.narrow, refusal = narrowed(r.PostForm, d.grant)
	return d, refusal
}

// grantTypes returns the supported grant types.
func grantTypes() []string {
	return []string{"authorization_code", "refresh_token", "client_credentials", tokenExchange}
}

// narrowed returns the scopes that a refresh or an exchange asks for, which the grant must have (RFC 6749, 6).
func narrowed(form url.Values, g *grant) ([]string, *oauthError) {
	scopes := strings.Fields(form.Get("scope"))
	for _, scope := range scopes {
		if !slices.Contains(g.scopes, scope) {
			return nil, &oauthError{"invalid_scope", "scope was not in the authorization request"}
		}
	}
	return scopes, nil
}

func (p *Provider) redeemCode(form url.Values, jkt string) (*grant, *oauthError) {
	c, refusal := once(&p.codes, form.Get("code"))
	if refusal != nil {
		return nil, refusal
	}
	verifier := form.Get("code_verifier")
	challenge := sha256.Sum256([]byte(verifier))
	switch {
	case form.Get("redirect_uri") != c.redirectURI:
		return nil, &oauthError{"invalid_grant", "redirect_uri differs from the authorization request's"}
	case !verifierSyntax.MatchString(verifier) || encode(challenge[:]) != c.challenge:
		return nil, &oauthError{"invalid_grant", "code_verifier does not fit code_challenge"}
	case c.jkt != "" && c.jkt != jkt:
		return nil, &oauthError{"invalid_grant", "the DPoP proof is not by the key of dpop_jkt (RFC 9449, 10)"}
	}
	return c.grant, checkTarget(form, c.grant)
}

// redeemRefreshToken requires DPoP again if the client began with it. A public client must use the same key, because
// nothing else protects its refresh token (RFC 9449, 5). A request for more than the user allowed does not use it up.
func (p *Provider) redeemRefreshToken(form url.Values, jkt string, keep bool) (*grant, *oauthError) {
	if c, unknown := active(&p.refresh, form.Get("refresh_token")); unknown == nil {
		_, tooMuch := narrowed(form, c.grant)
		if refusal := firstOf(checkTarget(form, c.grant), tooMuch); refusal != nil {
			return nil, refusal
		}
	}
	use := once
	if keep {
		use = active
	}
	c, refusal := use(&p.refresh, form.Get("refresh_token"))
	switch {
	case refusal != nil:
		return nil, refusal
	case c.jkt != "" && jkt == "":
		return nil, invalidProof("there is none, but there was at the code")
	case c.jkt != "" && c.jkt != jkt && p.cfg.Public:
		return nil, &oauthError{"invalid_grant", "the refresh token is bound to another key"}
	}
	return c.grant, nil
}

// checkTarget restricts a token to resources that the user allowed (RFC 8707, 2.2).
func checkTarget(form url.Values, g *grant) *oauthError {
	for _, resource := range form["resource"] {
		if !slices.Contains(g.resources, resource) {
			return &oauthError{"invalid_target", "resource was not in the authorization request"}
		}
	}
	return nil
}

// once redeems a code or refresh token. Its reuse means that it was stolen, by this caller or the first: all tokens
// issued for it are revoked (RFC 6749, 4.1.2; RFC 9700, 4.14.2).
func once(v *vault[credential], key string) (credential, *oauthError) {
	c, again, ok := v.spend(key)
	if again {
		c.revoked.Store(true)
	}
	if !ok || c.revoked.Load() {
		return c, inactive()
	}
	return c, nil
}

// active returns a token that is still valid, and does not use it up.
func active(v *vault[credential], key string) (credential, *oauthError) {
	c, ok := v.get(key)
	if !ok || c.revoked.Load() {
		return c, inactive()
	}
	return c, nil
}

// keepsRefreshTokens reports whether a refresh token may be used again.
func (p *Provider) keepsRefreshTokens() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cfg.KeepRefreshToken || slices.ContainsFunc(p.misbehaving, func(h hooks) bool { return h.keepRefreshToken })
}

func inactive() *oauthError { return &oauthError{"invalid_grant", "unknown, expired, used or revoked"} }
