package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/ginoidctest"
)

const testKey = "key of the test"

func start(t *testing.T) (http.Handler, *ginoidctest.Provider) {
	t.Helper()
	idp, err := ginoidctest.New(ginoidctest.Config{JWTAccessTokens: true})
	if err != nil {
		t.Fatal(err)
	}
	app, err := newApp(configFor(idp, testKey))
	if err != nil {
		t.Fatal(err)
	}
	return app, idp
}

func call(app http.Handler, method, path string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, appURL+path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	app.ServeHTTP(w, r)
	return w
}

// TestGuards: each guard allows those it should, and no one else.
func TestGuards(t *testing.T) {
	app, idp := start(t)
	token := func(subject, audience string, scopes ...string) []string {
		return []string{"Authorization", "Bearer " + idp.AccessToken(t, subject, audience, scopes...)}
	}
	user := token("alice", resource, "orders:read", "orders:write", "reports:write")
	machine := token("", resource, "orders:read", "orders:write", "reports:write")
	few := token("alice", resource, "profile")
	elsewhere := token("alice", "https://other.example", "orders:read")
	key, wrongKey := []string{"X-API-Key", testKey}, []string{"X-API-Key", "guess"}
	for _, test := range []struct {
		name, method, path string
		header             []string
		status             int
	}{
		{"nobody", "GET", "/api/orders", nil, 401},
		{"a user", "GET", "/api/orders", user, 200},
		{"a machine", "GET", "/api/orders", machine, 200},
		{"a token without the scope", "GET", "/api/orders", few, 403},
		{"a token for another API", "GET", "/api/orders", elsewhere, 401},
		{"no token at all", "GET", "/api/orders", []string{"Authorization", "Bearer x"}, 401},
		{"a user orders", "POST", "/api/orders", user, 200},
		{"a machine orders", "POST", "/api/orders", machine, 403},
		{"a user reports", "POST", "/api/reports", user, 403},
		{"a machine reports", "POST", "/api/reports", machine, 200},
		{"the key", "POST", "/api/import", key, 200},
		{"another key", "POST", "/api/import", wrongKey, 401},
		{"the key reads orders", "GET", "/api/orders", key, 403},
		{"a user imports", "POST", "/api/import", user, 403},
	} {
		if w := call(app, test.method, test.path, test.header...); w.Code != test.status {
			t.Errorf("%s: got %d, want %d: %s", test.name, w.Code, test.status, w.Body)
		}
	}
}

// TestClientCredentials: a client finds the provider, gets a token with its own credentials, and is known by it.
func TestClientCredentials(t *testing.T) {
	app, idp := start(t)
	challenge := call(app, "GET", "/api/orders", "Authorization", "Bearer x").Header().Get("WWW-Authenticate")
	var metadata struct {
		Resource string   `json:"resource"`
		Servers  []string `json:"authorization_servers"`
	}
	document := call(app, "GET", "/.well-known/oauth-protected-resource/api")
	if err := json.Unmarshal(document.Body.Bytes(), &metadata); err != nil {
		t.Fatal(err)
	}
	if metadata.Resource != resource || len(metadata.Servers) != 1 || metadata.Servers[0] != idp.Issuer() ||
		!strings.Contains(challenge, appURL+"/.well-known/oauth-protected-resource/api") {
		t.Errorf("%+v, challenge %s", metadata, challenge)
	}
	form := url.Values{"grant_type": {"client_credentials"}, "resource": {resource}, "scope": {"orders:read"}}
	r := httptest.NewRequest(http.MethodPost, metadata.Servers[0]+"/token", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth("app", "secret")
	w := httptest.NewRecorder()
	idp.ServeHTTP(w, r)
	var issued struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &issued); err != nil || issued.AccessToken == "" {
		t.Fatalf("%v: %s", err, w.Body)
	}
	me := call(app, "GET", "/api/me", "Authorization", "Bearer "+issued.AccessToken)
	if got, want := me.Body.String(), `{"client":"app","machine":true,"scopes":["orders:read"],"sub":"app"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
