package ginoidc_test

import (
	"bytes"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// TestMonoCloudEnvironment: the environment file of a MonoCloud Next.js app works unchanged under its prefix.
func TestMonoCloudEnvironment(t *testing.T) {
	for name, value := range map[string]string{
		"TENANT_DOMAIN": "https://tenant.example", "CLIENT_ID": "app", "CLIENT_SECRET": "s",
		"SCOPES":  "openid profile email groups",
		"APP_URL": "http://localhost:3000", "COOKIE_SECRET": testapp.CookieSecret,
	} {
		t.Setenv("MONOCLOUD_AUTH_"+name, value)
	}
	t.Setenv("MONOCLOUD_AUTH_CALLBAK_URL", "/x")
	t.Setenv("MONOCLOUD_AUTH_SCOPE", "openid")
	c, err := ginoidc.ConfigFromEnv("MONOCLOUD_AUTH_")
	if err != nil {
		t.Fatal(err)
	}
	var logs bytes.Buffer
	c.Logger = slog.New(slog.NewTextHandler(&logs, nil))
	if _, err := ginoidc.New(c); err != nil {
		t.Fatal(err)
	}
	if c.Providers[0].Issuer != "https://tenant.example" || c.AppURL != "http://localhost:3000" ||
		len(c.Providers[0].Scopes) != 4 {
		t.Errorf("config %+v", c)
	}
	if out := logs.String(); strings.Count(out, "level=WARN") != 2 ||
		!strings.Contains(out, "variable=MONOCLOUD_AUTH_SCOPE nearest=MONOCLOUD_AUTH_SCOPES") {
		t.Errorf("warnings: %s", out)
	}
}

// TestNamesOfMonoCloud: variables of its SDK have the same meaning here, or an error or warning says that they do not.
func TestNamesOfMonoCloud(t *testing.T) {
	for _, test := range []struct {
		env  map[string]string
		want []string // of problems
		held func(ginoidc.Config) bool
	}{
		{map[string]string{"ID_TOKEN_SIGNING_ALG": "ES256"}, nil,
			func(c ginoidc.Config) bool { return slices.Equal(c.Providers[0].SigningAlgs, []string{"ES256"}) }},
		{map[string]string{"ID_TOKEN_SIGNING_ALG": "ES256", "SIGNING_ALGS": "ES256"}, nil, nil},
		{map[string]string{"ID_TOKEN_SIGNING_ALG": "ES256", "SIGNING_ALGS": "RS256"},
			[]string{"Providers[0].SigningAlgs X_SIGNING_ALGS"},
			nil},
		{map[string]string{"ID_TOKEN_SIGNING_ALG": "HS256"}, []string{"Providers[0].SigningAlgs X_ID_TOKEN_SIGNING_ALG"},
			nil},
		{map[string]string{"POST_LOGOUT_REDIRECT_URI": "https://a.example/bye"}, nil,
			func(c ginoidc.Config) bool { return c.PostSignOutURL == "https://a.example/bye" }},
		{map[string]string{"POST_LOGOUT_REDIRECT_URI": "/bye", "APP_URL": "https://a.example/app/"}, nil,
			func(c ginoidc.Config) bool { return c.PostSignOutURL == "https://a.example/app/bye" }},
		{map[string]string{"POST_LOGOUT_REDIRECT_URI": "/bye"}, nil,
			func(c ginoidc.Config) bool { return c.PostSignOutURL == "http://localhost:8080/bye" }},
		{map[string]string{"SESSION_COOKIE_NAME": "shop"}, nil,
			func(c ginoidc.Config) bool { return c.CookieName == "shop" }},
		{map[string]string{"SESSION_COOKIE_NAME": "shop", "COOKIE_NAME": "other"}, []string{"CookieName X_COOKIE_NAME"}, nil},
		{map[string]string{"RESOURCE": "https://a.example https://b.example"}, nil,
			func(c ginoidc.Config) bool { return len(c.Providers[0].SignInParameters["resource"]) == 2 }},
		{map[string]string{"USER_INFO": "false"}, nil, func(c ginoidc.Config) bool { return c.Providers[0].SkipUserInfo }},
		{map[string]string{"RESPONSE_TIMEOUT": "10000"}, nil,
			func(c ginoidc.Config) bool { return c.Providers[0].Timeout == 10*time.Second }},
		{map[string]string{"RESPONSE_TIMEOUT": "10000", "PROVIDER_TIMEOUT": "10s"}, nil, nil},
		{map[string]string{"RESPONSE_TIMEOUT": "10s"}, []string{"Providers[0].Timeout X_RESPONSE_TIMEOUT"}, nil},
		{map[string]string{"RESPONSE_TIMEOUT": "1000"}, nil,
			func(c ginoidc.Config) bool { return c.Providers[0].Timeout == time.Second }},
		// their SDK refuses it too
		{map[string]string{"RESPONSE_TIMEOUT": "500"}, []string{"Providers[0].Timeout X_RESPONSE_TIMEOUT"}, nil},
		{map[string]string{"RESPONSE_TIMEOUT": "60001"}, []string{"Providers[0].Timeout X_RESPONSE_TIMEOUT"}, nil},
		{map[string]string{"STATE_DURATION": "59"}, []string{"AttemptLife X_STATE_DURATION"}, nil},
		{map[string]string{"STATE_DURATION": "900"}, nil,
			func(c ginoidc.Config) bool { return c.AttemptLife == 15*time.Minute }},
		{map[string]string{"CLOCK_TOLERANCE": "30"}, nil,
			func(c ginoidc.Config) bool { return c.Providers[0].ClockTolerance == 30*time.Second }},
		{map[string]string{"SESSION_DURATION": "3600"}, nil,
			func(c ginoidc.Config) bool { return c.SessionIdle == time.Hour && c.SessionLifetime == time.Hour }},
		{map[string]string{"SESSION_DURATION": "3600", "SESSION_MAX_DURATION": "7200"}, nil,
			func(c ginoidc.Config) bool { return c.SessionIdle == time.Hour && c.SessionLifetime == time.Hour }},
		{map[string]string{"SESSION_DURATION": "3600", "SESSION_MAX_DURATION": "7200", "SESSION_SLIDING": "true"}, nil,
			func(c ginoidc.Config) bool { return c.SessionIdle == time.Hour && c.SessionLifetime == 2*time.Hour }},
		{map[string]string{"SESSION_DURATION": "3600", "SESSION_SLIDING": "perhaps"}, []string{" X_SESSION_SLIDING"}, nil},
		{map[string]string{"SESSION_SLIDING": "perhaps"}, []string{" X_SESSION_SLIDING"}, nil},
		{map[string]string{"RESOURCE": `"https://a.example"`}, []string{"Providers[0].SignInParameters X_RESOURCE"}, nil},
		{map[string]string{"RESOURCE": " "}, []string{"Providers[0].SignInParameters X_RESOURCE"}, nil},
		{map[string]string{"TENANT_DOMAIN": "idp.example"}, nil, nil},
		{map[string]string{"SESSION_DURATION": "0"}, []string{"SessionIdle X_SESSION_DURATION",
			"SessionLifetime X_SESSION_DURATION"}, nil},

		{map[string]string{"CALLBACK_URL": "/auth/callback"}, nil, nil},
		{map[string]string{"CALLBACK_URL": "auth/callback/"}, nil, nil},
		{map[string]string{"CALLBACK_URL": "http://localhost:8080/auth/callback"}, nil, nil},
		{map[string]string{"CALLBACK_URL": "HTTPS://App.example:443/x/auth/callback", "APP_URL": "https://app.example/x/"},
			nil, nil},
		{map[string]string{"CALLBACK_URL": "/x/auth/callback", "APP_URL": "https://app.example/x"}, nil, nil},
		{map[string]string{"CALLBACK_URL": "/auth/callback", "APP_URL": "https://app.example/x"}, nil, nil},
		{map[string]string{"CALLBACK_URL": "/api/auth/callback", "ROUTE_PREFIX": "/api/auth"}, nil, nil},
		{map[string]string{"CALLBACK_URL": "/api/auth/callback"}, []string{" X_CALLBACK_URL"}, nil},
		{map[string]string{"CALLBACK_URL": "http://localhost:3000/auth/callback"}, []string{" X_CALLBACK_URL"}, nil},
		{map[string]string{"CALLBACK_URL": "https://localhost:8080/auth/callback"}, []string{" X_CALLBACK_URL"}, nil},
		{map[string]string{"CALLBACK_URL": "/auth/callback?x"}, []string{" X_CALLBACK_URL"}, nil},
		{map[string]string{"CALLBACK_URL": "http://%zz/auth/callback"}, []string{" X_CALLBACK_URL"}, nil},
		{map[string]string{"SIGNIN_URL": "/auth/signin", "SIGNOUT_URL": "/auth/signout", "USER_INFO_URL": "/auth/userinfo",
			"BACK_CHANNEL_LOGOUT_URL": "/auth/backchannel-logout"}, nil, nil},
		{map[string]string{"SIGNIN_URL": "/auth/login", "SIGNOUT_URL": "/out"}, []string{" X_SIGNIN_URL", " X_SIGNOUT_URL"},
			nil},
	} {
		t.Run(strings.Join(slices.Sorted(maps.Keys(test.env)), " ")+" "+strings.Join(slices.Sorted(maps.Values(test.env)),
			" "), func(t *testing.T) {
			setenv(t, test.env)
			c, log, err := fromEnv()
			if got := problemsOf(err); !slices.Equal(got, test.want) || log != "" {
				t.Errorf("problems %q, want %q\n%v%s", got, test.want, err, log)
			}
			if test.held != nil && !test.held(c) {
				t.Errorf("config %+v", c)
			}
		})
	}
	setenv(t, map[string]string{"CALLBACK_URL": "https://app.example/x/api/auth/callback",
		"APP_URL": "https://app.example/x"})
	if _, _, err := fromEnv(); err == nil || !strings.Contains(err.Error(), "set X_ROUTE_PREFIX=/api/auth, or unset it") {
		t.Errorf("no fix: %v", err)
	}
}
