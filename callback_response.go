package ginoidc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/ascii"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/web"
)

// response is an authorization response (RFC 6749, section 4.1.2; RFC 9207, section 2).
type response struct {
	code, state, issuer string
	hasIssuer           bool
	refusal             *ProviderError // nil unless the provider sent an error, which takes precedence over a code
}

// attrs returns the provider's error for the log. Most mistakes in a client's registration show there and nowhere else.
func (r response) attrs() []slog.Attr {
	if r.refusal == nil {
		return nil
	}
	return []slog.Attr{
		slog.String("provider_code", r.refusal.Code),
		slog.String("provider_description", r.refusal.Description),
	}
}

const (
	maxCode      = 16 << 10 // providers choose the size of a code (RFC 6749, section 4.1.2); no real one comes near
	maxParameter = 4096     // bounds state and iss
)

// formPost reports whether the response is a form that the provider's page posts (OAuth 2.0 Form Post Response Mode).
func (p *Provider) formPost() bool {
	return strings.HasPrefix(p.ResponseMode, provider.ResponseModeFormPost)
}

// signedResponse reports whether the response is a single signed JWT (JARM).
func (p *Provider) signedResponse() bool {
	return strings.HasSuffix(p.ResponseMode, provider.ResponseModeJWT)
}

// logOtherMode logs a response that came in another response mode than the configured one: by POST instead of GET, or
// the reverse.
func (rp *relyingParty) logOtherMode(r *http.Request) {
	query, configured := r.URL.Query(), rp.settings.ResponseMode
	var came, other string
	switch {
	case rp.settings.formPost() && r.Method == http.MethodGet && slices.ContainsFunc(responseMembers(), query.Has):
		came, other = provider.ResponseModeQuery, provider.ResponseModeFormPost
	case !rp.settings.formPost() && r.Method == http.MethodPost && web.IsForm(r):
		came, other = provider.ResponseModeFormPost, provider.ResponseModeQuery
	default:
		return
	}
	fix := fmt.Sprintf("set Provider.ResponseMode to %q, or have the provider answer by %s",
		strings.Replace(configured, other, came, 1), configured)
	attrs := append(response{refusal: refusalOf(query)}.attrs(), slog.String("came_as", came), slog.String("fix", fix))
	rp.emit(r.Context(), event{kind: eventResponseModeMismatch, attrs: attrs})
}

// responseMembers returns the parameters that make a request an authorization response.
func responseMembers() []string { return []string{"code", "state", "error", "response"} }

// responseParams reads the parameters of the response from where the response mode puts them, and from nowhere else.
// signed is the signed response that holds them, if any: do not trust them before [relyingParty.verified] succeeds.
// With an error, the parameters are only for the log.
func (rp *relyingParty) responseParams(c *gin.Context) (params url.Values, signed *provider.SignedResponse, err error) {
	if rp.settings.formPost() {
		params, err = web.ReadForm(c.Writer, c.Request)
	} else if len(c.Request.URL.RawQuery) > web.MaxForm { // case 284
		err = errors.New("oversized query")
	} else if params, err = url.ParseQuery(c.Request.URL.RawQuery); err != nil {
		err = errors.New("malformed query")
	}
	mode := rp.settings.ResponseMode
	switch {
	case err != nil:
		return nil, nil, fmt.Errorf("%w: %w", errInvalidCallback, err)
	case !rp.settings.signedResponse() && params.Has("response"):
		return params, nil, fmt.Errorf("%w: a signed response; "+
			"if the provider sends no other, set Provider.ResponseMode to %q", errInvalidCallback, mode+provider.ResponseModeJWT)
	case !rp.settings.signedResponse():
		return params, nil, nil
	case !params.Has("response") || ambiguous(params["response"]),
		params.Has("code") || params.Has("state") || params.Has("error"):
		return params, nil, fmt.Errorf("%w: not one signed response, as Provider.ResponseMode %q requires",
			errInvalidCallback, mode)
	}
	if signed, err = rp.client.ReadResponse(params.Get("response")); err != nil {
		return nil, nil, fmt.Errorf("%w: %w", errInvalidCallback, err)
	}
	return signed.Params, signed, nil
}

// verified checks the signature of a signed response. It is called once the attempt is found, so that made-up responses
// cost neither cryptography nor a fetch of keys. Keys that cannot be fetched do not make the response invalid: that is
// 503.
func (rp *relyingParty) verified(ctx context.Context, signed *provider.SignedResponse) error {
	if signed == nil {
		return nil
	}
	err := rp.client.VerifyResponse(ctx, signed)
	if errors.Is(err, provider.ErrInvalidToken) {
		return fmt.Errorf("%w: %w", errInvalidCallback, err)
	}
	return translated(err)
}

// ambiguous reports whether a parameter has different values, so that two readers could choose different ones (RFC
// 6749, section 3.1). Some providers repeat a parameter with the same value, which is accepted.
func ambiguous(values []string) bool {
	return slices.ContainsFunc(values, func(value string) bool { return value != values[0] })
}

// parseResponse reads the parameters of a response. It refuses parameters of other flows, which could smuggle in
// tokens, and ambiguous ones.
func parseResponse(query url.Values) (r response, err error) {
	r.refusal = refusalOf(query)
	for _, name := range []string{"id_token", "access_token", "token_type", "refresh_token", "response", "logout_token"} {
		if query.Has(name) {
			return r, fmt.Errorf("%w: unexpected %s", errInvalidCallback, name)
		}
	}
	for _, name := range []string{"code", "state", "iss", "error", "error_description"} {
		if ambiguous(query[name]) {
			return r, fmt.Errorf("%w: %s has different values", errInvalidCallback, name)
		}
	}
	r.code, r.state, r.issuer, r.hasIssuer = query.Get("code"), query.Get("state"), query.Get("iss"), query.Has("iss")
	if r.state == "" {
		return r, fmt.Errorf("%w: no state", errInvalidCallback)
	}
	if len(r.code) > maxCode || len(r.state) > maxParameter || len(r.issuer) > maxParameter {
		return r, fmt.Errorf("%w: oversized parameter", errInvalidCallback)
	}
	return r, nil
}

// refusalOf returns the error in a response, or nil if there is none.
func refusalOf(params url.Values) *ProviderError {
	if params.Get("error") == "" {
		return nil
	}
	return &ProviderError{
		Code:        ascii.Clean(params.Get("error"), 64),
		Description: ascii.Clean(params.Get("error_description"), 256),
	}
}
