package fakeop

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"

	"github.com/go-jose/go-jose/v4"
)

// endSession is the end-session endpoint (OpenID Connect RP-Initiated Logout, 2). It ends the browser's session at the
// provider, and returns to the app if the request identifies the app and the URI is registered.
func (p *Provider) endSession(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		p.message(w, http.StatusBadRequest, "The request cannot be read.")
		return
	}
	sid, err := p.identify(r.Form)
	if err != nil {
		p.log.Info("end of session refused", "reason", err)
		p.message(w, http.StatusBadRequest, "You are still signed in: "+err.Error()+".")
		return
	}
	p.stopSession(r)
	if sid != "" {
		p.sessions.dropIf(func(s *session) bool { return s.sid == sid })
	}
	http.SetCookie(w, p.cookie("", -1))

	target := r.Form.Get("post_logout_redirect_uri")
	named := r.Form.Has("client_id") || r.Form.Has("id_token_hint")
	u, err := url.Parse(target)
	if !named || err != nil || !u.IsAbs() || !allowed(p.cfg.PostLogoutRedirectURIs, target) {
		p.message(w, http.StatusOK, "You are signed out.")
		return
	}
	state := make(url.Values)
	if r.Form.Has("state") {
		state.Set("state", r.Form.Get("state"))
	}
	w.Header().Set("Location", withQuery(target, state))
	w.WriteHeader(http.StatusSeeOther)
}

// identify checks client_id and id_token_hint, and returns the session (sid) that the hint names. Expired hints are
// accepted; signatures of withdrawn keys are not.
func (p *Provider) identify(form url.Values) (sid string, err error) {
	if form.Has("client_id") && form.Get("client_id") != p.cfg.ClientID {
		return "", errors.New("unknown client_id")
	}
	if !form.Has("id_token_hint") {
		return "", nil
	}
	alg := jose.SignatureAlgorithm(p.cfg.SigningAlg)
	token, err := jose.ParseSignedCompact(form.Get("id_token_hint"), []jose.SignatureAlgorithm{alg})
	if err != nil {
		return "", errors.New("id_token_hint is not an ID token")
	}
	for _, key := range p.publicKeys() {
		payload, err := token.Verify(key)
		if err != nil {
			continue
		}
		var claims struct{ Iss, Aud, SID string }
		if json.Unmarshal(payload, &claims) == nil && claims.Iss == p.issuer && claims.Aud == p.cfg.ClientID {
			return claims.SID, nil
		}
	}
	return "", errors.New("id_token_hint is not one of ours")
}
