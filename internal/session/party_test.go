package session_test

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"testing"
	"time"

	"github.com/gin-contrib/sessions/cookie"
	gsessions "github.com/gorilla/sessions"

	"github.com/seed-d65cea4d/ginoidc/cookiestore"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
	"github.com/seed-d65cea4d/ginoidc/internal/session/sessiontest"
)

// TestUnknownParties: while nobody can tell whose client a session belongs to, it is neither used nor missing: no
// session begins, and none is deleted, since it may be another app's.
func TestUnknownParties(t *testing.T) {
	away := errors.New("the directory is away")
	var fails error
	m, err := session.New(session.Config{
		Store: cookie.NewStore([]byte(secret)), Secrets: []string{secret}, Name: "sid", Path: "/", Idle: time.Hour,
		Lifetime: 8 * time.Hour,
		Parties: func(_ context.Context, provider string, head []byte) (*session.Party, error) {
			if fails != nil {
				return nil, fails
			}
			return session.NewParty("op app", nil), nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	r := signIn(t, m, session.Record{Subject: "alice"})
	fails = away
	if s, err := m.Load(r); s != nil || !errors.Is(err, away) {
		t.Errorf("Load: %v %v", s, err)
	}
	h := http.Header{}
	if s, err := m.Begin(h, sessiontest.Browser{}.Request(), session.Record{Subject: "bob"}, nil); s != nil ||
		!errors.Is(err, away) || len(h) != 0 {
		t.Errorf("Begin: %v %v, %q", s, err, h)
	}
	both := r.Clone(t.Context())
	both.AddCookie(&http.Cookie{Name: "sid", Value: "of another app"})
	if err := m.Destroy(http.Header{}, both); err == nil {
		t.Error("Destroy: no error")
	}
	fails = nil
	if s, err := m.Load(r); s == nil || err != nil {
		t.Errorf("afterwards: %v %v", s, err)
	}
}

// TestNoParty: a session of a provider that is no longer configured is none, and is not deleted.
func TestNoParty(t *testing.T) {
	party := session.NewParty("op app", nil)
	m, err := session.New(session.Config{
		Store: cookie.NewStore([]byte(secret)), Secrets: []string{secret}, Name: "sid", Path: "/", Idle: time.Hour,
		Lifetime: 8 * time.Hour,
		Parties:  func(context.Context, string, []byte) (*session.Party, error) { return party, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	r := signIn(t, m, session.Record{Subject: "alice"})
	party = nil
	if s, err := m.Load(r); s != nil || err != nil {
		t.Errorf("Load: %v %v", s, err)
	}
	if err := m.Destroy(http.Header{}, r); err != nil {
		t.Errorf("Destroy: %v", err)
	}
}

// TestRetireAfterDelete: a session that was deleted in the meantime is reported as gone, not as a failure of the store.
func TestRetireAfterDelete(t *testing.T) {
	for saveErr, want := range map[error]error{fs.ErrNotExist: session.ErrGone, errFault: session.ErrStore} {
		store := &direct{Store: cookie.NewStore([]byte(secret))}
		m := newManagerWith(store, secret)
		s, err := m.Begin(http.Header{}, sessiontest.Browser{}.Request(), session.Record{Subject: "alice"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		store.saveErr = saveErr
		if err := m.Retire(sessiontest.Browser{}.Request(), s, time.Minute); !errors.Is(err, want) ||
			errors.Is(err, session.ErrGone) != (want == session.ErrGone) {
			t.Errorf("%v: %v, want %v", saveErr, err, want)
		}
	}
}

// TestPartiesByName: the party of a record is the one of the provider that it names, and the one that the caller of
// Begin has given it.
func TestPartiesByName(t *testing.T) {
	parties := map[string]*session.Party{
		"one": session.NewParty("one app", nil), "two": session.NewParty("two app", nil),
	}
	store, err := cookiestore.New(cookiestore.Config{Secrets: []string{secret}})
	if err != nil {
		t.Fatal(err)
	}
	deletions := 0
	m, err := session.New(session.Config{
		Store: deleting{store, &deletions}, Name: "sid", Path: "/", Idle: time.Hour, Lifetime: 8 * time.Hour,
		Parties: func(_ context.Context, provider string, _ []byte) (*session.Party, error) {
			return parties[provider], nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	r := signIn(t, m, session.Record{Subject: "alice", Provider: "two"})
	if s, err := m.Load(r); err != nil || s == nil || s.Party != parties["two"] {
		t.Fatalf("%+v, %v", s, err)
	}
	deletions = 0
	r.AddCookie(&http.Cookie{Name: "sid", Value: "of another app"})
	if err := m.Destroy(http.Header{}, r); err != nil || deletions != 2 { // of the record and of the cookie
		t.Errorf("%d deletions, %v", deletions, err)
	}
	given := session.NewParty("two app", "given")
	s, err := m.Begin(http.Header{}, sessiontest.Browser{}.Request(),
		session.Record{Subject: "alice", Provider: "two", Party: given}, nil)
	if err != nil || s.Party != given {
		t.Errorf("%+v, %v", s, err)
	}
}

// deleting counts the deletions of a session's records, apart from those of its tokens.
type deleting struct {
	*cookiestore.Store
	n *int
}

func (s deleting) DeleteRecord(h http.Header, r *http.Request, name string, o *gsessions.Options) error {
	if name == "sid" {
		*s.n++
	}
	return s.Store.DeleteRecord(h, r, name, o)
}
