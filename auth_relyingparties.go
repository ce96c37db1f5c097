package ginoidc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/bearer"
	"github.com/seed-d65cea4d/ginoidc/internal/directory"
	"github.com/seed-d65cea4d/ginoidc/internal/events"
	"github.com/seed-d65cea4d/ginoidc/internal/flight"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/routes"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
	"github.com/seed-d65cea4d/ginoidc/internal/settings"
)

// relyingParties finds the relying party for whatever is at hand.
type relyingParties struct {
	*reporter
	fixed   []*relyingParty                     // of Config.Providers
	byName  map[string]*relyingParty            // the same
	found   *directory.Directory[*relyingParty] // by Config.FindProvider; nil without it
	several bool                                // there can be more than one, so requests have to say which they concern
}

// only returns the relying party of an app with one, and otherwise nil.
func (ps *relyingParties) only() *relyingParty {
	if ps.several {
		return nil
	}
	return ps.fixed[0]
}

// first returns a relying party for what does not depend on which, or nil if all are found at run time. It decides
// nothing about a user.
func (ps *relyingParties) first() *relyingParty {
	if len(ps.fixed) == 0 {
		return nil
	}
	return ps.fixed[0]
}

// named returns the one of a provider, for a new sign-in.
func (ps *relyingParties) named(ctx context.Context, name string) (*relyingParty, error) {
	return ps.lookup(ctx, name, (*directory.Directory[*relyingParty]).Current)
}

// kept is named for what a sign-in has started, such as sessions, which a failing lookup does not end.
func (ps *relyingParties) kept(ctx context.Context, name string) (*relyingParty, error) {
	return ps.lookup(ctx, name, (*directory.Directory[*relyingParty]).Kept)
}

// lookup returns the relying party of a name, which look finds in the directory unless it is configured. Names come
// from requests, so one that no provider can have is not looked up.
func (ps *relyingParties) lookup(ctx context.Context, name string,
	look func(*directory.Directory[*relyingParty], context.Context, string) (*relyingParty, error),
) (*relyingParty, error) {
	if rp := ps.byName[name]; rp != nil {
		return rp, nil
	}
	if ps.found == nil || !settings.IsProviderName(name) {
		return nil, ErrUnknownProvider
	}
	rp, err := look(ps.found, ctx, name)
	switch {
	case errors.Is(err, directory.ErrUnknown):
		return nil, ErrUnknownProvider
	case err != nil:
		return nil, fmt.Errorf("%w: provider %s: %w", ErrProviderUnavailable, name, err)
	}
	return rp, nil
}

// forCall returns the one that a call of the app concerns, which names it or not: see [Auth.ForProvider].
func (ps *relyingParties) forCall(ctx context.Context, name string) (*relyingParty, error) {
	switch only := ps.only(); {
	case only != nil && (name == "" || name == only.settings.Name):
		return only, nil
	case name == "":
		return nil, errNoProvider
	}
	return ps.kept(ctx, name)
}

// issuing returns the one that an unverified token or request comes from, as far as iss and audience say, or nil. It
// only decides with which keys the token is verified. Of the providers found at run time it knows those that are in
// use.
func (ps *relyingParties) issuing(iss string, audience []string) (found *relyingParty) {
	certain := false
	candidate := func(rp *relyingParty) {
		ours := slices.Contains(audience, rp.settings.ClientID)
		if !certain && rp.client.Issues(iss) && (found == nil || ours) {
			found, certain = rp, ours
		}
	}
	for _, rp := range ps.fixed {
		candidate(rp)
	}
	if !certain && ps.found != nil {
		ps.found.Each(iss, candidate)
		ps.found.Each(manyTenants, candidate)
	}
	return found
}

// manyTenants is the group of the relying parties whose issuer many tenants share, each with an issuer of its own.
const manyTenants = ""

// issuerGroup returns the group in which a relying party is found by the issuer of a token.
func (rp *relyingParty) issuerGroup() string {
	if strings.Contains(rp.settings.Issuer, provider.TenantMarker) {
		return manyTenants
	}
	return rp.settings.Issuer
}

