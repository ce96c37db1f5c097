package ginoidctest

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// verifierSyntax is a PKCE code verifier (RFC 7636, 4.1).
var verifierSyntax = regexp.MustCompile(`^[A-Za-z0-9._~-]{43,128}$`)

// token is the token endpoint (RFC 6749, 3.2).
func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	g, nonce, refusal := p.redeem(r)
	if refusal != nil {
		p.log.Info("token request refused", "error", refusal.code, "reason", refusal.description)
		status := http.StatusBadRequest
		if refusal.code == "invalid_client" {
			status = http.StatusUnauthorized
			w.Header().Set("WWW-Authenticate", `Basic realm="token endpoint"`)
		}
		writeJSON(w, status, refusal.document())
		return
	}
	answer, err := p.tokens(g, nonce)
	if err != nil {
		p.log.Error("token request failed", "error", err)
		http.Error(w, "the test provider cannot sign", http.StatusInternalServerError)
		return
	}
	p.edit(Token, answer)
	writeJSON(w, http.StatusOK, answer)
}

// redeem authenticates the client and turns its code or refresh token into the
// grant behind it. The nonce belongs into the first ID token only.
func (p *Provider) redeem(r *http.Request) (g *grant, nonce string, refusal *oauthError) {
	if err := r.ParseForm(); err != nil {
		return nil, "", &oauthError{"invalid_request", "the body cannot be read as a form"}
	}
	for name, values := range r.PostForm {
		if len(values) > 1 {
			return nil, "", &oauthError{"invalid_request", fmt.Sprintf("parameter %q is repeated", name)}
		}
	}
	if refusal := p.authenticate(r); refusal != nil {
		return nil, "", refusal
	}
	switch r.PostForm.Get("grant_type") {
	case "authorization_code":
		g, refusal = p.redeemCode(r.PostForm)
		if refusal != nil {
			return nil, "", refusal
		}
		return g, g.nonce, nil
	case "refresh_token":
		g, refusal = once(&p.refresh, r.PostForm.Get("refresh_token"))
		return g, "", refusal
	}
	return nil, "", &oauthError{"unsupported_grant_type", "neither authorization_code nor refresh_token"}
}

// authenticate wants exactly one of client_secret_basic and client_secret_post
// from a confidential client, and the bare client_id from a public one.
func (p *Provider) authenticate(r *http.Request) *oauthError {
	id, secret := r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
	if r.Header.Get("Authorization") != "" {
		if r.PostForm.Has("client_secret") {
			return &oauthError{"invalid_request", "two client authentications"}
		}
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

func (p *Provider) redeemCode(form url.Values) (*grant, *oauthError) {
	g, refusal := once(&p.codes, form.Get("code"))
	if refusal != nil {
		return nil, refusal
	}
	verifier := form.Get("code_verifier")
	challenge := sha256.Sum256([]byte(verifier))
	switch {
	case form.Get("redirect_uri") != g.redirectURI:
		return nil, &oauthError{"invalid_grant", "redirect_uri differs from the authorization request's"}
	case !verifierSyntax.MatchString(verifier) || encode(challenge[:]) != g.challenge:
		return nil, &oauthError{"invalid_grant", "code_verifier does not fit code_challenge"}
	}
	return g, nil
}

// once redeems a code or refresh token. The second use of one means that it
// was stolen, by this caller or the first: all that came from it is revoked
// (RFC 6749, 4.1.2; RFC 9700, 4.14.2).
func once(v *vault[*grant], key string) (*grant, *oauthError) {
	g, again, ok := v.spend(key)
	if again {
		g.revoked.Store(true)
	}
	if !ok || g.revoked.Load() {
		return nil, &oauthError{"invalid_grant", "unknown, expired, used or revoked"}
	}
	return g, nil
}

func (p *Provider) tokens(g *grant, nonce string) (map[string]any, error) {
	accessToken := p.access.put(g, tokenLife)
	idToken, err := p.idToken(g, nonce, accessToken)
	if err != nil {
		return nil, err
	}
	answer := map[string]any{
		"access_token": accessToken,
		"token_type":   "Bearer",
		"expires_in":   int(tokenLife.Seconds()),
		"scope":        strings.Join(g.scopes, " "),
		"id_token":     idToken,
	}
	if slices.Contains(g.scopes, "offline_access") {
		answer["refresh_token"] = p.refresh.put(g, refreshLife)
	}
	return answer, nil
}

// idToken makes an ID token (OpenID Connect Core, 2 and 3.1.3.6).
func (p *Provider) idToken(g *grant, nonce, accessToken string) (string, error) {
	user, _ := p.user(g.session.subject)
	claims := user.claims(g.scopes)
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
	p.edit(idTokenClaims, claims)
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("ginoidctest: ID token claims: %w", err)
	}
	return p.sign(payload)
}
