package protocol_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/e2e/start"
)

func TestFlows(t *testing.T) {
	provider := start.RunOpenProvider(t, "")
	for name, flow := range map[string]func(*testing.T, start.Provider){
		"a fresh sign-in":        freshSignIn,
		"a stronger sign-in":     strongerSignIn,
		"sign-in without a page": silentSignIn,
		"sign-out":               signOut,
		"sign-out, encrypted":    signOutEncrypted,
		"resource indicators":    resources,
		"requests for one claim": claims,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			flow(t, provider)
		})
	}
}

// way is how an authorization request reaches the provider, and what of it is visible in the browser. Empty names are
// those of the request itself.
type way struct {
	config func(*ginoidc.Config)
	names  string
}

func ways(key clientKey) map[string]way {
	sign := func(c *ginoidc.Config) { c.Providers[0].ClientKey, c.Providers[0].SignRequests = key.pem, true }
	push := func(c *ginoidc.Config) { c.Providers[0].PushedAuthorization = "always" }
	return map[string]way{
		"plain":             {func(*ginoidc.Config) {}, ""},
		"pushed":            {push, "client_id request_uri"},
		"signed":            {sign, "client_id request response_type scope"},
		"signed and pushed": {both(sign, push), "client_id request_uri"},
	}
}

// case 97: max_age. Alice authenticated an hour ago, and must do so again where that is too long.
func freshSignIn(t *testing.T, provider start.Provider) {
	key := ecKey(t)
	anHourAgo := url.Values{"account": {"alice"}, "age": {"3600"}}
	for name, way := range ways(key) {
		t.Run(name, func(t *testing.T) {
			a := startApp(t, provider, client("require_auth_time", true, "jwks", jwks(key)), way.config)
			alice := somebody(t)
			alice.sees(alice.Submit(alice.asked(alice.Open(a.url+"/me"), a), anHourAgo), a, "/me", "alice")
			again := alice.asked(alice.Open(a.url+"/fresh"), a)
			if got, want := alice.sent(a.issuer+"/auth"), orElse(way.names, names(request, "max_age")); got != want {
				t.Errorf("asked for %s, want %s", got, want)
			}
			alice.sees(alice.Submit(again, url.Values{"account": {"alice"}}), a, "/fresh", "alice")

			again = alice.asked(alice.Open(a.url+"/auth/signin?return_to=/fresh&max_age=300&prompt=login"), a)
			shown := alice.Submit(again, anHourAgo)
			if shown.Status != http.StatusUnauthorized || !strings.Contains(shown.Text, "auth_time") {
				t.Errorf("a provider that ignores max_age: %d %s", shown.Status, shown.Text)
			}
		})
	}
}

// case 220: acr_values. A user without a second factor gets an explanation, and no redirect loop.
func strongerSignIn(t *testing.T, provider start.Provider) {
	a := startApp(t, provider, nil, nil)
	for account, want := range map[string]int{"alice": http.StatusOK, "bob": http.StatusForbidden} {
		p := somebody(t)
		p.sees(p.signIn(a, "/me", account), a, "/me", account)
		again := p.asked(p.Open(a.url+"/strong"), a)
		if got, want := p.sent(a.issuer+"/auth"), names(request, "acr_values"); got != want {
			t.Errorf("asked for %s, want %s", got, want)
		}
		shown := p.Submit(again, url.Values{"account": {account}})
		if shown.Status != want || shown.At.String() != a.url+"/strong" {
			t.Errorf("%s: %d %s, want %d", account, shown.Status, shown.At, want)
		}
		p.sees(p.Open(a.url+"/me"), a, "/me", account)
	}
}

// case 14: with a session at the provider there is no page, and without one there is none either.
func silentSignIn(t *testing.T, provider start.Provider) {
	there := startApp(t, provider, nil, func(c *ginoidc.Config) { c.CookieName = "there" }) // cookies know no ports
	for mode, refusal := range map[string]string{"query": "error error_description iss state", "query.jwt": "response"} {
		t.Run(mode, func(t *testing.T) {
			here := startApp(t, provider, nil, func(c *ginoidc.Config) { c.Providers[0].ResponseMode = mode })
			alice, stranger := somebody(t), somebody(t)
			alice.signIn(there, "/me", "alice")
			alice.sees(alice.Open(here.url+"/news"), here, "/news", "alice")

			stranger.sees(stranger.Open(here.url+"/news"), here, "/news", "nobody")
			if got := stranger.sent(here.url + "/auth/callback"); got != refusal {
				t.Errorf("brought back %s, want %s", got, refusal)
			}
			stranger.Trail = nil
			stranger.sees(stranger.Open(here.url+"/news"), here, "/news", "nobody")
			if len(stranger.Trail) != 1 {
				t.Errorf("a second try: %s", stranger.Trail)
			}
		})
	}
}
