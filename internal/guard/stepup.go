package guard

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// SignIn is what is known of the sign-in of a user, and what it requested from the provider.
type SignIn struct {
	AuthTime time.Time // when the provider authenticated the user; zero if it did not say
	ACR      string    // the authentication context class, "" if it did not say
	Began    time.Time // when the session began; zero for an access token

	AskedMaxAge int    // seconds, -1 for none
	AskedACR    string // separated by spaces, "" for none
}

// StepUp is what a further sign-in has to request (RFC 9470, section 3).
type StepUp struct {
	MaxAge    time.Duration // 0 for any
	ACRValues []string      // empty for any
}

// Params returns the parameters of the sign-in route that request the step-up.
func (s *StepUp) Params() url.Values {
	params := url.Values{}
	if s.MaxAge > 0 {
		params.Set("max_age", strconv.Itoa(int(s.MaxAge/time.Second)))
	}
	if len(s.ACRValues) > 0 {
		params.Set("acr_values", strings.Join(s.ACRValues, " "))
	}
	return params
}

// Challenge returns the part of WWW-Authenticate for clients that are not browsers (RFC 9470, section 3).
func (s *StepUp) Challenge() string {
	challenge, params := `, error="insufficient_user_authentication"`, s.Params()
	for _, name := range slices.Sorted(maps.Keys(params)) {
		challenge += fmt.Sprintf(", %s=%q", name, params.Get(name))
	}
	return challenge
}

// Recent decides whether the user was authenticated within maxAge, give or take the clock skew that is tolerated. If
// not, a step-up may help, unless the session comes from such a step-up already: then the provider ignores max_age, and
// another one would end the same way and loop. That is an error.
func (in SignIn) Recent(maxAge, tolerance time.Duration, now time.Time) (*StepUp, error) {
	age := now.Sub(in.AuthTime) // very large if AuthTime is zero
	switch {
	case age <= maxAge+tolerance && age >= -tolerance: // a time in the future proves nothing
		return nil, nil
	case in.AskedMaxAge >= 0 && in.AskedMaxAge <= int(maxAge/time.Second) && now.Sub(in.Began) <= maxAge:
		return nil, fmt.Errorf("%w: the provider does not report when the user was authenticated", ErrStepUpFailed)
	}
	return &StepUp{MaxAge: maxAge}, nil
}

// Strong decides whether the sign-in had any of the authentication context classes, in the same way.
func (in SignIn) Strong(anyOf []string) (*StepUp, error) {
	if slices.Contains(anyOf, in.ACR) {
		return nil, nil
	}
	for _, asked := range strings.Fields(in.AskedACR) {
		if slices.Contains(anyOf, asked) {
			return nil, fmt.Errorf("%w: it has none of the requested authentication context classes", ErrStepUpFailed)
		}
	}
	return &StepUp{ACRValues: anyOf}, nil
}

// Since returns the step-up that the change of a credential at this time requires, as the provider has said, so that a
// thief of the old one cannot go on. The zero time requires none.
func Since(changed time.Time, now func() time.Time) *StepUp {
	if changed.IsZero() {
		return nil
	}
	return &StepUp{MaxAge: max(time.Second, now().Sub(changed).Truncate(time.Second))}
}
