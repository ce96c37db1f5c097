// Package authresponse reads authorization responses (RFC 6749, section 4.1.2; RFC 9207, section 2) in every response
// mode: query, form_post, and the signed ones of JARM.
package authresponse

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/seed-d65cea4d/ginoidc/internal/ascii"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/web"
)

// ErrInvalid means that a request is no authorization response that the client can use.
var ErrInvalid = errors.New("ginoidc: invalid authorization response")

const (
	maxCode      = 16 << 10 // providers choose the size of a code (RFC 6749, section 4.1.2); no real one comes near
	maxParameter = 4096     // bounds state and iss
)

// Response is an authorization response. Anyone can make one: only the state of an attempt ties it to this browser.
type Response struct {
	Code, State, Issuer string
	HasIssuer           bool
	Refusal             *Refusal                 // nil unless the provider sent an error, which outranks a code
	Signed              *provider.SignedResponse // nil unless the mode is one of JARM; verify it before using the others
}

// Refusal is an error response (RFC 6749, section 4.1.2.1). Both texts are untrusted.
type Refusal struct{ Code, Description string }

// Attrs returns the error for the log; none if r is nil. Most mistakes in a client's registration show only there.
func (r *Refusal) Attrs() []slog.Attr {
	if r == nil {
		return nil
	}
	return []slog.Attr{slog.String("provider_code", r.Code), slog.String("provider_description", r.Description)}
}

// Mode is how the provider returns responses: one of the response modes of package provider.
type Mode string

// FormPost reports whether the response is a form that the provider's page posts (OAuth 2.0 Form Post Response Mode).
func (m Mode) FormPost() bool { return strings.HasPrefix(string(m), provider.ResponseModeFormPost) }

// signed reports whether the response is a single signed JWT (JARM).
func (m Mode) signed() bool { return strings.HasSuffix(string(m), provider.ResponseModeJWT) }

// Read reads the response of a request in this mode. open reads a signed response without verifying it. With an error,
// the Response is only for the log and, by its State, for the way on that the error page offers.
func (m Mode) Read(
	w http.ResponseWriter, r *http.Request, open func(string) (*provider.SignedResponse, error),
) (Response, error) {
	params, signed, err := m.params(w, r, open)
	if err != nil {
		return Response{Refusal: refusalOf(params)}, err
	}
	response, err := parse(params)
	response.Signed = signed
	return response, err
}

// params reads the parameters of the response from where the mode puts them, and from nowhere else.
func (m Mode) params(
	w http.ResponseWriter, r *http.Request, open func(string) (*provider.SignedResponse, error),
) (params url.Values, signed *provider.SignedResponse, err error) {
	if m.FormPost() {
		params, err = web.ReadForm(w, r)
	} else if len(r.URL.RawQuery) > web.MaxForm {
		err = errors.New("oversized query")
	} else if params, err = url.ParseQuery(r.URL.RawQuery); err != nil {
		err = errors.New("malformed query")
	}
	switch {
	case err != nil:
		return nil, nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	case !m.signed() && params.Has("response"):
		return params, nil, fmt.Errorf("%w: a signed response; "+
			"if the provider sends no other, set Provider.ResponseMode to %q", ErrInvalid, m+provider.ResponseModeJWT)
	case !m.signed():
		return params, nil, nil
	case !params.Has("response") || ambiguous(params["response"]),
		params.Has("code") || params.Has("state") || params.Has("error"):
		return params, nil, fmt.Errorf("%w: not one signed response, as Provider.ResponseMode %q requires", ErrInvalid, m)
	}
	if signed, err = open(params.Get("response")); err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return signed.Params, signed, nil
}

// Mismatch is a response that came in another mode than the configured one: by POST instead of GET, or the reverse.
type Mismatch struct {
	Refusal *Refusal
	Came    string // the response mode
	Fix     string
}

// Attrs returns the mismatch for the log.
func (m Mismatch) Attrs() []slog.Attr {
	return append(m.Refusal.Attrs(), slog.String("came_as", m.Came), slog.String("fix", m.Fix))
}

// Mismatch returns what is wrong with a request whose method is not that of the mode, or false if it is no response.
func (m Mode) Mismatch(r *http.Request) (Mismatch, bool) {
	query := r.URL.Query()
	var came, other string
	switch {
	case m.FormPost() && r.Method == http.MethodGet && slices.ContainsFunc(members(), query.Has):
		came, other = provider.ResponseModeQuery, provider.ResponseModeFormPost
	case !m.FormPost() && r.Method == http.MethodPost && web.IsForm(r):
		came, other = provider.ResponseModeFormPost, provider.ResponseModeQuery
	default:
		return Mismatch{}, false
	}
	return Mismatch{
		Refusal: refusalOf(query), Came: came,
		Fix: fmt.Sprintf("set Provider.ResponseMode to %q, or have the provider answer by %s",
			strings.Replace(string(m), other, came, 1), m),
	}, true
}

// members returns the parameters that make a request an authorization response.
func members() []string { return []string{"code", "state", "error", "response"} }

// ambiguous reports whether a parameter has different values, so that two readers could choose different ones (RFC
// 6749, section 3.1). Some providers repeat a parameter with the same value, which is accepted.
func ambiguous(values []string) bool {
	return slices.ContainsFunc(values, func(value string) bool { return value != values[0] })
}

// parse reads the parameters of a response. It refuses parameters of other flows, which could smuggle in tokens, and
// ambiguous ones.
func parse(query url.Values) (r Response, err error) {
	r.Refusal = refusalOf(query)
	if len(query.Get("state")) <= maxParameter && !ambiguous(query["state"]) {
		r.State = query.Get("state")
	}
	for _, name := range []string{"id_token", "access_token", "token_type", "refresh_token", "response", "logout_token"} {
		if query.Has(name) {
			return r, fmt.Errorf("%w: unexpected %s", ErrInvalid, name)
		}
	}
	for _, name := range []string{"code", "state", "iss", "error", "error_description"} {
		if ambiguous(query[name]) {
			return r, fmt.Errorf("%w: %s has different values", ErrInvalid, name)
		}
	}
	r.Code, r.Issuer, r.HasIssuer = query.Get("code"), query.Get("iss"), query.Has("iss")
	if query.Get("state") == "" {
		return r, fmt.Errorf("%w: no state", ErrInvalid)
	}
	if len(r.Code) > maxCode || len(query.Get("state")) > maxParameter || len(r.Issuer) > maxParameter {
		return r, fmt.Errorf("%w: oversized parameter", ErrInvalid)
	}
	return r, nil
}

// refusalOf returns the error in a response, or nil if there is none.
func refusalOf(params url.Values) *Refusal {
	if params.Get("error") == "" {
		return nil
	}
	return &Refusal{
		Code:        ascii.Clean(params.Get("error"), 64),
		Description: ascii.Clean(params.Get("error_description"), 256),
	}
}
