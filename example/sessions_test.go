package main

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/ginoidctest"
)

// sessionsOf returns a user's sessions as /api/sessions shows them.
func (a *app) sessionsOf(t *testing.T, client *http.Client) (list []map[string]any) {
	t.Helper()
	r := a.send(t, client, http.MethodGet, "/api/sessions", "")
	if err := json.Unmarshal([]byte(r.body), &list); err != nil || r.StatusCode != http.StatusOK {
		t.Fatalf("%d %s: %v", r.StatusCode, r.body, err)
	}
	return list
}

func signedIn(t *testing.T, a *app, client *http.Client) bool {
	t.Helper()
	return a.send(t, client, http.MethodGet, "/api/me", "").StatusCode == http.StatusOK
}

func TestSessions(t *testing.T) {
	a := newApp(t, localhost)
	desk, phone, bob := a.client(t, "alice"), a.client(t, "alice"), a.client(t, "bob")
	list := a.sessionsOf(t, desk)
	if len(list) != 2 {
		t.Fatalf("alice has %v", list)
	}
	current, others := "", ""
	for _, one := range list {
		id, _ := one["id"].(string)
		started, err := time.Parse(time.RFC3339, one["started"].(string))
		if len(one) != 3 || id == "" || err != nil || started.IsZero() {
			t.Errorf("a session is %v: %v", one, err)
		}
		if one["current"] == true {
			current = id
		} else {
			others = id
		}
	}
	if current == "" || others == "" {
		t.Fatalf("alice has %v", list)
	}
	end := func(client *http.Client, id string, header ...string) int {
		return a.send(t, client, http.MethodDelete, "/api/sessions/"+id, "", header...).StatusCode
	}
	if got := end(bob, others); got != http.StatusNotFound || !signedIn(t, a, phone) {
		t.Errorf("of another user: %d", got)
	}
	if got := end(desk, others, "Sec-Fetch-Site", "cross-site"); got != http.StatusForbidden || !signedIn(t, a, phone) {
		t.Errorf("from another site: %d", got)
	}
	if got := end(desk, "none"); got != http.StatusNotFound {
		t.Errorf("of nobody: %d", got)
	}
	if got := end(desk, others); got != http.StatusNoContent || signedIn(t, a, phone) || !signedIn(t, a, desk) {
		t.Errorf("the other one: %d", got)
	}
	if got := end(desk, others); got != http.StatusNotFound {
		t.Errorf("once more: %d", got)
	}
	if got := end(desk, current); got != http.StatusNoContent || signedIn(t, a, desk) || !signedIn(t, a, bob) {
		t.Errorf("one's own: %d", got)
	}
	if got := end(desk, current); got != http.StatusUnauthorized {
		t.Errorf("signed out: %d", got)
	}
}

func TestEndUserSessions(t *testing.T) {
	a := newApp(t, localhost)
	desk, phone, bob := a.client(t, "alice"), a.client(t, "alice"), a.client(t, "bob")
	out := func(header ...string) int {
		return a.send(t, desk, http.MethodPost, "/api/sign-out-everywhere", "", header...).StatusCode
	}
	if got := out("Origin", "https://evil.example"); got != http.StatusForbidden || !signedIn(t, a, phone) {
		t.Errorf("from another site: %d", got)
	}
	if got := out("Origin", localhost); got != http.StatusNoContent || signedIn(t, a, desk) || signedIn(t, a, phone) ||
		!signedIn(t, a, bob) {
		t.Errorf("everywhere: %d", got)
	}
	if got := out(); got != http.StatusUnauthorized {
		t.Errorf("signed out: %d", got)
	}
}

// A user is issuer and subject: alice of one provider neither sees nor ends the sessions of alice of another.
func TestSessionsOfSeveralProviders(t *testing.T) {
	a := newAppUntil(t, t.Context(), localhost, func(c *ginoidc.Config) {
		two := c.Providers[0]
		c.Providers[0].Name, two.Name, two.Issuer = "one", "two", "https://two.example"
		c.Providers = append(c.Providers, two)
	})
	one := ginoidctest.SignInAs(t, a.auth, a.engine, ginoidc.User{Provider: "one", Subject: "alice"})
	two := ginoidctest.SignInAs(t, a.auth, a.engine, ginoidc.User{Provider: "two", Subject: "alice"})
	if len(a.sessionsOf(t, one)) != 1 || len(a.sessionsOf(t, two)) != 1 {
		t.Errorf("one has %v, two has %v", a.sessionsOf(t, one), a.sessionsOf(t, two))
	}
	r := a.send(t, one, http.MethodPost, "/api/sign-out-everywhere", "")
	if r.StatusCode != http.StatusNoContent || signedIn(t, a, one) || !signedIn(t, a, two) {
		t.Errorf("%d: signed in are one %t, two %t", r.StatusCode, signedIn(t, a, one), signedIn(t, a, two))
	}
}
