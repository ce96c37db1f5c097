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

	"github.com/seed-d65cea4d/ginoidc/internal/session"
)

// StepUpError wraps [ErrStepUpRequired] and says what a sign-in has to ask the provider for (RFC 9470, section 3).
type StepUpError struct {
	MaxAge    time.Duration // since the user proved who they are; 0 when that does not matter
	ACRValues []string      // any of these authentication context classes; none when that does not matter
}

// Error names neither the user nor what is missing.
func (e *StepUpError) Error() string { return ErrStepUpRequired.Error() }

// Unwrap makes a StepUpError an [ErrStepUpRequired].
func (e *StepUpError) Unwrap() error { return ErrStepUpRequired }

// params are the parameters of the sign-in route that ask for the step up.
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

// challenge is what WWW-Authenticate tells a client that is no browser (RFC 9470, section 3).
func (e *StepUpError) challenge() string {
	challenge, params := `, error="insufficient_user_authentication"`, e.params()
	for _, name := range slices.Sorted(maps.Keys(params)) {
		challenge += fmt.Sprintf(", %s=%q", name, params.Get(name))
	}
	return challenge
}

// RequireFreshSignIn lets users pass who proved who they are to the provider within maxAge, such as five minutes before
// they change a password. Others are sent to sign in once more with max_age (OpenID Connect Core 1.0, section 3.1.2.1);
// other requests get 401 with a challenge. A provider that cannot do it means 403, not a second trip. It
// panics below a second.
func (a *Auth) RequireFreshSignIn(maxAge time.Duration) gin.HandlerFunc {
	if maxAge < time.Second {
		panic("ginoidc: RequireFreshSignIn needs at least a second")
	}
	return a.guardSession(func(s *session.Session) error {
		return checkAuthTime(&s.Record, maxAge, a.config.idp().ClockTolerance, time.Now())
	})
}

// RequireACR lets users pass whose sign-in had any of the authentication context classes, compared byte for byte. Others
// are sent to sign in once more with acr_values, and get 403 if that does not help. It panics without a value or with
// one that is not a single word.
func (a *Auth) RequireACR(anyOf ...string) gin.HandlerFunc {
	values := slices.Clone(anyOf)
	if len(values) == 0 || slices.ContainsFunc(values, func(v string) bool { return !tokenPattern.MatchString(v) }) {
		panic("ginoidc: RequireACR needs values that are single words")
	}
	if !isHint(strings.Join(values, " ")) {
		panic("ginoidc: RequireACR was given too many values")
	}
	return a.guardSession(func(s *session.Session) error { return checkACR(&s.Record, values) })
}

// guardSession is a guard that decides by how the session began.
func (a *Auth) guardSession(decide func(*session.Session) error) gin.HandlerFunc {
	return a.guard(func(_ *gin.Context, id identity) error {
		s, err := id.ownSession()
		if err != nil {
			return err
		}
		return decide(s)
	})
}

// checkAuthTime decides whether a sign-in is recent enough. If not, one trip to the provider may fix that. When the
// session comes from such a trip already, another would go the same way (case 220).
func checkAuthTime(r *session.Record, maxAge, tolerance time.Duration, now time.Time) error {
	age := now.Sub(r.AuthTime) // of an unknown time: centuries
	switch {
	case age <= maxAge+tolerance && age >= -tolerance:
		return nil
	case r.AskedMaxAge >= 0 && r.AskedMaxAge <= int(maxAge/time.Second) && now.Sub(r.Created) <= maxAge:
		return fmt.Errorf("%w: the provider does not tell when the user was authenticated", ErrForbidden)
	}
	return &StepUpError{MaxAge: maxAge}
}

// checkACR decides whether a sign-in was strong enough, in the same way.
func checkACR(r *session.Record, values []string) error {
	if slices.Contains(values, r.ACR) {
		return nil
	}
	for _, asked := range strings.Fields(r.AskedACR) {
		if slices.Contains(values, asked) {
			return fmt.Errorf("%w: the sign-in has none of the classes it was asked for", ErrForbidden)
		}
	}
	return &StepUpError{ACRValues: values}
}
