package provider

import (
	"net/url"
	"strconv"
)

const requestObjectType = "oauth-authz-req+jwt" // RFC 9101 section 10.8

// signed returns the parameters of an authorization request as they are sent: unchanged or, if requests are signed, as
// client_id and a request object (RFC 9101 section 5). So nobody between this server and the provider, including the
// browser, can change the request.
func (p *Provider) signed(params url.Values) (url.Values, error) {
	if !p.signRequests {
		return params, nil
	}
	request, err := p.signRequest(params)
	if err != nil {
		return nil, err
	}
	return url.Values{"client_id": {p.clientID}, "request": {request}}, nil
}

// signRequest returns the request object (RFC 9101 section 4): all params as claims, for this provider, valid for a
// minute. It has no sub, or it could be used as a client assertion (RFC 9101 section 10.8).
func (p *Provider) signRequest(params url.Values) (string, error) {
	claims := p.ownClaims()
	for name, values := range params {
		if _, ours := claims[name]; ours || name == "sub" {
			return "", misconfigured(opAuthorization, "parameter_conflict",
				"the parameter %s is a claim of the request object itself", excerpt(name))
		}
		value, err := requestClaim(name, values)
		if err != nil {
			return "", misconfigured(opAuthorization, "parameter_conflict", "the parameter %s: %w", excerpt(name), err)
		}
		claims[name] = value
	}
	return p.clientKey.sign(opAuthorization, requestObjectType, claims)
}

// requestClaim converts a parameter to its type in a request object: numbers and JSON as such (OpenID Connect Core 1.0
// section 6.1), repeated parameters as an array (RFC 8707 section 2).
func requestClaim(name string, values []string) (any, error) {
	if len(values) != 1 {
		return values, nil
	}
	switch name {
	case "max_age":
		return strconv.ParseUint(values[0], 10, 31)
	case "claims":
		return decodeObject([]byte(values[0]), maxBody)
	}
	return values[0], nil
}
