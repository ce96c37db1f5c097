package web

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// CrossOrigin refuses requests that another site makes a browser send (cross-site request forgery).
type CrossOrigin struct {
	protection *http.CrossOriginProtection
	allowed    []string // the app's own origin and the trusted ones
	except     []string // route patterns
}

// NewCrossOrigin returns a check that allows requests from the app's own origin and from the trusted ones, and all
// requests for the excepted route patterns.
func NewCrossOrigin(own string, trusted, except []string) (CrossOrigin, error) {
	o := CrossOrigin{http.NewCrossOriginProtection(), append([]string{own}, trusted...), except}
	for _, origin := range o.allowed {
		if err := o.protection.AddTrustedOrigin(origin); err != nil {
			return o, fmt.Errorf("ginoidc: trusted origin: %w", err)
		}
	}
	return o, nil
}

// Allows reports whether a request for a route may use the session cookie: [CrossOrigin.Trusts] does, or the route is
// excepted.
func (o CrossOrigin) Allows(r *http.Request, pattern string) bool {
	return o.Trusts(r) || slices.Contains(o.except, pattern)
}

// Trusts reports whether a request comes from the app or a trusted origin, or from no browser, or changes nothing. It
// refuses unsafe methods from another site. SameSite=Lax already withholds the cookie from most such requests, but not
// from those of sibling domains, and not in browsers without SameSite. The upgrade to a WebSocket is a GET that opens a
// channel for writing, so it counts as unsafe.
func (o CrossOrigin) Trusts(r *http.Request) bool {
	if upgrade := r.Header["Upgrade"]; len(upgrade) > 0 && upgrade[0] != "" {
		post := *r
		post.Method = http.MethodPost
		r = &post
	}
	return isSafe(r.Method) || o.protection.Check(r) == nil && !o.otherScheme(r)
}

// isSafe reports whether requests of the method change nothing (RFC 9110, section 9.2.1), as CrossOriginProtection has
// it.
func isSafe(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}

// otherScheme reports whether Origin has another scheme than the app. Without Fetch Metadata the check compares hosts
// only, since a server behind a proxy does not know its scheme; AppURL says it. Otherwise an attacker in the network,
// who can forge pages of http on the same host, could send requests to the app over https with them.
func (o CrossOrigin) otherScheme(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" || r.Header.Get("Sec-Fetch-Site") != "" || slices.Contains(o.allowed, origin) {
		return false
	}
	scheme, _, _ := strings.Cut(o.allowed[0], ":")
	return !strings.HasPrefix(origin, scheme+"://")
}
