// Package guard has the rules by which guards deny requests of users who are signed in. They are pure: they decide from
// values, and know neither requests nor responses.
package guard

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/seed-d65cea4d/ginoidc/internal/claims"
)

var (
	// ErrForbidden means that the user is not allowed.
	ErrForbidden = errors.New("ginoidc: not allowed")
	// ErrGroupsOverage means that the provider left out the groups because there are too many.
	ErrGroupsOverage = errors.New("ginoidc: the provider sent an overage marker instead of the groups")
	// ErrScope is for a valid access token that lacks a scope of the route.
	ErrScope = fmt.Errorf("%w: the access token lacks a scope", ErrForbidden)
	// ErrStepUpFailed is for a step-up that was requested from the provider, and that it has not confirmed.
	ErrStepUpFailed = fmt.Errorf("%w: the sign-in was to confirm more than it has", ErrForbidden)
)

// Forbidden returns an ErrForbidden that wraps err, which may be nil.
func Forbidden(err error) error {
	if err == nil {
		return ErrForbidden
	}
	return fmt.Errorf("%w: %w", ErrForbidden, err)
}

// NotInError is an ErrForbidden with the names that the guard requires. They are for the log: a response that had them
// would tell users which groups to look for.
type NotInError struct {
	Wanted string // the log's key, such as any_of and all_of for groups
	Names  []string
}

func (e *NotInError) Error() string { return ErrForbidden.Error() }

// Unwrap makes a NotInError an ErrForbidden.
func (e *NotInError) Unwrap() error { return ErrForbidden }

// In denies users unless in is set, which reports whether they have what the guard requires.
func In(wanted string, names []string, in bool) error {
	if in {
		return nil
	}
	return &NotInError{wanted, names}
}

// Groups is In for groups. With an overage the list of groups is incomplete, so nothing in it counts.
func Groups(wanted string, names []string, in, overage bool) error {
	if overage {
		return fmt.Errorf("%w: %w", &NotInError{wanted, names}, ErrGroupsOverage)
	}
	return In(wanted, names, in)
}

// EmailDomain denies users without a verified address at any of the domains. Anyone can claim an unverified one.
func EmailDomain(address string, verified bool, anyOf []string) error {
	return In("email_domain", anyOf, verified && slices.Contains(anyOf, claims.EmailDomain(address)))
}

// AMR denies users who were authenticated with none of the methods (RFC 8176).
func AMR(methods, anyOf []string) error {
	return In("amr", anyOf, slices.ContainsFunc(anyOf, func(m string) bool { return slices.Contains(methods, m) }))
}

// ScopeError is an ErrScope that tells the client which scopes the route needs.
type ScopeError struct{ Scopes []string }

func (e *ScopeError) Error() string { return ErrScope.Error() }

// Unwrap makes a ScopeError an ErrScope.
func (e *ScopeError) Unwrap() error { return ErrScope }

// Challenge returns the part of WWW-Authenticate that names the scopes (RFC 6750, section 3.1).
func (e *ScopeError) Challenge() string {
	return `, error="insufficient_scope", scope="` + strings.Join(e.Scopes, " ") + `"`
}

// Scopes denies access tokens that lack any of the scopes (RFC 6749, section 3.3).
func Scopes(scopes, allOf []string) error {
	if slices.ContainsFunc(allOf, func(s string) bool { return !slices.Contains(scopes, s) }) {
		return &ScopeError{allOf}
	}
	return nil
}

// Machine denies people where machine is set, and otherwise clients that act on their own behalf: is says which of them
// makes the request.
func Machine(is, machine bool) error {
	switch {
	case is == machine:
		return nil
	case is:
		return fmt.Errorf("%w: the route is for people", ErrForbidden)
	}
	return fmt.Errorf("%w: the route is for clients that act on their own behalf", ErrForbidden)
}
