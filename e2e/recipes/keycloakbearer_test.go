package recipes_test

import (
	"crypto/rand"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/e2e/start"
)

const shopAPI = "https://api.shop.example"

// TestKeycloakAccessTokens: an app accepts Keycloak's access tokens of users and of clients with the settings of
// docs/apis.md, and no other token that Keycloak issues. Case 371.
func TestKeycloakAccessTokens(t *testing.T) {
	keycloak, example := start.RunKeycloak(t), start.BuildExample(t)
	for _, row := range []struct{ profile, atJWT string }{
		{"keycloak", "false"}, {"keycloak", "true"}, {"rfc9068", "true"},
	} {
		t.Run(row.profile+" "+row.atJWT, func(t *testing.T) {
			port := start.FreePort(t)
			s := &shop{T: t, keycloak: keycloak, example: example, port: port, realm: realmFile(t, "http://localhost:"+port)}
			s.apiClients(row.atJWT)
			alice := s.open("OIDC_BEARER_AUDIENCE="+shopAPI, "OIDC_ACCESS_TOKEN_PROFILE="+row.profile)
			s.apiScope()
			s.accessTokens(alice.app.URL)
			s.kinds(row.profile)
		})
	}
}

// apiClients adds to the realm a client with the audience of the API and one without. Their tokens have the type at+jwt
// if atJWT is "true".
func (s *shop) apiClients(atJWT string) {
	audience := map[string]any{
		"name": "api", "protocol": "openid-connect", "protocolMapper": "oidc-audience-mapper",
		"config": map[string]any{"included.custom.audience": shopAPI, "access.token.claim": "true"},
	}
	groups := s.client()["protocolMappers"].([]any)[0]
	newClient := func(id string, mappers ...any) map[string]any {
		return map[string]any{
			"id": s.port + "-" + id, "clientId": id, "secret": id + " has a secret", "serviceAccountsEnabled": true,
			"standardFlowEnabled": false, "directAccessGrantsEnabled": true, "protocolMappers": mappers,
			"attributes": map[string]any{
				"access.token.header.type.rfc9068": atJWT, "standard.token.exchange.enabled": "true",
			},
		}
	}
	s.realm["clients"] = append(s.realm["clients"].([]any),
		newClient("robot", audience, groups), newClient("stranger", groups))
}

// apiScope adds the scope read:things, which the client robot can request.
func (s *shop) apiScope() {
	s.admin(http.MethodPost, "/client-scopes", map[string]any{"id": s.port + "-things", "name": "read:things",
		"protocol": "openid-connect", "attributes": map[string]any{"include.in.token.scope": "true"}}, nil)
	s.admin(http.MethodPut, "/clients/"+s.port+"-robot/optional-client-scopes/"+s.port+"-things", nil, nil)
}

// grant is a response of the token endpoint.
type grant struct {
	Access  string `json:"access_token"`
	ID      string `json:"id_token"`
	Refresh string `json:"refresh_token"`
}

