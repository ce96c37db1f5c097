package bearer

import (
	"encoding/json"
	"net/http"
	"net/url"
	"path"
	"strings"
)

// wellKnown comes before the path of a resource identifier (RFC 9728, section 3).
const wellKnown = "/.well-known/oauth-protected-resource"

// Metadata describes the app to clients of its API: who issues access tokens for it, and how they are sent (RFC 9728,
// section 2).
type Metadata struct {
	Resource             string   `json:"resource"`
	AuthorizationServers []string `json:"authorization_servers"`
	BearerMethods        []string `json:"bearer_methods_supported"`
	ProofAlgs            []string `json:"dpop_signing_alg_values_supported"`
	CertificateBound     bool     `json:"tls_client_certificate_bound_access_tokens,omitempty"`
}

// MetadataPath returns the path of the metadata of a resource identifier, or "" if there is none.
func MetadataPath(resource string) string {
	u, err := url.Parse(resource)
	if resource == "" || err != nil {
		return ""
	}
	return wellKnown + strings.TrimSuffix(u.Path, "/")
}

// Above returns the pattern under which a group of routes at base registers a path at the root of the host, such as
// that of the metadata: from a group a relative path leads there.
func Above(base, pattern string) string {
	if base == "/" {
		return pattern
	}
	return strings.Repeat("/..", strings.Count(path.Clean(base), "/")) + pattern
}

// Serve responds with the metadata. It is public, and pages of any origin may read it: a client that runs in a browser
// starts there. It returns false for methods that it does not support, which the caller answers.
func (m *Metadata) Serve(w http.ResponseWriter, r *http.Request) bool {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("X-Content-Type-Options", "nosniff")
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		h.Set("Cache-Control", "public, max-age=3600")
		h.Set("Content-Type", "application/json; charset=utf-8")
		body, _ := json.Marshal(m) // strings and a bool
		_, _ = w.Write(body)       // an error means that the client is gone
	case http.MethodOptions: // for a header of the client that is not on the list of harmless ones
		h.Set("Access-Control-Allow-Methods", "GET, HEAD")
		h.Set("Access-Control-Allow-Headers", "*")
		w.WriteHeader(http.StatusNoContent)
	default:
		h.Set("Allow", "GET, HEAD, OPTIONS")
		return false
	}
	return true
}
