package protocol_test

import (
	"net/http"
	"net/url"
	"slices"
	"testing"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/e2e/start"
)

func signOut(t *testing.T, provider start.Provider) { signOutOf(t, provider, nil, nil) }

// The provider also encrypts what it signs for this app, including the logout token. The hint is the signed ID token
// without its encryption: the provider cannot decrypt what it encrypted to the app.
func signOutEncrypted(t *testing.T, provider start.Provider) {
	key := rsaKey(t)
	signOutOf(t, provider, client("id_token_encrypted_response_alg", "RSA-OAEP-256", "jwks", jwks(key)),
		func(c *ginoidc.Config) { c.Providers[0].DecryptionKey = key.pem })
}

// signOutOf signs out at the app, which also ends the session at the provider; and then at the provider, which also
// ends the session at the app.
func signOutOf(t *testing.T, provider start.Provider, metadata map[string]any, change func(*ginoidc.Config)) {
	t.Helper()
	a := startApp(t, provider, metadata, func(c *ginoidc.Config) {
		c.KeepIDToken, c.PostSignOutURL = "always", c.AppURL+"/auth/signed-out"
		if change != nil {
			change(c)
		}
	})
	alice := somebody(t)
	alice.sees(alice.signIn(a, "/me", "alice"), a, "/me", "alice")
	alice.sees(alice.confirms(alice.Load(http.MethodPost, a.url+"/auth/signout", nil), a), a, "/", "nobody")
	if got, want := alice.sent(a.issuer+"/session/end"),
		"client_id id_token_hint logout_hint post_logout_redirect_uri state"; got != want {
		t.Errorf("sent to the provider %s, want %s", got, want)
	}
	if got := alice.sent(a.url + "/auth/signed-out"); got != "state" {
		t.Errorf("came back with %s, want state", got)
	}
	back := slices.IndexFunc(alice.Trail, func(u *url.URL) bool { return u.Path == "/auth/signed-out" }) // case 165
	if shown := alice.Open(alice.Trail[back].String()); shown.Status != http.StatusOK ||
		shown.At.Path != "/auth/signed-out" {
		t.Errorf("the same answer once more: %d %s", shown.Status, shown.At)
	}

	alice.sees(alice.signIn(a, "/me", "alice"), a, "/me", "alice") // for which the provider had to ask again
	alice.confirms(alice.Open(a.issuer+"/session/end"), a)
	alice.sees(alice.Open(a.url+"/"), a, "/", "nobody") // by back-channel logout
}
