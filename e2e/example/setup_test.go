// Package example_test tests the example app from outside: as a process, through a browser, with real providers.
package example_test

import (
	"strings"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/e2e/browser"
	"github.com/seed-d65cea4d/ginoidc/e2e/start"
)

// setup is a way to run the app.
type setup struct {
	name    string
	run     func(testing.TB, start.Example) start.App
	confirm string // what the provider wants clicked before it ends its own session; nothing when empty
}

func setups() []setup {
	withProvider := func(groupsIn string) func(testing.TB, start.Example) start.App {
		return func(t testing.TB, example start.Example) start.App {
			port := start.FreePort(t)
			provider := start.RunProvider(t, "http://localhost:"+port, groupsIn)
			return example.Run(t, port, append(provider.Env(), "OIDC_COOKIE_SECRET="+secret())...)
		}
	}
	return []setup{
		{"bundled provider", func(t testing.TB, example start.Example) start.App {
			return example.Run(t, start.FreePort(t))
		}, ""},
		{"oidc-provider, groups in the ID token", withProvider(start.GroupsInIDToken), "Yes"},
		{"oidc-provider, groups in userinfo", withProvider(start.GroupsInUserInfo), "Yes"},
	}
}

// visit is one person with a fresh browser at one running app.
type visit struct {
	*testing.T
	app     start.App
	tab     *browser.Tab
	confirm string
}

// signIn uses the link of the start page, and returns what the app then shows.
func (v visit) signIn(account string) browser.Page {
	v.Helper()
	v.tab.Open(v.app.URL + "/")
	v.tab.Click("sign in")
	v.atProvider(v.tab.Page())
	return v.tab.Click(account)
}

// signOut uses the button of the start page.
func (v visit) signOut() browser.Page {
	v.Helper()
	v.tab.Open(v.app.URL + "/")
	v.tab.Click("sign out")
	if v.confirm != "" {
		v.tab.Click(v.confirm)
	}
	return v.tab.Await("the app's start page", func(p browser.Page) bool {
		at, _, _ := strings.Cut(p.URL, "?") // the provider gives back the state of the logout request
		return at == v.app.URL+"/"
	})
}

// script returns a function that requests paths of the app as the script of one of its pages would.
func (v visit) script() func(path string) browser.Answer {
	v.Helper()
	tab := v.tab.Sibling()
	tab.Open(v.app.URL + "/healthz") // of the app's origin, and no policy forbids scripts there
	return tab.Fetch
}

func (v visit) atProvider(p browser.Page) {
	v.Helper()
	if strings.HasPrefix(p.URL, v.app.URL) {
		v.Fatalf("still at the app, not at the provider: %+v", p)
	}
}

func (v visit) atApp(p browser.Page, path string) {
	v.Helper()
	if p.URL != v.app.URL+path {
		v.Fatalf("at %s, want the app's %s:\n%s", p.URL, path, p.Text)
	}
}
