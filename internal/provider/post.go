package provider

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
)

// post sends a form, as this client, to an endpoint that authenticates clients. secrets lists the values of the form
// that must not be logged.
func (p *Provider) post(ctx context.Context, op, endpoint string, form url.Values, secrets ...string) (*answer, error) {
	return p.postProved(ctx, op, endpoint, form, nil, secrets...)
}

// postProved is post with a proof of key, unless key is nil. If the proof has to be made anew, so is the request: a
// client assertion is valid for one request too.
func (p *Provider) postProved(ctx context.Context, op, endpoint string, form url.Values, key *dpopKey,
	secrets ...string) (*answer, error) {
	return proved(key, func() (*answer, error) {
		header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Accept": {p.accept(op)}}
		if err := p.authenticate(op, form, header); err != nil {
			return nil, err
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form.Encode()))
		if err != nil {
			return nil, invalid(op, "bad_endpoint", "%w", quotedError{err})
		}
		req.Header = header
		if err := p.prove(req, key, ""); err != nil {
			return nil, err
		}
		return p.backend.do(op, req, append(secrets, p.clientSecret, form.Get("client_assertion"))...)
	})
}

// refused returns the error for an error response of such an endpoint (RFC 6749 section 5.2, RFC 9126 section 2.3, RFC
// 9449 section 5.1). Only registered codes become codes of the error.
func (p *Provider) refused(ctx context.Context, op string, a *answer) *Error {
	object, _ := decodeObject(a.body, maxBody)
	code, _ := object["error"].(string)
	if code == "invalid_client" || code == "unauthorized_client" || a.status == http.StatusUnauthorized &&
		!a.wantsNonce() {
		attrs := []slog.Attr{slog.String("client_id", p.clientID), slog.String("method", p.authMethod)}
		if p.authMethod == PrivateKeyJWT { // the provider may know the key by another kid
			attrs = append(attrs, slog.String("kid", p.clientKey.KeyID()), slog.String("kid_set_by", p.keyIDSetting))
		}
		p.report(ctx, Event{
			Level: slog.LevelError,
			Text:  "the provider does not accept this client's id, credentials or authentication method", Attrs: attrs,
		})
	}
	switch code {
	case "invalid_client", "invalid_request", "unauthorized_client", "unsupported_grant_type", "invalid_scope",
		"unsupported_response_type", "invalid_target",
		"invalid_request_object", "invalid_dpop_proof":
		return invalid(op, code, "the provider refused this client's request with %d", a.status)
	case "invalid_grant":
		return &Error{Kind: Refused, Op: op, Code: code, Err: errRefusedGrant}
	}
	return unexpectedStatus(op, a)
}
