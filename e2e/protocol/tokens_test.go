package protocol_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/e2e/start"
)

// userInfo requests userinfo from the provider with the user's access token, and shows the response.
func userInfo(auth *ginoidc.Auth) gin.HandlerFunc {
	return func(c *gin.Context) {
		client, err := auth.Client(c)
		if err != nil {
			auth.Deny(c, err)
			return
		}
		address, err := auth.UserInfoURL(c)
		if err != nil {
			auth.Deny(c, err)
			return
		}
		answer, err := get(client, address)
		var person struct {
			Subject string `json:"sub"`
		}
		if err == nil {
			err = json.Unmarshal(answer, &person)
		}
		if err == nil {
			answer, err = get(client, "http://"+c.Request.Host+"/token")
		}
		if err != nil {
			c.String(http.StatusBadGateway, "%v", err)
			return
		}
		c.String(http.StatusOK, "%s by %s", person.Subject, answer)
	}
}

func get(client *http.Client, address string) ([]byte, error) {
	resp, err := client.Get(address)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", address, resp.Status)
	}
	return io.ReadAll(resp.Body)
}

// TestRefresh: the provider accepts the app's refresh requests, time after time, and the new token with it. Case 71:
// the refresh token is rotated, or stays.
func TestRefresh(t *testing.T) {
	open, strict := start.RunOpenProvider(t, ""), start.RunOpenProvider(t, start.ProfileFAPI2)
	const refreshing = "grant_type refresh_token"
	key := ecKey(t)
	for _, row := range []struct {
		name     string
		provider start.Provider
		client   map[string]any
		config   func(*ginoidc.Config)
		scheme   string
		sent     string // to refresh
		rotates  bool
	}{
		{"bearer", open, nil, nil, bearer, names(basic, refreshing), true},
		{"public client", open, client("token_endpoint_auth_method", "none"), nil, bearer,
			names("client_id", refreshing), true},
		{"DPoP", open, client("dpop_bound_access_tokens", true), func(c *ginoidc.Config) { c.Providers[0].DPoP = true },
			dpop, names(basic, proof, refreshing), true},
		{"FAPI 2.0, DPoP with nonces", strict, client("token_endpoint_auth_method", "private_key_jwt", "jwks", jwks(key),
			"id_token_signed_response_alg", "ES256", "dpop_bound_access_tokens", true), func(c *ginoidc.Config) {
			p := &c.Providers[0]
			p.Profile, p.ClientAuthMethod, p.ClientKey = "fapi2", "", key.pem
		}, dpop, names(assertion, proof, refreshing), false},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			const times = 4
			k := startKeeper(t, row.provider, row.client, row.config)
			alice := somebody(t)
			alice.sees(alice.signIn(k.app, "/me", "alice"), k.app, "/me", "alice")
			k.wire.take()
			for range times {
				shown := alice.Open(k.url + "/userinfo")
				access, _ := k.tokens()
				alice.sees(shown, k.app, "/userinfo", "alice by "+row.scheme+" "+access[len(access)-1])
			}
			refreshed := "POST /token [" + row.sent + "] 200 application/json"
			if got, want := k.wire.take(), slices.Repeat([]string{refreshed}, times); !slices.Equal(got, want) {
				t.Errorf("calls to the provider: %q\nwant %q", got, want)
			}
			access, refresh := k.tokens()
			if n := len(distinct(access)); n != 1+times {
				t.Errorf("%d access tokens, want %d", n, 1+times)
			}
			if n := len(distinct(refresh)); row.rotates && n != 1+times || !row.rotates && n != 1 {
				t.Errorf("%d refresh tokens, rotation %t", n, row.rotates)
			}
			alice.sees(alice.Open(k.url+"/me"), k.app, "/me", "alice")
		})
	}
}

func distinct(all []string) []string { return slices.Compact(slices.Sorted(slices.Values(all))) }

func TestKeptTokens(t *testing.T) {
	provider := start.RunOpenProvider(t, "")
	for name, run := range map[string]func(*testing.T, start.Provider){
		"at once":                            refreshAtOnce,
		"sign-out":                           signOutRevokes,
		"a grant that ended at the provider": endedGrants,
		"no refresh token":                   noRefreshToken,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, provider)
		})
	}
}

