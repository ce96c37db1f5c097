package provider

import (
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"

	"github.com/seed-d65cea4d/ginoidc/internal/ascii"
)

var (
	promptPattern  = regexp.MustCompile(`^(none|((login|consent|select_account|create)( |$))+)$`)
	displayPattern = regexp.MustCompile(`^(page|popup|touch|wap)$`)
)

// IsHint reports whether s can be passed to a provider: short printable ASCII, without control characters.
func IsHint(s string) bool { return s != "" && len(s) <= 256 && ascii.Printable(s) }

// LinkRules has the rule for each authentication request parameter that a link may ask for (OpenID Connect Core 1.0,
// section 3.1.2.1), by its name.
type LinkRules map[string]func(string) bool

// SignInLink returns the rules for a link to the sign-in.
func SignInLink() LinkRules {
	return LinkRules{
		"prompt": promptPattern.MatchString, "login_hint": IsHint, "max_age": IsMaxAge,
		"acr_values": IsHint, "ui_locales": IsHint, "display": displayPattern.MatchString,
	}
}

// InitiationLink returns the rules for a login initiation request.
func InitiationLink() LinkRules { return LinkRules{"login_hint": IsHint} }

// Read returns the allowed parameters of a link, which anyone can write, and the names of those that are
// malformed or unknown. others are the parameters of the route itself.
func (rules LinkRules) Read(query url.Values, others ...string) (params url.Values, malformed, unknown []string) {
	params = url.Values{}
	for name := range query {
		value, wellFormed := query.Get(name), rules[name]
		switch {
		case wellFormed != nil && wellFormed(value):
			params.Set(name, value)
		case wellFormed != nil:
			malformed = append(malformed, name)
		case !slices.Contains(others, name):
			unknown = append(unknown, name)
		}
	}
	return params, malformed, unknown
}

// MergeParameters merges the parameters of a sign-in. Those of the app take precedence over the configured ones. A link
// only adds parameters that both leave open, or it could turn off a stronger sign-in; ignored has the names of the
// others. Of several values of max_age the smallest counts, whatever its origin.
func MergeParameters(configured, app, link url.Values) (all url.Values, ignored []string) {
	all = maps.Clone(configured)
	if all == nil {
		all = url.Values{}
	}
	for name, values := range app {
		if name != "max_age" || tightens(values[0], all) {
			all[name] = values
		}
	}
	for name, values := range link {
		switch {
		case !all.Has(name), name == "max_age" && !app.Has(name) && tightens(values[0], all):
			all[name] = values
		case all.Get(name) != values[0]:
			ignored = append(ignored, name)
		}
	}
	return all, ignored
}

// tightens reports whether a max_age requires a more recent sign-in than params do.
func tightens(value string, params url.Values) bool {
	old := MaxAge(params)
	return old < 0 || MaxAge(url.Values{"max_age": {value}}) < old
}

// MaxAge returns the max_age of params in seconds, or -1 if they have none.
func MaxAge(params url.Values) int {
	n, err := strconv.Atoi(params.Get("max_age"))
	if err != nil {
		return -1
	}
	return n
}
