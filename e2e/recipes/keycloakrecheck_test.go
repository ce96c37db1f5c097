package recipes_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc/e2e/start"
)

// recheckEvery is short enough for a test, and long enough to see that a change is not effective at once.
const recheckEvery = 3 * time.Second

// rechecks: Keycloak calls nobody, and yet a group that is taken away, a user who is disabled and "Sign out all
// sessions" are effective within RecheckEvery. With refresh tokens the new ID token says so, and without them userinfo.
func rechecks(s *shop) {
	for _, refreshTokens := range []string{"true", "false"} {
		s.Run(map[string]string{"true": "refresh", "false": "userinfo"}[refreshTokens], func(t *testing.T) {
			own := *s
			own.T, own.port = t, start.FreePort(t)
			own.realm = realmFile(t, "http://localhost:"+own.port)
			own.attributes()["use.refresh.tokens"] = refreshTokens
			own.attributes()["backchannel.logout.url"] = ""
			own.recheck()
		})
	}
}

func (s *shop) recheck() {
	alice := s.open("OIDC_RECHECK_EVERY="+recheckEvery.String(), "OIDC_RECHECK_GRACE=1h")
	bob := somebody(s.T, alice.app, alice.provider)
	alice.signIn(as("alice"))
	bob.signIn(as("bob"))
	alice.is("alice@example.com", "admin", "audit")

	group := s.find("/groups?search=admin&exact=true")
	user := s.find("/users?username=alice&exact=true")
	s.effective("a group taken away", alice, "/api/admin", http.StatusForbidden, func() {
		s.admin(http.MethodDelete, "/users/"+user+"/groups/"+group, nil, nil)
	})
	alice.is("alice@example.com", "audit")
	s.effective("the group given back", alice, "/api/admin", http.StatusOK, func() {
		s.admin(http.MethodPut, "/users/"+user+"/groups/"+group, nil, nil)
	})
	s.effective("the user disabled", bob, "/api/me", http.StatusUnauthorized, func() {
		s.admin(http.MethodPut, "/users/"+s.find("/users?username=bob&exact=true"), map[string]any{"enabled": false}, nil)
	})
	alice.is("alice@example.com", "admin", "audit")
	s.effective("all sessions signed out", alice, "/api/me", http.StatusUnauthorized, func() {
		s.admin(http.MethodPost, "/logout-all", nil, nil)
	})
	if out := alice.app.Output(); strings.Contains(out, "backchannel-logout") {
		s.Errorf("Keycloak called the app:\n%s", out)
	}
}

// find returns the id of the one result of a search.
func (s *shop) find(path string) string {
	s.Helper()
	var found []struct{ ID string }
	if s.admin(http.MethodGet, path, nil, &found); len(found) != 1 {
		s.Fatalf("%s: %d results", path, len(found))
	}
	return found[0].ID
}

// effective makes a change at Keycloak and waits for its effect. The requests keep the session in use meanwhile.
func (s *shop) effective(what string, p person, path string, status int, change func()) {
	s.Helper()
	if shown := p.Fetch(p.app.URL + path); shown.Status == status {
		s.Fatalf("%s: %s is %d before", what, path, status)
	}
	change()
	began := time.Now()
	for {
		shown := p.Fetch(p.app.URL + path)
		elapsed := time.Since(began)
		if shown.Status == status {
			credential := s.Name()[strings.LastIndex(s.Name(), "/")+1:]
			s.Logf("figure keycloak: %s | %s | %d | %v", what, credential, status, elapsed.Round(10*time.Millisecond))
			return
		}
		if elapsed > recheckEvery+2*time.Second { // the time of one check in addition, on a slow machine
			s.Fatalf("%s: %s is %d after %s\n%s", what, path, shown.Status, elapsed, p.app.Output())
		}
		time.Sleep(50 * time.Millisecond)
	}
}
