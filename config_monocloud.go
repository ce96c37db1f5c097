package ginoidc

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/origin"
)

// alias is a name in MonoCloud's SDK for one of our variables. as converts its value to the form of ours, or to "" for
// none.
type alias struct {
	name, of, fix string
	as            func(e *environment, value string) (string, error)
}

// slidingName determines what SESSION_DURATION means.
const slidingName = "SESSION_SLIDING"

func aliases() []alias {
	const number = "write a whole number above 0"
	same := func(_ *environment, value string) (string, error) { return value, nil }
	return []alias{
		{name: "TENANT_DOMAIN", of: "ISSUER", as: withScheme},
		{name: "ID_TOKEN_SIGNING_ALG", of: "SIGNING_ALGS", as: same},
		{name: "POST_LOGOUT_REDIRECT_URI", of: "POST_SIGN_OUT_URL", as: belowApp},
		{name: "RESOURCE", of: "SIGN_IN_PARAMETERS", fix: "write addresses separated by spaces, without quotes",
			as: resources},
		{name: "USER_INFO", of: "FETCH_USER_INFO", as: same},
		{name: "SESSION_COOKIE_NAME", of: "COOKIE_NAME", as: same},
		{name: "RESPONSE_TIMEOUT", of: "PROVIDER_TIMEOUT", fix: "write milliseconds, from 1000 to 60000",
			as: whole(time.Millisecond, minTimeout, maxTimeout)},
		{name: "STATE_DURATION", of: "ATTEMPT_LIFE", fix: "write seconds, from 60 to 86400",
			as: whole(time.Second, minAttemptLife, maxAttemptLife)},
		// SESSION_DURATION is the lifetime of a session that does not slide, and the idle limit of one that does.
		{name: "SESSION_DURATION", of: "SESSION_IDLE", fix: number, as: seconds},
		{name: "SESSION_DURATION", of: "SESSION_LIFETIME", fix: number, as: sliding(false)},
		{name: "SESSION_MAX_DURATION", of: "SESSION_LIFETIME", fix: number, as: sliding(true)},
	}
}

// ignoredNames returns the names in MonoCloud's SDK without a counterpart here.
func ignoredNames() []string {
	return []string{
		"ALLOW_QUERY_PARAM_OVERRIDES", "CLOCK_SKEW", "FEDERATED_SIGNOUT", "FILTERED_ID_TOKEN_CLAIMS", "JWKS_CACHE_DURATION",
		"METADATA_CACHE_DURATION", "REFETCH_STRICT_PROFILE_SYNC", "REFETCH_USER_INFO", "SESSION_COOKIE_DOMAIN",
		"SESSION_COOKIE_HTTP_ONLY", "SESSION_COOKIE_PATH", "SESSION_COOKIE_PERSISTENT", "SESSION_COOKIE_SAME_SITE",
		"SESSION_COOKIE_SECURE", "STATE_COOKIE_DOMAIN", "STATE_COOKIE_NAME", "STATE_COOKIE_PATH", "STATE_COOKIE_PERSISTENT",
		"STATE_COOKIE_SAME_SITE", "STATE_COOKIE_SECURE", "STATE_MAX_CONCURRENT", "TRUST_STORE_ID",
	}
}

// withScheme adds https to an address without a scheme, as a tenant domain is written.
func withScheme(_ *environment, value string) (string, error) {
	// With stray characters, New would quote the value as a host.
	if why, _ := strayCharacters(value); why == "" && !strings.Contains(value, "://") {
		value = "https://" + value
	}
	return value, nil
}

// belowApp converts a path below the address of the app to a URL.
func belowApp(e *environment, value string) (string, error) {
	if strings.HasPrefix(value, "/") {
		value = strings.TrimSuffix(cmp.Or(e.get("APP_URL"), defaultAppURL), "/") + value
	}
	return value, nil
}

// resources converts a list of words to resource parameters.
func resources(_ *environment, value string) (string, error) {
	list, err := words(value)
	return url.Values{"resource": list}.Encode(), err
}

