package ginoidc

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/bearer"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/settings"
)

// errAccessToken is the refusal of an access token in the Authorization header (RFC 6750, section 3.1).
var errAccessToken = bearer.ErrRefused

// errScope is for a valid access token that lacks a scope of the route.
var errScope = fmt.Errorf("%w: the access token lacks a scope", ErrForbidden)

// scopeError is an errScope that tells the client which scopes the route needs.
type scopeError struct{ scopes []string }

func (e *scopeError) Error() string { return errScope.Error() }

// Unwrap makes a scopeError an errScope.
func (e *scopeError) Unwrap() error { return errScope }

// challenge returns the part of WWW-Authenticate that names the scopes (RFC 6750, section 3.1).
func (e *scopeError) challenge() string {
	return `, error="insufficient_scope", scope="` + strings.Join(e.scopes, " ") + `"`
}

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
	return a.guard(labelled("RequireScopes", scopes...), func(_ *gin.Context, id identity) error {
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
	return a.guard("RequirePerson", func(_ *gin.Context, id identity) error {
		if id.user().IsMachine() {
			return fmt.Errorf("%w: the route is for people", ErrForbidden)
		}
		return nil
	})
}

// RequireMachine allows clients that act on their own behalf, and denies users. They get 403, code "forbidden". Use it
// for routes that act without a person, such as imports, so that no browser can be made to call them.
func (a *Auth) RequireMachine() gin.HandlerFunc {
	return a.guard("RequireMachine", func(_ *gin.Context, id identity) error {
		if !id.user().IsMachine() {
			return fmt.Errorf("%w: the route is for clients that act on their own behalf", ErrForbidden)
		}
		return nil
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
	if !req.auth.providers.accessTokens() || req.gin == nil {
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
	rp := req.auth.providers.ofAccessToken(raw)
	if rp == nil {
		return identity{}, true, fmt.Errorf("%w: it is of no configured issuer", errAccessToken)
	}
	token, err := rp.tokens.Check(req.Context, req.http, h, raw)
	switch {
	case errors.Is(err, errAccessToken):
		return identity{}, true, err
	case err != nil:
		return identity{}, true, translated(err)
	}
	derived, err := token.Derive(rp.userOfToken)
	if err != nil {
		return identity{}, true, err
	}
	by := &access{*derived.(*User), token, raw, rp} // the lists are shared, as handlers treat a User as read-only
	return identity{other: &by.user, access: by}, true, nil
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

// resourceMetadata has the route with the metadata of the app, which clients of its API read (RFC 9728).
type resourceMetadata struct {
	bearer.Metadata
	denier *denier
}

// newResourceMetadata returns the metadata of an app. It names the one way to send a token that the app reads: one in a
// URL would end up in logs.
func newResourceMetadata(a *Auth) *resourceMetadata {
	return &resourceMetadata{bearer.Metadata{
		Resource: a.config.Resource, AuthorizationServers: a.providers.authorizationServers(),
		BearerMethods: []string{"header"}, ProofAlgs: provider.ProofAlgs(), CertificateBound: a.certificates.Header != "",
	}, &a.denier}
}

// mount registers the route of the metadata, unless pattern is "". It is at the root of the host, outside of a group at
// the base path.
func (m *resourceMetadata) mount(r gin.IRouter, pattern string) {
	if pattern == "" {
		return
	}
	if group, ok := r.(interface{ BasePath() string }); ok {
		pattern = bearer.Above(group.BasePath(), pattern)
	}
	r.Any(pattern, m.show)
}

// show is a method, by which guards recognize a handler of the plugin.
func (m *resourceMetadata) show(c *gin.Context) {
	if !m.Serve(c.Writer, c.Request) {
		m.denier.fail(c, "", errMethod)
	}
}
