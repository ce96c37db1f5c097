// Package sessiontest checks what the session manager requires of every store.
package sessiontest

import (
	"log/slog"
	"maps"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-contrib/sessions"

	"github.com/seed-d65cea4d/ginoidc/internal/session"
)

// Caps says what a store cannot do. The zero value is a server-side store with a size limit that cannot be made to
// fail.
type Caps struct {
	// Stateless: the cookie is the session, so one captured before sign-out opens until it expires.
	Stateless bool
	// Unbounded: no record is too large.
	Unbounded bool
	// Mute: the store treats an error of its server as "no such session" and reports nothing, so the caller cannot respond
	// with 503. Users who are signed in look signed out, and signing out looks done.
	Mute bool
	// Break makes the latest store unable to respond; nil means it never fails.
	Break func(t *testing.T)
}

const (
	cookieName = "__Host-ginoidc"
	idle       = time.Hour
	lifetime   = 8 * time.Hour
)

// fixture is what one check works on.
type fixture struct {
	store sessions.Store
	caps  Caps
	*session.Manager
}

// Conformance runs every check on a store of its own.
func Conformance(t *testing.T, newStore func(t *testing.T) sessions.Store, caps Caps) {
	for name, check := range map[string]func(*testing.T, fixture){
		"a record comes back whole":              roundTrip,
		"sign-in replaces the session":           signInReplaces,
		"each cookie is set once":                cookiesOnce,
		"every cookie attribute is set":          cookieAttributes,
		"the idle limit ends it":                 inBubble(idleLimit),
		"the absolute limit ends it":             inBubble(absoluteLimit),
		"renewal past half of the idle limit":    inBubble(renewal),
		"renewal does not undo sign-out":         inBubble(renewalAfterSignOut),
		"too large is an error":                  tooLarge,
		"sign-out":                               signOut,
		"tokens":                                 tokens,
		"forged cookies are no session":          forgedCookies,
		"several cookies of the name":            inBubble(rivals),
		"foreign records are no session":         foreignRecords,
		"a store out of order is not a sign-out": inBubble(outOfOrder),
	} {
		t.Run(name, func(t *testing.T) {
			store := newStore(t)
			check(t, fixture{store, caps, newManager(t, store, "https://op.example.com app")})
		})
	}
}

func newManager(t *testing.T, store sessions.Store, audience string) *session.Manager {
	t.Helper()
	m, err := session.New(session.Config{
		Store: store, Secrets: []string{"a secret of the conformance test"}, Name: cookieName, Path: "/", Secure: true,
		Idle: idle, Lifetime: lifetime, Audience: audience, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func inBubble(check func(*testing.T, fixture)) func(*testing.T, fixture) {
	return func(t *testing.T, f fixture) {
		synctest.Test(t, func(t *testing.T) { check(t, f) })
	}
}

// signIn begins a session of subject in the browser.
func (f fixture) signIn(t *testing.T, b Browser, subject string) *session.Session {
	t.Helper()
	h := http.Header{}
	s, err := f.Begin(h, b.Request(), session.Record{Subject: subject}, nil)
	if err != nil {
		t.Fatalf("Begin: %v", err)
	}
	b.Receive(t, h)
	return s
}

// subject returns the user who is signed in, or "".
func (f fixture) subject(t *testing.T, b Browser) string {
	t.Helper()
	s, err := f.Load(b.Request())
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	if s == nil {
		return ""
	}
	return s.Subject
}

func (f fixture) wantSubject(t *testing.T, b Browser, want string) {
	t.Helper()
	if got := f.subject(t, b); got != want {
		t.Errorf("signed in: %q, want %q", got, want)
	}
}

// captured returns the user whose session the browser's earlier cookies open now.
func (f fixture) captured(subject string) string {
	if f.caps.Stateless {
		return subject
	}
	return ""
}

func (b Browser) copy() Browser { return maps.Clone(b) }
