package ginoidc

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

// response is an authorization response (RFC 6749, section 4.1.2; RFC 9207, section 2).
type response struct {
	code, state, issuer string
	hasIssuer           bool
	refusal             *ProviderError // nil unless the provider sent an error, which goes before a code
}

// maxParameter bounds code, state and iss.
const maxParameter = 4096

// formPost tells that the response is a form which the provider's page posts (OAuth 2.0 Form Post Response Mode).
func (a *core) formPost() bool { return strings.HasPrefix(a.config.ResponseMode, responseModeFormPost) }

// signedResponse tells that the response is one signed JWT (JARM).
func (a *core) signedResponse() bool {
	return strings.HasSuffix(a.config.ResponseMode, responseModeJWT)
}

// responseParams reads the parameters of the response from where the response mode puts them, and from nowhere else. jwt
// is the signed response that they come from: they are not to be trusted before [core.verified].
func (a *core) responseParams(c *gin.Context) (params url.Values, jwt string, err error) {
	if a.formPost() {
		params, err = readForm(c)
	} else if len(c.Request.URL.RawQuery) > maxForm { // case 284
		err = errors.New("oversized query")
	} else if params, err = url.ParseQuery(c.Request.URL.RawQuery); err != nil {
		err = errors.New("malformed query")
	}
	switch {
	case err != nil:
		return nil, "", fmt.Errorf("%w: %w", ErrInvalidCallback, err)
	case !a.signedResponse():
		return params, "", nil
	case len(params["response"]) != 1 || params.Has("code") || params.Has("state") || params.Has("error"):
		return nil, "", fmt.Errorf("%w: not one signed response", ErrInvalidCallback)
	}
	jwt = params.Get("response")
	if params, err = a.provider.ReadResponse(jwt); err != nil {
		return nil, "", fmt.Errorf("%w: %w", ErrInvalidCallback, err)
	}
	return params, jwt, nil
}

// verified checks the signature of a signed response. That comes after the attempt was found, so that garbage costs
// neither cryptography nor a fetch of keys. Keys that cannot be had are no fault of the response.
func (a *core) verified(ctx context.Context, jwt string) error {
	if jwt == "" {
		return nil
	}
	_, err := a.provider.OpenResponse(ctx, jwt)
	if errors.Is(err, provider.ErrInvalidToken) {
		return fmt.Errorf("%w: %w", ErrInvalidCallback, err)
	}
	return translated(err)
}

// parseResponse reads the parameters of a response. Those of other flows and repeated ones are refused (RFC 6749,
// section 3.1), since two readers could take different ones.
func parseResponse(query url.Values) (response, error) {
	for _, name := range []string{"id_token", "access_token", "token_type", "refresh_token", "response", "logout_token"} {
		if query.Has(name) {
			return response{}, fmt.Errorf("%w: unexpected %s", ErrInvalidCallback, name)
		}
	}
	for _, name := range []string{"code", "state", "iss", "error", "error_description"} {
		if len(query[name]) > 1 {
			return response{}, fmt.Errorf("%w: repeated %s", ErrInvalidCallback, name)
		}
	}
	r := response{code: query.Get("code"), state: query.Get("state"), issuer: query.Get("iss"), hasIssuer: query.Has("iss")}
	if r.state == "" {
		return response{}, fmt.Errorf("%w: no state", ErrInvalidCallback)
	}
	if len(r.code) > maxParameter || len(r.state) > maxParameter || len(r.issuer) > maxParameter {
		return response{}, fmt.Errorf("%w: oversized parameter", ErrInvalidCallback)
	}
	if query.Get("error") != "" {
		r.refusal = &ProviderError{Code: printable(query.Get("error"), 64), Description: printable(query.Get("error_description"), 256)}
	}
	return r, nil
}

// printable makes foreign text fit for logs: printable ASCII only, cut to limit (case 34).
func printable(s string, limit int) string {
	s = s[:min(len(s), limit)]
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r > 0x7E {
			return '?'
		}
		return r
	}, s)
}
