package settings

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Signals has the settings of the security events of a provider, under their names in ginoidc.Signals.
type Signals struct {
	Issuer, Authorization, CredentialChange string
	Audience, SigningAlgs                   []string
	Poll                                    time.Duration
	Token                                   func(ctx context.Context) (string, error)
}

// check reports every problem of the settings. of is the issuer of the provider, which is checked as such.
func (s *Signals) check(of string, found *Problems) {
	if s == nil {
		return
	}
	if why := CheckURL(s.Issuer); why != "" && s.Issuer != of {
		found.Add("Signals.Issuer", why, "set the issuer exactly as the transmitter spells it")
	}
	found.texts("Signals.Audience", s.Audience...)
	if slices.Contains(s.Audience, "") {
		found.Add("Signals.Audience", "has an empty value", "remove it")
	}
	found.algs("Signals.SigningAlgs", s.SigningAlgs)
	found.texts("Signals.Authorization", s.Authorization)
	if why := CheckSecret(s.Authorization, minAuthorization); s.Authorization != "" && why != "" {
		found.Add("Signals.Authorization", why, `use "Bearer " and a random text: openssl rand -hex 32`)
	}
	found.oneOf("Signals.CredentialChange", s.CredentialChange, "end", "step_up", "ignore")
	switch {
	case s.Poll != 0 && (s.Poll < minPoll || s.Poll > maxPoll):
		found.Add("Signals.Poll", fmt.Sprintf("%s is out of range", s.Poll), "use a duration from 1s to 1h, or 0 for push")
	case s.Poll != 0 && s.Token == nil:
		found.Add("Signals.Token", "is not set although Poll is",
			"set a function that returns an access token for the transmitter")
	}
}