// token makes a request to the token endpoint as a client.
func (s *shop) token(client string, form url.Values) (g grant) {
	s.Helper()
	form.Set("client_id", client)
	form.Set("client_secret", client+" has a secret")
	resp, err := http.PostForm(s.keycloak.URL+"/realms/"+s.name+"/protocol/openid-connect/token", form)
	if err != nil {
		s.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil {
		err = json.Unmarshal(text, &g)
	}
	if err != nil || g.Access == "" {
		s.Fatalf("%s %s %v", resp.Status, text, err)
	}
	return g
}

// api sends a request with an access token to the app.
func (s *shop) api(app, path, token string) (status int, body map[string]any, challenge string) {
	s.Helper()
	r, err := http.NewRequest(http.MethodGet, app+path, nil)
	if err != nil {
		s.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		s.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&body); err != nil {
		s.Fatalf("%s %v", resp.Status, err)
	}
	return resp.StatusCode, body, resp.Header.Get("WWW-Authenticate")
}

// passwordGrant is how a test gets the token of a user without a browser.
func passwordGrant() url.Values {
	form := as("alice")
	form.Set("grant_type", "password")
	form.Set("scope", "openid")
	return form
}

func clientGrant() url.Values { return url.Values{"grant_type": {"client_credentials"}} }

// accessTokens sends tokens of all kinds to the example.
func (s *shop) accessTokens(app string) {
	user, client := s.token("robot", passwordGrant()), s.token("robot", clientGrant())
	reader := s.token("robot", url.Values{"grant_type": {"client_credentials"}, "scope": {"read:things"}})
	for _, row := range []struct {
		name, path, token string
		status            int
		challenge         string // part of it; "": there is none
	}{
		{"a user", "/api/me", user.Access, 200, ""},
		{"a user in a group", "/api/admin", user.Access, 200, ""},
		{"a client", "/api/me", client.Access, 200, ""},
		{"a client in no group", "/api/admin", client.Access, 403, ""},
		{"a client without a scope", "/api/machine", client.Access, 403, `error="insufficient_scope"`},
		{"a client with the scope", "/api/machine", reader.Access, 200, ""},
		{"a user's ID token", "/api/me", user.ID, 401, `error="invalid_token"`},
		{"a user's refresh token", "/api/me", user.Refresh, 401, `error="invalid_token"`},
		{"another audience, a user", "/api/me", s.token("stranger", passwordGrant()).Access, 401, `error="invalid_token"`},
		{"another audience, a client", "/api/me", s.token("stranger", clientGrant()).Access, 401, `error="invalid_token"`},
		{"a changed signature", "/api/me", user.Access[:len(user.Access)-8] + "AAAAAAAA", 401, `error="invalid_token"`},
	} {
		status, body, challenge := s.api(app, row.path, row.token)
		if status != row.status || (challenge == "") != (row.challenge == "") || !strings.Contains(challenge, row.challenge) {
			s.Errorf("%s: %d %v, challenge %q", row.name, status, body, challenge)
		}
	}
	if _, me, _ := s.api(app, "/api/me", user.Access); me["email"] != "alice@example.com" {
		s.Errorf("the user is %v", me)
	}
	if _, who, _ := s.api(app, "/api/machine", reader.Access); who["client_id"] != "robot" {
		s.Errorf("the client is %v", who)
	}
}

// kinds: an app distinguishes users from clients, and exchanges the token of a user for one with another scope.
func (s *shop) kinds(profile string) {
	server := s.apiApp(profile)
	user, client := s.token("robot", passwordGrant()), s.token("robot", clientGrant())
	people, machines := http.StatusForbidden, http.StatusOK // of a client
	if profile == "rfc9068" {                               // as docs/apis.md says, it cannot tell
		people, machines = machines, people
	}
	for _, row := range []struct {
		path, token string
		status      int
	}{
		{"/people", user.Access, 200}, {"/machines", user.Access, 403},
		{"/people", client.Access, people}, {"/machines", client.Access, machines}, {"/things", user.Access, 403},
	} {
		if status, body, _ := s.api(server, row.path, row.token); status != row.status {
			s.Errorf("%s: %d %v, want %d", row.path, status, body, row.status)
		}
	}
	status, body, _ := s.api(server, "/exchange", user.Access)
	token, _ := body["token"].(string)
	if status != http.StatusOK || token == "" {
		s.Fatalf("exchange: %d %v", status, body)
	}
	status, body, _ = s.api(server, "/things", token)
	if status != http.StatusOK || body["email"] != "alice@example.com" {
		s.Errorf("with the exchanged token: %d %v", status, body)
	}
}

// apiApp returns the URL of an app with routes for people and for machines.
func (s *shop) apiApp(profile string) string {
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	server := httptest.NewServer(engine)
	s.Cleanup(server.Close)
	auth, err := ginoidc.New(ginoidc.Config{
		Providers: []ginoidc.Provider{{
			Issuer: s.keycloak.URL + "/realms/" + s.name, ClientID: "robot", ClientSecret: "robot has a secret",
			Audience: shopAPI, AccessTokenProfile: profile,
		}},
		AppURL: server.URL, CookieSecrets: []string{rand.Text() + rand.Text()},
		Logger: slog.New(slog.NewTextHandler(s.Output(), nil)),
	})
	if err != nil {
		s.Fatal(err)
	}
	done := func(c *gin.Context) { c.JSON(http.StatusOK, gin.H{}) }
	engine.GET("/people", auth.RequirePerson(), done)
	engine.GET("/machines", auth.RequireMachine(), done)
	engine.GET("/things", auth.RequireScopes("read:things"), func(c *gin.Context) {
		user, _ := ginoidc.UserFrom(c)
		c.JSON(http.StatusOK, gin.H{"email": user.Email})
	})
	engine.GET("/exchange", auth.RequireAuth(), func(c *gin.Context) {
		token, err := auth.TokenFor(c, ginoidc.TokenRequest{Exchange: true, Scopes: []string{"read:things"}})
		if err != nil {
			auth.Deny(c, err)
			return
		}
		c.JSON(http.StatusOK, gin.H{"token": token.AccessToken})
	})
	return server.URL
}
