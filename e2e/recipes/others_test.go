package recipes_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/e2e/start"
)

// TestZITADEL: roles of the project are the groups, and the project is an audience of the ID token.
func TestZITADEL(t *testing.T) {
	port := start.FreePort(t)
	settings := recipe(t, "self-hosted.md", "## ZITADEL")
	project := strings.TrimPrefix(settings[len(settings)-1], "OIDC_TRUSTED_AUDIENCES=")
	p := start.RunZITADEL(t, "http://localhost:"+port, project)
	app := runApp(t, start.BuildExample(t), port, p, "self-hosted.md", "## ZITADEL")
	for name, groups := range map[string][]string{"alice": {"admin", "staff"}, "bob": {"staff"}} {
		user := somebody(t, app, p)
		user.signIn(url.Values{"username": {name}, "password": {"verysecure"}})
		user.is(name+"@example.com", groups...)
		if name == "alice" {
			user.may("/api/admin", http.StatusOK)
		} else {
			user.may("/api/admin", http.StatusForbidden)
		}
		user.home(user.signOut())
		user.nobody()
	}
}

// TestOIDCProvider: groups are in userinfo, and a sign-out at the provider reaches the app.
func TestOIDCProvider(t *testing.T) {
	port := start.FreePort(t)
	p := start.RunProvider(t, "http://localhost:"+port, start.GroupsInUserInfo)
	app := runApp(t, start.BuildExample(t), port, p, "self-hosted.md", "## oidc-provider")
	alice := somebody(t, app, p)
	question := alice.Open(app.URL + "/auth/signin")
	alice.home(alice.Submit(question, url.Values{"account": {"alice"}}))
	alice.is("alice@example.com", "admin", "audit", "staff")
	alice.may("/api/admin", http.StatusOK)
	alice.home(alice.Submit(alice.signOut(), url.Values{"logout": {"yes"}}))
	alice.nobody()
}
