package fakeop

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"strings"
)

// AuthorizationResponse is what the provider makes a browser send to the app's redirect URI: the URL to get or, in a
// form_post mode, the URL and the form to post to it.
type AuthorizationResponse struct {
	Method, URL string
	Form        url.Values // nil for GET, which has its parameters in URL
}

// allow is a successful authorization: a new code. If the session reached a stronger class than requested, the ID token
// names the requested one.
func (p *Provider) allow(a *authorization, s *session) map[string]any {
	g := &grant{authorization: a, session: *s}
	if a.acr != "" {
		g.session.acr = a.acr
	}
	code := rand.Text()
	if more := p.cfg.CodeLength - len(code); more > 0 {
		code += strings.Repeat("+/=", more/3+1)[:more]
	}
	p.codes.add(code, credential{grant: g, jkt: a.jkt}, codeLife)
	return map[string]any{"code": code}
}

func (p *Provider) refuse(w http.ResponseWriter, a *authorization, refusal *oauthError) {
	p.log.Info("authorization refused", "error", refusal.code, "reason", refusal.description)
	p.respond(w, a, refusal.document())
}

// respond sends the authorization response through the browser.
func (p *Provider) respond(w http.ResponseWriter, a *authorization, params map[string]any) {
	response, err := p.response(a, params)
	switch {
	case err != nil:
		p.log.Error("authorization response failed", "error", err)
		p.message(w, http.StatusInternalServerError, "The test provider cannot sign.")
	case response.Method == http.MethodPost:
		p.formPostPage(w, response.URL, response.Form)
	default:
		w.Header().Set("Location", response.URL)
		w.WriteHeader(http.StatusSeeOther) // after a POST too, so never 302 or 307 (RFC 9700, 4.12)
	}
}

// response adds state and iss (RFC 9207) to the parameters.
func (p *Provider) response(a *authorization, params map[string]any) (*AuthorizationResponse, error) {
	params["iss"] = p.issuer
	if a.state != "" {
		params["state"] = a.state
	}
	p.edit(params, Authorize)
	fields := make(url.Values)
	for name, value := range params {
		if text, ok := value.(string); ok {
			fields.Set(name, text)
		}
	}
	if a.jarmed() {
		var err error
		if fields, err = p.jarm(params); err != nil {
			return nil, err
		}
	}
	if a.posted() {
		return &AuthorizationResponse{http.MethodPost, a.redirectURI, fields}, nil
	}
	return &AuthorizationResponse{Method: http.MethodGet, URL: withQuery(a.redirectURI, fields)}, nil
}

// withQuery adds fields to a URI, after any query it already has.
func withQuery(uri string, fields url.Values) string {
	u, err := url.Parse(uri)
	if err != nil || len(fields) == 0 {
		return uri
	}
	if u.RawQuery != "" {
		u.RawQuery += "&"
	}
	u.RawQuery += fields.Encode()
	return u.String()
}
