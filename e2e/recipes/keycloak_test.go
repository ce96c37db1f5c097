package recipes_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/e2e/start"
)

func TestKeycloak(t *testing.T) {
	keycloak, example := start.RunKeycloak(t), start.BuildExample(t)
	for name, run := range map[string]func(*shop){
		"groups":                   groups,
		"full paths":               fullPaths,
		"roles":                    roles,
		"organizations":            organizations,
		"sign-out":                 signOut,
		"sign-out without hint":    signOutWithoutHint,
		"sign-out at the provider": signOutAtKeycloak,
		"front channel":            frontChannel,
		"refresh":                  refresh,
		"new keys":                 newKeys,
		"pushed requests":          pushedRequests,
		"response modes":           responseModes,
		"a key for a secret":       clientKey,
		"DPoP":                     proofs,
		"offline":                  offline,
		"re-checks":                rechecks,
	} {
		t.Run(name, func(t *testing.T) {
			port := start.FreePort(t)
			run(&shop{T: t, keycloak: keycloak, example: example, port: port, realm: realmFile(t, "http://localhost:"+port)})
		})
	}
}

// shop is an app with its own realm.
type shop struct {
	*testing.T
	keycloak start.Keycloak
	example  start.Example
	port     string
	realm    map[string]any // as realm.json has it, and as a test changes it
	name     string         // of the realm, once there is one
}

// realmFile returns realm.json for the app at a URL.
func realmFile(t *testing.T, app string) map[string]any {
	t.Helper()
	text, err := os.ReadFile("realm.json")
	if err != nil {
		t.Fatal(err)
	}
	var realm map[string]any
	if err := json.Unmarshal(bytes.ReplaceAll(text, []byte("http://localhost:8080"), []byte(app)), &realm); err != nil {
		t.Fatal(err)
	}
	return realm
}

// client returns the only client of the realm, and attributes its attributes.
func (s *shop) client() map[string]any { return s.realm["clients"].([]any)[0].(map[string]any) }

func (s *shop) attributes() map[string]any { return s.client()["attributes"].(map[string]any) }

// open creates the realm, starts the app and returns a person at it.
func (s *shop) open(env ...string) person {
	s.Helper()
	s.name = "shop-" + s.port
	s.realm["realm"] = s.name
	s.keycloak.Admin(s, http.MethodPost, "", s.realm, nil)
	client := s.client()
	p := start.Provider{Issuer: s.keycloak.URL + "/realms/" + s.name, ClientID: client["clientId"].(string),
		ClientSecret: client["secret"].(string)}
	return somebody(s.T, runApp(s.T, s.example, s.port, p, "keycloak.md", "# Keycloak", env...), p)
}

// admin calls the admin API for the realm.
func (s *shop) admin(method, path string, body, answer any) {
	s.Helper()
	s.keycloak.Admin(s, method, "/"+s.name+path, body, answer)
}

func as(who string) url.Values {
	return url.Values{"username": {who}, "password": {who + "'s password"}}
}

func groups(s *shop) {
	alice := s.open()
	alice.signIn(as("alice"))
	alice.is("alice@example.com", "admin", "audit")
	alice.may("/api/admin", http.StatusOK)
	alice.may("/api/auditors", http.StatusOK)
	bob := somebody(s.T, alice.app, alice.provider)
	bob.signIn(as("bob"))
	bob.is("bob@example.com", "staff")
	bob.may("/api/admin", http.StatusForbidden)
}

// fullPaths are what an unmodified mapper from the console sends.
func fullPaths(s *shop) {
	mapper := s.client()["protocolMappers"].([]any)[0].(map[string]any)
	mapper["config"].(map[string]any)["full.path"] = "true"
	alice := s.open()
	alice.signIn(as("alice"))
	alice.is("alice@example.com", "/admin", "/staff/audit")
	alice.may("/api/admin", http.StatusForbidden)
}

