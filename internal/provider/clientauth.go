package provider

import (
	"net/http"
	"net/url"
)

// authenticate adds this client's authentication (OpenID Connect Core 1.0 section 9) to a request that carries form. The
// method is fixed by the configuration: to probe would send the same code twice (case 67).
func (p *Provider) authenticate(op string, form url.Values, header http.Header) error {
	switch p.authMethod {
	case "client_secret_basic": // both form-encoded first, RFC 6749 section 2.3.1
		basic := &http.Request{Header: header}
		basic.SetBasicAuth(url.QueryEscape(p.clientID), url.QueryEscape(p.clientSecret))
	case "client_secret_post":
		form.Set("client_id", p.clientID)
		form.Set("client_secret", p.clientSecret)
	case "none":
		form.Set("client_id", p.clientID)
	default:
		return misconfigured(op, "auth_method", "client authentication %s is not supported", excerpt(p.authMethod))
	}
	return nil
}
