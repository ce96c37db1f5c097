package recheck

import (
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/claims"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

// Sources are what a check has read about a user.
type Sources struct {
	IDToken  provider.Claims // of a refresh; nil if it had none
	UserInfo provider.Claims // nil if it was not asked
	Vouched  bool            // the provider has accepted a token of the user
}

// Memberships are the groups and organizations of a user.
type Memberships struct {
	Groups, Organizations []string
	GroupsOverage         bool // the groups are not in the claims
}

var (
	errNothing = fmt.Errorf("%w: there is neither a refresh token nor another way to read the user again", ErrRefused)
	errUnknown = fmt.Errorf("%w: the provider no longer says to which groups or organizations the user belongs",
		ErrRefused)
)

// Expires returns when the session has to end: what the new ID token says of it replaces what was said before. An ID
// token that says nothing of it changes nothing.
func (s Sources) Expires(before time.Time) (time.Time, error) {
	at, err := s.IDToken.SessionExpiry()
	switch {
	case err != nil:
		return at, fmt.Errorf("%w: %w", ErrRefused, err)
	case at.IsZero():
		return before, nil
	case !at.After(time.Now()):
		return at, fmt.Errorf("%w: session_expiry is in the past", ErrRefused)
	}
	return at, nil
}

// Memberships returns the memberships as the sources have them. A claim that is absent means none: providers leave out
// empty lists, and what the provider does not confirm may have ended. Without any claims at all, memberships that
// cannot be read again are an error, so the user has to sign in again.
//
// resolved reports that the app's resolver replaces the groups. If they cannot be read again, it gets an overage and
// not what it returned before, or a resolver that only adds groups would never remove one. byApp reports that the app
// started the session, so that the provider has never said anything.
func (s Sources) Memberships(shape *claims.Shape, before Memberships, resolved, byApp bool) (Memberships, error) {
	if !s.Vouched && !resolved {
		return Memberships{}, errNothing
	}
	groups, groupsAt, overage := shape.GroupsOf(s.IDToken, s.UserInfo)
	organizations, _ := shape.OrganizationsOf(s.IDToken, s.UserInfo)
	after := Memberships{groups, organizations, overage}
	if s.IDToken == nil && groupsAt == nil && !overage {
		after.GroupsOverage = resolved
	}
	if s.IDToken != nil || s.UserInfo != nil {
		return after, nil
	}
	if byApp {
		after.Organizations = before.Organizations
	}
	lostGroups := !resolved && (len(before.Groups) > 0 || before.GroupsOverage)
	if lostGroups || len(before.Organizations) > 0 && !byApp {
		return Memberships{}, errUnknown
	}
	return after, nil
}

// Changes returns the groups and organizations that a check has added and removed, as attributes of an event. Those of
// before are sorted.
func Changes(before, after Memberships) (attrs []slog.Attr) {
	for _, change := range []struct {
		what          string
		before, after []string
	}{
		{"groups", before.Groups, claims.Normalized(after.Groups)},
		{"organizations", before.Organizations, claims.Normalized(after.Organizations)},
	} {
		if gained := without(change.after, change.before); len(gained) > 0 {
			attrs = append(attrs, slog.Any(change.what+"_gained", gained))
		}
		if lost := without(change.before, change.after); len(lost) > 0 {
			attrs = append(attrs, slog.Any(change.what+"_lost", lost))
		}
	}
	return attrs
}

// without returns the names of one sorted list that another one lacks.
func without(names, others []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		_, found := slices.BinarySearch(others, name)
		return found
	})
}
