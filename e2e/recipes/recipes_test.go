// Package recipes_test runs what docs/groups.md and docs/provider.md say of Keycloak and Dex: the example app with the
// settings of those pages, at the real thing.
package recipes_test

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc/e2e/start"
	"github.com/seed-d65cea4d/ginoidc/e2e/visitor"
)

// runApp starts the example with the settings that docs/groups.md has for a provider, and the further ones.
func runApp(t *testing.T, example start.Example, port string, p start.Provider, heading string,
	env ...string) start.App {
	t.Helper()
	all := append(recipe(t, heading), p.Env()...)
	all = append(all, "OIDC_COOKIE_SECRET="+rand.Text()+rand.Text())
	return example.Run(t, port, append(all, env...)...)
}

// recipe is the first block of settings below a heading of docs/groups.md.
func recipe(t *testing.T, heading string) []string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "groups.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(page), "\n### "+heading+"\n")
	_, block, open := strings.Cut(section, "```env\n")
	block, _, closed := strings.Cut(block, "```")
	if !found || !open || !closed {
		t.Fatalf("docs/groups.md has no settings for %s", heading)
	}
	return strings.Split(strings.TrimSpace(block), "\n")
}

// person is somebody in front of one app.
type person struct {
	*testing.T
	*visitor.Visitor
	app      start.App
	provider start.Provider
}

func somebody(t *testing.T, app start.App, p start.Provider) person {
	return person{t, visitor.New(t), app, p}
}

// signIn asks the app for a sign-in, and gives name and password on the provider's page, or on two.
func (p person) signIn(fields url.Values) {
	p.Helper()
	shown := p.Submit(p.asked(p.Open(p.app.URL+"/auth/signin")), fields)
	if strings.Contains(shown.Text, `name="password"`) {
		shown = p.Submit(p.asked(shown), fields)
	}
	p.home(shown)
}

// asked is a page that has to be the provider's, where one says who one is.
func (p person) asked(shown visitor.Page) visitor.Page {
	p.Helper()
	if !strings.HasPrefix(shown.At.String(), p.provider.Issuer) ||
		!regexp.MustCompile(`name="(password|username)"`).MatchString(shown.Text) {
		p.Fatalf("not at the provider's sign-in page: %d %s\n%s", shown.Status, shown.At, shown.Text)
	}
	return shown
}

// home is a page that has to be the app's first.
func (p person) home(shown visitor.Page) {
	p.Helper()
	if plain, _, _ := strings.Cut(shown.At.String(), "?"); shown.Status != http.StatusOK || plain != p.app.URL+"/" {
		p.Fatalf("not at the app: %d %s\n%s\n%s", shown.Status, shown.At, shown.Text, p.app.Output())
	}
}

// signOut presses the app's button.
func (p person) signOut() visitor.Page {
	p.Helper()
	return p.Load(http.MethodPost, p.app.URL+"/auth/signout", nil)
}

// may is what a route of the app has to answer.
func (p person) may(path string, status int) string {
	p.Helper()
	shown := p.Fetch(p.app.URL + path)
	if shown.Status != status {
		p.Fatalf("%s: %d %s, want %d\n%s", path, shown.Status, shown.Text, status, p.app.Output())
	}
	return shown.Text
}

// is what /api/me has to say.
func (p person) is(email string, groups ...string) {
	p.Helper()
	var me struct {
		Email  string
		Groups []string
	}
	if err := json.Unmarshal([]byte(p.may("/api/me", http.StatusOK)), &me); err != nil || me.Email != email ||
		!slices.Equal(me.Groups, groups) {
		p.Errorf("%+v (%v), want %s of %q", me, err, email, groups)
	}
}

// nobody waits until the app knows of no session: what the provider tells it comes beside the browser.
func (p person) nobody() {
	p.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		shown := p.Fetch(p.app.URL + "/api/me")
		if shown.Status == http.StatusUnauthorized {
			return
		}
		if time.Now().After(deadline) {
			p.Fatalf("/api/me: %d %s, want 401\n%s", shown.Status, shown.Text, p.app.Output())
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// upstream has the app use the access token, and refresh it when needed.
func (p person) upstream(email string) {
	p.Helper()
	var info struct{ Email string }
	if err := json.Unmarshal([]byte(p.may("/api/upstream", http.StatusOK)), &info); err != nil || info.Email != email {
		p.Errorf("/api/upstream: %+v (%v), want %s", info, err, email)
	}
}
