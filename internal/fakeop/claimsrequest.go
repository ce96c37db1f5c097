package fakeop

import (
	"slices"

	"github.com/go-jose/go-jose/v4/json"
)

// claimsRequest is the claims parameter (OpenID Connect Core, 5.5): names of claims, each with null or with what is
// requested of it.
type claimsRequest struct {
	IDToken  map[string]*claimRequest `json:"id_token"`
	UserInfo map[string]*claimRequest `json:"userinfo"`
}

type claimRequest struct {
	Essential bool  `json:"essential"`
	Value     any   `json:"value"`
	Values    []any `json:"values"`
}

func (a *authorization) readClaims(text string) *oauthError {
	if text == "" {
		return nil
	}
	if err := json.Unmarshal([]byte(text), &a.claims); err != nil {
		return &oauthError{"invalid_request", "claims is not a claims request"}
	}
	return nil
}

// wanted returns the requested values that are text.
func (c *claimRequest) wanted() []string {
	var wanted []string
	for _, value := range append([]any{c.Value}, c.Values...) {
		if text, ok := value.(string); ok {
			wanted = append(wanted, text)
		}
	}
	return wanted
}

// include adds the claims that were requested by name, whatever the scopes.
func include(claims map[string]any, named map[string]*claimRequest, u User) {
	for name, value := range u.claims([]string{"profile", "email"}) {
		if _, asked := named[name]; asked {
			claims[name] = value
		}
	}
}

// pickACR chooses the authentication context class to reach (OpenID Connect Core, 3.1.2.1 and 5.5.1.1): the first
// requested one that is supported. The claims parameter takes precedence over acr_values. Only there can a class be
// essential, and then it is an error if none is supported.
func (p *Provider) pickACR(a *authorization, requested []string) *oauthError {
	asked := a.claims.IDToken["acr"]
	if asked != nil && len(asked.wanted()) > 0 {
		requested = asked.wanted()
	}
	if i := slices.IndexFunc(requested, func(acr string) bool { return p.rank(acr) >= 0 }); i >= 0 {
		a.acr = requested[i]
		return nil
	}
	if asked != nil && asked.Essential && len(asked.wanted()) > 0 {
		return &oauthError{"unmet_authentication_requirements", "no essential acr is supported"}
	}
	return nil
}

// rank returns the position of a class among the supported ones, weakest first; negative if unsupported.
func (p *Provider) rank(acr string) int { return slices.Index(p.cfg.ACRValues, acr) }

// reached returns the class that a user reaches by signing in for a request.
func (p *Provider) reached(a *authorization) string {
	if a.acr == "" && len(p.cfg.ACRValues) > 0 {
		return p.cfg.ACRValues[0]
	}
	return a.acr
}
