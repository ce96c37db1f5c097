package ginoidc

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/claims"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
	"github.com/seed-d65cea4d/ginoidc/internal/settings"
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
func (e *StepUpError) params() url.Values {
	params := url.Values{}
	if e.MaxAge > 0 {
		params.Set("max_age", strconv.Itoa(int(e.MaxAge/time.Second)))
	}
	if len(e.ACRValues) > 0 {
		params.Set("acr_values", strings.Join(e.ACRValues, " "))
	}
	return params
}

// challenge returns the part of WWW-Authenticate for clients that are not browsers (RFC 9470, section 3).
func (e *StepUpError) challenge() string {
	challenge, params := `, error="insufficient_user_authentication"`, e.params()
	for _, name := range slices.Sorted(maps.Keys(params)) {
		challenge += fmt.Sprintf(", %s=%q", name, params.Get(name))
	}
	return challenge
}

// RequireFreshSignIn allows users whom the provider authenticated within maxAge, for example five minutes before a
// change of password. For other users, navigations are redirected to a sign-in with max_age (OpenID Connect Core 1.0,
// section 3.1.2.1), and other requests get 401 with a challenge. If the provider ignores max_age, the response is 403,
// because a redirect would loop. RequireFreshSignIn panics if maxAge is below a second.
func (a *Auth) RequireFreshSignIn(maxAge time.Duration) gin.HandlerFunc {
	if maxAge < time.Second {
		panic("ginoidc: RequireFreshSignIn needs at least a second")
	}
	return a.guardSignIn(labelled("RequireFreshSignIn", maxAge.String()), func(r *session.Record) error {
		return checkAuthTime(r, maxAge, relyingPartyOf(r).settings.ClockTolerance, time.Now())
	})
}

// RequireACR allows users whose sign-in had any of the authentication context classes, compared byte for byte, for
// example "urn:example:mfa". Other users are redirected to a sign-in with acr_values, and get 403 if the provider does
// not satisfy it. RequireACR panics without a value and with one that is empty or has spaces.
func (a *Auth) RequireACR(anyOf ...string) gin.HandlerFunc {
	values := slices.Clone(anyOf)
	if len(values) == 0 || slices.ContainsFunc(values, func(v string) bool { return !settings.IsScopeToken(v) }) {
		panic("ginoidc: RequireACR needs values that are single words")
	}
	if !provider.IsHint(strings.Join(values, " ")) {
		panic("ginoidc: RequireACR was given too many values")
	}
	return a.guardSignIn(labelled("RequireACR", values...), func(r *session.Record) error { return checkACR(r, values) })
}

// RequireAMR allows users who were authenticated with any of the methods, compared byte for byte, for example "hwk" or
// "mfa" (RFC 8176). Other users get 403, because no request parameter asks for a method: to have the provider ask for a
// stronger sign-in, use [Auth.RequireACR]. To require several methods, use several guards. RequireAMR panics without a
// value and with an empty one.
func (a *Auth) RequireAMR(anyOf ...string) gin.HandlerFunc {
	methods := slices.Clone(anyOf)
	if len(methods) == 0 || slices.Contains(methods, "") {
		panic("ginoidc: RequireAMR needs authentication methods")
	}
	return a.guard(labelled("RequireAMR", methods...), func(_ *gin.Context, id identity) error {
		return checkAMR(id.user(), methods)
	})
}

// checkAMR checks whether any of the methods was used.
func checkAMR(u *User, methods []string) error {
	if slices.ContainsFunc(methods, func(m string) bool { return slices.Contains(u.AMR, m) }) {
		return nil
	}
	return &notInError{"amr", methods}
}

// stillAuthenticated denies a session until the user is authenticated again, if the provider has said that credentials
// changed at that time: see [Signals].CredentialChange. The zero time means that it has not.
func stillAuthenticated(changed time.Time, now func() time.Time) error {
	if changed.IsZero() {
		return nil
	}
	return &StepUpError{MaxAge: max(time.Second, now().Sub(changed).Truncate(time.Second))}
}

