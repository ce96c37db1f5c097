package protocol_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/url"
	"strings"
	"testing"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/e2e/start"
)

// Resources are named in the request, and this provider issues the access token for the last of them (RFC 8707).
func resources(t *testing.T, provider start.Provider) {
	const one, other = "https://api.example.com/one", "https://api.example.com/other"
	look := func(s *ginoidc.PendingSignIn) string { return audience(t, s.AccessToken) }
	withParameters(t, provider, url.Values{"resource": {one, other}}, look, other)
}

// The claims parameter moves into the ID token what this provider otherwise shows in userinfo (OpenID Connect Core 1.0,
// section 5.5).
func claims(t *testing.T, provider start.Provider) {
	const email = `{"id_token":{"email":{"essential":true}}}`
	look := func(s *ginoidc.PendingSignIn) string { return s.User.Email }
	withParameters(t, provider, url.Values{"claims": {email}}, look, "alice@example.com")
}

// withParameters signs in without userinfo, in each way that a request can be sent, and checks the result.
func withParameters(
	t *testing.T, provider start.Provider, params url.Values, look func(*ginoidc.PendingSignIn) string, want string,
) {
	t.Helper()
	key := ecKey(t)
	for name, way := range ways(key) {
		t.Run(name, func(t *testing.T) {
			seen := make(chan string, 1)
			a := startApp(t, provider, client("jwks", jwks(key)), both(way.config, func(c *ginoidc.Config) {
				c.Providers[0].SignInParameters, c.Providers[0].SkipUserInfo = params, true
				c.OnSignIn = func(_ context.Context, s *ginoidc.PendingSignIn) error {
					seen <- look(s)
					return nil
				}
			}))
			alice := somebody(t)
			alice.sees(alice.signIn(a, "/me", "alice"), a, "/me", "alice")
			if got := <-seen; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
			all := maps.Clone(params)
			for _, name := range strings.Fields(request) {
				all[name] = []string{""}
			}
			if got, want := alice.sent(a.issuer+"/auth"), orElse(way.names, inOrder(all)); got != want {
				t.Errorf("through the browser to the provider: %s\nwant %s", got, want)
			}
		})
	}
}

func audience(t *testing.T, jwt string) string {
	t.Helper()
	parts := strings.Split(jwt, ".")
	if len(parts) != 3 {
		t.Errorf("the access token is not a JWT")
		return ""
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Error(err)
	}
	var claims struct{ Aud string }
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Error(err)
	}
	return claims.Aud
}
