package main

import (
	"io"
	"net/http"
	"net/url"
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
	idp, err := ginoidctest.New(ginoidctest.Config{Users: users()})
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

// read returns the status and the body of a response, which may be to a form.
func (s *site) read(response *http.Response, err error) (int, string) {
	s.Helper()
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

// TestTenantsAreApart: members see and change the projects of their organization, administrators delete them, and
// nobody sees those of another one.
func TestTenantsAreApart(t *testing.T) {
	s := start(t)
	alice, bob, carol := s.signIn("alice"), s.signIn("bob"), s.signIn("carol")
	for _, step := range []struct {
		name   string
		client *http.Client
		path   string
		form   url.Values // nil: GET
		status int
	}{
		{"a member adds", bob, "/t/acme/projects", url.Values{"name": {"Rocket <skates>"}}, 303},
		{"no name", bob, "/t/acme/projects", url.Values{"name": {" "}}, 400},
		{"another tenant", carol, "/t/acme", nil, 403},
		{"another tenant adds", carol, "/t/acme/projects", url.Values{"name": {"Spy"}}, 403},
		{"the tenant of a form does not count", carol, "/t/acme/projects",
			url.Values{"org": {"globex"}, "name": {"Spy"}}, 403},
		{"no such tenant", alice, "/t/initech", nil, 403},
		{"a member deletes", bob, "/t/acme/projects/delete", url.Values{"name": {"Rocket <skates>"}}, 403},
		{"another administrator deletes", carol, "/t/acme/projects/delete", url.Values{"name": {"x"}}, 403},
	} {
		response, err := step.client.Get(step.path)
		if step.form != nil {
			_, _ = s.read(response, err)
			response, err = step.client.PostForm(step.path, step.form)
		}
		if status, body := s.read(response, err); status != step.status {
			t.Errorf("%s: got %d, want %d: %s", step.name, status, step.status, body)
		}
	}
	if _, page := s.read(bob.Get("/t/acme")); !strings.Contains(page, "Rocket &lt;skates&gt;") ||
		strings.Contains(page, "Spy") || strings.Contains(page, "Delete") {
		t.Error(page)
	}
	if _, page := s.read(alice.Get("/t/acme")); !strings.Contains(page, "Delete") {
		t.Error(page)
	}
	if _, page := s.read(carol.Get("/t/globex")); !strings.Contains(page, "no projects yet") {
		t.Error(page)
	}
	form := url.Values{"name": {"Rocket <skates>"}}
	if status, _ := s.read(alice.PostForm("/t/acme/projects/delete", form)); status != 303 {
		t.Errorf("the administrator deletes: %d", status)
	}
	if _, page := s.read(bob.Get("/t/acme")); !strings.Contains(page, "no projects yet") {
		t.Error(page)
	}
}

// TestHome: the public page links to the organizations of a user, or to the sign-in, and signs out.
func TestHome(t *testing.T) {
	s := start(t)
	alice := s.signIn("alice")
	if _, page := s.read(alice.Get("/")); !strings.Contains(page, `<a href="/t/acme">acme</a>`) ||
		strings.Contains(page, "globex") || !strings.Contains(page, "/auth/signout") {
		t.Error(page)
	}
	alice.Jar = nil
	if _, page := s.read(alice.Get("/")); !strings.Contains(page, "/auth/signin?return_to=") ||
		strings.Contains(page, "Sign out") {
		t.Error(page)
	}
}

// TestOpenRoutes: only the home page is public.
func TestOpenRoutes(t *testing.T) {
	s := start(t)
	if open := ginoidctest.OpenRoutes(s.engine, "/"); len(open) > 0 {
		t.Errorf("without a guard: %q", open)
	}
}
