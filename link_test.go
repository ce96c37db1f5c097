package ginoidc_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// linking is what an app knows about linked accounts.
type linking struct {
	*testapp.App
	linked []string
	err    error
}

// newLinking returns an app that links accounts, with a route that shows the link to a provider.
func newLinking(t *testing.T, change ...testapp.Change) *linking {
	t.Helper()
	l := &linking{}
	l.App = several(t, append([]testapp.Change{func(c *ginoidc.Config, _ *fakeop.Config) {
		c.KeepTokens = true
		c.OnLink = func(_ context.Context, user, linked *ginoidc.User) error {
			l.linked = append(l.linked, user.Provider+" "+user.Subject+" = "+linked.Provider+" "+linked.Subject)
			return l.err
		}
	}}, change...)...)
	l.Engine.GET("/link/:provider", func(c *gin.Context) {
		link, err := l.Auth.LinkURL(c, c.Param("provider"), "/account")
		if err != nil {
			l.Auth.Deny(c, err)
			return
		}
		c.String(http.StatusOK, link)
	})
	return l
}

// linkAt proves a second identity with the link, and returns the response to the callback.
func linkAt(b *testapp.Browser, link, name, subject string) testapp.Reply {
	return b.Navigate(b.ApproveAt(name, subject, link))
}

// TestLink: a second identity, freshly proven, is handed to the app. The session, its user and its tokens stay.
func TestLink(t *testing.T) {
	l := newLinking(t)
	b := l.Browser()
	b.MustSignInAt("one", "alice")
	before := b.CookieHeader()
	link := b.Fetch("/link/two").Body
	if to := testapp.ParseURL(t, b.Navigate(link).Location()); to.Query().Get("prompt") != "login" {
		t.Errorf("not a fresh sign-in: %s", to)
	}
	r := linkAt(b, link, "two", "bob")
	if r.StatusCode != http.StatusSeeOther || r.Location() != "/account" {
		t.Fatalf("%d %s %s", r.StatusCode, r.Location(), l.Logs)
	}
	if got := strings.Join(l.linked, ", "); got != "one alice = two bob" {
		t.Errorf("linked: %q", got)
	}
	if got := userOf(b); got != "one "+testapp.IssuerOf("one")+" alice" {
		t.Errorf("the user is now %q", got)
	}
	for _, cookie := range strings.Split(before, "; ") {
		if !strings.Contains(b.CookieHeader(), cookie) && !strings.Contains(cookie, ".landed") {
			t.Errorf("the cookie %.40s changed", cookie)
		}
	}
	if !strings.Contains(l.Logs.String(), "account linked") {
		t.Error("not in the log")
	}
}

// TestLinkRefused: what another site, another session or another sign-in brings along links nothing, and an identity
// that is not proven neither (case 332). The session stays.
func TestLinkRefused(t *testing.T) {
	link := func(l *linking, b *testapp.Browser) string { return b.Fetch("/link/two").Body }
	for _, tt := range []struct {
		name string
		try  func(l *linking, b *testapp.Browser) testapp.Reply
		want int
	}{
		{"the link of another session", func(l *linking, b *testapp.Browser) testapp.Reply {
			attacker := l.Browser()
			attacker.MustSignInAt("two", "bob")
			return b.Navigate(link(l, attacker))
		}, 403},
		{"an invented link", func(l *linking, b *testapp.Browser) testapp.Reply {
			return b.Navigate("/auth/signin?provider=two&link=x")
		}, 403},
		{"for another provider", func(l *linking, b *testapp.Browser) testapp.Reply {
			return b.Navigate(strings.Replace(link(l, b), "provider=two", "provider=one", 1))
		}, 403},
		{"after a sign-out", func(l *linking, b *testapp.Browser) testapp.Reply {
			callback := b.ApproveAt("two", "bob", link(l, b))
			if err := l.Auth.ForProvider("one").EndUserSessions(context.Background(), "alice"); err != nil {
				t.Fatal(err)
			}
			return b.Navigate(callback)
		}, 403},
		{"in another session", func(l *linking, b *testapp.Browser) testapp.Reply {
			callback := b.ApproveAt("two", "bob", link(l, b))
			b.MustSignInAt("one", "carol")
			return b.Navigate(callback)
		}, 403},
		{"in another browser", func(l *linking, b *testapp.Browser) testapp.Reply {
			other := l.Browser()
			other.MustSignInAt("two", "bob")
			return other.Navigate(b.ApproveAt("two", "bob", link(l, b)))
		}, 303}, // to the app, as every response without its attempt if a user is signed in
		{"itself", func(l *linking, b *testapp.Browser) testapp.Reply {
			return linkAt(b, b.Fetch("/link/one").Body, "one", "alice")
		}, 403},
		{"refused by the provider", func(l *linking, b *testapp.Browser) testapp.Reply {
			callback, err := l.OPs["two"].Deny(b.Navigate(link(l, b)).Location(), "access_denied")
			if err != nil {
				t.Fatal(err)
			}
			return b.Navigate(callback)
		}, 401},
	} {
		l := newLinking(t)
		b := l.Browser()
		b.MustSignInAt("one", "alice")
		if r := tt.try(l, b); r.StatusCode != tt.want || len(l.linked) > 0 {
			t.Errorf("%s: %d, want %d; linked %q", tt.name, r.StatusCode, tt.want, l.linked)
		}
	}
}

