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

// site is the app with its providers.
type site struct {
	*testing.T
	idps   map[string]*ginoidctest.Provider
	engine *gin.Engine
	auth   *ginoidc.Auth
}

func start(t *testing.T) *site {
	t.Helper()
	idps := map[string]*ginoidctest.Provider{}
	for name, users := range users() {
		idp, err := ginoidctest.New(ginoidctest.Config{Issuer: "https://" + name + ".idp.example", Users: users})
		if err != nil {
			t.Fatal(err)
		}
		idps[name] = idp
	}
	engine, auth, err := newApp(configFor(idps))
	if err != nil {
		t.Fatal(err)
	}
	return &site{t, idps, engine, auth}
}

func (s *site) get(client *http.Client, address string) (status int, body, location string) {
	s.Helper()
	response, err := client.Get(address)
	if err != nil {
		s.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		s.Fatal(err)
	}
	return response.StatusCode, string(text), response.Header.Get("Location")
}

// stranger returns a client that is not signed in.
func (s *site) stranger() *http.Client {
	s.Helper()
	client := ginoidctest.SignInAs(s, s.auth.ForProvider("social"), s.engine, ginoidc.User{Subject: "x"})
	s.signOut(client)
	return client
}

func (s *site) signOut(client *http.Client) {
	s.Helper()
	response, err := client.Post("/sign-out-everywhere", "", nil)
	if err != nil {
		s.Fatal(err)
	}
	_ = response.Body.Close()
}

// signIn signs in with one of the providers.
func (s *site) signIn(provider, subject string) *http.Client {
	s.Helper()
	link, err := s.auth.SignInURLWith("/", url.Values{"provider": {provider}})
	if err != nil {
		s.Fatal(err)
	}
	client := s.stranger()
	_, _, authorization := s.get(client, link)
	callback, err := s.idps[provider].Approve(authorization, subject)
	if err != nil {
		s.Fatal(err)
	}
	if status, body, _ := s.get(client, callback); status != http.StatusSeeOther {
		s.Fatalf("%d %s", status, body)
	}
	return client
}

// TestGuards: what a user may do depends on the provider that says so.
func TestGuards(t *testing.T) {
	s := start(t)
	clients := map[string]*http.Client{
		"alice of social": s.signIn("social", "alice"), "mallory of social": s.signIn("social", "mallory"),
		"alice of staff": s.signIn("staff", "alice"), "bob of staff": s.signIn("staff", "bob"),
		"alice of acme": s.signIn("acme", "alice"), "dora of acme": s.signIn("acme", "dora"),
	}
	for path, allowed := range map[string]string{
		"/":       "alice of social, mallory of social, alice of staff, bob of staff, alice of acme, dora of acme",
		"/orders": "alice of social, mallory of social, alice of acme, dora of acme",
		"/admin":  "alice of staff",
		"/acme":   "alice of acme",
	} {
		for name, client := range clients {
			want := http.StatusForbidden
			if strings.Contains(allowed, name) {
				want = http.StatusOK
			}
			if status, body, _ := s.get(client, path); status != want {
				t.Errorf("%s, %s: got %d, want %d: %s", path, name, status, want, body)
			}
		}
	}
	s.signOut(clients["alice of staff"])
	for name, want := range map[string]int{"alice of staff": 401, "alice of acme": 200, "alice of social": 200} {
		if status, _, _ := s.get(clients[name], "/"); status != want {
			t.Errorf("%s after the sign-out of alice of staff: got %d, want %d", name, status, want)
		}
	}
}

// TestChoice: the selection page lists who everybody may see, and an address leads to the customer's provider.
func TestChoice(t *testing.T) {
	s := start(t)
	status, page, _ := s.get(s.stranger(), s.auth.SignInURL("/"))
	if status != http.StatusOK || !strings.Contains(page, "Social site") || !strings.Contains(page, "Staff") ||
		strings.Contains(page, "Acme") {
		t.Errorf("%d %s", status, page)
	}
	for address, want := range map[string]string{
		"dora@acme.example": s.idps["acme"].Issuer() + "/", "x@elsewhere.example": "", // the page again
	} {
		response, err := s.stranger().PostForm(s.auth.SignInURL("/"), url.Values{"email": {address}})
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if location := response.Header.Get("Location"); !strings.HasPrefix(location, want) || want == "" && location != "" {
			t.Errorf("%s: %s to %q, want %s", address, response.Status, location, want)
		}
	}
}
