package session_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-contrib/sessions"
	gsessions "github.com/gorilla/sessions"

	"github.com/seed-d65cea4d/ginoidc/cookiestore"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
	"github.com/seed-d65cea4d/ginoidc/internal/session/sessiontest"
)

var errFault = errors.New("fault")

// fault fails one call: the nth from when it is set.
type fault struct {
	n      int
	failed bool
}

func (f *fault) err() error {
	if f.n--; f.n == 0 {
		f.failed = true
		return errFault
	}
	return nil
}

// faultyRecords is a store of raw records, one of whose calls fails.
type faultyRecords struct {
	*cookiestore.Store
	*fault
}

func (s faultyRecords) LoadRecord(r *http.Request, name string) ([]byte, bool, error) {
	if err := s.err(); err != nil {
		return nil, false, err
	}
	return s.Store.LoadRecord(r, name)
}

func (s faultyRecords) SaveRecord(h http.Header, r *http.Request, name string, record []byte,
	o *gsessions.Options) error {
	if err := s.err(); err != nil {
		return err
	}
	return s.Store.SaveRecord(h, r, name, record, o)
}

func (s faultyRecords) DeleteRecord(h http.Header, r *http.Request, name string, o *gsessions.Options) error {
	if err := s.err(); err != nil {
		return err
	}
	return s.Store.DeleteRecord(h, r, name, o)
}

// faultyValues is a store of gin-contrib, one of whose calls fails.
type faultyValues struct {
	sessions.Store
	*fault
}

func (s faultyValues) New(r *http.Request, name string) (*gsessions.Session, error) {
	if err := s.err(); err != nil {
		return nil, err
	}
	return s.Store.New(r, name)
}

func (s faultyValues) Save(r *http.Request, w http.ResponseWriter, gs *gsessions.Session) error {
	if err := s.err(); err != nil {
		return err
	}
	return s.Store.Save(r, w, gs)
}

// operations are what a request with session s does with the store.
func operations(t *testing.T) map[string]func(m *session.Manager, h http.Header, r *http.Request,
	s *session.Session) error {
	return map[string]func(*session.Manager, http.Header, *http.Request, *session.Session) error{
		"Load": func(m *session.Manager, _ http.Header, r *http.Request, _ *session.Session) error {
			_, err := m.Load(r)
			return err
		},
		"LoadTokens": func(m *session.Manager, _ http.Header, r *http.Request, s *session.Session) error {
			_, err := m.LoadTokens(r, s)
			return err
		},
		"UpdateTokens": func(m *session.Manager, h http.Header, r *http.Request, s *session.Session) error {
			return m.UpdateTokens(h, r, s, []byte("new"))
		},
		"Begin": func(m *session.Manager, h http.Header, r *http.Request, _ *session.Session) error {
			_, err := m.Begin(h, r, session.Record{Subject: "bob"}, []byte("tokens of bob"))
			return err
		},
		"Renew": func(m *session.Manager, h http.Header, r *http.Request, s *session.Session) error {
			return m.Renew(h, r, s)
		},
		"Change": func(m *session.Manager, h http.Header, r *http.Request, s *session.Session) error {
			_, lines, err := m.Change(r, s, s.Record, time.Time{})
			if lines != nil {
				h["Set-Cookie"] = lines
			}
			return err
		},
		"Retire": func(m *session.Manager, _ http.Header, r *http.Request, s *session.Session) error {
			return m.Retire(r, s, time.Second)
		},
		"SaveChecked": func(m *session.Manager, h http.Header, r *http.Request, s *session.Session) error {
			return m.SaveChecked(h, r, s, true)
		},
		"Destroy": func(m *session.Manager, h http.Header, r *http.Request, _ *session.Session) error {
			return m.Destroy(h, r)
		},
		"Ready": func(m *session.Manager, _ http.Header, _ *http.Request, _ *session.Session) error {
			return m.Ready(t.Context())
		},
	}
}

