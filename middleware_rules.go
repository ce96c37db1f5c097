package ginoidc

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/bearer"
	"github.com/seed-d65cea4d/ginoidc/internal/guard"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
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
	return a.guard(label, signInRule(func(in guard.SignIn, rp *relyingParty) (*guard.StepUp, error) {
		return in.Recent(maxAge, rp.settings.ClockTolerance, time.Now())
	}))
}

// RequireACR allows users whose sign-in had any of the authentication context classes, compared byte for byte, for
// example "urn:example:mfa". Other users are redirected to a sign-in with acr_values, and get 403 if the provider does
// not satisfy it. RequireACR panics without a value and with one that is empty or has spaces.
func (a *Auth) RequireACR(anyOf ...string) gin.HandlerFunc {
	values := guardList("RequireACR", guard.CheckACR, anyOf)
	label := guard.Label("RequireACR", values...)
	return a.guard(label, signInRule(func(in guard.SignIn, _ *relyingParty) (*guard.StepUp, error) {
		return in.Strong(values)
	}))
}

// signInRule is a decision about the sign-in, that of the session or the one behind an access token.
func signInRule(
	decide func(guard.SignIn, *relyingParty) (*guard.StepUp, error),
) func(*gin.Context, identity) error {
	return func(_ *gin.Context, id identity) error {
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
	}
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

// What guards ask of an identity. For a session they search the lists of its record: to make a User would cost each
// request an allocation.

// inAnyGroup reports whether the user is in one of the groups, none of which is empty.
func (id identity) inAnyGroup(names []string) bool {
	if id.visit != nil {
		return id.visit.InAnyGroup(names)
	}
	return slices.ContainsFunc(names, id.other.InGroup)
}

// inAllGroups reports whether the user is in each of the groups.
func (id identity) inAllGroups(names []string) bool {
	return !slices.ContainsFunc(names, func(name string) bool { return !id.inAnyGroup([]string{name}) })
}

// inOrganization reports whether the user is a member of the organization with this id. The empty one has no members,
// so that a route without the parameter is denied.
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
	return id.other.GroupsOverage
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
	if err != nil && !errors.Is(err, bearer.ErrRefused) { // whether the token is valid remains open
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
