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
	refusal             *ProviderError // nil unless the provider sent an error, which goes before a code
}

// attrs are what the provider said no with, for the log: most faults of a client's registration show there and nowhere else.
func (r response) attrs() []slog.Attr {
	if r.refusal == nil {
		return nil
	}
	return []slog.Attr{slog.String("provider_code", r.refusal.Code), slog.String("provider_description", r.refusal.Description)}
}

const (
	maxCode      = 16 << 10 // the size of a code is the provider's business (RFC 6749, section 4.1.2), within reason
	maxParameter = 4096     // bounds state and iss
)

// formPost tells that the response is a form which the provider's page posts (OAuth 2.0 Form Post Response Mode).
func (a *core) formPost() bool {
	return strings.HasPrefix(a.config.idp().ResponseMode, provider.ResponseModeFormPost)
}

// signedResponse tells that the response is one signed JWT (JARM).
func (a *core) signedResponse() bool {
	return strings.HasSuffix(a.config.idp().ResponseMode, provider.ResponseModeJWT)
}

// logOtherMode tells of a response that came as another response mode has it: by POST instead of GET, or the reverse.
func (a *core) logOtherMode(r *http.Request) {
	query := r.URL.Query()
	var came, mode string
	switch {
	case a.formPost() && r.Method == http.MethodGet && slices.ContainsFunc(responseMembers(), query.Has):
		came, mode = provider.ResponseModeQuery, strings.Replace(a.config.idp().ResponseMode, provider.ResponseModeFormPost, provider.ResponseModeQuery, 1)
	case !a.formPost() && r.Method == http.MethodPost && web.IsForm(r):
		came, mode = provider.ResponseModeFormPost, strings.Replace(a.config.idp().ResponseMode, provider.ResponseModeQuery, provider.ResponseModeFormPost, 1)
	default:
		return
	}
	attrs := append(response{refusal: refusalOf(query)}.attrs(), slog.String("came_as", came),
		slog.String("mend", fmt.Sprintf("set Provider.ResponseMode to %q, or have the provider answer by %s", mode, a.config.idp().ResponseMode)))
	a.emit(r.Context(), event{kind: eventResponseModeMismatch, attrs: attrs})
}

// responseMembers are the parameters that make a request an authorization response.
func responseMembers() []string { return []string{"code", "state", "error", "response"} }

// responseParams reads the parameters of the response from where the response mode puts them, and from nowhere else. signed
// is the signed response that they come from: they are not to be trusted before [core.verified]. With an error the
// parameters are good for the log alone.
func (a *core) responseParams(c *gin.Context) (params url.Values, signed *provider.SignedResponse, err error) {
	if a.formPost() {
		params, err = web.ReadForm(c.Writer, c.Request)
	} else if len(c.Request.URL.RawQuery) > web.MaxForm { // case 284
		err = errors.New("oversized query")
	} else if params, err = url.ParseQuery(c.Request.URL.RawQuery); err != nil {
		err = errors.New("malformed query")
	}
	switch {
	case err != nil:
		return nil, nil, fmt.Errorf("%w: %w", errInvalidCallback, err)
	case !a.signedResponse() && params.Has("response"):
		return params, nil, fmt.Errorf("%w: a signed response; if the provider cannot leave that, set Provider.ResponseMode to %q", errInvalidCallback, a.config.idp().ResponseMode+provider.ResponseModeJWT)
	case !a.signedResponse():
		return params, nil, nil
	case !params.Has("response") || ambiguous(params["response"]) || params.Has("code") || params.Has("state") || params.Has("error"):
		return params, nil, fmt.Errorf("%w: not one signed response, as Provider.ResponseMode %q asks for", errInvalidCallback, a.config.idp().ResponseMode)
	}
	if signed, err = a.provider.ReadResponse(params.Get("response")); err != nil {
		return nil, nil, fmt.Errorf("%w: %w", errInvalidCallback, err)
	}
	return signed.Params, signed, nil
}

// verified checks the signature of a signed response. That comes after the attempt was found, so that garbage costs
// neither cryptography nor a fetch of keys. Keys that cannot be had are no fault of the response.
func (a *core) verified(ctx context.Context, signed *provider.SignedResponse) error {
	if signed == nil {
		return nil
	}
	err := a.provider.VerifyResponse(ctx, signed)
	if errors.Is(err, provider.ErrInvalidToken) {
		return fmt.Errorf("%w: %w", errInvalidCallback, err)
	}
	return translated(err)
}

// ambiguous tells that a parameter is given with different values, of which two readers could take different ones (RFC 6749,
// section 3.1). There are providers that give one twice with the same.
func ambiguous(values []string) bool {
	return slices.ContainsFunc(values, func(value string) bool { return value != values[0] })
}

// parseResponse reads the parameters of a response. Those of other flows and ambiguous ones are refused.
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

// refusalOf is what the provider said no with; nil where it did not.
func refusalOf(params url.Values) *ProviderError {
	if params.Get("error") == "" {
		return nil
	}
	return &ProviderError{Code: ascii.Clean(params.Get("error"), 64), Description: ascii.Clean(params.Get("error_description"), 256)}
}