// TestEveryFailure: whichever call of the store fails, the operation is an error that says so, and sets no cookie of
// the session: it is then unknown whether there is one. Tokens may be gone by then, and so may their cookie. Case 246.
func TestEveryFailure(t *testing.T) {
	for kind, newStore := range map[string]func(*fault) sessions.Store{
		"records": func(f *fault) sessions.Store { return faultyRecords{newCookiestore(t, key("k")), f} },
		"values":  func(f *fault) sessions.Store { return faultyValues{newScript().Store, f} },
	} {
		for name, operation := range operations(t) {
			for _, copies := range []string{"", "; sid=x; sid-tokens=x"} {
				calls := 0
				for n := 1; ; n++ {
					failed := false
					synctest.Test(t, func(t *testing.T) {
						failed = fails(t, kind+" "+name+copies, newStore, operation, copies, n)
					})
					if !failed {
						break
					}
					calls++
				}
				if calls == 0 {
					t.Errorf("%s: %s calls no store", kind, name)
				}
			}
		}
	}
}

// fails runs an operation whose nth call of the store fails, and reports whether there was one.
func fails(t *testing.T, name string, newStore func(*fault) sessions.Store,
	operation func(*session.Manager, http.Header, *http.Request, *session.Session) error, copies string, n int) bool {
	f := &fault{}
	m := newManager(newStore(f))
	b, h := sessiontest.Browser{}, http.Header{}
	if _, err := m.Begin(h, b.Request(), session.Record{Subject: "alice"}, []byte("tokens of alice")); err != nil {
		t.Fatal(err)
	}
	b.Receive(t, h)
	r := b.Request()
	r.Header.Set("Cookie", r.Header.Get("Cookie")+copies)
	time.Sleep(40 * time.Minute) // it is to be renewed
	s, err := m.Load(r)
	if s == nil || err != nil {
		t.Fatalf("%s: Load = %v, %v", name, s, err)
	}
	f.n = n
	set := http.Header{}
	err = operation(m, set, r, s)
	changed := slices.ContainsFunc(set["Set-Cookie"], func(line string) bool {
		return !strings.HasPrefix(line, "sid-tokens=; ")
	})
	if f.failed && (!errors.Is(err, session.ErrStore) || changed) || !f.failed && err != nil {
		t.Errorf("%s, call %d: %v, %q", name, n, err, set)
	}
	return f.failed
}

// TestExactlyAtTheEnd: at its very end a session has ended, for everything that would save it again. Case 254.
func TestExactlyAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newManager(newCookiestore(t, key("k")))
		r := signIn(t, m, session.Record{Subject: "alice"})
		time.Sleep(time.Hour - time.Second)
		s, err := m.Load(r)
		if s == nil || err != nil {
			t.Fatalf("Load = %v, %v", s, err)
		}
		time.Sleep(time.Second)
		h := http.Header{}
		if err := m.Renew(h, r, s); err != nil || len(h) != 0 {
			t.Errorf("Renew: %v, %q", err, h)
		}
		if err := m.SaveChecked(h, r, s, true); !errors.Is(err, session.ErrGone) || len(h) != 0 {
			t.Errorf("SaveChecked: %v, %q", err, h)
		}
		if _, lines, err := m.Change(r, s, s.Record, time.Time{}); !errors.Is(err, session.ErrGone) || lines != nil {
			t.Errorf("Change: %v, %q", err, lines)
		}
	})
}

// TestSaveChecked: a check saves the session, and its idle limit starts again only if it is renewed.
func TestSaveChecked(t *testing.T) {
	for _, renew := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			m := newManager(newCookiestore(t, key("k")))
			r := signIn(t, m, session.Record{Subject: "alice"})
			began := time.Now()
			time.Sleep(40 * time.Minute)
			s, err := m.Load(r)
			if s == nil || err != nil || !due(s) {
				t.Fatalf("Load = %v, %v", s, err)
			}
			h := http.Header{}
			if err := m.SaveChecked(h, r, s, renew); err != nil || len(h["Set-Cookie"]) != 1 || due(s) ||
				s.Renewed.Equal(began) == renew {
				t.Errorf("renew %t: %v, %q, renewed %v", renew, err, h, s.Renewed)
			}
		})
	}
}

func due(s *session.Session) bool {
	b, _ := s.Brief()
	return b.Due()
}

