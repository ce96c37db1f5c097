package protocol_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/e2e/start"
)

// TestBearer: an app accepts the provider's access tokens for its API, JWTs and opaque ones, and no others.
func TestBearer(t *testing.T) {
	provider := start.RunOpenProvider(t, "")
	const jwtAPI, opaqueAPI = "https://jwt.example.com", "https://opaque.example.com"
	machine := registerMachine(t, provider)
	jwt, opaque := ownToken(t, machine, jwtAPI), ownToken(t, machine, opaqueAPI)
	api := func(audience, introspection string) *app {
		return startApp(t, provider, nil, func(c *ginoidc.Config) {
			p := &c.Providers[0]
			p.Audience, p.Introspection, p.SigningAlgs = audience, introspection, []string{"RS256", "ES256"}
		})
	}
	jwts, both, opaques := api(jwtAPI, ""), api(jwtAPI, "json"), api(opaqueAPI, "json")
	for _, row := range []struct {
		name   string
		app    *app
		token  string
		status int
	}{
		{"a JWT", jwts, jwt, http.StatusOK},
		{"a JWT, again", jwts, jwt, http.StatusOK},
		{"a JWT where opaque tokens are accepted too", both, jwt, http.StatusOK},
		{"an opaque token", opaques, opaque, http.StatusOK},
		{"an opaque token without introspection", jwts, opaque, http.StatusUnauthorized},
		{"a JWT for another API", opaques, jwt, http.StatusUnauthorized},
		{"an opaque token for another API", both, opaque, http.StatusUnauthorized},
		{"an unknown opaque token", opaques, "made-up", http.StatusUnauthorized},
		{"a JWT that was changed", jwts, jwt[:len(jwt)-4] + "AAAA", http.StatusUnauthorized},
	} {
		status, challenge, body := row.app.get(t, "/me", row.token)
		if status != row.status || status == http.StatusOK && body != machine.ClientID ||
			status != http.StatusOK && !strings.Contains(challenge, `Bearer realm="`+row.app.url+`", error="invalid_token"`) {
			t.Errorf("%s: %d %s, challenge %q", row.name, status, body, challenge)
		}
	}
}

// registerMachine registers a client that acts on its own behalf.
func registerMachine(t *testing.T, provider start.Provider) start.Provider {
	t.Helper()
	return provider.Register(t, client("redirect_uris", []string{}, "response_types", []string{},
		"grant_types", []string{"client_credentials"}))
}

// ownToken gets an access token of the client itself for an API.
func ownToken(t *testing.T, machine start.Provider, resource string) string {
	t.Helper()
	form := url.Values{"grant_type": {"client_credentials"}, "resource": {resource}, "scope": {"read"}}
	r, err := http.NewRequest(http.MethodPost, machine.Issuer+"/token", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(url.QueryEscape(machine.ClientID), url.QueryEscape(machine.ClientSecret))
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer struct {
		AccessToken string `json:"access_token"`
		Description string `json:"error_description"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("token: %s %s (%v)", resp.Status, answer.Description, err)
	}
	return answer.AccessToken
}

// get asks for a page of the app with an access token.
func (a *app) get(t *testing.T, path, token string) (status int, challenge, body string) {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, a.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var text strings.Builder
	if _, err := io.Copy(&text, resp.Body); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header.Get("WWW-Authenticate"), text.String()
}
