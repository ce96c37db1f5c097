package guard

import (
	"errors"
	"slices"
	"strings"

	"github.com/seed-d65cea4d/ginoidc/internal/claims"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/settings"
)

// Each check of a list that a guard is given returns why the guard could not decide by it. An empty list, as after a
// missing variable, would allow everybody or nobody. The text follows the name of the guard.

// CheckGroups checks a list of groups. A name of blanks only is that of a variable that is not set.
func CheckGroups(names []string) error {
	switch {
	case len(names) == 0:
		return errors.New("needs at least one group")
	case slices.ContainsFunc(names, func(name string) bool { return strings.TrimSpace(name) == "" }):
		return errors.New("was given an empty group")
	}
	return nil
}

// CheckScopes checks a list of scopes, which a challenge names.
func CheckScopes(names []string) error {
	if !areWords(names) {
		return errors.New("needs scopes that are single words")
	}
	return nil
}

// CheckACR checks a list of authentication context classes, which the parameter acr_values names.
func CheckACR(values []string) error {
	switch {
	case !areWords(values):
		return errors.New("needs values that are single words")
	case !provider.IsHint(strings.Join(values, " ")):
		return errors.New("was given too many values")
	}
	return nil
}

// areWords reports whether names has any, all of which can be in a list that is separated by spaces.
func areWords(names []string) bool {
	return len(names) > 0 && !slices.ContainsFunc(names, func(s string) bool { return !settings.IsScopeToken(s) })
}

// CheckAMR checks a list of authentication methods.
func CheckAMR(methods []string) error {
	if len(methods) == 0 || slices.Contains(methods, "") {
		return errors.New("needs authentication methods")
	}
	return nil
}

// Domains returns domains in the form that EmailDomain compares.
func Domains(names []string) ([]string, error) {
	domains := make([]string, 0, len(names))
	for _, name := range names {
		domain := claims.EmailDomain("user@" + name)
		if domain == "" {
			return nil, errors.New("needs domains like example.com")
		}
		domains = append(domains, domain)
	}
	if len(domains) == 0 {
		return nil, errors.New("needs at least one domain")
	}
	return domains, nil
}

// Label names a guard and what it requires, for people who audit the routes.
func Label(name string, wanted ...string) string {
	return name + "(" + strings.Join(wanted, ", ") + ")"
}
