package ginoidctest

import (
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// oauthError is an error answer (RFC 6749, 4.1.2.1 and 5.2).
type oauthError struct{ code, description string }

func (e *oauthError) Error() string { return e.code + ": " + e.description }

func (e *oauthError) document() map[string]any {
	return map[string]any{"error": e.code, "error_description": e.description}
}

// authorization is an authentication request (OpenID Connect Core, 3.1.2.1).
type authorization struct {
	redirectURI, state, nonce, challenge string
	responseMode, loginHint              string
	scopes, prompt                       []string
	maxAge                               time.Duration // negative: not asked
	refusal                              *oauthError   // what is wrong with it, told to the app
}

// s256 matches a base64url SHA-256 (RFC 7636, 4.2).
var s256 = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)

// parseAuthorization reads a request. An error means that there is nobody to
// send an error to: the client or its redirect URI is unknown.
func (p *Provider) parseAuthorization(form url.Values) (*authorization, error) {
	redirectURI := form.Get("redirect_uri")
	target, err := url.Parse(redirectURI)
	switch {
	case form.Get("client_id") != p.cfg.ClientID:
		return nil, errors.New("unknown client_id")
	case err != nil || !target.IsAbs() || target.Fragment != "":
		return nil, errors.New("redirect_uri is not an absolute URI without a fragment")
	case len(form["redirect_uri"]) > 1 || !allowed(p.cfg.RedirectURIs, redirectURI):
		return nil, errors.New("redirect_uri is not registered")
	}
	a := &authorization{
		redirectURI:  redirectURI,
		state:        form.Get("state"),
		nonce:        form.Get("nonce"),
		challenge:    form.Get("code_challenge"),
		responseMode: form.Get("response_mode"),
		loginHint:    form.Get("login_hint"),
		scopes:       strings.Fields(form.Get("scope")),
		prompt:       strings.Fields(form.Get("prompt")),
		maxAge:       -1,
	}
	if text := form.Get("max_age"); text != "" {
		seconds, err := strconv.ParseUint(text, 10, 31)
		if err != nil {
			a.refusal = &oauthError{"invalid_request", "max_age is not a number of seconds"}
		}
		a.maxAge = time.Duration(seconds) * time.Second
	}
	if refusal := a.check(form); refusal != nil {
		a.refusal = refusal
	}
	return a, nil
}

// allowed compares a URI exactly; an empty list takes all.
func allowed(list []string, uri string) bool { return len(list) == 0 || slices.Contains(list, uri) }

func (a *authorization) check(form url.Values) *oauthError {
	for name, values := range form {
		if len(values) > 1 {
			return &oauthError{"invalid_request", "parameter " + strconv.Quote(name) + " is repeated"}
		}
	}
	switch {
	case form.Get("response_type") != "code":
		return &oauthError{"unsupported_response_type", "response_type is not code"}
	case a.responseMode != "" && a.responseMode != "query" && a.responseMode != "form_post":
		return &oauthError{"invalid_request", "response_mode is not query or form_post"}
	case form.Has("request"):
		return &oauthError{"request_not_supported", "request objects are not supported"}
	case form.Has("request_uri"):
		return &oauthError{"request_uri_not_supported", "request_uri is not supported"}
	case !slices.Contains(a.scopes, "openid"):
		return &oauthError{"invalid_scope", "scope lacks openid"}
	case form.Get("code_challenge_method") != "S256" || !s256.MatchString(a.challenge):
		return &oauthError{"invalid_request", "PKCE with S256 is required"}
	case len(a.prompt) > 1 && slices.Contains(a.prompt, "none"):
		return &oauthError{"invalid_request", "prompt none stands alone"}
	}
	return nil
}
