package provider

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/oauth2"
)

const opAuthorization = "authorization"

// Response modes (OAuth 2.0 Multiple Response Type Encoding Practices section 2.1; Form Post Response Mode; JARM
// section 2.3).
const (
	ResponseModeQuery    = "query"
	ResponseModeFormPost = "form_post"
	ResponseModeJWT      = ".jwt" // appended to either of the others
)

// AuthRequest holds the parameters that differ from one authorization request to the next.
type AuthRequest struct {
	State, Nonce string
	Verifier     string     // PKCE; only its S256 challenge leaves this process
	Params       url.Values // additional parameters, allow-listed by the caller; none may repeat one of ours
}

// AuthorizationURL returns the URL to send the browser to. It is always the code flow with state, nonce and PKCE S256
// (OpenID Connect Core 1.0 section 3.1.2.1, RFC 7636 section 4.3). A query that the endpoint already has is kept. If
// requests are pushed, AuthorizationURL pushes this one, and the URL holds only client_id and request_uri.
func (p *Provider) AuthorizationURL(ctx context.Context, req AuthRequest) (string, error) {
	params, err := p.authorizationParams(req)
	if err != nil {
		return "", err
	}
	metadata, err := p.Metadata(ctx)
	if err != nil {
		return "", err
	}
	query, err := p.signed(params)
	if err != nil {
		return "", err
	}
	if p.pushes(metadata) {
		ctx, cancel := context.WithTimeout(ctx, p.backend.limits.total())
		defer cancel()
		query, err = p.push(ctx, metadata.PushedAuthorizationRequestEndpoint, query)
		if err != nil {
			return "", err
		}
	} else { // required in the query even with a request object (OpenID Connect Core 1.0 section 6.1)
		query["response_type"], query["scope"] = params["response_type"], params["scope"]
	}
	return mergeQuery(metadata.AuthorizationEndpoint, query)
}

// authorizationParams returns all parameters of the request.
func (p *Provider) authorizationParams(req AuthRequest) (url.Values, error) {
	if req.State == "" || req.Nonce == "" || req.Verifier == "" {
		return nil, misconfigured(opAuthorization, "incomplete_request", "state, nonce and verifier are required")
	}
	values := []string{ // one allocation for all
		"code", p.clientID, p.redirectURL, p.scope, req.State, req.Nonce,
		oauth2.S256ChallengeFromVerifier(req.Verifier), "S256",
	}
	params := make(url.Values, len(values)+len(req.Params)+1)
	for i, name := range [...]string{
		"response_type", "client_id", "redirect_uri", "scope", "state", "nonce", "code_challenge", "code_challenge_method",
	} {
		params[name] = values[i : i+1 : i+1]
	}
	if p.responseMode != "" && p.responseMode != ResponseModeQuery { // query is the default of the code flow
		params.Set("response_mode", p.responseMode)
	}
	if err := CheckParameters(req.Params); err != nil {
		return nil, misconfigured(opAuthorization, "parameter_conflict", "%w", err)
	}
	for name, values := range req.Params {
		params[name] = values
	}
	return params, nil
}

// mergeQuery adds params to the query that the endpoint already has (RFC 6749 section 3.1). params win, so that a
// hostile discovery document cannot preset one of them. No endpoint has a fragment.
func mergeQuery(endpoint string, params url.Values) (string, error) {
	u, err := url.Parse(endpoint)
	if err != nil {
		return "", invalid(opAuthorization, "bad_endpoint", "%w", quotedError{err})
	}
	if u.RawQuery != "" {
		query, err := url.ParseQuery(u.RawQuery)
		if err != nil {
			return "", invalid(opAuthorization, "bad_endpoint", "%w", quotedError{err})
		}
		maps.Copy(query, params)
		params = query
	}
	u.RawQuery, u.ForceQuery = "", false
	var b strings.Builder
	b.Grow(len(endpoint) + querySize)
	b.WriteString(u.String())
	writeQuery(&b, params)
	return b.String(), nil
}

// querySize is room for the query of most authorization requests.
const querySize = 512

// writeQuery writes params as a query, as params.Encode encodes them. That would grow its memory in many steps.
func writeQuery(b *strings.Builder, params url.Values) {
	names := make([]string, 0, len(params))
	for name := range params {
		names = append(names, name)
	}
	slices.Sort(names)
	separator := byte('?')
	for _, name := range names {
		for _, value := range params[name] {
			b.WriteByte(separator)
			b.WriteString(url.QueryEscape(name))
			b.WriteByte('=')
			b.WriteString(url.QueryEscape(value))
			separator = '&'
		}
	}
}

// CheckResponseIssuer checks the iss parameter of an authorization response (RFC 9207 section 2.4) before its code is
// used. If present, it must equal the issuer byte for byte. It is required if the provider's metadata announces it. The
// check stops mix-up attacks, in which a code issued by one provider is sent to the token endpoint of another.
func (p *Provider) CheckResponseIssuer(ctx context.Context, iss string, present bool) error {
	if present {
		if p.Issues(iss) {
			return nil
		}
		return wrongResponseIssuer("configured %s, the response names %s", excerpt(p.issuer), excerpt(iss))
	}
	ctx, cancel := context.WithTimeout(ctx, p.backend.limits.total())
	defer cancel()
	metadata, err := p.Metadata(ctx)
	if err != nil {
		return err
	}
	if metadata.AuthorizationResponseIssParameterSupported {
		return wrongResponseIssuer("the response names no issuer although the provider announces that it does")
	}
	return nil
}

func wrongResponseIssuer(format string, args ...any) *Error {
	cause := fmt.Errorf(format, args...)
	return &Error{
		Kind: Refused, Op: opAuthorization, Code: "response_issuer", Err: fmt.Errorf("%w: %w", ErrIssuerMismatch, cause),
	}
}
