package fakeop

import (
	"fmt"
	"net/url"
)

// Approve plays the browser and the user in a sign-in without HTML: given the authorization URL (the Location of the
// app's sign-in route) it returns the URL the provider sends the browser to, with code and state. In form_post mode the
// query of the returned URL is the body to post; see [Provider.ApproveResponse].
//
// It returns an error if the provider refuses the request. No single sign-on session begins, and Intercept does not see
// the call; it counts as one for [Authorize].
func (p *Provider) Approve(authorizationURL, subject string) (callbackURL string, err error) {
	response, err := p.ApproveResponse(authorizationURL, subject)
	if err != nil {
		return "", err
	}
	return withQuery(response.URL, response.Form), nil
}

// ApproveResponse is [Provider.Approve] with the method and the form of the request the browser sends.
func (p *Provider) ApproveResponse(authorizationURL, subject string) (*AuthorizationResponse, error) {
	a, err := p.visit(authorizationURL)
	if err != nil {
		return nil, err
	}
	if a.refusal != nil {
		return nil, fmt.Errorf("test provider: authorization request: %w", a.refusal)
	}
	user, known := p.user(subject)
	if !known {
		return nil, fmt.Errorf("test provider: no user %q", subject)
	}
	return p.response(a, p.allow(a, newSession(user, p.reached(a))))
}

// Deny is Approve for a user or a provider that refuses: the callback URL carries the error code, such as
// "access_denied" or "login_required".
func (p *Provider) Deny(authorizationURL, code string) (callbackURL string, err error) {
	a, err := p.visit(authorizationURL)
	if err != nil {
		return "", err
	}
	refusal := &oauthError{code, "refused by the test"}
	response, err := p.response(a, refusal.document())
	if err != nil {
		return "", err
	}
	return withQuery(response.URL, response.Form), nil
}

// visit reads an authorization URL, and uses up its request_uri if it has one.
func (p *Provider) visit(authorizationURL string) (*authorization, error) {
	u, err := url.Parse(authorizationURL)
	if err != nil {
		return nil, fmt.Errorf("test provider: authorization URL: %w", err)
	}
	if at := u.Scheme + "://" + u.Host + u.Path; at != p.url(Authorize) {
		return nil, fmt.Errorf("test provider: %q is not the authorization endpoint %q", at, p.url(Authorize))
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, fmt.Errorf("test provider: authorization URL: %w", err)
	}
	p.count(Authorize)
	a, err := p.parseAuthorization(query)
	if err != nil {
		return nil, fmt.Errorf("test provider: authorization request: %w", err)
	}
	return a, nil
}
