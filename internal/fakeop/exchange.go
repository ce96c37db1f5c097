package fakeop

import "net/url"

const (
	tokenExchange   = "urn:ietf:params:oauth:grant-type:token-exchange"
	accessTokenType = "urn:ietf:params:oauth:token-type:access_token"
)

// exchange returns the grant of a subject token (RFC 8693, 2.1): an access token that is still valid. The new token is
// for the user, at any resource or audience, and has no actor.
func (p *Provider) exchange(form url.Values) (*grant, *oauthError) {
	if p.cfg.Public {
		return nil, &oauthError{"unauthorized_client", "a public client cannot exchange tokens"}
	}
	requested := form.Get("requested_token_type")
	if form.Get("subject_token_type") != accessTokenType || requested != "" && requested != accessTokenType {
		return nil, &oauthError{"invalid_request", "only access tokens are exchanged, and for access tokens"}
	}
	c, refusal := active(&p.access, form.Get("subject_token"))
	if refusal != nil {
		return nil, &oauthError{"invalid_request", "subject_token is " + refusal.description}
	}
	return c.grant, checkResources(form["resource"])
}