// roles are in no ID token until the mappers are configured for it.
func roles(s *shop) {
	alice := s.open("OIDC_GROUPS_CLAIM=realm_access.roles", "OIDC_ORGANIZATIONS_CLAIM=resource_access.shop.roles")
	alice.signIn(as("alice"))
	alice.is("alice@example.com")

	s.mappers("roles", []string{"realm roles", "client roles"}, map[string]any{"id.token.claim": "true"})
	alice = somebody(s.T, alice.app, alice.provider)
	alice.signIn(as("alice"))
	var me struct{ Groups, Organizations []string }
	if err := json.Unmarshal([]byte(alice.may("/api/me", http.StatusOK)), &me); err != nil {
		s.Fatal(err)
	}
	if !slices.Contains(me.Groups, "manager") || !slices.Equal(me.Organizations, []string{"buyer"}) {
		s.Errorf("realm roles %q, client roles %q; want manager among them, and buyer", me.Groups, me.Organizations)
	}
}

// mappers changes settings of some mappers of a client scope.
func (s *shop) mappers(scope string, names []string, change map[string]any) {
	s.Helper()
	var scopes []struct {
		ID, Name        string
		ProtocolMappers []map[string]any
	}
	s.admin(http.MethodGet, "/client-scopes", nil, &scopes)
	for _, found := range scopes {
		for _, mapper := range found.ProtocolMappers {
			if found.Name == scope && slices.Contains(names, mapper["name"].(string)) {
				maps.Copy(mapper["config"].(map[string]any), change)
				s.admin(http.MethodPut, "/client-scopes/"+found.ID+"/protocol-mappers/models/"+mapper["id"].(string), mapper, nil)
			}
		}
	}
}

// organizations are sent as a list of aliases, or as an object with the aliases as keys.
func organizations(s *shop) {
	s.realm["organizationsEnabled"] = true
	s.realm["organizations"] = []any{map[string]any{
		"name": "Acme", "alias": "acme", "enabled": true, "domains": []any{map[string]any{"name": "acme.example"}},
		"members": []any{map[string]any{"username": "alice", "membershipType": "UNMANAGED"}},
	}}
	settings := []string{"OIDC_SCOPES=openid profile email organization:*", "OIDC_ORGANIZATIONS_CLAIM=organization"}
	alice := s.open(settings...)
	alice.signIn(as("alice"))
	alice.may("/api/orgs/acme/projects", http.StatusOK)
	alice.may("/api/orgs/globex/projects", http.StatusForbidden)
	bob := somebody(s.T, alice.app, alice.provider)
	bob.signIn(as("bob"))
	bob.may("/api/orgs/acme/projects", http.StatusForbidden)

	s.mappers("organization", []string{"organization"},
		map[string]any{"addOrganizationId": "true", "jsonType.label": "JSON"})
	alice.app.Stop(s)
	alice = somebody(s.T,
		runApp(s.T, s.example, s.port, alice.provider, "keycloak.md", "# Keycloak",
			append(settings, "OIDC_ORGANIZATIONS_FORMAT=keys")...),
		alice.provider)
	alice.signIn(as("alice"))
	alice.may("/api/orgs/acme/projects", http.StatusOK)
	alice.may("/api/orgs/globex/projects", http.StatusForbidden)
}

func (p person) endSession() string { return p.provider.Issuer + "/protocol/openid-connect/logout" }

// signOut also ends the session at Keycloak, without confirmation.
func signOut(s *shop) {
	alice := s.open("OIDC_KEEP_ID_TOKEN=true")
	alice.signIn(as("alice"))
	alice.home(alice.signOut())
	if sent := alice.Sent(alice.endSession()); !sent.Has("id_token_hint") || !sent.Has("state") {
		s.Errorf("sent to Keycloak %v", sent)
	}
	alice.nobody()
	alice.asked(alice.Open(alice.app.URL + "/auth/signin"))
}

