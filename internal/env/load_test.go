package env_test

import (
	"maps"
	"reflect"
	"strings"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/env"
	"github.com/seed-d65cea4d/ginoidc/internal/settings"
)

// config has the fields that the tables name.
type config struct {
	settings.App
	KeepTokens, ReportAllowed bool
	Pages                     pages
	Providers                 []provider
}

type pages struct {
	AppName, Logo, Style string
	Languages            []string
}

type provider struct {
	settings.Provider
	Public, SkipUserInfo, StringEmailVerified bool
}

// TestLoad: there is one provider under the prefix of the app, or several under prefixes of their own.
func TestLoad(t *testing.T) {
	for name, value := range map[string]string{
		"A_APP_URL": "https://app.example", "A_APP_NAME": "Shop", "A_ISSUER": "https://idp.example",
		"A_GOOGLE_ISSUER": "https://google.example", "A_MY_IDP_ISSUER": "https://my.example",
	} {
		t.Setenv(name, value)
	}
	var c config
	e := env.Load("A", &c)
	if len(c.Providers) != 1 || c.Providers[0].Issuer != "https://idp.example" || c.Providers[0].Name != "" ||
		c.AppURL != "https://app.example" || c.Pages.AppName != "Shop" {
		t.Errorf("%+v", c)
	}
	before := c
	before.Providers = []provider{c.Providers[0]}
	c.AppURL = "https://changed.example"
	names := e.Names(env.At(&c), env.At(&before))
	if names["Providers[0].Issuer"] != "A_ISSUER" || names["Pages.AppName"] != "A_APP_NAME" || names["AppURL"] != "" {
		t.Errorf("%v", names)
	}

	t.Setenv("A_PROVIDERS", "google my-idp")
	c = config{}
	e = env.Load("A_", &c)
	if len(c.Providers) != 2 || c.Providers[0].Name != "google" || c.Providers[0].Issuer != "https://google.example" ||
		c.Providers[1].Name != "my-idp" || c.Providers[1].Issuer != "https://my.example" {
		t.Errorf("%+v", c.Providers)
	}
	names = e.Names(env.At(&c), env.At(&c))
	if names["Providers[1].Issuer"] != "A_MY_IDP_ISSUER" || names["Providers[0].Name"] != "A_PROVIDERS" {
		t.Errorf("%v", names)
	}
}

// TestAt: a provider that code has removed has no struct.
func TestAt(t *testing.T) {
	c := config{Providers: make([]provider, 1)}
	at := env.At(&c)
	for path, want := range map[string]any{"": &c, "Pages.": &c.Pages, "Providers[0].": &c.Providers[0]} {
		if got := at(path); !got.IsValid() || got.Addr().Interface() != want {
			t.Errorf("%q: %v", path, got)
		}
	}
	if got := at("Providers[1]."); got != (reflect.Value{}) {
		t.Errorf("%v", got)
	}
}

// TestChecks: what could not be read is a problem unless code has set the field, and so is an address at which the
// plugin has no route.
func TestChecks(t *testing.T) {
	for name, value := range map[string]string{
		"A_SESSION_IDLE": "soon", "A_MAX_SESSIONS": "many", "A_CALLBACK_URL": "/other/callback",
		"A_SESSION_SLIDING": "perhaps",
	} {
		t.Setenv(name, value)
	}
	var c config
	e := env.Load("A_", &c)
	found := &settings.Problems{}
	e.CheckRead(found, map[string]string{"SessionIdle": "A_SESSION_IDLE"})
	if !maps.Equal(found.Unreadable, map[string]bool{"SessionIdle": true, "": true}) || len(found.All) != 2 {
		t.Errorf("%+v", found)
	}
	found = &settings.Problems{}
	e.CheckRoutes(found, "https://app.example", "/auth")
	if len(found.All) != 1 || found.All[0].Variable != "A_CALLBACK_URL" ||
		!strings.Contains(found.All[0].Fix, "A_ROUTE_PREFIX=/other") {
		t.Errorf("%+v", found.All)
	}
	if e.CheckRoutes(found, "https://app.example", "/other"); len(found.All) != 1 {
		t.Errorf("%+v", found.All)
	}
	if e.CheckRoutes(found, "://", "/auth"); len(found.All) != 1 {
		t.Errorf("%+v", found.All)
	}
}
