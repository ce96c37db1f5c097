package ginoidc

import (
	"log/slog"
	"net/http"
	"net/url"
	"reflect"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/claims"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

const (
	defaultAppURL      = "http://localhost:8080" // of a Config from the environment
	defaultRoutePrefix = "/auth"
	defaultCookieName  = "ginoidc"
	defaultIdle        = 12 * time.Hour
	defaultLifetime    = 7 * 24 * time.Hour
	defaultTolerance   = time.Minute
	maxTolerance       = 5 * time.Minute
	defaultTimeout     = 5 * time.Second
	defaultAttemptLife = 10 * time.Minute
)

// When the ID token is kept.
const (
	keepAuto   = "auto"
	keepAlways = "always"
	keepNever  = "never"
)

// withDefaults fills what was left out. The caller keeps what they gave.
func (c Config) withDefaults() Config {
	c = c.detached()
	if c.Profile == profileFAPI2 {
		c = c.withFAPI2()
	}
	setDefault(&c.ClientAuthMethod, provider.ClientSecretBasic)
	setDefault(&c.ResponseMode, provider.ResponseModeQuery)
	setDefault(&c.PushedAuthorization, provider.PushAuto)
	setDefault(&c.RoutePrefix, defaultRoutePrefix)
	setDefault(&c.CookieName, defaultCookieName)
	setDefault(&c.SessionLifetime, defaultLifetime)
	setDefault(&c.SessionIdle, min(defaultIdle, c.SessionLifetime))
	setDefault(&c.ClockTolerance, defaultTolerance)
	setDefault(&c.ProviderTimeout, defaultTimeout)
	setDefault(&c.AttemptLife, defaultAttemptLife)
	setDefault(&c.KeepIDToken, keepAuto)
	setDefault(&c.GroupsFormat, claims.FormatList)
	setDefault(&c.OrganizationsFormat, claims.FormatList)
	if len(c.GroupsPath) == 0 {
		setDefault(&c.GroupsClaim, "groups")
	}
	if len(c.OrganizationsPath) == 0 {
		setDefault(&c.OrganizationsClaim, "organizations")
	}
	if len(c.Scopes) == 0 {
		c.Scopes = []string{"openid", "profile", "email"}
	}
	if len(c.SigningAlgs) == 0 {
		c.SigningAlgs = []string{"RS256"}
	}
	if c.SignInParameters == nil {
		c.SignInParameters = url.Values{}
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return c
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// detached copies the lists and parameters, so that a change to the original is not seen.
func (c Config) detached() Config {
	fields := reflect.ValueOf(&c).Elem()
	for i := range fields.NumField() {
		switch field := fields.Field(i); {
		case field.Kind() == reflect.Slice && !field.IsNil():
			field.Set(reflect.AppendSlice(reflect.MakeSlice(field.Type(), 0, field.Len()), field))
		case field.Type() == reflect.TypeFor[url.Values]() && !field.IsNil():
			field.Set(reflect.ValueOf(url.Values(http.Header(field.Interface().(url.Values)).Clone())))
		}
	}
	return c
}
