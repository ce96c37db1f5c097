package signin

import (
	"errors"
	"fmt"
	"net/url"

	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

var (
	// ErrInitiation means that a login initiation request cannot be used.
	ErrInitiation = errors.New("ginoidc: invalid login initiation request")
	// ErrInitiationOff means that no third party may initiate a sign-in.
	ErrInitiationOff = errors.New("ginoidc: sign-ins that a third party initiates are off")
)

// CheckInitiation checks a login initiation request (OpenID Connect Core 1.0, section 4), with which the provider or
// its portal starts a sign-in here. iss must be the configured issuer of op, which is nil if the request names none.
// The caller checks target_link_uri by the rule for return targets, or the route would be an open redirector.
func CheckInitiation(op *provider.Provider, allowed bool, form url.Values) error {
	if op == nil {
		return fmt.Errorf("%w: no iss", ErrInitiation)
	}
	if !allowed {
		return ErrInitiationOff
	}
	for _, name := range []string{"iss", "login_hint", "target_link_uri"} {
		if len(form[name]) > 1 {
			return fmt.Errorf("%w: repeated %s", ErrInitiation, name)
		}
	}
	if !op.Issues(form.Get("iss")) {
		return fmt.Errorf("%w: iss is not the configured issuer", ErrInitiation)
	}
	return nil
}
