package main

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"
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
