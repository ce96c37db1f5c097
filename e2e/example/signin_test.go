package example_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/network"

	"github.com/seed-d65cea4d/ginoidc/e2e/browser"
	"github.com/seed-d65cea4d/ginoidc/e2e/start"
)

func TestExampleInABrowser(t *testing.T) {
	example := start.BuildExample(t)
	chromium := browser.Start(t)
	for _, s := range setups() {
		t.Run(s.name, func(t *testing.T) {
			app := s.run(t, example)
			scenarios := map[string]func(visit){
				"signed out":          signedOut,
				"alice may all":       func(v visit) { v.mayAsk(alice()) },
				"bob may little":      func(v visit) { v.mayAsk(bob()) },
				"carol has no groups": func(v visit) { v.mayAsk(carol()) },
				"pages":               pages,
				"two tabs":            twoTabs,
				"cookies":             cookies,
				"sign out and back":   signOutAndBack,
				"other sites":         otherSites,
			}
			for _, name := range slices.Sorted(maps.Keys(scenarios)) {
				t.Run(name, func(t *testing.T) {
					scenarios[name](visit{t, app, chromium.Profile(t), s.confirm})
				})
			}
		})
	}
}

// person is a demo user with the app's expected responses.
type person struct {
	account               string
	groups, organizations []string
	status                map[string]int
}

func alice() person {
	return person{"alice", []string{"admin", "audit", "staff"}, []string{"acme"}, map[string]int{
		"/api/admin": 200, "/api/auditors": 200, "/api/custom": 200, "/api/orgs/acme/projects": 200,
		"/api/orgs/globex/projects": 403,
	}}
}

func bob() person {
	return person{"bob", []string{"staff"}, []string{"globex"}, map[string]int{
		"/api/admin": 403, "/api/auditors": 403, "/api/custom": 403, "/api/orgs/acme/projects": 403,
		"/api/orgs/globex/projects": 200,
	}}
}

func carol() person {
	return person{"carol", nil, nil, map[string]int{
		"/api/admin": 403, "/api/auditors": 403, "/api/custom": 403, "/api/orgs/acme/projects": 403,
		"/api/orgs/globex/projects": 403,
	}}
}

// mayAsk signs a person in and requests every guarded route.
func (v visit) mayAsk(p person) {
	v.atApp(v.signIn(p.account), "/")
	ask := v.script()
	var me struct {
		Sub, Iss, Email, Name string
		Groups, Organizations []string
	}
	answer := ask("/api/me")
	if err := json.Unmarshal([]byte(answer.Body), &me); err != nil || answer.Status != 200 {
		v.Fatalf("/api/me: %+v: %v", answer, err)
	}
	slices.Sort(me.Groups)
	if me.Sub == "" || me.Iss == "" || me.Name == "" || me.Email != p.account+"@example.com" ||
		!slices.Equal(me.Groups, p.groups) || !slices.Equal(me.Organizations, p.organizations) {
		v.Errorf("/api/me: %s", answer.Body)
	}
	if cache := answer.Header["cache-control"]; !strings.Contains(cache, "no-store") ||
		!strings.Contains(cache, "private") {
		v.Errorf("/api/me may be cached: %q", cache)
	}
	for path, want := range p.status {
		if answer := ask(path); answer.Status != want {
			v.Errorf("%s: %d %s, want %d", path, answer.Status, answer.Body, want)
		}
	}
	switch answer := ask("/api/admin"); answer.Status {
	case 200:
		v.sameJSON(answer.Body, `{"message":"Admin-only data"}`)
	case 403:
		v.sameJSON(ask("/api/custom").Body,
			`{"error":"forbidden","message":"User `+p.account+`@example.com does not have access to this resource."}`)
	}
}

func signedOut(v visit) {
	page := v.tab.Open(v.app.URL + "/")
	if page.Status != 200 || !strings.Contains(strings.ToLower(page.Text), "sign in") {
		v.Errorf("start page: %+v", page)
	}
	ask := v.script()
	for path := range alice().status {
		if answer := ask(path); answer.Status != 401 {
			v.Errorf("%s: %d %s, want 401", path, answer.Status, answer.Body)
		}
	}
	v.sameJSON(ask("/api/custom").Body, `{"error":"unauthorized","message":"Please sign in"}`)
	if answer := ask("/api/me"); answer.Status != 401 || answer.Header["www-authenticate"] == "" ||
		!strings.Contains(answer.Body, `"sign_in_url"`) {
		v.Errorf("/api/me: %+v", answer)
	}
	if all := v.tab.Cookies("localhost"); len(all) != 0 {
		v.Errorf("cookies of somebody who never signed in: %+v", all)
	}
	v.atProvider(v.tab.Open(v.app.URL + "/profile"))
}

