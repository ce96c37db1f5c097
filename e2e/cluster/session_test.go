package cluster_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"
)

// oneSession: a sign-in at one instance is known to all, and a sign-out at one ends it everywhere.
func oneSession(t *testing.T, c *cluster) {
	everywhere := func(p *person, want int) {
		t.Helper()
		deadline := time.Now().Add(time.Second)
		for _, app := range c.apps {
			status, subject := p.me(app.URL)
			for status != want && time.Now().Before(deadline) {
				status, subject = p.me(app.URL)
			}
			if status != want || want == http.StatusOK && subject != p.subject {
				t.Errorf("%s at %s: %d %q, want %d", p.subject, app.URL, status, subject, want)
			}
		}
	}
	alice, again, bob := c.signIn(t, "alice"), c.signIn(t, "alice"), c.signIn(t, "bob")
	everywhere(alice, 200)
	everywhere(bob, 200)

	alice.do(t, http.MethodPost, c.apps[0].URL+"/auth/signout", "") // this browser alone
	everywhere(alice, 401)
	everywhere(again, 200)

	token, err := c.op.LogoutToken("alice", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	provider := &person{"", http.DefaultClient}
	if r := provider.do(t, http.MethodPost, c.apps[1].URL+"/auth/backchannel-logout",
		url.Values{"logout_token": {token}}.Encode()); r.StatusCode != 200 {
		t.Errorf("back-channel logout: %s", r.Status)
	}
	everywhere(again, 401)
	everywhere(bob, 200)
	if r := provider.do(t, http.MethodPost, c.apps[2].URL+"/auth/backchannel-logout",
		url.Values{"logout_token": {token}}.Encode()); r.StatusCode != 400 {
		t.Errorf("the token again, at another instance: %s", r.Status) // case 181
	}
	time.Sleep(time.Second)
	everywhere(c.signIn(t, "alice"), 200)
}
