package main

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/ginoidctest"
)

// site is the app with its provider.
type site struct {
	*testing.T
	idp    *ginoidctest.Provider
	engine *gin.Engine
	auth   *ginoidc.Auth
}

func start(t *testing.T) *site {
	t.Helper()
	idp, err := ginoidctest.New(ginoidctest.Config{JWTAccessTokens: true})
	if err != nil {
		t.Fatal(err)
	}
	engine, auth, err := newApp(configFor(idp))
	if err != nil {
		t.Fatal(err)
	}
	return &site{t, idp, engine, auth}
}

func (s *site) signIn(subject string) *http.Client {
	s.Helper()
	return ginoidctest.SignIn(s, s.auth, s.engine, s.idp, subject)
}

// call sends a request with an access token, unless it is "".
func (s *site) call(client *http.Client, method, path, token string) (int, string) {
	s.Helper()
	r, err := http.NewRequest(method, path, nil)
	if err != nil {
		s.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := client.Do(r)
	if err != nil {
		s.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		s.Fatal(err)
	}
	return response.StatusCode, string(body)
}

// description is what the tests need of openapi.json.
type description struct {
	Paths map[string]map[string]struct {
		Security  []map[string][]string
		Responses map[string]any
	}
	Components struct {
		SecuritySchemes map[string]struct {
			OpenIDConnectURL string `json:"openIdConnectUrl"`
		}
	}
}

// TestDescription: the description has each route, with the ways to call it that its guard accepts, and no other.
func TestDescription(t *testing.T) {
	s := start(t)
	alice, nobody := s.signIn("alice"), s.signIn("bob")
	nobody.Jar = nil
	var d description
	_, text := s.call(alice, "GET", "/openapi.json", "")
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		t.Fatal(err)
	}
	var described []string
	for path, operations := range d.Paths {
		for method, operation := range operations {
			method = strings.ToUpper(method)
			described = append(described, method+" "+path)
			accepts := map[string]bool{}
			var scopes []string
			for _, way := range operation.Security {
				for scheme := range maps.Keys(way) {
					accepts[scheme], scopes = true, append(scopes, way[scheme]...)
				}
			}
			public := len(operation.Security) == 0
			if accepts["token"] != accepts["bearer"] {
				t.Errorf("%s %s: the token cannot be pasted", method, path)
			}
			for scheme, status := range map[string]int{
				"":        status(s.call(nobody, method, path, "")),
				"session": status(s.call(alice, method, path, "")),
				"token":   status(s.call(nobody, method, path, s.idp.AccessToken(t, "alice", appURL, scopes...))),
			} {
				if allowed := status == http.StatusOK; allowed != (public || accepts[scheme]) {
					t.Errorf("%s %s with %q: %d, described as %v", method, path, scheme, status, operation.Security)
				}
				if operation.Responses[strconv.Itoa(status)] == nil {
					t.Errorf("%s %s answers %d, which is not described", method, path, status)
				}
			}
			if len(scopes) > 0 && status(s.call(nobody, method, path, s.idp.AccessToken(t, "alice", appURL))) != 403 {
				t.Errorf("%s %s needs no scope", method, path)
			}
		}
	}
	var routes []string
	for _, route := range s.engine.Routes() {
		if strings.HasPrefix(route.Path, "/api/") || route.Path == "/healthz" {
			routes = append(routes, route.Method+" "+route.Path)
		}
	}
	slices.Sort(described)
	slices.Sort(routes)
	if !slices.Equal(described, routes) {
		t.Errorf("described are %q, routes are %q", described, routes)
	}
	const discovery = "/.well-known/openid-configuration"
	if at := d.Components.SecuritySchemes["token"].OpenIDConnectURL; at != s.idp.Issuer()+discovery {
		t.Errorf("the provider is at %s", at)
	}
}

func status(status int, _ string) int { return status }

// TestPage: the page and the description are for staff.
func TestPage(t *testing.T) {
	s := start(t)
	nobody := s.signIn("bob")
	nobody.Jar = nil
	for name, test := range map[string]struct {
		client *http.Client
		want   int
	}{"bob": {s.signIn("bob"), 200}, "carol": {s.signIn("carol"), 403}, "nobody": {nobody, 401}} {
		for _, path := range []string{"/docs/index.html", "/docs/swagger-ui.css", "/openapi.json"} {
			if status, body := s.call(test.client, "GET", path, ""); status != test.want {
				t.Errorf("%s %s: got %d, want %d: %.200s", name, path, status, test.want, body)
			}
		}
	}
	if _, page := s.call(s.signIn("bob"), "GET", "/docs/index.html", ""); !strings.Contains(page, "swagger-ui") {
		t.Error(page)
	}
}
