// Package doctor_test runs the command doctor at real providers and stores. Those at Keycloak are in package
// recipes_test.
package doctor_test

import (
	"crypto/rand"
	"slices"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/e2e/start"
)

const appURL = "http://localhost:8080"

// troubles returns what is not well, as severity and code, without that the app is at plain http.
func troubles(t *testing.T, found []ginoidc.Finding) (all []string) {
	t.Helper()
	for _, f := range found {
		if f.Severity != ginoidc.SeverityOK && f.Code != "cookies_insecure" {
			t.Logf("%+v", f)
			all = append(all, f.Severity+" "+f.Code)
		}
	}
	return all
}

// settings returns those of an app with further ones.
func settings(p start.Provider, more ...string) (env, secrets []string) {
	secret := rand.Text() + rand.Text()
	env = append(p.Env(), "OIDC_APP_URL="+appURL, "OIDC_COOKIE_SECRET="+secret)
	return append(env, more...), []string{secret, p.ClientSecret, "s3cr3t"}
}

// TestProviders: a provider of another make is not called wrong, and mistakes are found there too. Dex looks at the
// redirect URI and the scopes on a page that it leads to, so nothing can be said of them.
func TestProviders(t *testing.T) {
	command, dex := start.BuildCommand(t), start.BuildDex(t)
	const unclear, unlisted = "warning authorization_unclear", "warning scope_not_listed"
	for name, tt := range map[string]struct {
		provider        start.Provider
		none            []string // what is always said
		redirect, scope []string // what is said of these mistakes
	}{
		"oidc-provider": {start.RunProvider(t, appURL, start.GroupsInIDToken), nil,
			[]string{"error redirect_uri_refused"}, []string{unlisted}},
		"Dex": {dex.Run(t, appURL, time.Hour, true), []string{unclear}, []string{unclear}, []string{unclear, unlisted}},
		"Dex without sessions": {dex.Run(t, appURL, time.Hour, false), []string{unclear, "warning sign_out_missing"},
			[]string{unclear, "warning sign_out_missing"}, []string{unclear, "warning sign_out_missing", unlisted}},
	} {
		for mistake, row := range map[string]struct {
			env  string
			want []string
		}{
			"none":         {"", tt.none},
			"slash":        {"OIDC_ISSUER=" + tt.provider.Issuer + "/", []string{"error issuer_slash"}},
			"secret":       {"OIDC_CLIENT_SECRET=s3cr3t of another", append([]string{"error client_refused"}, tt.none...)},
			"redirect URI": {"OIDC_ROUTE_PREFIX=/login", tt.redirect},
			"scope":        {"OIDC_SCOPES=openid grouops", tt.scope},
		} {
			t.Run(name+"/"+mistake, func(t *testing.T) {
				env, secrets := settings(tt.provider, row.env)
				if got := troubles(t, command.Doctor(t, env, secrets)); !slices.Equal(got, row.want) {
					t.Errorf("found %q, want %q", got, row.want)
				}
			})
		}
		t.Run(name+"/client", func(t *testing.T) {
			env, secrets := settings(tt.provider, "OIDC_CLIENT_ID=another")
			if got := troubles(t, command.Doctor(t, env, secrets)); !slices.Contains(got, "error client_unknown") ||
				slices.Contains(got, "error client_refused") {
				t.Errorf("found %q", got)
			}
		})
	}
}

// TestRedis: a Redis that drops keys when it is full is named. Each program reports its policy.
func TestRedis(t *testing.T) {
	command, provider := start.BuildCommand(t), start.RunProvider(t, appURL, start.GroupsInIDToken)
	for name, program := range start.RedisPrograms(t) {
		for policy, want := range map[string][]string{
			"noeviction": nil, "allkeys-lru": {"error eviction_policy"}, "volatile-ttl": {"error eviction_policy"},
		} {
			t.Run(name+"/"+policy, func(t *testing.T) {
				redis := start.RunRedisProgram(t, program, start.FreePort(t), t.TempDir(), "--maxmemory-policy", policy)
				env, secrets := settings(provider, "REDIS_URL=redis://"+redis.Addr)
				found := command.Doctor(t, env, secrets, "-redis", "REDIS_URL")
				if got := troubles(t, found); !slices.Equal(got, want) {
					t.Errorf("found %q, want %q", got, want)
				}
				for _, f := range found {
					if f.Code == "store" && f.Seen != "a session was stored and deleted" ||
						f.Code == "state" && f.Seen != "the shared state answers" {
						t.Errorf("found %+v", f)
					}
				}
			})
		}
	}
}
