package env

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
	"github.com/seed-d65cea4d/ginoidc/internal/settings"
)

// Sliding determines what SESSION_DURATION means.
const Sliding = "SESSION_SLIDING"

// MonoCloudAliases returns the names in MonoCloud's SDK for variables of the plugin, so that the environment of an app
// that uses it works unchanged.
func MonoCloudAliases() []Alias {
	const number = "write a whole number above 0"
	same := func(_ Vars, value string) (string, error) { return value, nil }
	return []Alias{
		{name: "TENANT_DOMAIN", of: "ISSUER", as: withScheme},
		{name: "ID_TOKEN_SIGNING_ALG", of: "SIGNING_ALGS", as: same},
		{name: "POST_LOGOUT_REDIRECT_URI", of: "POST_SIGN_OUT_URL", as: belowApp},
		{name: "RESOURCE", of: "SIGN_IN_PARAMETERS", fix: "write addresses separated by spaces, without quotes",
			as: resources},
		{name: "USER_INFO", of: "FETCH_USER_INFO", as: same},
		{name: "SESSION_COOKIE_NAME", of: "COOKIE_NAME", as: same},
		{name: "RESPONSE_TIMEOUT", of: "PROVIDER_TIMEOUT", fix: "write milliseconds, from 1000 to 10000",
			as: whole(time.Millisecond, settings.MinTimeout, settings.MaxTimeout)},
		{name: "STATE_DURATION", of: "ATTEMPT_LIFE", fix: "write seconds, from 60 to 86400",
			as: whole(time.Second, settings.MinAttemptLife, settings.MaxAttemptLife)},
		// SESSION_DURATION is the lifetime of a session that does not slide, and the idle limit of one that does.
		{name: "SESSION_DURATION", of: "SESSION_IDLE", fix: number, as: seconds},
		{name: "SESSION_DURATION", of: "SESSION_LIFETIME", fix: number, as: sliding(false)},
		{name: "SESSION_MAX_DURATION", of: "SESSION_LIFETIME", fix: number, as: sliding(true)},
	}
}

// MonoCloudIgnored returns the names in MonoCloud's SDK that have no counterpart here.
func MonoCloudIgnored() []string {
	return []string{
		"ALLOW_QUERY_PARAM_OVERRIDES", "CLOCK_SKEW", "FEDERATED_SIGNOUT", "FILTERED_ID_TOKEN_CLAIMS", "JWKS_CACHE_DURATION",
		"METADATA_CACHE_DURATION", "REFETCH_STRICT_PROFILE_SYNC", "REFETCH_USER_INFO", "SESSION_COOKIE_DOMAIN",
		"SESSION_COOKIE_HTTP_ONLY", "SESSION_COOKIE_PATH", "SESSION_COOKIE_PERSISTENT", "SESSION_COOKIE_SAME_SITE",
		"SESSION_COOKIE_SECURE", "STATE_COOKIE_DOMAIN", "STATE_COOKIE_NAME", "STATE_COOKIE_PATH", "STATE_COOKIE_PERSISTENT",
		"STATE_COOKIE_SAME_SITE", "STATE_COOKIE_SECURE", "STATE_MAX_CONCURRENT", "TRUST_STORE_ID",
	}
}

// withScheme adds https to an address without a scheme, as a tenant domain is written.
func withScheme(_ Vars, value string) (string, error) {
	// With stray characters, New would quote the value as a host.
	if why, _ := settings.CheckText(value); why == "" && !strings.Contains(value, "://") {
		value = "https://" + value
	}
	return value, nil
}

// belowApp converts a path below the address of the app to a URL.
func belowApp(v Vars, value string) (string, error) {
	if strings.HasPrefix(value, "/") {
		value = strings.TrimSuffix(cmp.Or(v.Get("APP_URL"), settings.DefaultAppURL), "/") + value
	}
	return value, nil
}

// resources converts a list of words to resource parameters.
func resources(_ Vars, value string) (string, error) {
	list, err := words(value)
	return url.Values{"resource": list}.Encode(), err
}

func seconds(v Vars, value string) (string, error) {
	return whole(time.Second, time.Second, math.MaxInt32*time.Second)(v, value)
}

// whole returns a conversion of a whole number of a unit to a duration within a range.
func whole(unit, least, most time.Duration) func(Vars, string) (string, error) {
	return func(_ Vars, value string) (string, error) {
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
func sliding(slides bool) func(Vars, string) (string, error) {
	return func(v Vars, value string) (string, error) {
		if on, err := v.Slides(); err == nil && on != slides { // an error is reported once, for its own variable
			return "", nil
		}
		return seconds(v, value)
	}
}

// Slides reports whether sessions of MonoCloud's SDK slide.
func (v Vars) Slides() (bool, *settings.Problem) {
	on, err := boolean(cmp.Or(v.Get(Sliding), "false"))
	if err != nil {
		return false, &settings.Problem{Variable: v.Prefix + Sliding, Text: err.Error(), Fix: "write true or false"}
	}
	return on, nil
}

// Route is a variable of MonoCloud's SDK with the address of one of the plugin's routes. Such addresses follow from the
// other settings here, so the variable has no effect. But its value is what is registered at the provider.
type Route struct {
	Variable          string // its full name
	name, value, path string
}

func monoCloudRoutes() []Route {
	return []Route{
		{name: "CALLBACK_URL", path: "/callback"}, {name: "SIGNIN_URL", path: "/signin"},
		{name: "SIGNOUT_URL", path: "/signout"},
		{name: "USER_INFO_URL", path: "/userinfo"}, {name: "BACK_CHANNEL_LOGOUT_URL", path: "/backchannel-logout"},
	}
}

// MonoCloudRoutes returns the names of all such variables, and those that are set.
func (v Vars) MonoCloudRoutes() (names []string, set []Route) {
	for _, r := range monoCloudRoutes() {
		r.Variable, r.value = v.Prefix+r.name, v.Get(r.name)
		if names = append(names, r.Variable); r.value != "" {
			set = append(set, r)
		}
	}
	return names, set
}

// Check compares the address with that of the plugin's route, for an app at a URL with a prefix of its routes. The fix
// names the variable that sets the prefix.
func (r Route) Check(app *url.URL, routePrefix, prefixVariable string) (problem, fix string) {
	base, prefix := strings.TrimSuffix(app.Path, "/"), strings.TrimSuffix(routePrefix, "/")
	at, here := placeOf(r.value, app)
	at = strings.TrimSuffix(at, "/")
	if here && (at == prefix+r.path || at == base+prefix+r.path) {
		return "", ""
	}
	fix = "unset it"
	other, ok := strings.CutSuffix(strings.TrimPrefix(at, base), r.path)
	if here && ok && other != "" && settings.IsPlainPath(other) {
		fix = fmt.Sprintf("set %s=%s, or unset it", prefixVariable, other)
	}
	return fmt.Sprintf("%q is not where the plugin's route is, %q", r.value, origin.Of(app)+base+prefix+r.path), fix
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
