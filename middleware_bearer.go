package ginoidc

import (
	"errors"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/bearer"
	"github.com/seed-d65cea4d/ginoidc/internal/guard"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

// RequireScopes allows users and clients whose access token has all of the scopes (RFC 6749, section 3.3). Sessions
// have no scopes, so it is for routes that programs call. A token that lacks one gets 403 with the challenge
// "insufficient_scope" (RFC 6750, section 3.1). It panics without a scope or with one that is not a single word.
//
//	router.GET("/things", auth.RequireScopes("read:things"), things)
func (a *Auth) RequireScopes(allOf ...string) gin.HandlerFunc {
	scopes := guardList("RequireScopes", guard.CheckScopes, allOf)
	return a.guard(guard.Label("RequireScopes", scopes...), func(_ *gin.Context, id identity) error {
		return guard.Scopes(id.user().Scopes, scopes)
	})
}

// RequirePerson allows users, and denies clients that act on their own behalf (client_credentials; RFC 6749, section
// 4.4). They get 403, code "forbidden".
func (a *Auth) RequirePerson() gin.HandlerFunc {
	return a.guard("RequirePerson", func(_ *gin.Context, id identity) error {
		return guard.Machine(id.user().IsMachine(), false)
	})
}

// RequireMachine allows clients that act on their own behalf, and denies users. They get 403, code "forbidden". Use it
// for routes that act without a person, such as imports, so that no browser can be made to call them.
func (a *Auth) RequireMachine() gin.HandlerFunc {
	return a.guard("RequireMachine", func(_ *gin.Context, id identity) error {
		return guard.Machine(id.user().IsMachine(), true)
	})
}

// access is an accepted access token in one request.
type access struct {
	user User // whom it identifies
	*provider.AccessToken
	raw string        // as in the Authorization header
	rp  *relyingParty // that issued it
}

// bearer identifies the user by the access token in the Authorization header, if the app accepts access tokens. decided
// reports whether there is one: then the header decides, and the session cookie is not looked at. If the cookie counted
// as well, a refused token could still act as the user of the browser. h is that of the response, or nil if it was
// sent.
func (req *request) bearer(h http.Header) (id identity, decided bool, err error) {
	if !req.auth.providers.AcceptsTokens() || req.gin == nil {
		return identity{}, false, nil
	}
	raw, ok, err := bearer.Token(req.http.Header)
	if !ok && err == nil {
		return identity{}, false, nil
	}
	req.byToken = true
	if err != nil {
		return identity{}, true, err
	}
	id, err = req.auth.providers.accept(req, h, raw)
	return id, true, err
}

// accept returns the user whom an access token identifies.
func (ps *relyingParties) accept(req *request, h http.Header, raw string) (identity, error) {
	rp, err := ps.OfAccessToken(raw)
	if err != nil {
		return identity{}, err
	}
	token, err := rp.Tokens.Check(req.Context, req.http, h, raw)
	if err != nil && !errors.Is(err, errAccessToken) { // whether the token is valid remains open
		err = translated(err)
	}
	if err != nil {
		return identity{}, err
	}
	derived, err := token.Derive(rp.userOfToken)
	if err != nil {
		return identity{}, err
	}
	by := &access{*derived.(*User), token, raw, rp} // the lists are shared, as handlers treat a User as read-only
	return identity{other: &by.user, access: by}, nil
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
	for _, rp := range a.providers.Fixed() {
		for _, cache := range []provider.CacheStats{rp.Client.AccessTokenCache(), rp.Client.IntrospectionCache()} {
			all.Entries, all.Hits, all.Misses = all.Entries+cache.Entries, all.Hits+cache.Hits, all.Misses+cache.Misses
		}
	}
	return all
}

// resourceMetadata has the route with the metadata of the app, which clients of its API read (RFC 9728).
type resourceMetadata struct {
	bearer.Metadata
	denier *denier
}

// mountMetadata registers the route of the metadata, unless the app has none. It is at the root of the host, outside of
// a group at the base path. The metadata names the one way to send a token that the app reads: one in a URL would end
// up in logs.
func mountMetadata(a *Auth, r gin.IRouter) {
	pattern := a.routes.Metadata
	if pattern == "" {
		return
	}
	if group, ok := r.(interface{ BasePath() string }); ok {
		pattern = bearer.Above(group.BasePath(), pattern)
	}
	m := &resourceMetadata{bearer.Metadata{
		Resource: a.config.Resource, AuthorizationServers: a.providers.AuthorizationServers(),
		BearerMethods: []string{"header"}, ProofAlgs: provider.ProofAlgs(), CertificateBound: a.certificates.Header != "",
	}, &a.denier}
	r.Any(pattern, m.show)
}

// show is a method, by which guards recognize a handler of the plugin.
func (m *resourceMetadata) show(c *gin.Context) {
	if !m.Serve(c.Writer, c.Request) {
		m.denier.fail(c, "", errMethod)
	}
}
