package ginoidc

import (
	"fmt"
	"strconv"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

// sessionExpiry returns when the provider wants a session to end: the claim session_expiry of its ID token (OpenID
// Connect Enterprise Extensions 1.0), or the zero time if there is none. A claim that cannot be read is an error, since
// the session would otherwise outlive what the provider allows.
func sessionExpiry(idToken provider.Claims) (time.Time, error) {
	if idToken["session_expiry"] == nil {
		return time.Time{}, nil
	}
	at := idToken.Time("session_expiry")
	if at.IsZero() {
		return time.Time{}, fmt.Errorf("%w: session_expiry is not a time in seconds", errInvalidToken)
	}
	return at, nil
}

// requestMaxAge makes sign-ins ask for an authentication within age, unless they ask for a more recent one.
func (p *Provider) requestMaxAge(age time.Duration) {
	if asked := p.SignInParameters.Get("max_age"); age < time.Second || asked != "" && !provider.IsMaxAge(asked) {
		return // New reports either
	}
	if asked := provider.MaxAge(p.SignInParameters); asked < 0 || asked > int(age/time.Second) {
		p.SignInParameters.Set("max_age", strconv.Itoa(int(age/time.Second)))
	}
}

// authAge returns after which time a session ends because of MaxAuthAge, 0 for never. It tolerates the clock skew that
// sign-ins tolerate: otherwise a sign-in could be accepted whose session has ended already.
func (c *Config) authAge() time.Duration {
	if c.MaxAuthAge == 0 {
		return 0
	}
	tolerance := time.Duration(0)
	for i := range c.Providers {
		tolerance = max(tolerance, c.Providers[i].ClockTolerance)
	}
	return c.MaxAuthAge + tolerance
}
