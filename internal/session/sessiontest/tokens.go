package sessiontest

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/session"
)

// tokens live and end with their session, and belong to no other. Case 170.
func tokens(t *testing.T, f fixture) {
	b := Browser{}
	want := func(b Browser, s *session.Session, want string) {
		t.Helper()
		if got, err := f.LoadTokens(b.Request(), s); string(got) != want || err != nil {
			t.Errorf("tokens %q, error %v; want %q", got, err, want)
		}
	}
	update := func(s *session.Session, text string) error {
		t.Helper()
		h := http.Header{}
		err := f.UpdateTokens(h, b.Request(), s, []byte(text))
		b.Receive(t, h)
		return err
	}
	begin := func(subject, text string) *session.Session {
		t.Helper()
		h := http.Header{}
		s, err := f.Begin(h, b.Request(), session.Record{Subject: subject}, []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		b.Receive(t, h) // fails if a cookie is set twice
		return s
	}
	want(b, f.signIn(t, b, "alice"), "")
	first := begin("alice", strings.Repeat("long", 300))
	want(b, first, strings.Repeat("long", 300))
	if err := update(first, "second"); err != nil {
		t.Fatal(err)
	}
	want(b, first, "second")
	f.wantSubject(t, b, "alice")
	of := b.copy()

	again := begin("bob", "bob's")
	want(b, again, "bob's")
	want(b, first, "") // bob's are not alice's, and hers are gone
	want(of, again, "")
	want(of, first, f.captured("second"))

	h := http.Header{}
	if err := f.Destroy(h, b.Request()); err != nil {
		t.Fatal(err)
	}
	signedOut := b.copy()
	b.Receive(t, h)
	if len(b) != 0 {
		t.Errorf("cookies left: %q", b)
	}
	b = signedOut // a request that was in flight
	want(b, again, f.captured("bob's"))
	if err := update(again, "back"); f.caps.Stateless == errors.Is(err, session.ErrGone) {
		t.Errorf("an update after the sign-out: %v", err)
	}
}
