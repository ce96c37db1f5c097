package protocol_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
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
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			flow(t, provider)
		})
	}
}

// case 97: max_age. Alice proved who she is an hour ago, and has to once more where that is too long.
func freshSignIn(t *testing.T, provider start.Provider) {
	a := startApp(t, provider, client("require_auth_time", true), nil)
	alice := somebody(t)
	anHourAgo := url.Values{"account": {"alice"}, "age": {"3600"}}
	alice.sees(alice.submit(alice.asked(alice.open(a.url+"/me"), a), anHourAgo), a, "/me", "alice")
	again := alice.asked(alice.open(a.url+"/fresh"), a)
	if got, want := alice.sent(a.issuer+"/auth"), names(request, "max_age"); got != want {
		t.Errorf("asked for %s, want %s", got, want)
	}
	alice.sees(alice.submit(again, url.Values{"account": {"alice"}}), a, "/fresh", "alice")

	again = alice.asked(alice.open(a.url+"/auth/signin?return_to=/fresh&prompt=login"), a)
	shown := alice.submit(again, anHourAgo) // she is signed in, but that is too old for the page
	alice.asked(shown, a)
	shown = alice.submit(shown, anHourAgo)
	if shown.status != http.StatusUnauthorized || !strings.Contains(shown.text, "auth_time") {
		t.Errorf("a provider that ignores max_age: %d %s", shown.status, shown.text)
	}
}

// case 220: acr_values. Who cannot show a second factor is told so, and is not sent round in circles.
func strongerSignIn(t *testing.T, provider start.Provider) {
	a := startApp(t, provider, nil, nil)
	for _, row := range []struct {
		account string
		status  int
	}{{"alice", http.StatusOK}, {"bob", http.StatusForbidden}} {
		p := somebody(t)
		p.sees(p.signIn(a, "/me", row.account), a, "/me", row.account)
		again := p.asked(p.open(a.url+"/strong"), a)
		if got, want := p.sent(a.issuer+"/auth"), names(request, "acr_values"); got != want {
			t.Errorf("asked for %s, want %s", got, want)
		}
		shown := p.submit(again, url.Values{"account": {row.account}})
		if shown.status != row.status || shown.at.String() != a.url+"/strong" {
			t.Errorf("%s: %d %s, want %d", row.account, shown.status, shown.at, row.status)
		}
		p.sees(p.open(a.url+"/me"), a, "/me", row.account)
	}
}

// case 14: who is signed in at the provider needs no page, and who is not sees none.
func silentSignIn(t *testing.T, provider start.Provider) {
	here := startApp(t, provider, nil, nil)
	there := startApp(t, provider, nil, func(c *ginoidc.Config) { c.CookieName = "there" }) // of the same host, so cookies meet
	alice, stranger := somebody(t), somebody(t)
	alice.signIn(there, "/me", "alice")
	alice.sees(alice.open(here.url+"/news"), here, "/news", "alice")

	stranger.sees(stranger.open(here.url+"/news"), here, "/news", "nobody")
	if got, want := stranger.sent(here.issuer+"/auth"), names(request, "prompt"); got != want {
		t.Errorf("asked for %s, want %s", got, want)
	}
	if got, want := stranger.sent(here.url+"/auth/callback"), "error error_description iss state"; got != want {
		t.Errorf("brought back %s, want %s", got, want)
	}
	stranger.trail = nil
	stranger.sees(stranger.open(here.url+"/news"), here, "/news", "nobody")
	if len(stranger.trail) != 1 {
		t.Errorf("a second try: %s", stranger.trail)
	}
}

func signOut(t *testing.T, provider start.Provider) { signOutOf(t, provider, nil, nil) }

// What the provider signs for this app it encrypts too, the logout token included. The hint is the ID token as it was
// signed: the provider cannot read what it encrypted to the app.
func signOutEncrypted(t *testing.T, provider start.Provider) {
	key := rsaKey(t)
	signOutOf(t, provider, client("id_token_encrypted_response_alg", "RSA-OAEP-256", "jwks", jwks(key)),
		func(c *ginoidc.Config) { c.DecryptionKey = key.pem })
}

// cases 165, 167: signOutOf signs out at the app, and from there at the provider, and then at the provider, and by that
// at the app.
func signOutOf(t *testing.T, provider start.Provider, metadata map[string]any, change func(*ginoidc.Config)) {
	t.Helper()
	a := startApp(t, provider, metadata, func(c *ginoidc.Config) {
		c.KeepIDToken, c.PostSignOutURL = true, c.AppURL+"/auth/signed-out"
		if change != nil {
			change(c)
		}
	})
	alice := somebody(t)
	alice.sees(alice.signIn(a, "/me", "alice"), a, "/me", "alice")
	alice.sees(alice.confirms(alice.load(http.MethodPost, a.url+"/auth/signout", nil), a), a, "/", "nobody")
	if got, want := alice.sent(a.issuer+"/session/end"), "client_id id_token_hint post_logout_redirect_uri state"; got != want {
		t.Errorf("told the provider %s, want %s", got, want)
	}
	if got := alice.sent(a.url + "/auth/signed-out"); got != "state" {
		t.Errorf("came back with %s, want state", got)
	}
	back := slices.IndexFunc(alice.trail, func(u *url.URL) bool { return u.Path == "/auth/signed-out" })
	if shown := alice.open(alice.trail[back].String()); shown.status != http.StatusOK || shown.at.Path != "/auth/signed-out" {
		t.Errorf("the same answer once more: %d %s", shown.status, shown.at)
	}

	alice.sees(alice.signIn(a, "/me", "alice"), a, "/me", "alice") // for which the provider had to ask again
	alice.confirms(alice.open(a.issuer+"/session/end"), a)
	alice.sees(alice.open(a.url+"/"), a, "/", "nobody") // by back-channel logout
}

// Resources are named in the request, plain, pushed or signed, and the access token is for one of them (RFC 8707).
func resources(t *testing.T, provider start.Provider) {
	const one, other = "https://api.example.com/one", "https://api.example.com/other"
	ec := ecKey(t)
	for _, change := range []func(*ginoidc.Config){
		func(*ginoidc.Config) {},
		func(c *ginoidc.Config) { c.PushedAuthorization = "always" },
		func(c *ginoidc.Config) { c.ClientKey, c.SignRequests = ec.pem, true },
	} {
		var audiences []string
		a := startApp(t, provider, client("jwks", jwks(ec)), both(change, func(c *ginoidc.Config) {
			c.SignInParameters = url.Values{"resource": {one, other}}
			c.SkipUserInfo = true // the token is not for the provider's own API
			c.OnSignIn = func(_ context.Context, s *ginoidc.SignIn) error {
				audiences = append(audiences, audience(t, s.AccessToken))
				return nil
			}
		}))
		alice := somebody(t)
		alice.sees(alice.signIn(a, "/me", "alice"), a, "/me", "alice")
		if !slices.Equal(audiences, []string{other}) { // the provider takes the last
			t.Errorf("access tokens are for %q, want %s", audiences, other)
		}
	}
}

func audience(t *testing.T, jwt string) string {
	t.Helper()
	parts := strings.Split(jwt, ".")
	if len(parts) != 3 {
		t.Errorf("the access token is no JWT")
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