// relyingPartyOf returns the one that a session was started with.
func relyingPartyOf(r *session.Record) *relyingParty {
	return r.Party.Of.(*relyingParty)
}

// partyOf finds the party of a session, and reports a session whose provider is not configured any longer.
func (ps *relyingParties) partyOf(ctx context.Context, name string, head []byte) (*session.Party, error) {
	party, err := ps.party(ctx, name, head)
	if party == nil && err == nil && name != "" {
		ps.emit(ctx, events.Event{Kind: events.ProviderGone, Provider: name})
	}
	return party, err
}

// party finds the party of a session. A session that names no provider was saved by an app with one.
func (ps *relyingParties) party(ctx context.Context, name string, head []byte) (*session.Party, error) {
	if only := ps.only(); only != nil {
		if name == "" || name == only.settings.Name {
			return only.party, nil
		}
		return nil, nil // of a provider that the app had before: its users are not those of this one
	}
	if name == "" {
		for _, rp := range ps.fixed {
			if rp.party.Owns(head) {
				return rp.party, nil
			}
		}
		return nil, nil
	}
	rp, err := ps.kept(ctx, name)
	switch {
	case errors.Is(err, ErrUnknownProvider):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return rp.party, nil
}

// accessTokens reports whether the app accepts access tokens.
func (ps *relyingParties) accessTokens() bool {
	return slices.ContainsFunc(ps.fixed, func(rp *relyingParty) bool { return rp.settings.Audience != "" })
}

// receiveSignals reports whether the app receives security events.
func (ps *relyingParties) receiveSignals() bool {
	return slices.ContainsFunc(ps.fixed, func(rp *relyingParty) bool { return rp.signals != nil })
}

// ofAccessToken returns the one whose provider has issued an access token, as far as it says. A token that is
// not a JWT says nothing, and is for the one provider that is asked about such tokens: to ask several would show each
// of them the tokens of the others.
func (ps *relyingParties) ofAccessToken(raw string) (*relyingParty, error) {
	if only := ps.only(); only != nil {
		return only, nil
	}
	iss, _, ok := provider.Unverified(raw)
	for _, rp := range ps.fixed {
		switch {
		case rp.settings.Audience == "":
		case ok && rp.client.IssuesAccessTokens(iss), !ok && rp.settings.Introspection != "":
			return rp, nil
		}
	}
	return nil, fmt.Errorf("%w: it is of no configured issuer", errAccessToken)
}

// ready returns nil if users can sign in with the provider of this name or, if it is "", with one of the providers.
func (ps *relyingParties) ready(ctx context.Context, name string) error {
	if name != "" {
		rp, err := ps.named(ctx, name)
		if err != nil {
			return err
		}
		return rp.client.Ready(ctx)
	}
	if len(ps.fixed) == 1 {
		return ps.fixed[0].client.Ready(ctx)
	}
	checked := make(chan error, len(ps.fixed))
	for _, rp := range ps.fixed {
		go func() {
			_, err := flight.Try(rp.log, func() (any, error) { return nil, rp.client.Ready(ctx) })
			checked <- err
		}()
	}
	var problems []error
	for range ps.fixed { // the first that is ready is enough: another may not answer until ctx ends
		problem := <-checked
		if problem == nil {
			return nil
		}
		problems = append(problems, problem)
	}
	return errors.Join(problems...)
}

// authorizationServers returns the issuers whose access tokens the app accepts.
func (ps *relyingParties) authorizationServers() []string {
	issuers := []string{}
	for _, rp := range ps.fixed {
		if rp.settings.Audience != "" {
			issuers = append(issuers, rp.settings.Issuer)
		}
	}
	return issuers
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

// nameInPath returns the name below one of the plugin's routes, such as "google" in "/auth/callback/google".
func nameInPath(c *gin.Context) string { return strings.TrimPrefix(c.Param(routes.BelowParam), "/") }

// ofPath returns the relying party of a callback, whose path names it if there are several.
func (ps *relyingParties) ofPath(
	c *gin.Context, requestOf func(*gin.Context) *request,
) (*relyingParty, error) {
	if only := ps.only(); only != nil {
		return only, nil
	}
	return ps.kept(requestOf(c), nameInPath(c))
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
