package relyingparty

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/seed-d65cea4d/ginoidc/internal/bearer"
	"github.com/seed-d65cea4d/ginoidc/internal/flight"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
)

// Issuing returns the one that an unverified token or request comes from, as far as iss and audience say, or none. It
// only decides with which keys the token is verified. Of the providers found at run time it knows those that are in
// use: to look up whatever a stranger sends would be work for each request.
func (s *Set[T]) Issuing(iss string, audience []string) (found T) {
	var none T
	certain := false
	candidate := func(t T) {
		ours := slices.Contains(audience, t.Of().ClientID)
		if !certain && t.Of().Client.Issues(iss) && (found == none || ours) {
			found, certain = t, ours
		}
	}
	for _, t := range s.fixed {
		candidate(t)
	}
	if s.found != nil {
		s.found.Each(iss, candidate)
		s.found.Each(manyTenants, candidate)
	}
	return found
}

// OfAccessToken returns the one whose provider has issued an access token, as far as it says. A token that is not a JWT
// says nothing, and is for the one provider that is asked about such tokens: to ask several would show each of them the
// tokens of the others.
func (s *Set[T]) OfAccessToken(raw string) (only T, _ error) {
	var none T
	if only = s.Only(); only != none {
		return only, nil
	}
	iss, _, ok := provider.Unverified(raw)
	for _, t := range s.fixed {
		switch p := t.Of(); {
		case !p.AccessTokens:
		case p.Client.IssuesAccessTokens(iss), !ok && p.Introspects:
			return t, nil
		}
	}
	return none, fmt.Errorf("%w: it is of no configured issuer", bearer.ErrRefused)
}

// OfSession returns the party of a session by the name of the provider in its record, and by the head of the record if
// that names none: then an app with one provider saved it. It returns nil for a provider that the app no longer has:
// its users are not those of another one.
func (s *Set[T]) OfSession(ctx context.Context, name string, head []byte) (*session.Party, error) {
	var none T
	if only := s.Only(); only != none {
		if name == "" || name == only.Of().Name {
			return only.Of().Session, nil
		}
		return nil, nil
	}
	if name == "" {
		for _, t := range s.fixed {
			if t.Of().Session.Owns(head) {
				return t.Of().Session, nil
			}
		}
		return nil, nil
	}
	t, err := s.Kept(ctx, name)
	switch {
	case errors.Is(err, ErrUnknown):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return t.Of().Session, nil
}

// AcceptsTokens reports whether the app accepts access tokens.
func (s *Set[T]) AcceptsTokens() bool {
	return slices.ContainsFunc(s.fixed, func(t T) bool { return t.Of().AccessTokens })
}

// TokenStats returns the statistics of access tokens that were checked before, JWTs and introspected ones together.
func (s *Set[T]) TokenStats() (all provider.CacheStats) {
	for _, t := range s.fixed {
		client := t.Of().Client
		for _, cache := range []provider.CacheStats{client.AccessTokenCache(), client.IntrospectionCache()} {
			all.Entries, all.Hits, all.Misses = all.Entries+cache.Entries, all.Hits+cache.Hits, all.Misses+cache.Misses
		}
	}
	return all
}

// AuthorizationServers returns the issuers whose access tokens the app accepts, which may be none.
func (s *Set[T]) AuthorizationServers() []string {
	issuers := []string{}
	for _, t := range s.fixed {
		if t.Of().AccessTokens {
			issuers = append(issuers, t.Of().Issuer)
		}
	}
	return issuers
}

// Ready returns nil if users can sign in with the provider of this name or, if it is "", with one of those that are
// configured. log receives panics.
func (s *Set[T]) Ready(ctx context.Context, name string, log *slog.Logger) error {
	if name != "" {
		t, err := s.Named(ctx, name)
		if err != nil {
			return err
		}
		return t.Of().Client.Ready(ctx)
	}
	checked := make(chan error, len(s.fixed))
	for _, t := range s.fixed {
		go func() {
			_, err := flight.Try(log, func() (any, error) { return nil, t.Of().Client.Ready(ctx) })
			checked <- err
		}()
	}
	var problems []error
	for range s.fixed { // the first that is ready is enough: another may not answer until ctx ends
		problem := <-checked
		if problem == nil {
			return nil
		}
		problems = append(problems, problem)
	}
	return errors.Join(problems...)
}