// signOutWithoutHint makes Keycloak ask for confirmation.
func signOutWithoutHint(s *shop) {
	alice := s.open("OIDC_KEEP_ID_TOKEN=false")
	alice.signIn(as("alice"))
	question := alice.signOut()
	if !strings.HasPrefix(question.At.String(), alice.endSession()) ||
		!strings.Contains(question.Text, "Do you want to log out?") {
		s.Fatalf("%d %s\n%s", question.Status, question.At, question.Text)
	}
	alice.nobody()
	alice.home(alice.Submit(question, url.Values{"confirmLogout": {"Logout"}}))
	alice.asked(alice.Open(alice.app.URL + "/auth/signin"))
}

// signOutAtKeycloak: another browser of the same person stays signed in, and so does the other person.
func signOutAtKeycloak(s *shop) {
	office := s.open()
	home, bob := somebody(s.T, office.app, office.provider), somebody(s.T, office.app, office.provider)
	office.signIn(as("alice"))
	home.signIn(as("alice"))
	bob.signIn(as("bob"))
	office.Submit(office.Open(office.endSession()), url.Values{"confirmLogout": {"Logout"}})
	office.nobody()
	home.is("alice@example.com", "admin", "audit")
	bob.is("bob@example.com", "staff")

	var users []struct{ ID string }
	s.admin(http.MethodGet, "/users?username=alice", nil, &users)
	s.admin(http.MethodPost, "/users/"+users[0].ID+"/logout", nil, nil)
	home.nobody()
	bob.is("bob@example.com", "staff")
	office.signIn(as("alice"))
	office.is("alice@example.com", "admin", "audit")
}

// frontChannel is enabled in a client created in the console, and Keycloak then posts no logout token.
func frontChannel(s *shop) {
	s.client()["frontchannelLogout"] = true
	s.hearsNothing()
}

// offline: Keycloak sends no logout token for an offline session.
func offline(s *shop) {
	s.realm["users"].([]any)[0].(map[string]any)["realmRoles"] = []any{"manager", "offline_access"}
	s.hearsNothing("OIDC_SCOPES=openid profile email offline_access")
}

// hearsNothing: a user who signs out at Keycloak stays signed in at the app. Keycloak would post before it responds.
func (s *shop) hearsNothing(env ...string) {
	s.Helper()
	alice := s.open(env...)
	alice.signIn(as("alice"))
	alice.Submit(alice.Open(alice.endSession()), url.Values{"confirmLogout": {"Logout"}})
	alice.is("alice@example.com", "admin", "audit")
	if out := alice.app.Output(); strings.Contains(out, "backchannel-logout") {
		s.Errorf("Keycloak notified the app:\n%s", out)
	}
	alice.asked(alice.Open(alice.app.URL + "/auth/signin?prompt=login"))
}

// refresh needs no offline_access.
func refresh(s *shop) {
	s.realm["revokeRefreshToken"] = true // each is good once
	s.realm["refreshTokenMaxReuse"] = 0
	s.attributes()["access.token.lifespan"] = "5" // so that each use is a refresh
	alice := s.open("OIDC_KEEP_TOKENS=true")
	alice.signIn(as("alice"))
	for range 3 {
		alice.upstream("alice@example.com")
	}
	alice.is("alice@example.com", "admin", "audit")

	var users []struct{ ID string }
	s.admin(http.MethodGet, "/users?username=alice", nil, &users)
	s.admin(http.MethodPut, "/users/"+users[0].ID, map[string]any{"enabled": false}, nil)
	alice.may("/api/upstream", http.StatusUnauthorized)
	alice.nobody()
}

// newKeys: keys are rotated while people are signed in, twice within a minute, and the first is withdrawn. The app
// fetches keys at most once a minute, so it knows only the first new one.
func newKeys(s *shop) {
	s.attributes()["access.token.lifespan"] = "5"
	alice := s.open("OIDC_KEEP_TOKENS=true")
	alice.signIn(as("alice"))
	alice.upstream("alice@example.com")
	bob := somebody(s.T, alice.app, alice.provider)
	for _, priority := range []string{"200", "300"} {
		s.admin(http.MethodPost, "/components", map[string]any{
			"name": "rsa-" + priority, "providerId": "rsa-generated", "providerType": "org.keycloak.keys.KeyProvider",
			"config": map[string]any{"priority": []string{priority}},
		}, nil)
		alice.upstream("alice@example.com")
		alice.is("alice@example.com", "admin", "audit")
		if priority == "200" {
			bob.signIn(as("bob"))
		}
	}
	var components []struct{ ID, Name string }
	s.admin(http.MethodGet, "/components?type=org.keycloak.keys.KeyProvider", nil, &components)
	for _, c := range components {
		if c.Name == "rsa-generated" {
			s.admin(http.MethodDelete, "/components/"+c.ID, nil, nil)
		}
	}
	alice.upstream("alice@example.com")
	alice.is("alice@example.com", "admin", "audit")
}

