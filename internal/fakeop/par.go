package fakeop

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	requestURIPrefix = "urn:ietf:params:oauth:request_uri:"
	requestURILife   = time.Minute
	pageLife         = 10 * time.Minute
)

// par is the pushed authorization request endpoint (RFC 9126, 2).
func (p *Provider) par(w http.ResponseWriter, r *http.Request) {
	p.offerNonce(w)
	params, refusal := p.push(r)
	if refusal != nil {
		p.refuseClient(w, refusal)
		return
	}
	answer := map[string]any{
		"request_uri": requestURIPrefix + p.pushed.put(params, requestURILife),
		"expires_in":  int(requestURILife.Seconds()),
	}
	p.edit(answer, PAR)
	writeJSON(w, http.StatusCreated, answer)
}

// push authenticates the client and validates its request as the authorization endpoint would (RFC 9126, 2.1).
func (p *Provider) push(r *http.Request) (url.Values, *oauthError) {
	if refusal := readForm(r); refusal != nil {
		return nil, refusal
	}
	if refusal := p.authenticate(r); refusal != nil {
		return nil, refusal
	}
	if r.PostForm.Has("request_uri") {
		return nil, &oauthError{"invalid_request", "request_uri does not belong into a pushed request"}
	}
	jkt, refusal := p.checkProof(r, "")
	if refusal != nil {
		return nil, refusal
	}
	a, err := p.readAuthorization(r.PostForm)
	if err != nil {
		refusal = &oauthError{"invalid_request", err.Error()}
		errors.As(err, &refusal)
		return nil, refusal
	}
	if jkt != "" { // a proof here binds the code like dpop_jkt (RFC 9449, 10.1)
		if a.jkt != "" && a.jkt != jkt {
			return nil, &oauthError{"invalid_request", "dpop_jkt is not the key of the DPoP proof"}
		}
		a.params.Set("dpop_jkt", jkt)
	}
	return a.params, a.refusal
}

// pushedAuthorization uses a pushed request, once (RFC 9126, 4). Everything except client_id and request_uri is
// ignored. An error cannot be sent to an app.
func (p *Provider) pushedAuthorization(form url.Values) (*authorization, error) {
	key, ours := strings.CutPrefix(form.Get("request_uri"), requestURIPrefix)
	switch {
	case len(form["request_uri"]) > 1 || len(form["client_id"]) > 1:
		return nil, errors.New("request_uri or client_id is repeated")
	case form.Get("client_id") != p.cfg.ClientID:
		return nil, errors.New("request_uri is another client's")
	}
	params, again, ok := p.pushed.spend(key)
	if !ours || !ok || again {
		return nil, errors.New("request_uri is unknown, expired or used")
	}
	a, err := p.readParams(params)
	if err == nil {
		a.pushed = true
	}
	return a, err
}

// pageQuery returns the query by which the log-in page returns to the request. A pushed request is used up, so the page
// gets it under a new request_uri, which lasts as long as people may need.
func (p *Provider) pageQuery(form url.Values, a *authorization) string {
	if a.pushed {
		form = url.Values{
			"client_id":   {p.cfg.ClientID},
			"request_uri": {requestURIPrefix + p.pushed.put(a.params, pageLife)},
		}
	}
	return form.Encode()
}
