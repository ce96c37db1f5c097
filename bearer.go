package ginoidc

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/ascii"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/settings"
	"github.com/seed-d65cea4d/ginoidc/internal/shared"
)

// errAccessToken is the refusal of an access token in the Authorization header (RFC 6750, section 3.1).
var errAccessToken = errors.New("ginoidc: the access token was refused")

// errScope is for a valid access token that lacks a scope of the route.
var errScope = fmt.Errorf("%w: the access token lacks a scope", ErrForbidden)

// scopeError is an errScope that tells the client which scopes the route needs.
type scopeError struct{ scopes []string }

func (e *scopeError) Error() string { return errScope.Error() }

// Unwrap makes a scopeError an errScope.
func (e *scopeError) Unwrap() error { return errScope }

// RequireScopes allows users and clients whose access token has all of the scopes (RFC 6749, section 3.3). Sessions
// have no scopes, so it is for routes that programs call. A token that lacks one gets 403 with the challenge
// "insufficient_scope" (RFC 6750, section 3.1). It panics without a scope or with one that is not a single word.
//
//	router.GET("/things", auth.RequireScopes("read:things"), things)
func (a *Auth) RequireScopes(allOf ...string) gin.HandlerFunc {
	scopes := slices.Clone(allOf)
	if len(scopes) == 0 || slices.ContainsFunc(scopes, func(s string) bool { return !settings.IsScopeToken(s) }) {
		panic("ginoidc: RequireScopes needs scopes that are single words")
	}
	return a.guard(func(_ *gin.Context, id identity) error {
		has := id.user().Scopes
		if slices.ContainsFunc(scopes, func(s string) bool { return !slices.Contains(has, s) }) {
			return &scopeError{scopes}
		}
		return nil
	})
}

// RequirePerson allows users, and denies clients that act on their own behalf (client_credentials; RFC 6749, section
// 4.4). They get 403, code "forbidden".
func (a *Auth) RequirePerson() gin.HandlerFunc {
	return a.guard(func(_ *gin.Context, id identity) error {
		if id.user().IsMachine() {
			return fmt.Errorf("%w: the route is for people", ErrForbidden)
		}
		return nil
	})
}

// RequireMachine allows clients that act on their own behalf, and denies users. They get 403, code "forbidden". Use it
// for routes that act without a person, such as imports, so that no browser can be made to call them.
func (a *Auth) RequireMachine() gin.HandlerFunc {
	return a.guard(func(_ *gin.Context, id identity) error {
		if !id.user().IsMachine() {
			return fmt.Errorf("%w: the route is for clients that act on their own behalf", ErrForbidden)
		}
		return nil
	})
}

// bearer identifies the user by the access token in the Authorization header, if the app accepts access tokens. decided
// reports whether there is one: then the header decides, and the session cookie is not looked at. If the cookie counted
// as well, a refused token could still act as the user of the browser. h is that of the response, or nil if it was
// sent.
func (req *request) bearer(h http.Header) (id identity, decided bool, err error) {
	if !req.auth.providers.accessTokens() || req.gin == nil {
		return identity{}, false, nil
	}
	raw, ok, err := bearerToken(req.http.Header)
	if !ok && err == nil {
		return identity{}, false, nil
	}
	req.byToken = true
	if err != nil {
		return identity{}, true, err
	}
	rp := req.auth.providers.ofAccessToken(raw)
	if rp == nil {
		return identity{}, true, fmt.Errorf("%w: it is of no configured issuer", errAccessToken)
	}
	token, err := rp.client.CheckAccessToken(req.Context, raw)
	switch {
	case errors.Is(err, provider.ErrInvalidToken):
		return identity{}, true, fmt.Errorf("%w: %w", errAccessToken, err)
	case err != nil:
		return identity{}, true, translated(err)
	}
	if err := req.checkPossession(rp, h, token, raw); err != nil {
		return identity{}, true, err
	}
	derived, err := token.Derive(rp.userOfToken)
	if err != nil {
		return identity{}, true, err
	}
	user := *derived.(*User) // the lists are shared, as handlers treat a User as read-only
	req.bearerToken, req.bearerIssuer = raw, rp
	return identity{other: &user, token: token, rp: rp}, true, nil
}

