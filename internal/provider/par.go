package provider

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
)

const (
	opPush = "pushed authorization request"

	maxRequestURI = 1 << 10
)

// Values of Config.PushedAuthorization: push if the provider requires it, always, or never.
const (
	PushAuto   = "auto"
	PushAlways = "always"
	PushNever  = "never"
)

// checkPushed returns an error if the configuration and the provider disagree.
func (p *Provider) checkPushed(m *Metadata) error {
	switch {
	case p.pushedAuthorization == PushNever && m.RequirePushedAuthorizationRequests:
		return misconfigured(opDiscovery, "par_required",
			"the provider requires pushed authorization requests (RFC 9126), which are switched off")
	case p.pushes(m) && m.PushedAuthorizationRequestEndpoint == "":
		return misconfigured(opDiscovery, "par_unsupported",
			"requests are to be pushed (RFC 9126), and the provider names no pushed_authorization_request_endpoint")
	}
	return nil
}

func (p *Provider) pushes(m *Metadata) bool {
	return p.pushedAuthorization == PushAlways || m.RequirePushedAuthorizationRequests
}

// push sends an authorization request to the provider directly and returns the parameters that refer to it in the
// redirect (RFC 9126 sections 2 and 4). So nobody between this server and the provider can read or change the request,
// and only this client can have made it.
func (p *Provider) push(ctx context.Context, endpoint string, params url.Values) (url.Values, error) {
	var secrets []string
	for _, name := range []string{"state", "nonce", "login_hint", "id_token_hint", "request"} {
		secrets = append(secrets, params.Get(name))
	}
	a, err := p.post(ctx, opPush, endpoint, params, secrets...)
	if err != nil {
		return nil, err
	}
	if a.status != http.StatusCreated {
		return nil, p.refused(ctx, opPush, a)
	}
	requestURI, err := parsePushed(a)
	if err != nil {
		return nil, err
	}
	return url.Values{"client_id": {p.clientID}, "request_uri": {requestURI}}, nil
}

// parsePushed reads a successful response (RFC 9126 section 2.2). Errors never quote it: anyone who has the request_uri
// can use the request.
func parsePushed(a *answer) (requestURI string, err error) {
	doc, err := a.object(opPush)
	if err != nil {
		return "", err
	}
	if code, err := doc.text("error"); err != nil || code != "" {
		return "", invalid(opPush, "bad_answer", "an error with status 201")
	}
	requestURI, _ = doc.text("request_uri")
	if !visible(requestURI) || strings.Contains(requestURI, " ") || len(requestURI) > maxRequestURI {
		return "", invalid(opPush, "bad_request_uri",
			"request_uri is not a string of 1 to %d visible ASCII characters", maxRequestURI)
	}
	number, _ := doc["expires_in"].(json.Number)
	if lifetime, err := number.Float64(); err != nil || lifetime <= 0 {
		return "", invalid(opPush, "bad_expires_in", "expires_in is not a positive number")
	}
	return requestURI, nil
}