// pushedRequests: the metadata does not say that a single client must push.
func pushedRequests(s *shop) {
	s.attributes()["require.pushed.authorization.requests"] = "true"
	alice := s.open()
	if shown := alice.Open(alice.app.URL + "/auth/signin"); strings.Contains(shown.Text, `name="password"`) {
		s.Error("Keycloak takes a request that was not pushed")
	}
	alice.app.Stop(s)
	alice.app = runApp(s.T, s.example, s.port, alice.provider, "keycloak.md", "# Keycloak", "OIDC_USE_PAR=true")
	alice.signIn(as("alice"))
	alice.is("alice@example.com", "admin", "audit")
	if sent := alice.Sent(alice.provider.Issuer + "/protocol/openid-connect/auth"); !sent.Has("request_uri") ||
		sent.Has("scope") {
		s.Errorf("through the browser: %v", sent)
	}
}

func responseModes(s *shop) {
	alice := s.open("OIDC_RESPONSE_MODE=form_post")
	for _, mode := range []string{"form_post", "query.jwt", "form_post.jwt"} {
		alice.app.Stop(s)
		alice = somebody(s.T,
			runApp(s.T, s.example, s.port, alice.provider, "keycloak.md", "# Keycloak",
				"OIDC_RESPONSE_MODE="+mode), alice.provider)
		answer := alice.Submit(alice.asked(alice.Open(alice.app.URL+"/auth/signin")), as("alice"))
		if strings.HasPrefix(mode, "form_post") {
			answer = alice.Submit(answer, nil)
		}
		alice.home(answer)
		alice.is("alice@example.com", "admin", "audit")
	}
}

func clientKey(s *shop) {
	file := filepath.Join(s.TempDir(), "client.pem")
	keys := exec.CommandContext(s.Context(), "go", "run", "github.com/seed-d65cea4d/ginoidc/cmd/ginoidc",
		"keys", "-new", file)
	jwks, err := keys.Output()
	if err != nil {
		s.Fatalf("%s: %v", keys, err)
	}
	s.client()["clientAuthenticatorType"] = "client-jwt"
	s.attributes()["token.endpoint.auth.signing.alg"] = "ES256"
	s.attributes()["access.token.lifespan"] = "5"
	alice := s.open("OIDC_CLIENT_SECRET=", "OIDC_CLIENT_AUTH_METHOD=private_key_jwt", "OIDC_CLIENT_KEY_FILE="+file,
		"OIDC_KEEP_TOKENS=true")
	var clients []struct{ ID string }
	s.admin(http.MethodGet, "/clients?clientId=shop", nil, &clients)
	s.keycloak.Upload(s, "/"+s.name+"/clients/"+clients[0].ID+"/certificates/jwt.credential/upload-certificate",
		map[string]string{"keystoreFormat": "JSON Web Key Set"}, jwks)
	alice.signIn(as("alice"))
	alice.upstream("alice@example.com")
	alice.is("alice@example.com", "admin", "audit")
}

// proofs bind access tokens and refresh tokens to a key of the session.
func proofs(s *shop) {
	s.attributes()["dpop.bound.access.tokens"] = "true"
	s.attributes()["access.token.lifespan"] = "5"
	alice := s.open("OIDC_DPOP=true", "OIDC_KEEP_TOKENS=true")
	alice.signIn(as("alice"))
	for range 2 {
		alice.upstream("alice@example.com")
	}
	alice.is("alice@example.com", "admin", "audit")
}