// TestNoLimitIsMovedBack: what the provider says ends a session earlier, never later than its lifetime.
func TestNoLimitIsMovedBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, err := session.New(session.Config{
			Store: newCookiestore(t, key("k")), Name: "sid", Path: "/", Idle: time.Hour, Lifetime: 8 * time.Hour,
			AuthAge: 24 * time.Hour,
		})
		if err != nil {
			t.Fatal(err)
		}
		now := time.Now()
		for name, tt := range map[string]struct {
			rec  session.Record
			want time.Duration
		}{
			"later":      {session.Record{Expires: now.Add(9 * time.Hour), AuthTime: now}, 8 * time.Hour},
			"earlier":    {session.Record{Expires: now.Add(7 * time.Hour), AuthTime: now}, 7 * time.Hour},
			"old":        {session.Record{AuthTime: now.Add(-20 * time.Hour)}, 4 * time.Hour},
			"by the app": {session.Record{}, 8 * time.Hour},
			"authenticated at an unknown time": {session.Record{Issued: now},
				time.Unix(0, 0).Add(24 * time.Hour).Sub(now)},
		} {
			if ends := m.Ends(&tt.rec); ends.Sub(now) != tt.want {
				t.Errorf("%s: %v, want %v", name, ends.Sub(now), tt.want)
			}
		}
	})
}

// TestLeftovers: a session that takes fewer cookies than before deletes the others, and none of another name.
func TestLeftovers(t *testing.T) {
	m := newManager(newCookiestore(t, key("k")))
	r := signIn(t, m, session.Record{Subject: "alice"})
	s, err := m.Load(r)
	if s == nil || err != nil {
		t.Fatalf("Load = %v, %v", s, err)
	}
	r.Header.Set("Cookie", r.Header.Get("Cookie")+"; sid.1=a; sid.2=b; sidother=c; sid.x=d")
	_, lines, err := m.Change(r, s, s.Record, time.Time{})
	var deleted []string
	for _, line := range lines {
		if strings.Contains(line, "Max-Age=0") {
			name, _, _ := strings.Cut(line, "=")
			deleted = append(deleted, name)
		}
	}
	if err != nil || len(lines) != 3 || strings.Join(deleted, " ") != "sid.1 sid.2" {
		t.Errorf("%v, %q", err, lines)
	}
}

// TestTokensOfOthers: if several cookies hold tokens and none those of the session, there are none to replace.
func TestTokensOfOthers(t *testing.T) {
	m := newManager(newCookiestore(t, key("k")))
	r := signIn(t, m, session.Record{Subject: "alice"})
	s, err := m.Load(r)
	if s == nil || err != nil {
		t.Fatalf("Load = %v, %v", s, err)
	}
	r.Header.Set("Cookie", r.Header.Get("Cookie")+"; sid-tokens=a; sid-tokens=b")
	h := http.Header{}
	if err := m.UpdateTokens(h, r, s, []byte("new")); !errors.Is(err, session.ErrGone) || len(h) != 0 {
		t.Errorf("UpdateTokens: %v, %q", err, h)
	}
	if tokens, err := m.LoadTokens(r, s); tokens != nil || err != nil {
		t.Errorf("LoadTokens: %q, %v", tokens, err)
	}
}

// TestEmptyTokens are none.
func TestEmptyTokens(t *testing.T) {
	m, b, h := newManager(newCookiestore(t, key("k"))), sessiontest.Browser{}, http.Header{}
	s, err := m.Begin(h, b.Request(), session.Record{Subject: "alice"}, []byte{})
	if err != nil {
		t.Fatal(err)
	}
	b.Receive(t, h)
	if tokens, err := m.LoadTokens(b.Request(), s); tokens != nil || err != nil {
		t.Errorf("LoadTokens: %q, %v", tokens, err)
	}
}

// TestTooLargeText: an error says what is too large, and by how much if the store does.
func TestTooLargeText(t *testing.T) {
	for want, err := range map[string]*session.TooLargeError{
		"session: too large for its store: 5 bytes":          {Size: 5},
		"session: too large for its store: 5 bytes, limit 4": {Size: 5, Limit: 4},
		"session: too large for its store: 5 bytes, limit 1, groups 3, name 2": {Size: 5, Limit: 1,
			Parts: []session.Part{{Name: "groups", Size: 3}, {Name: "name", Size: 2}}},
	} {
		if err.Error() != want {
			t.Errorf("%q, want %q", err, want)
		}
	}
}
