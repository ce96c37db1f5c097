package protocol_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/e2e/start"
)

// tokenFor shows the access token for the API in the query.
func tokenFor(auth *ginoidc.Auth) gin.HandlerFunc {
	return func(c *gin.Context) {
		token, err := auth.TokenFor(c, ginoidc.TokenRequest{Resource: c.Query("resource"), Scopes: c.QueryArray("scope")})
		if err != nil {
			auth.Deny(c, err)
			return
		}
		c.String(http.StatusOK, token.AccessToken)
	}
}

// TestTokensForAPIs: one sign-in gives tokens for two APIs and with fewer scopes, although each of them redeems and
// rotates the one refresh token, all at once. What the sign-in did not ask for is refused, and ends nothing.
func TestTokensForAPIs(t *testing.T) {
	provider := start.RunOpenProvider(t, "")
	for name, metadata := range map[string]map[string]any{
		"bearer": {"access_token_ttl": 3600},
		"DPoP":   {"access_token_ttl": 3600, "dpop_bound_access_tokens": true},
	} {
		t.Run(name, func(t *testing.T) { tokensForAPIs(t, provider, metadata) })
	}
}

func tokensForAPIs(t *testing.T, provider start.Provider, metadata map[string]any) {
	const one, two, opaque = "https://one.example.com", "https://two.example.com", "https://opaque.example.com"
	k := startKeeper(t, provider, metadata, func(c *ginoidc.Config) {
		p := &c.Providers[0]
		p.SkipUserInfo, p.SignInParameters["resource"] = true, []string{one, two, opaque}
		p.Scopes = append(p.Scopes, "read")
		p.DPoP = metadata["dpop_bound_access_tokens"] == true
	})
	alice := somebody(t)
	alice.sees(alice.signIn(k.app, "/me", "alice"), k.app, "/me", "alice")
	browser, path := http.Client{Jar: alice.Jar}, func(resource string, scopes ...string) string {
		return k.url + "/for?" + url.Values{"resource": {resource}, "scope": scopes}.Encode()
	}
	wanted := map[string][]string{ // audience and scope; none of an opaque token
		path(one): {one, "email read"}, path(two): {two, "email read"}, path(one, "read"): {one, "read"}, path(opaque): nil,
	}
	var mu sync.Mutex
	got := map[string]map[string]bool{}
	for range 2 {
		var all sync.WaitGroup
		for address := range wanted {
			for range 10 {
				all.Go(func() {
					token, err := get(&browser, address)
					if err != nil {
						t.Error(err)
					}
					mu.Lock()
					defer mu.Unlock()
					if got[address] == nil {
						got[address] = map[string]bool{}
					}
					got[address][string(token)] = true
				})
			}
		}
		all.Wait()
	}
	for address, want := range wanted {
		if len(got[address]) != 1 {
			t.Errorf("%s: %d tokens", address, len(got[address]))
		}
		for token := range got[address] {
			if want == nil {
				if strings.Contains(token, ".") {
					t.Errorf("%s: %s", address, token)
				}
				continue
			}
			claims := payloadOf(t, token)
			if claims.Audience != want[0] || claims.Scope != want[1] || claims.Subject != "alice" {
				t.Errorf("%s: %+v", address, claims)
			}
		}
	}
	if _, refresh := k.tokens(); len(distinct(refresh)) != 1+len(wanted) {
		t.Errorf("%d refresh tokens of a sign-in and %d requests", len(distinct(refresh)), len(wanted))
	}
	if shown := alice.Open(path("https://three.example.com")); shown.Status != http.StatusBadGateway {
		t.Errorf("another API: %d %s", shown.Status, shown.Text)
	}
	alice.sees(alice.Open(k.url+"/me"), k.app, "/me", "alice")
}

// grants is what an access token grants.
type grants struct {
	Audience string `json:"aud"`
	Scope    string `json:"scope"`
	Subject  string `json:"sub"`
}

func payloadOf(t *testing.T, token string) (claims grants) {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Errorf("no JWT: %s", token)
		return claims
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err == nil {
		err = json.Unmarshal(text, &claims)
	}
	if err != nil {
		t.Error(err)
	}
	return claims
}