// Concurrent requests, each with a token about to expire: none presents a refresh token twice, for which the provider
// would revoke the grant.
func refreshAtOnce(t *testing.T, provider start.Provider) {
	k := startKeeper(t, provider, nil, nil)
	alice := somebody(t)
	alice.sees(alice.signIn(k.app, "/me", "alice"), k.app, "/me", "alice")
	browser := http.Client{Jar: alice.Jar}
	for range 3 {
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				resp, err := browser.Get(k.url + "/userinfo")
				if err != nil {
					t.Error(err)
					return
				}
				_ = resp.Body.Close()
				if resp.StatusCode != http.StatusOK || resp.Request.URL.Path != "/userinfo" {
					t.Errorf("%s %s", resp.Status, resp.Request.URL)
				}
			})
		}
		all.Wait()
	}
	_, refresh := k.tokens()
	if status, answer := k.redeem(t, refresh[len(refresh)-1]); status != http.StatusOK {
		t.Errorf("the grant in the end: %d %s", status, answer)
	}
}

// A sign-out revokes both tokens of this session, and no others.
func signOutRevokes(t *testing.T, provider start.Provider) {
	k := startKeeper(t, provider, nil, nil)
	alice, elsewhere := somebody(t), somebody(t)
	for _, p := range []*person{elsewhere, alice} {
		p.sees(p.signIn(k.app, "/me", "alice"), k.app, "/me", "alice")
		p.Open(k.url + "/userinfo")
	}
	access, refresh := k.tokens()
	if last := access[len(access)-1]; len(access) != 4 || !k.opens(t, last) {
		t.Fatalf("before the sign-out: %d tokens, the last of which is not valid", len(access))
	}
	k.wire.take()
	alice.Load(http.MethodPost, k.url+"/auth/signout", nil) // up to the provider's page, where nobody confirms

	revoked := call("POST", "/token/revocation", 200, "text/plain", basic, "token token_type_hint")
	if got, want := k.wire.take(), []string{revoked, revoked}; !slices.Equal(got, want) {
		t.Errorf("calls to the provider: %q\nwant %q", got, want)
	}
	if k.opens(t, access[3]) {
		t.Error("the access token is valid after the sign-out")
	}
	if status, answer := k.redeem(t, refresh[3]); status != http.StatusBadRequest ||
		!strings.Contains(answer, "invalid_grant") {
		t.Errorf("the refresh token after the sign-out: %d %s", status, answer)
	}
	if shown := elsewhere.Open(k.url + "/userinfo"); shown.Status != http.StatusOK ||
		!strings.HasPrefix(shown.Text, "alice by ") {
		t.Errorf("the other session: %d %s %s", shown.Status, shown.At, shown.Text)
	}
}

// case 72: invalid_grant ends the session when the token is next needed, and no earlier.
func endedGrants(t *testing.T, provider start.Provider) {
	for name, end := range map[string]func(t *testing.T, k *keeper, refresh []string) (status int, answer string){
		"revoked": func(t *testing.T, k *keeper, refresh []string) (int, string) {
			return k.ask(t, "/token/revocation", url.Values{"token": {refresh[len(refresh)-1]}})
		},
		"a refresh token came twice": func(t *testing.T, k *keeper, refresh []string) (int, string) {
			return k.redeem(t, refresh[0])
		},
	} {
		t.Run(name, func(t *testing.T) {
			k := startKeeper(t, provider, nil, nil)
			alice := somebody(t)
			alice.sees(alice.signIn(k.app, "/me", "alice"), k.app, "/me", "alice")
			if shown := alice.Open(k.url + "/userinfo"); shown.Status != http.StatusOK {
				t.Fatalf("%d %s %s", shown.Status, shown.At, shown.Text)
			}
			_, refresh := k.tokens()
			ended := fmt.Sprint(end(t, k, refresh))
			alice.sees(alice.Open(k.url+"/me"), k.app, "/me", "alice")
			alice.asked(alice.Open(k.url+"/userinfo"), k.app)
			alice.sees(alice.Open(k.url+"/"), k.app, "/", "nobody")
			if _, after := k.tokens(); len(after) != len(refresh) {
				t.Errorf("%d tokens, then %d; the grant ended with %s", len(refresh), len(after), ended)
			}
			alice.sees(alice.signIn(k.app, "/me", "alice"), k.app, "/me", "alice")
		})
	}
}

// Without consent this provider issues no refresh token: the access token is used until it expires.
func noRefreshToken(t *testing.T, provider start.Provider) {
	k := startKeeper(t, provider, nil, func(c *ginoidc.Config) { c.Providers[0].SignInParameters = nil })
	alice := somebody(t)
	alice.sees(alice.signIn(k.app, "/me", "alice"), k.app, "/me", "alice")
	access, refresh := k.tokens()
	if len(access) != 1 || refresh[0] != "" {
		t.Fatalf("%d tokens, of which the first has a refresh token: %t", len(access), refresh[0] != "")
	}
	alice.sees(alice.Open(k.url+"/userinfo"), k.app, "/userinfo", "alice by "+bearer+" "+access[0])
}
