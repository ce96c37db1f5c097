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

// alias is a name that MonoCloud's SDK has for one of our variables. as writes its value in the form of ours, "" for
// nothing.
type alias struct {
	name, of, fix string
	as            func(e *environment, value string) (string, error)
}

// slidingName tells what SESSION_DURATION means.
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
		// A session of theirs that does not slide ends so long after sign-in; one that slides, after so long without use.
		{name: "SESSION_DURATION", of: "SESSION_IDLE", fix: number, as: seconds},
		{name: "SESSION_DURATION", of: "SESSION_LIFETIME", fix: number, as: sliding(false)},
		{name: "SESSION_MAX_DURATION", of: "SESSION_LIFETIME", fix: number, as: sliding(true)},
	}
}

// ignoredNames are those of MonoCloud's SDK that have no counterpart here.
func ignoredNames() []string {
	return []string{
		"ALLOW_QUERY_PARAM_OVERRIDES", "CLOCK_SKEW", "FEDERATED_SIGNOUT", "FILTERED_ID_TOKEN_CLAIMS", "JWKS_CACHE_DURATION",
		"METADATA_CACHE_DURATION", "REFETCH_STRICT_PROFILE_SYNC", "REFETCH_USER_INFO", "SESSION_COOKIE_DOMAIN",
		"SESSION_COOKIE_HTTP_ONLY", "SESSION_COOKIE_PATH", "SESSION_COOKIE_PERSISTENT", "SESSION_COOKIE_SAME_SITE",
		"SESSION_COOKIE_SECURE", "STATE_COOKIE_DOMAIN", "STATE_COOKIE_NAME", "STATE_COOKIE_PATH", "STATE_COOKIE_PERSISTENT",
		"STATE_COOKIE_SAME_SITE", "STATE_COOKIE_SECURE", "STATE_MAX_CONCURRENT", "TRUST_STORE_ID",
	}
}

func withScheme(_ *environment, value string) (string, error) {
	if why, _ := spoiled(value); why == "" && !strings.Contains(value, "://") { // else New would quote it as a host
		value = "https://" + value
	}
	return value, nil
}

// belowApp takes a path for one below the app's address.
func belowApp(e *environment, value string) (string, error) {
	if strings.HasPrefix(value, "/") {
		value = strings.TrimSuffix(cmp.Or(e.get("APP_URL"), defaultAppURL), "/") + value
	}
	return value, nil
}

// resources is a list of words.
func resources(_ *environment, value string) (string, error) {
	list, err := words(value)
	return url.Values{"resource": list}.Encode(), err
}

func seconds(e *environment, value string) (string, error) {
	return whole(time.Second, time.Second, math.MaxInt32*time.Second)(e, value)
}

// whole is a whole number of a unit, for a duration in a range.
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

// sliding is seconds, where sessions slide or where they do not.
func sliding(slides bool) func(*environment, string) (string, error) {
	return func(e *environment, value string) (string, error) {
		if on, err := e.slides(); err == nil && on != slides { // else that is said once, of its own variable
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

// routeName is a name that says where a route of the plugin is.
type routeName struct{ name, path string }

func routeNames() []routeName {
	return []routeName{
		{name: "CALLBACK_URL", path: "/callback"}, {name: "SIGNIN_URL", path: "/signin"},
		{name: "SIGNOUT_URL", path: "/signout"},
		{name: "USER_INFO_URL", path: "/userinfo"}, {name: "BACK_CHANNEL_LOGOUT_URL", path: "/backchannel-logout"},
	}
}

// routeVariable is one that is set.
type routeVariable struct{ variable, value, path string }

func (e *environment) routeVariables() (set []routeVariable) {
	for _, r := range routeNames() {
		if value := e.get(r.name); value != "" {
			set = append(set, routeVariable{e.prefix + r.name, value, r.path})
		}
	}
	return set
}

// validateRoutes compares what the environment says of the plugin's routes with where they are. They follow from AppURL
// and RoutePrefix, so the variables change nothing; but they are the addresses that are registered at the provider.
func (c *Config) validateRoutes(p *problems) {
	app, err := url.Parse(c.AppURL)
	if err != nil {
		return // which is said of AppURL
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

// placeOf is the path of an address, which may leave the origin out, and whether it is one of the app's origin.
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