// TokenStats counts access tokens that were checked before, so that checking them again costs little. Entries is the
// present size of the cache, Hits and Misses count since the start.
type TokenStats struct {
	Entries int    `json:"entries"`
	Hits    uint64 `json:"hits"`
	Misses  uint64 `json:"misses"`
}

// AccessTokenStats returns the statistics of JWTs and of introspected tokens together, for metrics. Few hits mean that
// clients ask for a new token for every request.
func (a *Auth) AccessTokenStats() TokenStats {
	var all TokenStats
	for _, rp := range a.providers.fixed {
		for _, cache := range []provider.CacheStats{rp.client.AccessTokenCache(), rp.client.IntrospectionCache()} {
			all.Entries, all.Hits, all.Misses = all.Entries+cache.Entries, all.Hits+cache.Hits, all.Misses+cache.Misses
		}
	}
	return all
}

// bearerToken returns the token of the Authorization header with the scheme Bearer (RFC 6750, section 2.1). It returns
// false if there is no such header. Tokens in the query or the body of a request are never read: URLs end up in logs.
func bearerToken(h http.Header) (raw string, ok bool, err error) {
	values := h["Authorization"]
	if !slices.ContainsFunc(values, isBearer) {
		return "", false, nil
	}
	if len(values) > 1 {
		return "", false, fmt.Errorf("%w: several Authorization headers", errAccessToken)
	}
	_, raw, _ = strings.Cut(values[0], " ")
	raw = strings.Trim(raw, " ")
	if !ascii.IsToken68(raw) {
		return "", false, fmt.Errorf("%w: it is malformed", errAccessToken)
	}
	return raw, true, nil
}

// isBearer reports whether a value of Authorization has the scheme Bearer or DPoP. Other schemes, such as Basic for a
// proxy in front of the app, are not the plugin's.
func isBearer(value string) bool {
	scheme, _, _ := strings.Cut(strings.TrimLeft(value, " "), " ")
	return strings.EqualFold(scheme, "Bearer") || strings.EqualFold(scheme, "DPoP")
}

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

	denier *denier
}

// metadataPath returns the path of the metadata of a resource identifier, or "" if there is none.
func metadataPath(resource string) string {
	u, err := url.Parse(resource)
	if resource == "" || err != nil {
		return ""
	}
	return wellKnownResource + strings.TrimSuffix(u.Path, "/")
}

// newResourceMetadata returns the metadata of an app. It names the one way to send a token that the app reads: one in a
// URL would end up in logs.
func newResourceMetadata(a *Auth) *resourceMetadata {
	return &resourceMetadata{
		Resource: a.config.Resource, AuthorizationServers: a.providers.authorizationServers(),
		BearerMethods: []string{"header"}, ProofAlgs: provider.ProofAlgs(), CertificateBound: a.certificates.Header != "",
		denier: &a.denier,
	}
}

// mount registers the route of the metadata, unless pattern is "". It is at the root of the host, outside of a group at
// the base path, from which a relative path leads there.
func (m *resourceMetadata) mount(r gin.IRouter, pattern string) {
	if pattern == "" {
		return
	}
	if group, ok := r.(interface{ BasePath() string }); ok && group.BasePath() != "/" {
		pattern = strings.Repeat("/..", strings.Count(path.Clean(group.BasePath()), "/")) + pattern
	}
	r.Any(pattern, m.show)
}

