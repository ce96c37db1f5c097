// Package recipes_test runs what the pages in docs/providers say: the example app with the settings of those pages, at
// the real provider.
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

// runApp starts the example with the settings that a page of docs/providers has below a heading, and additional ones.
func runApp(t *testing.T, example start.Example, port string, p start.Provider, page, heading string,
	env ...string) start.App {
	t.Helper()
	all := append(recipe(t, page, heading), p.Env()...)
	all = append(all, "OIDC_COOKIE_SECRET="+rand.Text()+rand.Text())
	return example.Run(t, port, append(all, env...)...)
}

// recipe returns the first block of settings below a heading of a page of docs/providers.
func recipe(t *testing.T, page, heading string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "providers", page))
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut("\n"+string(text), "\n"+heading+"\n")
	_, block, open := strings.Cut(section, "```env\n")
	block, _, closed := strings.Cut(block, "```")
	if !found || !open || !closed {
		t.Fatalf("%s has no settings below %s", page, heading)
	}
	return strings.Split(strings.TrimSpace(block), "\n")
}

// person is a user of one app.
type person struct {
	*testing.T
	*visitor.Visitor
	app      start.App
	provider start.Provider
}

func somebody(t *testing.T, app start.App, p start.Provider) person {
	return person{t, visitor.New(t), app, p}
}

// signIn starts a sign-in at the app, and enters name and password on one or two pages of the provider.
func (p person) signIn(fields url.Values) {
	p.Helper()
	shown := p.Submit(p.asked(p.Open(p.app.URL+"/auth/signin")), fields)
	if strings.Contains(shown.Text, `name="password"`) {
		shown = p.Submit(p.asked(shown), fields)
	}
	p.home(shown)
}

// asked returns a page that must be the provider's sign-in page.
func (p person) asked(shown visitor.Page) visitor.Page {
	p.Helper()
	if !strings.HasPrefix(shown.At.String(), p.provider.Issuer) ||
		!regexp.MustCompile(`name="(password|username)"`).MatchString(shown.Text) {
		p.Fatalf("not at the provider's sign-in page: %d %s\n%s", shown.Status, shown.At, shown.Text)
	}
	return shown
}

// home checks that a page is the app's start page.
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

// may checks the status of a route of the app, and returns its body.
func (p person) may(path string, status int) string {
	p.Helper()
	shown := p.Fetch(p.app.URL + path)
	if shown.Status != status {
		p.Fatalf("%s: %d %s, want %d\n%s", path, shown.Status, shown.Text, status, p.app.Output())
	}
	return shown.Text
}

// is checks the response of /api/me.
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

// nobody waits until the app knows of no session: the provider's logout token does not pass through the browser.
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

// upstream makes the app use the access token, refreshed if needed.
func (p person) upstream(email string) {
	p.Helper()
	var info struct{ Email string }
	if err := json.Unmarshal([]byte(p.may("/api/upstream", http.StatusOK)), &info); err != nil || info.Email != email {
		p.Errorf("/api/upstream: %+v (%v), want %s", info, err, email)
	}
}
