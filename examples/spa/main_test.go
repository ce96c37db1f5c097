package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/ginoidctest"
)

// site is the app with its provider and the calendar.
type site struct {
	*testing.T
	idp    *ginoidctest.Provider
	engine *gin.Engine
	auth   *ginoidc.Auth
}

func start(t *testing.T) *site {
	t.Helper()
	idp, err := ginoidctest.New(ginoidctest.Config{JWTAccessTokens: true, AlwaysRefreshToken: true})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(nil)
	calendarURL := &url.URL{Scheme: "http", Host: server.Listener.Addr().String(), Path: "/"}
	if server.Config.Handler, err = newCalendar(idp, calendarURL.String()); err != nil {
		t.Fatal(err)
	}
	server.Start()
	t.Cleanup(server.Close)
	engine, auth, err := newApp(configFor(idp, calendarURL.String()), calendarURL)
	if err != nil {
		t.Fatal(err)
	}
	return &site{t, idp, engine, auth}
}

func (s *site) signIn(subject string) *http.Client {
	s.Helper()
	return ginoidctest.SignIn(s, s.auth, s.engine, s.idp, subject)
}

// fetch sends a request as a script of the page does.
func (s *site) fetch(client *http.Client, method, path, body string, header ...string) (int, string) {
	s.Helper()
	r, err := http.NewRequest(method, path, strings.NewReader(body))
	if err != nil {
		s.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	response, err := client.Do(r)
	if err != nil {
		s.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		s.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// TestAPI: scripts of a signed-in user get what is theirs, by cookie alone. Other sites change nothing.
func TestAPI(t *testing.T) {
	s := start(t)
	alice, bob := s.signIn("alice"), s.signIn("bob")
	nobody := s.signIn("carol")
	nobody.Jar = nil
	for _, step := range []struct {
		name         string
		client       *http.Client
		method, path string
		body, site   string
		status       int
		want         string
	}{
		{"nobody", nobody, "GET", "/api/notes", "", "same-origin", 401, `"sign_in_url":`},
		{"nobody at the calendar", nobody, "GET", "/api/events", "", "same-origin", 401, `"unauthorized"`},
		{"add", alice, "POST", "/api/notes", `{"text":"milk"}`, "same-origin", 204, ""},
		{"too long", alice, "POST", "/api/notes", `{"text":"` + strings.Repeat("a", 201) + `"}`, "same-origin", 400,
			"invalid_note"},
		{"another site", alice, "POST", "/api/notes", `{"text":"spam"}`, "cross-site", 403, "cross_origin"},
		{"own notes", alice, "GET", "/api/notes", "", "same-origin", 200, `["milk"]`},
		{"notes of others", bob, "GET", "/api/notes", "", "same-origin", 200, `[]`},
		{"calendar", alice, "GET", "/api/events", "", "same-origin", 200,
			`{"cookies":0,"events":["lunch with alice"]}`},
		{"another route of the calendar", alice, "GET", "/api/admin", "", "same-origin", 404, ""},
	} {
		status, body := s.fetch(step.client, step.method, step.path, step.body, "Sec-Fetch-Site", step.site)
		if status != step.status || !strings.Contains(body, step.want) {
			t.Errorf("%s: got %d %s, want %d %s", step.name, status, body, step.status, step.want)
		}
	}
}

// TestPage: the page needs nothing but files of the app, and no file has a token.
func TestPage(t *testing.T) {
	s := start(t)
	alice := s.signIn("alice")
	for path, want := range map[string]string{
		"/": `<script type="module" src="/app.js"></script>`, "/app.js": `from "/auth/client.js"`,
		"/auth/client.js": "export", "/auth/userinfo": `"sub":"alice"`,
	} {
		if status, body := s.fetch(alice, "GET", path, ""); status != 200 || !strings.Contains(body, want) ||
			strings.Contains(body, "eyJ") {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
}
