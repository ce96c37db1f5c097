package provider

import (
	"context"
	"net/http"
	"net/url"
	"strings"
)

// post sends a form, as this client, to an endpoint that authenticates clients. What the form holds that no log may
// show is named in secrets.
func (p *Provider) post(ctx context.Context, op, endpoint string, form url.Values, secrets ...string) (*answer, error) {
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Accept": {"application/json"}}
	if err := p.authenticate(op, form, header); err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, invalid(op, "bad_endpoint", "%w", foreign{err})
	}
	req.Header = header
	return p.backend.do(op, req, append(secrets, p.clientSecret, form.Get("client_assertion"))...)
}

// refused judges the error answer of such an endpoint (RFC 6749 section 5.2). Only registered codes are taken over.
func (p *Provider) refused(ctx context.Context, op string, a *answer) *Error {
	object, err := decodeObject(a.body, maxBody)
	if err != nil {
		return unexpectedStatus(op, a)
	}
	switch code, _ := object["error"].(string); code {
	case "invalid_client":
		p.logger.ErrorContext(ctx, "ginoidc: the provider does not accept this client's id, credentials or authentication method",
			"client_id", p.clientID, "method", p.authMethod)
		fallthrough
	case "invalid_request", "unauthorized_client", "unsupported_grant_type", "invalid_scope":
		return invalid(op, code, "the provider refused this client's request with %d", a.status)
	case "invalid_grant":
		return &Error{Kind: Refused, Op: op, Code: code, Err: errRefusedGrant}
	}
	return unexpectedStatus(op, a)
}