// show responds with the metadata. It is public, and pages of any origin may read it: a client that runs in a browser
// starts there.
func (m *resourceMetadata) show(c *gin.Context) {
	h := c.Writer.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("X-Content-Type-Options", "nosniff")
	switch c.Request.Method {
	case http.MethodGet, http.MethodHead:
		h.Set("Cache-Control", "public, max-age=3600")
		c.JSON(http.StatusOK, m)
	case http.MethodOptions: // for a header of the client that is not on the list of harmless ones
		h.Set("Access-Control-Allow-Methods", "GET, HEAD")
		h.Set("Access-Control-Allow-Headers", "*")
		c.Status(http.StatusNoContent)
		c.Writer.WriteHeaderNow()
	default:
		h.Set("Allow", "GET, HEAD, OPTIONS")
		m.denier.fail(c, "", errMethod)
	}
}

// errProof is the refusal of a DPoP proof (RFC 9449, section 7.1).
var errProof = fmt.Errorf("%w: DPoP proof", errAccessToken)

// errProofNonce is the refusal of a DPoP proof that only lacks a current nonce (RFC 9449, section 9).
var errProofNonce = fmt.Errorf("%w: nonce", errProof)

// checkPossession checks that the client has the keys to which its access token is bound, so that a stolen token is
// useless: the key of DPoP (RFC 9449, section 7.1) and the TLS client certificate (RFC 8705, section 3). A token that
// is bound to a key of DPoP has to come with that scheme, and any other must not. h is the header of the response, or
// nil if it was sent.
func (req *request) checkPossession(rp *relyingParty, h http.Header, token *provider.AccessToken, raw string) error {
	bound := token.Confirmation
	scheme, _, _ := strings.Cut(req.http.Header.Get("Authorization"), " ")
	if byDPoP := strings.EqualFold(scheme, "DPoP"); byDPoP != (bound.JKT != "") {
		return fmt.Errorf("%w: the scheme is not that of the token", errAccessToken)
	}
	if !token.Bound() && rp.settings.RequireBoundTokens {
		return fmt.Errorf("%w: it is not bound to a key", errAccessToken)
	}
	certificate, err := req.auth.certificates.Thumbprint(req.http)
	if err != nil { // whatever the token: someone claims the certificate of another client
		return fmt.Errorf("%w: %w", errAccessToken, err)
	}
	if bound.X5TS256 != "" && certificate != bound.X5TS256 {
		return fmt.Errorf("%w: it is bound to another TLS client certificate", errAccessToken)
	}
	if bound.JKT == "" {
		return nil
	}
	return req.checkProof(rp, h, bound.JKT, raw)
}

// checkProof checks the DPoP proof of the request, and that it is the first request with this proof.
func (req *request) checkProof(rp *relyingParty, h http.Header, jkt, raw string) error {
	a := req.auth
	proofs := req.http.Header.Values("DPoP")
	if len(proofs) != 1 {
		return fmt.Errorf("%w: %d proofs", errProof, len(proofs))
	}
	of := provider.ProvenRequest{
		Method: req.http.Method, URL: a.targets.Origin + a.targets.Path(req.http), AccessToken: raw, JKT: jkt,
	}
	aging := false
	if rp.settings.RequireDPoPNonce {
		of.AcceptsNonce = func(nonce string) (ok bool) {
			ok, aging = a.proofNonces.Check(nonce)
			return ok
		}
	}
	id, remember, err := rp.client.CheckProof(proofs[0], of)
	switch {
	case errors.Is(err, provider.ErrUseNonce):
		return fmt.Errorf("%w: %w", errProofNonce, err)
	case err != nil:
		return fmt.Errorf("%w: %w", errProof, err)
	}
	switch first, err := rp.markUsed(req.Context, shared.KindProof, jkt+" "+id, remember); {
	case err != nil:
		return err
	case !first:
		return fmt.Errorf("%w: it was used before", errProof)
	}
	if aging && h != nil {
		h.Set(nonceHeader, a.proofNonces.New())
	}
	return nil
}

// nonceHeader is the header with the nonce for the next proof (RFC 9449, section 8.1).
const nonceHeader = "DPoP-Nonce"
