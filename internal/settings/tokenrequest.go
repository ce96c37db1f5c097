package settings

import (
	"net/url"
	"slices"
	"strings"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

// TokenRequestProblem says why no provider can fulfill a request for an access token, or returns "". exchange means
// that the token is exchanged for another one (RFC 8693).
func TokenRequestProblem(r provider.TokenRequest, exchange bool) string {
	resource, err := url.Parse(r.Resource)
	switch {
	case r.Resource != "" && (err != nil || !resource.IsAbs() || strings.Contains(r.Resource, "#")):
		return "Resource is not an absolute URI without a fragment"
	case slices.ContainsFunc(r.Scopes, func(s string) bool { return !IsScopeToken(s) }):
		return "Scopes are not single words"
	case r.Audience != "" && !exchange:
		return "Audience is set without Exchange"
	case exchange && r.Resource == "" && r.Audience == "" && len(r.Scopes) == 0:
		return "Exchange names neither an API nor scopes"
	}
	return ""
}