// TestLinkDenied: the app may refuse, such as an identity that is another user's.
func TestLinkDenied(t *testing.T) {
	l := newLinking(t)
	l.err = errors.New("linked to another user")
	b := l.Browser()
	b.MustSignInAt("one", "alice")
	r := linkAt(b, b.Fetch("/link/two").Body, "two", "bob")
	if r.StatusCode != http.StatusForbidden || strings.Contains(r.Body, "another user") || userOf(b) == "" {
		t.Errorf("%d %s", r.StatusCode, r.Body)
	}
}

// TestLinkURL: the link needs a session, a provider and a hook.
func TestLinkURL(t *testing.T) {
	l := newLinking(t)
	if r := l.Browser().Fetch("/link/two"); r.StatusCode != http.StatusUnauthorized {
		t.Errorf("nobody is signed in: %d", r.StatusCode)
	}
	b := l.Browser()
	b.MustSignInAt("one", "alice")
	if r := b.Fetch("/link/three"); r.StatusCode != http.StatusNotFound {
		t.Errorf("an unknown provider: %d", r.StatusCode)
	}
	for name, change := range map[string]testapp.Change{
		"no hook":   func(c *ginoidc.Config, _ *fakeop.Config) { c.OnLink = nil },
		"form_post": func(c *ginoidc.Config, _ *fakeop.Config) { c.Providers[1].ResponseMode = "form_post" },
	} {
		l := newLinking(t, change)
		b := l.Browser()
		b.MustSignInAt("one", "alice")
		if r := b.Fetch("/link/two"); r.StatusCode != http.StatusInternalServerError {
			t.Errorf("%s: %d", name, r.StatusCode)
		}
	}
}

// TestLinkWithOneProvider: a user may link a second account of the same provider.
func TestLinkWithOneProvider(t *testing.T) {
	var linked *ginoidc.User
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.OnLink = func(_ context.Context, _, other *ginoidc.User) error { linked = other; return nil }
	})
	a.Engine.GET("/link", func(c *gin.Context) {
		link, err := a.Auth.LinkURL(c, "", "")
		if err != nil {
			t.Error(err)
		}
		c.String(http.StatusOK, link)
	})
	b := a.Browser()
	b.MustSignIn("alice")
	link := b.Fetch("/link").Body
	if r := b.Navigate(b.Start(link, "bob")); r.StatusCode != http.StatusSeeOther || linked == nil {
		t.Fatalf("%d %s", r.StatusCode, a.Logs)
	}
	if linked.Subject != "bob" || b.WhoAmI() != "alice" {
		t.Errorf("linked %q, the user is %q", linked.Subject, b.WhoAmI())
	}
	if r := b.Navigate("/auth/signin?" + url.Values{"link": {"x"}}.Encode()); r.StatusCode != http.StatusForbidden {
		t.Errorf("an invented link: %d", r.StatusCode)
	}
}
