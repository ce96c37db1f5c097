package ginoidc

import (
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

// wellKnownResource comes before the path of a resource identifier (RFC 9728, section 3).
const wellKnownResource = "/.well-known/oauth-protected-resource"

// resourceMetadata describes the app to clients of its API: who issues access tokens for it, and how they are sent (RFC
// 9728, section 2).
type resourceMetadata struct {
	Resource             string   `json:"resource"`
	AuthorizationServers []string `json:"authorization_servers"`
	BearerMethods        []string `json:"bearer_methods_supported"`
	ProofAlgs            []string `json:"dpop_signing_alg_values_supported"`
	CertificateBound     bool     `json:"tls_client_certificate_bound_access_tokens,omitempty"`
}

// metadataPath returns the path of the metadata of a resource identifier, or "" if there is none.
func metadataPath(resource string) string {
	u, err := url.Parse(resource)
	if resource == "" || err != nil {
		return ""
	}
	return wellKnownResource + strings.TrimSuffix(u.Path, "/")
}

// mountMetadata registers the route of the metadata, if there is any. It is at the root of the host, outside of a group
// at the base path, from which a relative path leads there.
func (a *Auth) mountMetadata(r gin.IRouter) {
	pattern := a.routes.metadata
	if pattern == "" {
		return
	}
	if group, ok := r.(interface{ BasePath() string }); ok && group.BasePath() != "/" {
		pattern = strings.Repeat("/..", strings.Count(path.Clean(group.BasePath()), "/")) + pattern
	}
	r.GET(pattern, a.showMetadata)
	for _, method := range append(otherMethods(), http.MethodPost) {
		r.Handle(method, pattern, a.showMetadata)
	}
}

// showMetadata responds with the metadata. It is public, and pages of any origin may read it: a client that runs in a
// browser starts there.
func (a *Auth) showMetadata(c *gin.Context) {
	h := c.Writer.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("X-Content-Type-Options", "nosniff")
	switch c.Request.Method {
	case http.MethodGet, http.MethodHead:
		h.Set("Cache-Control", "public, max-age=3600")
		c.JSON(http.StatusOK, resourceMetadata{
			Resource: a.config.Resource, AuthorizationServers: a.providers.authorizationServers(),
			BearerMethods: []string{"header"}, ProofAlgs: provider.ProofAlgs(),
			CertificateBound: a.certificates.Header != "",
		})
	case http.MethodOptions: // for a header of the client that is not on the list of harmless ones
		h.Set("Access-Control-Allow-Methods", "GET, HEAD")
		h.Set("Access-Control-Allow-Headers", "*")
		c.Status(http.StatusNoContent)
		c.Writer.WriteHeaderNow()
	default:
		h.Set("Allow", "GET, HEAD, OPTIONS")
		c.AbortWithStatus(http.StatusMethodNotAllowed)
	}
}
