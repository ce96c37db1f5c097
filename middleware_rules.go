package ginoidc

import (
	"net/url"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/guard"
)

// StepUpError wraps [ErrStepUpRequired] and says what a sign-in has to request from the provider (RFC 9470, section 3).
type StepUpError struct {
	MaxAge    time.Duration // allowed time since the user was authenticated; 0 for any
	ACRValues []string      // accepted authentication context classes; empty for any
}

// Error names neither the user nor what is missing.
func (e *StepUpError) Error() string { return ErrStepUpRequired.Error() }

// Unwrap returns [ErrStepUpRequired].
func (e *StepUpError) Unwrap() error { return ErrStepUpRequired }

// params returns the parameters of the sign-in route that request the step-up.
func (e *StepUpError) params() url.Values { return (*guard.StepUp)(e).Params() }

// challenge returns the part of WWW-Authenticate for clients that are not browsers (RFC 9470, section 3).
func (e *StepUpError) challenge() string { return (*guard.StepUp)(e).Challenge() }

// stepUp returns the error of a decision about a sign-in.
func stepUp(needed *guard.StepUp, err error) error {
	if needed != nil {
		return (*StepUpError)(needed)
	}
	return err
}

// guardList returns a copy of the list that a guard is given, so that later changes to the caller's slice do not change
// the guard. It panics on lists by which the guard could not decide.
func guardList(name string, check func([]string) error, list []string) []string {
	if err := check(list); err != nil {
		panic("ginoidc: " + name + " " + err.Error())
	}
	return slices.Clone(list)
}

// RequireFreshSignIn allows users whom the provider authenticated within maxAge, for example five minutes before a
// change of password. For other users, navigations are redirected to a sign-in with max_age (OpenID Connect Core 1.0,
// section 3.1.2.1), and other requests get 401 with a challenge. If the provider ignores max_age, the response is 403,
// because a redirect would loop. RequireFreshSignIn panics if maxAge is below a second.
func (a *Auth) RequireFreshSignIn(maxAge time.Duration) gin.HandlerFunc {
	if maxAge < time.Second {
		panic("ginoidc: RequireFreshSignIn needs at least a second")
	}
	label := guard.Label("RequireFreshSignIn", maxAge.String())
	return a.guardSignIn(label, func(in guard.SignIn, rp *relyingParty) (*guard.StepUp, error) {
		return in.Recent(maxAge, rp.settings.ClockTolerance, time.Now())
	})
}

// RequireACR allows users whose sign-in had any of the authentication context classes, compared byte for byte, for
// example "urn:example:mfa". Other users are redirected to a sign-in with acr_values, and get 403 if the provider does
// not satisfy it. RequireACR panics without a value and with one that is empty or has spaces.
func (a *Auth) RequireACR(anyOf ...string) gin.HandlerFunc {
	values := guardList("RequireACR", guard.CheckACR, anyOf)
	label := guard.Label("RequireACR", values...)
	return a.guardSignIn(label, func(in guard.SignIn, _ *relyingParty) (*guard.StepUp, error) {
		return in.Strong(values)
	})
}

// guardSignIn is guard for decisions about the sign-in, that of the session or the one behind an access token.
func (a *Auth) guardSignIn(
	label string, decide func(guard.SignIn, *relyingParty) (*guard.StepUp, error),
) gin.HandlerFunc {
	return a.guard(label, func(_ *gin.Context, id identity) error {
		if by := id.access; by != nil { // no sign-in here asked for anything
			return stepUp(decide(guard.SignIn{AuthTime: by.user.AuthTime, ACR: by.user.ACR, AskedMaxAge: -1}, by.rp))
		}
		s, err := id.ownSession()
		if err != nil {
			return err
		}
		in := guard.SignIn{
			AuthTime: s.AuthTime, ACR: s.ACR, Began: s.Created, AskedMaxAge: s.AskedMaxAge, AskedACR: s.AskedACR,
		}
		return stepUp(decide(in, relyingPartyOf(&s.Record)))
	})
}

// RequireAMR allows users who were authenticated with any of the methods, compared byte for byte, for example "hwk" or
// "mfa" (RFC 8176). Other users get 403, because no request parameter asks for a method: to have the provider ask for a
// stronger sign-in, use [Auth.RequireACR]. To require several methods, use several guards. RequireAMR panics without a
// value and with an empty one.
func (a *Auth) RequireAMR(anyOf ...string) gin.HandlerFunc {
	methods := guardList("RequireAMR", guard.CheckAMR, anyOf)
	return a.guard(guard.Label("RequireAMR", methods...), func(_ *gin.Context, id identity) error {
		return guard.AMR(id.user().AMR, methods)
	})
}

// What guards ask of an identity. For a session they search the lists of its record: to make a User would cost each
// request an allocation.

// inGroup reports whether the user is in the group. An empty name is no group, whatever the list has.
func (id identity) inGroup(name string) bool {
	if id.visit != nil {
		return name != "" && id.visit.InAnyGroup([]string{name})
	}
	return id.other.InGroup(name)
}

// inAnyGroup is inGroup for several names, none of them empty.
func (id identity) inAnyGroup(names []string) bool {
	if id.visit != nil {
		return id.visit.InAnyGroup(names)
	}
	return slices.ContainsFunc(names, id.other.InGroup)
}

// inAllGroups reports whether the user is in each of the groups.
func (id identity) inAllGroups(names []string) bool {
	return !slices.ContainsFunc(names, func(name string) bool { return !id.inGroup(name) })
}

// inOrganization reports whether the user is a member of the organization with this id.
func (id identity) inOrganization(name string) bool {
	if id.visit != nil {
		return name != "" && id.visit.Organizations.Contains(name)
	}
	return id.other.InOrganization(name)
}

// provider returns the name of the provider that says who the user is. For a user of an Authenticator it is what that
// has set.
func (id identity) provider() string {
	if id.visit != nil {
		return id.visit.Party.Of.(*relyingParty).settings.Name
	}
	return id.other.Provider
}

// groupsOverage reports whether the provider left the groups out because there were too many of them.
func (id identity) groupsOverage() bool {
	if id.visit != nil {
		return id.visit.GroupsOverage
	}
	return id.other != nil && id.other.GroupsOverage
}
