package example_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/e2e/browser"
	"github.com/seed-d65cea4d/ginoidc/e2e/start"
)

// By the time the provider shows that alice is signed out, it has posted a logout token, and her session at the app has
// ended although it is in a cookie that is still sent.
func TestSignOutAtTheProvider(t *testing.T) {
	port := start.FreePort(t)
	provider := start.RunProvider(t, "http://localhost:"+port, start.GroupsInIDToken)
	app := start.BuildExample(t).Run(t, port, append(provider.Env(), "OIDC_COOKIE_SECRET="+secret())...)
	chromium := browser.Start(t)
	person := func(account string) visit {
		v := visit{t, app, chromium.Profile(t), "Yes"}
		v.atApp(v.signIn(account), "/")
		return v
	}
	office, home, bob := person("alice"), person("alice"), person("bob")
	captured := office.sealed()
	office.wantSession(captured, 200)

	office.tab.Open(provider.Issuer + "/session/end")
	office.tab.Click("Yes")
	office.wantSession(captured, 401) // case 139
	if office.sealed() != captured {
		t.Error("the browser's cookie has changed, so it was not the session that ended")
	}
	home.wantSession(home.sealed(), 200) // has another sid
	bob.wantSession(bob.sealed(), 200)

	office.atApp(office.signIn("alice"), "/") // case 181: the token has no say over what began after it
	office.wantSession(office.sealed(), 200)
	office.wantSession(captured, 401)
	if out := provider.Output(); strings.Contains(out, "back-channel logout failed") {
		t.Errorf("the provider says:\n%s", out)
	}
}

// sealed returns the browser's session cookie at the app.
func (v visit) sealed() string {
	v.Helper()
	for _, c := range v.ownCookies() {
		if c.Name == "ginoidc" {
			return c.Value
		}
	}
	v.Fatal("the browser has no session cookie")
	return ""
}

// wantSession sends only the session cookie.
func (v visit) wantSession(cookie string, status int) {
	v.Helper()
	r, err := http.NewRequest(http.MethodGet, v.app.URL+"/api/me", nil)
	if err != nil {
		v.Fatal(err)
	}
	r.AddCookie(&http.Cookie{Name: "ginoidc", Value: cookie})
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		v.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != status {
		v.Errorf("/api/me with a session cookie: %d, want %d", answer.StatusCode, status)
	}
}
