package env_test

import (
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/env"
)

// app has the fields that variables of MonoCloud's SDK set. The root's tests read a whole environment.
type app struct {
	Return         string
	Idle, Lifetime time.Duration
}

func TestMonoCloudSessions(t *testing.T) {
	table := []env.Variable{
		{Name: "POST_SIGN_OUT_URL", Field: "Return"}, {Name: "SESSION_IDLE", Field: "Idle"},
		{Name: "SESSION_LIFETIME", Field: "Lifetime"},
	}
	for _, test := range []struct {
		env  map[string]string
		want app
	}{
		{map[string]string{"SESSION_DURATION": "60"}, app{"", time.Minute, time.Minute}},
		{map[string]string{"SESSION_DURATION": "60", "SESSION_SLIDING": "true"}, app{"", time.Minute, 0}},
		{map[string]string{"SESSION_DURATION": "60", "SESSION_MAX_DURATION": "120", "SESSION_SLIDING": "true"},
			app{"", time.Minute, 2 * time.Minute}},
		{map[string]string{"SESSION_DURATION": "60", "SESSION_MAX_DURATION": "120"}, app{"", time.Minute, time.Minute}},
		{map[string]string{"POST_LOGOUT_REDIRECT_URI": "/bye"}, app{"http://localhost:8080/bye", 0, 0}},
		{map[string]string{"POST_LOGOUT_REDIRECT_URI": "/bye", "APP_URL": "https://a.example/"},
			app{"https://a.example/bye", 0, 0}},
		{map[string]string{"POST_LOGOUT_REDIRECT_URI": "https://b.example"}, app{"https://b.example", 0, 0}},
	} {
		for _, name := range []string{"SESSION_DURATION", "SESSION_MAX_DURATION", "SESSION_SLIDING",
			"POST_LOGOUT_REDIRECT_URI", "APP_URL"} {
			t.Setenv("A_"+name, test.env[name])
		}
		var got app
		_, problems := env.Vars{Prefix: "A_", Aliases: env.MonoCloudAliases()}.Read(&got, table)
		if got != test.want || problems != nil {
			t.Errorf("%v: %+v, problems %v; want %+v", test.env, got, problems, test.want)
		}
	}
}

// TestMonoCloudIgnored: no name is both read and ignored.
func TestMonoCloudIgnored(t *testing.T) {
	names, _ := env.Vars{}.MonoCloudRoutes()
	for _, name := range append(names, env.Sliding, "ISSUER", "SESSION_DURATION") {
		if slices.Contains(env.MonoCloudIgnored(), name) {
			t.Errorf("%s is ignored", name)
		}
	}
}

func TestRoutes(t *testing.T) {
	for _, test := range []struct {
		value, app, prefix string
		problem, fix       string
	}{
		{"/auth/callback", "https://a.example", "/auth", "", ""},
		{"auth/callback/", "https://a.example", "/auth", "", ""},
		{"HTTPS://A.example:443/x/auth/callback", "https://a.example/x/", "/auth/", "", ""},
		{"/api/auth/callback", "https://a.example", "/auth",
			`"/api/auth/callback" is not where the plugin's route is, "https://a.example/auth/callback"`,
			"set A_ROUTE_PREFIX=/api/auth, or unset it"},
		{"https://b.example/auth/callback", "https://a.example", "/auth",
			`"https://b.example/auth/callback" is not where the plugin's route is, "https://a.example/auth/callback"`,
			"unset it"},
		{"/out", "https://a.example/x", "/auth",
			`"/out" is not where the plugin's route is, "https://a.example/x/auth/callback"`,
			"unset it"},
	} {
		t.Setenv("A_CALLBACK_URL", test.value)
		at, err := url.Parse(test.app)
		names, set := env.Vars{Prefix: "A_"}.MonoCloudRoutes()
		if err != nil || len(names) != 5 || len(set) != 1 || set[0].Variable != "A_CALLBACK_URL" {
			t.Fatalf("routes %q, set %v, %v", names, set, err)
		}
		if problem, fix := set[0].Check(at, test.prefix, "A_ROUTE_PREFIX"); problem != test.problem || fix != test.fix {
			t.Errorf("%s: %q, fix %q; want %q, %q", test.value, problem, fix, test.problem, test.fix)
		}
	}
}