// guardSignIn is guard for decisions about the sign-in, that of the session or the one behind an access token.
func (a *Auth) guardSignIn(label string, decide func(*session.Record) error) gin.HandlerFunc {
	return a.guard(label, func(_ *gin.Context, id identity) error {
		if id.access != nil {
			u := id.user()
			return decide(&session.Record{AuthTime: u.AuthTime, ACR: u.ACR, AskedMaxAge: -1, Party: id.access.rp.party})
		}
		s, err := id.ownSession()
		if err != nil {
			return err
		}
		return decide(&s.Record)
	})
}

// checkAuthTime checks whether a sign-in is recent enough. If it is not, a step-up may help, unless the session comes
// from such a step-up already: then another one would end the same way and loop.
func checkAuthTime(r *session.Record, maxAge, tolerance time.Duration, now time.Time) error {
	age := now.Sub(r.AuthTime) // very large if AuthTime is zero, because the provider did not send auth_time
	switch {
	case age <= maxAge+tolerance && age >= -tolerance:
		return nil
	case r.AskedMaxAge >= 0 && r.AskedMaxAge <= int(maxAge/time.Second) && now.Sub(r.Created) <= maxAge:
		return fmt.Errorf("%w: the provider does not report when the user was authenticated", errStepUpFailed)
	}
	return &StepUpError{MaxAge: maxAge}
}

// checkACR checks whether a sign-in was strong enough, in the same way.
func checkACR(r *session.Record, values []string) error {
	if slices.Contains(values, r.ACR) {
		return nil
	}
	for _, asked := range strings.Fields(r.AskedACR) {
		if slices.Contains(values, asked) {
			return fmt.Errorf("%w: it has none of the requested authentication context classes", errStepUpFailed)
		}
	}
	return &StepUpError{ACRValues: values}
}

// groupList panics on lists that would allow everybody or nobody. It copies the list, so that later changes to the
// caller's slice do not change the guard.
func groupList(guard string, groups []string) []string {
	if len(groups) == 0 {
		panic("ginoidc: " + guard + " needs at least one group")
	}
	for _, g := range groups {
		if strings.TrimSpace(g) == "" {
			panic("ginoidc: " + guard + " was given an empty group")
		}
	}
	return slices.Clone(groups)
}

// The decisions. They are pure functions of the identity. For a session they search the lists of its record.

// inGroup reports whether the user is in the group. An empty name is no group, whatever the list has.
func (id identity) inGroup(name string) bool {
	if id.visit != nil {
		return name != "" && id.visit.Groups.Contains(name)
	}
	return id.other.InGroup(name)
}

// inAnyGroup is inGroup for several names, none of them empty.
func (id identity) inAnyGroup(names []string) bool {
	if id.visit != nil {
		return id.visit.Groups.ContainsAny(names)
	}
	return slices.ContainsFunc(names, id.other.InGroup)
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

// checkEmailDomain denies users without a verified address at any of the domains.
func checkEmailDomain(u *User, domains []string) error {
	if u.EmailVerified && slices.Contains(domains, claims.EmailDomain(u.Email)) {
		return nil
	}
	return &notInError{"email_domain", domains}
}

// inAny denies users who are in none of the groups.
func inAny(id identity, groups []string) error {
	return inGroups(id, "any_of", groups, id.inAnyGroup(groups))
}

// inAll denies users who are not in all of the groups.
func inAll(id identity, groups []string) error {
	return inGroups(id, "all_of", groups, !slices.ContainsFunc(groups, func(g string) bool { return !id.inGroup(g) }))
}

// inGroups returns the error of a guard for groups. in reports whether the known groups are sufficient.
func inGroups(id identity, wanted string, groups []string, in bool) error {
	switch {
	case id.groupsOverage(): // the list is incomplete, so nothing in it counts
		return fmt.Errorf("%w: %w", &notInError{wanted, groups}, ErrGroupsOverage)
	case !in:
		return &notInError{wanted, groups}
	}
	return nil
}