// pages are also for visual inspection: with E2E_SCREENSHOTS each is saved.
func pages(v visit) {
	home := v.signIn("bob")
	if !strings.Contains(home.Text, "staff") || !strings.Contains(strings.ToLower(home.Text), "sign out") {
		v.Errorf("start page, signed in: %+v", home)
	}
	if page := v.tab.Open(v.app.URL + "/profile"); page.Status != 200 || !strings.Contains(page.Text, "bob@example.com") {
		v.Errorf("profile: %+v", page)
	}
	if page := v.tab.Open(v.app.URL + "/api/admin"); page.Status != 403 || strings.HasPrefix(page.Text, "{") {
		v.Errorf("a navigation to what bob may not see: %+v, want a page with status 403", page)
	}
	v.atProvider(v.tab.Click("someone else")) // although the provider still knows bob
}

// Each tab has its own attempt: the second does not overwrite the first, and both end where they began.
func twoTabs(v visit) {
	first, second := v.tab, v.tab.Sibling()
	v.atProvider(first.Open(v.app.URL + "/profile?tab=1"))
	v.atProvider(second.Open(v.app.URL + "/profile?tab=2"))
	v.atApp(first.Click("alice"), "/profile?tab=1")
	v.atApp(second.Click("alice"), "/profile?tab=2")
}

// case 129
func cookies(v visit) {
	v.tab.Open(v.app.URL + "/")
	v.atProvider(v.tab.Click("sign in"))
	attempts := v.ownCookies()
	if len(attempts) != 1 || !strings.HasPrefix(attempts[0].Name, "ginoidc.") || attempts[0].Path != "/auth" ||
		attempts[0].Session {
		v.Errorf("cookies of an attempt: %+v", attempts)
	}
	v.tab.Click("alice")
	session := v.ownCookies()
	slices.SortFunc(session, func(a, b *network.Cookie) int { return strings.Compare(a.Name, b.Name) })
	if len(session) != 2 || session[0].Name != "ginoidc" || session[0].Path != "/" ||
		session[1].Name != "ginoidc.landed" || session[1].Path != "/auth/signin" {
		v.Errorf("cookies of a session: %+v", session)
	}
	v.signOut()
	// GET /silent does not try again now
	if left := v.ownCookies(); len(left) != 1 || left[0].Name != "ginoidc.silent" || !left[0].Session {
		v.Errorf("cookies after sign-out: %+v", left)
	}
}

// ownCookies returns the cookies of the app. No script may read one, and no request of another site may carry one.
func (v visit) ownCookies() []*network.Cookie {
	v.Helper()
	all := v.tab.Cookies("localhost")
	for _, c := range all {
		if !c.HTTPOnly || c.SameSite != network.CookieSameSiteLax {
			v.Errorf("cookie %s: HttpOnly %v, SameSite %q", c.Name, c.HTTPOnly, c.SameSite)
		}
	}
	return all
}

// case 172: the next person at the screen learns nothing from the back button.
func signOutAndBack(v visit) {
	v.signIn("alice")
	if page := v.tab.Open(v.app.URL + "/profile"); !strings.Contains(page.Text, "alice@example.com") {
		v.Fatalf("profile: %+v", page)
	}
	if page := v.signOut(); !strings.Contains(strings.ToLower(page.Text), "sign in") {
		v.Errorf("start page after sign-out: %+v", page)
	}
	var seen int
	for page, ok := v.tab.Back(); ok; page, ok = v.tab.Back() {
		seen++
		if strings.HasPrefix(page.URL, v.app.URL) &&
			(strings.Contains(page.Text, "alice@") || strings.Contains(strings.ToLower(page.Text), "sign out")) {
			v.Errorf("the back button shows %+v", page)
		}
	}
	if seen < 3 {
		v.Errorf("only %d pages lay behind", seen)
	}
	if answer := v.script()("/api/me"); answer.Status != 401 {
		v.Errorf("/api/me after sign-out: %+v", answer)
	}
}

func (v visit) sameJSON(got, want string) {
	v.Helper()
	if strings.TrimSpace(got) != want {
		v.Errorf("body %s, want %s", got, want)
	}
}
