package fakeop

import (
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// oauthError is an error response (RFC 6749, 4.1.2.1 and 5.2).
type oauthError struct{ code, description string }

func (e *oauthError) Error() string { return e.code + ": " + e.description }

func (e *oauthError) document() map[string]any {
	return map[string]any{"error": e.code, "error_description": e.description}
}

// authorization is an authentication request (OpenID Connect Core, 3.1.2.1).
type authorization struct {
	redirectURI, state, nonce, challenge string
	responseMode, loginHint              string
	scopes, prompt, resources            []string
	claims                               claimsRequest
	acr                                  string        // the class to reach, empty for any
	jkt                                  string        // dpop_jkt, the key the code is bound to
	maxAge                               time.Duration // negative: not requested
	refusal                              *oauthError   // what is wrong with it, sent to the app

	params url.Values // its parameters, those of a request object included
	pushed bool
}

// s256 matches a base64url SHA-256 (RFC 7636, 4.2; RFC 7638).
var s256 = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)

func responseModes() []string {
	return []string{"query", "form_post", "query.jwt", "form_post.jwt", "jwt"}
}

func promptValues() []string {
	return []string{"none", "login", "consent", "select_account", "create"}
}

// parseAuthorization reads a request to the authorization endpoint. An error means that it cannot be sent to the app:
// the client or its redirect URI is unknown, or the whole request is not trusted.
func (p *Provider) parseAuthorization(form url.Values) (*authorization, error) {
	if form.Has("request_uri") {
		return p.pushedAuthorization(form)
	}
	a, err := p.readAuthorization(form)
	if err == nil && p.cfg.RequirePAR {
		a.refusal = &oauthError{"invalid_request", "authorization requests have to be pushed"}
	}
	return a, err
}

// readAuthorization reads a request that was sent in full, signed or not.
func (p *Provider) readAuthorization(form url.Values) (*authorization, error) {
	if form.Has("request") && p.cfg.ClientKey != nil {
		params, err := p.openRequestObject(form)
		if err != nil {
			return nil, err
		}
		return p.readParams(params)
	}
	a, err := p.readParams(form)
	switch {
	case err != nil:
		return nil, err
	case form.Has("request"):
		a.refusal = &oauthError{"request_not_supported", "the client has no key registered for request objects"}
	case p.cfg.RequireRequestObject:
		a.refusal = &oauthError{"invalid_request", "authorization requests have to be signed"}
	}
	return a, nil
}

// readParams reads the parameters themselves.
func (p *Provider) readParams(form url.Values) (*authorization, error) {
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
		jkt:          form.Get("dpop_jkt"),
		scopes:       strings.Fields(form.Get("scope")),
		prompt:       strings.Fields(form.Get("prompt")),
		resources:    form["resource"],
		maxAge:       -1,
		params:       form,
	}
	a.refusal = firstOf(
		a.check(form),
		a.readMaxAge(form.Get("max_age")),
		checkResources(a.resources),
		a.readClaims(form.Get("claims")), // first, because acr may be one of the claims
		p.pickACR(a, strings.Fields(form.Get("acr_values"))),
	)
	return a, nil
}

// allowed compares a URI exactly; an empty list allows all.
func allowed(list []string, uri string) bool { return len(list) == 0 || slices.Contains(list, uri) }

// firstOf returns the error the app receives if several things are wrong.
func firstOf(refusals ...*oauthError) *oauthError {
	for _, refusal := range refusals {
		if refusal != nil {
			return refusal
		}
	}
	return nil
}

// repeated refuses a repeated parameter (RFC 6749, 3.1), except resource, which may be repeated (RFC 8707, 2).
func repeated(form url.Values) *oauthError {
	for name, values := range form {
		if len(values) > 1 && name != "resource" {
			return &oauthError{"invalid_request", "parameter " + strconv.Quote(name) + " is repeated"}
		}
	}
	return nil
}

func (a *authorization) check(form url.Values) *oauthError {
	if refusal := repeated(form); refusal != nil {
		return refusal
	}
	switch {
	case form.Get("response_type") != "code":
		return &oauthError{"unsupported_response_type", "response_type is not code"}
	case a.responseMode != "" && !slices.Contains(responseModes(), a.responseMode):
		return &oauthError{"invalid_request", "response_mode is none of " + strings.Join(responseModes(), ", ")}
	case !slices.Contains(a.scopes, "openid"):
		return &oauthError{"invalid_scope", "scope lacks openid"}
	case form.Get("code_challenge_method") != "S256" || !s256.MatchString(a.challenge):
		return &oauthError{"invalid_request", "PKCE with S256 is required"}
	case a.jkt != "" && !s256.MatchString(a.jkt):
		return &oauthError{"invalid_request", "dpop_jkt is not a SHA-256 thumbprint"}
	case len(a.prompt) > 1 && slices.Contains(a.prompt, "none"):
		return &oauthError{"invalid_request", "prompt none stands alone"}
	case slices.ContainsFunc(a.prompt, func(value string) bool { return !slices.Contains(promptValues(), value) }):
		return &oauthError{"invalid_request", "prompt is none of " + strings.Join(promptValues(), ", ")}
	}
	return nil
}

func (a *authorization) readMaxAge(text string) *oauthError {
	if text == "" {
		return nil
	}
	seconds, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return &oauthError{"invalid_request", "max_age is not a number of seconds"}
	}
	a.maxAge = time.Duration(seconds) * time.Second
	return nil
}

// checkResources requires absolute URIs without a fragment (RFC 8707, 2).
func checkResources(resources []string) *oauthError {
	for _, resource := range resources {
		if u, err := url.Parse(resource); err != nil || !u.IsAbs() || strings.Contains(resource, "#") {
			return &oauthError{"invalid_target", "resource is not an absolute URI without a fragment"}
		}
	}
	return nil
}
