package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/ginoidctest"
)

// The upstream service is the provider's userinfo endpoint, which accepts only the user's own token.
func TestUpstream(t *testing.T) {
	provider, stop, err := ginoidctest.Listen(ginoidctest.Config{AlwaysRefreshToken: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	config := ginoidc.Config{
		Providers: []ginoidc.Provider{{Issuer: provider.Issuer(), ClientID: "app", ClientSecret: "secret"}},
		AppURL:    localhost, CookieSecrets: []string{secret},
		KeepTokens: true,
	}
	a := &app{url: localhost, provider: provider, log: &logText{}}
	config.Logger = a.logger()
	auth, err := ginoidc.New(config)
	if err != nil {
		t.Fatal(err)
	}
	a.auth = auth
	if a.engine, err = newEngine(t.Context(), auth, config, config.Logger); err != nil {
		t.Fatal(err)
	}
	client := a.client(t, "")
	if r := a.send(t, client, http.MethodGet, "/api/upstream", ""); r.StatusCode != http.StatusUnauthorized {
		t.Errorf("signed out: %d", r.StatusCode)
	}
	callback, err := provider.Approve(a.navigate(t, client, "/auth/signin").Header.Get("Location"), "bob")
	if err != nil {
		t.Fatal(err)
	}
	a.navigate(t, client, callback)
	var claims map[string]any
	if r := a.send(t, client, http.MethodGet, "/api/upstream", ""); r.StatusCode != http.StatusOK ||
		json.Unmarshal([]byte(r.body), &claims) != nil || claims["sub"] != "bob" {
		t.Errorf("%d %s", r.StatusCode, r.body)
	}
	// A session without tokens.
	if r := a.send(t, a.client(t, "alice"), http.MethodGet, "/api/upstream", ""); r.StatusCode != http.StatusUnauthorized {
		t.Errorf("without a token: %d %s", r.StatusCode, r.body)
	}
	// The status of an error is passed on and logged.
	for status, want := range map[int]int{418: 418, 401: 401, 503: 503, 204: 502, 302: 502} {
		provider.Intercept(t, "/userinfo", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
		r := a.send(t, client, http.MethodGet, "/api/upstream", "")
		told := strings.Contains(r.body, fmt.Sprintf(`"status":%d`, status))
		logged := strings.Contains(a.log.String(), fmt.Sprintf("msg=upstream status=%d", status))
		if r.StatusCode != want || status != 302 && (!told || !logged) {
			t.Errorf("an upstream that answers %d: %d %s\n%s", status, r.StatusCode, r.body, a.log)
		}
	}
	if r := newApp(t, localhost); r.send(t, r.client(t, "alice"), http.MethodGet, "/api/upstream",
		"").StatusCode != http.StatusNotFound {
		t.Error("a route for tokens that are not kept")
	}
}