func seconds(e *environment, value string) (string, error) {
	return whole(time.Second, time.Second, math.MaxInt32*time.Second)(e, value)
}

// whole returns a conversion of a whole number of a unit to a duration within a range.
func whole(unit, least, most time.Duration) func(*environment, string) (string, error) {
	return func(_ *environment, value string) (string, error) {
		n, err := strconv.ParseUint(value, 10, 63)
		switch {
		case errors.Is(err, strconv.ErrRange) || n > uint64(most/unit):
			return "", fmt.Errorf("%q is too large", value)
		case err != nil || n == 0:
			return "", fmt.Errorf("%q is not a whole number above 0", value)
		case n < uint64(least/unit):
			return "", fmt.Errorf("%q is too small", value)
		}
		return (time.Duration(n) * unit).String(), nil
	}
}

// sliding returns a conversion of seconds that applies only if sessions slide, or only if they do not.
func sliding(slides bool) func(*environment, string) (string, error) {
	return func(e *environment, value string) (string, error) {
		if on, err := e.slides(); err == nil && on != slides { // an error is reported once, for its own variable
			return "", nil
		}
		return seconds(e, value)
	}
}

// slides reports whether sessions of MonoCloud's SDK slide.
func (e *environment) slides() (bool, *ConfigError) {
	on, err := boolean(cmp.Or(e.get(slidingName), "false"))
	if err != nil {
		return false, &ConfigError{Variable: e.prefix + slidingName, Problem: err.Error(), Fix: "write true or false"}
	}
	return on, nil
}

// routeName is a name in MonoCloud's SDK for the address of one of the plugin's routes.
type routeName struct{ name, path string }

func routeNames() []routeName {
	return []routeName{
		{name: "CALLBACK_URL", path: "/callback"}, {name: "SIGNIN_URL", path: "/signin"},
		{name: "SIGNOUT_URL", path: "/signout"},
		{name: "USER_INFO_URL", path: "/userinfo"}, {name: "BACK_CHANNEL_LOGOUT_URL", path: "/backchannel-logout"},
	}
}

// routeVariable is a routeName that is set.
type routeVariable struct{ variable, value, path string }

func (e *environment) routeVariables() (set []routeVariable) {
	for _, r := range routeNames() {
		if value := e.get(r.name); value != "" {
			set = append(set, routeVariable{e.prefix + r.name, value, r.path})
		}
	}
	return set
}

// validateRoutes compares the addresses of the plugin's routes in the environment with the actual ones. These follow
// from AppURL and RoutePrefix, so the variables have no effect; but they are the addresses that are registered at the
// provider.
func (c *Config) validateRoutes(p *problems) {
	app, err := url.Parse(c.AppURL)
	if err != nil {
		return // AppURL itself is reported
	}
	base, prefix := strings.TrimSuffix(app.Path, "/"), strings.TrimSuffix(c.RoutePrefix, "/")
	for _, r := range c.env.routes {
		at, here := placeOf(r.value, app)
		at = strings.TrimSuffix(at, "/")
		if here && (at == prefix+r.path || at == base+prefix+r.path) {
			continue
		}
		fix := "unset it"
		other, ok := strings.CutSuffix(strings.TrimPrefix(at, base), r.path)
		if here && ok && other != "" && cleanPath(other) {
			fix = fmt.Sprintf("set %sROUTE_PREFIX=%s, or unset it", c.env.prefix, other)
		}
		problem := fmt.Sprintf("%q is not where the plugin's route is, %q", r.value, origin.Of(app)+base+prefix+r.path)
		p.errs = append(p.errs, &ConfigError{Variable: r.variable, Problem: problem, Fix: fix})
	}
}

// placeOf returns the path of an address, which may leave out the origin, and whether it has the app's origin.
func placeOf(address string, app *url.URL) (path string, here bool) {
	if !strings.Contains(address, "://") {
		return "/" + strings.TrimPrefix(address, "/"), true
	}
	u, err := url.Parse(address)
	if err != nil {
		return "", false
	}
	return u.Path, origin.Of(u) == origin.Of(app) && u.RawQuery == ""
}
