package session_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/cookie"
	"github.com/gin-contrib/sessions/filesystem"
	"github.com/gin-contrib/sessions/memstore"
	"github.com/gorilla/securecookie"
	gsessions "github.com/gorilla/sessions"

	"github.com/seed-d65cea4d/ginoidc/internal/session"
	"github.com/seed-d65cea4d/ginoidc/internal/session/sessiontest"
)

// script is a gin-contrib store whose results a test sets.
type script struct {
	sessions.Store
	new   func(r *http.Request, name string) (*gsessions.Session, error)
	save  func(w http.ResponseWriter, s *gsessions.Session) error
	calls int
}

func newScript() *script { return &script{Store: memstore.NewStore([]byte(key("h")))} }

func (s *script) New(r *http.Request, name string) (*gsessions.Session, error) {
	s.calls++
	if s.new != nil {
		return s.new(r, name)
	}
	return s.Store.New(r, name)
}

func (s *script) Save(r *http.Request, w http.ResponseWriter, gs *gsessions.Session) error {
	if s.save != nil {
		return s.save(w, gs)
	}
	return s.Store.Save(r, w, gs)
}

// case 246: the errors by which gin-contrib's stores say "none", and the others.
func TestLoadErrors(t *testing.T) {
	for name, row := range map[string]struct {
		err    error
		panics bool
		none   bool
	}{
		"forged id": {err: securecookie.DecodeMulti("sid", "x", new(string),
			securecookie.CodecsFromPairs([]byte(key("h")))...), none: true},
		"file gone":            {err: &fs.PathError{Op: "open", Err: fs.ErrNotExist}, none: true},
		"memcached":            {err: errors.New("memcache: cache miss"), none: true},
		"unreadable in redis":  {err: errors.New("gob: type mismatch"), none: true},
		"wrong keys set":       {err: securecookie.DecodeMulti("sid", "x", new(string), securecookie.New(nil, nil))},
		"connection lost":      {err: io.EOF},
		"timeout":              {err: context.DeadlineExceeded},
		"no session, no error": {},
		"panic":                {panics: true},
	} {
		t.Run(name, func(t *testing.T) {
			store := newScript()
			m := newManager(store)
			r := signIn(t, m, session.Record{Subject: "alice"})
			genuine, err := store.Store.New(r, "sid")
			if err != nil {
				t.Fatal(err)
			}
			store.new = func(r *http.Request, name string) (*gsessions.Session, error) {
				if row.panics {
					panic("secret")
				}
				if row.err == nil {
					return nil, nil
				}
				s := gsessions.NewSession(store, name)
				s.Values, s.ID = genuine.Values, genuine.ID
				return s, row.err
			}
			s, err := m.Load(r)
			if s != nil || errors.Is(err, session.ErrStore) == row.none || row.err != nil && !row.none &&
				!strings.Contains(err.Error(), row.err.Error()) {
				t.Errorf("Load = %v, %v", s, err)
			}
			if row.panics && strings.Contains(err.Error(), "secret") {
				t.Errorf("the panic's text is revealed: %v", err)
			}
			h := http.Header{}
			if err := m.Destroy(h, r); errors.Is(err, session.ErrStore) == row.none || len(h) > 0 != row.none {
				t.Errorf("Destroy: %v, %q", err, h)
			}
		})
	}
}

func TestSaveErrors(t *testing.T) {
	for name, row := range map[string]struct {
		save     func(http.ResponseWriter, *gsessions.Session) error
		tooLarge bool
		limit    int
	}{
		"securecookie": {save: failing("securecookie: the value is too long: 5000"), tooLarge: true},
		"redis":        {save: failing("SessionStore: the value to store is too big"), tooLarge: true},
		"memcached":    {save: failing("SERVER_ERROR object too large for cache"), tooLarge: true},
		"out of reach": {save: failing("connection refused")},
		// A missing directory is not a sign-out.
		"no such file": {save: func(http.ResponseWriter, *gsessions.Session) error { return fs.ErrNotExist }},
		"panic":        {save: func(http.ResponseWriter, *gsessions.Session) error { panic("gob") }},
		// securecookie's limit ignores the name: browsers would drop this one.
		"value fits, name and value do not": {
			save: func(w http.ResponseWriter, s *gsessions.Session) error {
				http.SetCookie(w, gsessions.NewCookie(s.Name(), strings.Repeat("A", 4094), s.Options))
				return nil
			},
			tooLarge: true, limit: 4096,
		},
		"one byte too many": {save: ofSize(4097), tooLarge: true, limit: 4096},
	} {
		t.Run(name, func(t *testing.T) {
			store := newScript()
			store.save = row.save
			h := http.Header{}
			_, err := newManager(store).Begin(h, sessiontest.Browser{}.Request(),
				session.Record{Subject: "alice", Name: "Alice Liddell"}, nil)
			var tooLarge *session.TooLargeError
			if errors.As(err, &tooLarge) != row.tooLarge || errors.Is(err, session.ErrStore) == row.tooLarge || len(h) != 0 {
				t.Fatalf("Begin: %v, %q", err, h)
			}
			if row.tooLarge &&
				(tooLarge.Limit != row.limit || tooLarge.Size == 0 || tooLarge.Parts[0].Name != "name" ||
					!strings.Contains(err.Error(), "name 13")) {
				t.Errorf("%v", err)
			}
		})
	}
}

// ofSize sets a cookie of that many bytes.
func ofSize(n int) func(http.ResponseWriter, *gsessions.Session) error {
	return func(w http.ResponseWriter, s *gsessions.Session) error {
		http.SetCookie(w, gsessions.NewCookie(s.Name(), strings.Repeat("A", n-len(s.Name())-len("=")), s.Options))
		return nil
	}
}

// TestLargestCookie: a cookie of the largest size that browsers support is set, and read.
func TestLargestCookie(t *testing.T) {
	store := newScript()
	store.save = ofSize(4096)
	h := http.Header{}
	if _, err := newManager(store).Begin(h, sessiontest.Browser{}.Request(), session.Record{Subject: "alice"}, nil); err !=
		nil || len(h["Set-Cookie"]) != 1 {
		t.Errorf("Begin: %v, %q", err, h)
	}
	asked := ""
	store.new = func(r *http.Request, name string) (*gsessions.Session, error) {
		asked = r.Header.Get("Cookie")
		return gsessions.NewSession(store, name), nil
	}
	r := sessiontest.Browser{"sid": strings.Repeat("A", 4096)}.Request()
	if _, err := newManager(store).Load(r); err != nil || asked == "" {
		t.Errorf("Load: %v, the store was asked for %q", err, asked)
	}
}

func failing(text string) func(http.ResponseWriter, *gsessions.Session) error {
	return func(http.ResponseWriter, *gsessions.Session) error { return fmt.Errorf("store: %w", errors.New(text)) }
}

// case 141: what cannot be ours never reaches a store that has to look it up, and of several cookies each does alone,
// up to a few.
func TestOddCookiesStayFromTheStore(t *testing.T) {
	store := newScript()
	store.new = func(r *http.Request, name string) (*gsessions.Session, error) {
		cookies := r.Cookies()
		if len(cookies) > 1 || len(cookies) == 1 && len(cookies[0].Value) > 4096 {
			t.Errorf("the store was asked for %d cookies", len(cookies))
		}
		return gsessions.NewSession(store, name), nil
	}
	m := newManager(store)
	for _, header := range []string{"sid=" + strings.Repeat("A", 4097), "sid=a; sid=b",
		strings.Repeat("sid="+strings.Repeat("A", 4097)+"; ", 2), manyCookies(1000)} {
		r := sessiontest.Browser{}.Request()
		r.Header.Set("Cookie", header)
		if s, err := m.Load(r); s != nil || err != nil {
			t.Errorf("Load = %v, %v", s, err)
		}
	}
	if store.calls == 0 || store.calls > 20 {
		t.Errorf("the store was asked %d times", store.calls)
	}
}

func manyCookies(n int) (header string) {
	for i := range n {
		header += fmt.Sprintf("sid=%d; ", i)
	}
	return header
}

// A store deletes what it may hold, after the values are cleared; it is not called for a request without a session.
func TestDelete(t *testing.T) {
	for name, row := range map[string]struct {
		id    string
		isNew bool
		saves int
	}{
		"a session":                    {"id", false, 1},
		"of a store without ids":       {"", false, 1},
		"there, but could not be read": {"id", true, 1},
		"none":                         {"", true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			store, saves := newScript(), 0
			store.new = func(_ *http.Request, name string) (*gsessions.Session, error) {
				s := gsessions.NewSession(store, name)
				s.ID, s.IsNew, s.Values["user"] = row.id, row.isNew, "alice"
				return s, nil
			}
			store.save = func(w http.ResponseWriter, s *gsessions.Session) error {
				saves++
				if len(s.Values) != 0 || s.Options.MaxAge >= 0 || s.ID != row.id {
					t.Errorf("saved: %+v", s)
				}
				http.SetCookie(w, gsessions.NewCookie(s.Name(), "", s.Options))
				return nil
			}
			h := http.Header{}
			if err := newManager(store).Destroy(h, sessiontest.Browser{}.Request()); err != nil || saves != row.saves ||
				len(h["Set-Cookie"]) != 1 {
				t.Errorf("Destroy: %v, %d saves, %q", err, saves, h)
			}
		})
	}
}

// A session whose idle limit exceeds what a store keeps is renewed in time.
func TestLongIdle(t *testing.T) {
	const day = 24 * time.Hour
	for name, row := range map[string]struct {
		store           sessions.Store
		renewed, maxAge time.Duration // after sign-in
	}{
		"gin-contrib": {cookie.NewStore([]byte(key("h"))), 16 * day, 30 * day},
		"direct":      {newCookiestore(t, secret), 46 * day, 90 * day},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, err := session.New(session.Config{
					Store: row.store, Secrets: []string{secret}, Name: "sid", Path: "/", Idle: 90 * day, Lifetime: 365 * day,
				})
				if err != nil {
					t.Fatal(err)
				}
				r := signIn(t, m, session.Record{Subject: "alice"})
				for _, visit := range []struct {
					after   time.Duration
					cookies int
				}{{row.renewed - day, 0}, {day, 1}} {
					time.Sleep(visit.after)
					s, err := m.Load(r)
					if err != nil || s == nil {
						t.Fatalf("Load = %v, %v", s, err)
					}
					h := http.Header{}
					if err := m.Renew(h, r, s); err != nil || len(h["Set-Cookie"]) != visit.cookies {
						t.Fatalf("Renew: %v, %q", err, h)
					}
					for _, line := range h["Set-Cookie"] {
						if want := fmt.Sprintf("Max-Age=%d;", int(row.maxAge.Seconds())); !strings.Contains(line, want) {
							t.Errorf("no %s in %s", want, line)
						}
					}
				}
			})
		})
	}
}

func TestUnreadableValuesAreNone(t *testing.T) {
	for _, value := range []any{nil, "", "%", "AAAA", 7, []byte("AAAA")} {
		store := newScript()
		store.new = func(_ *http.Request, name string) (*gsessions.Session, error) {
			s := gsessions.NewSession(store, name)
			s.Values["ginoidc"] = value
			return s, nil
		}
		if s, err := newManager(store).Load(sessiontest.Browser{}.Request()); s != nil || err != nil {
			t.Errorf("%v: Load = %v, %v", value, s, err)
		}
	}
}

// TestRecordsCannotBeMoved: an attacker who can write to a store cannot replace the record of one session, or its
// tokens, by another's.
func TestRecordsCannotBeMoved(t *testing.T) {
	for name, store := range map[string]sessions.Store{
		"memstore": memstore.NewStore([]byte(secret)), "filesystem": filesystem.NewStore(t.TempDir(), []byte(secret)),
	} {
		t.Run(name, func(t *testing.T) {
			m := newManager(store)
			begin := func(subject string) (*http.Request, *session.Session) {
				b, h := sessiontest.Browser{}, http.Header{}
				s, err := m.Begin(h, b.Request(), session.Record{Subject: subject}, []byte("tokens of "+subject))
				if err != nil {
					t.Fatal(err)
				}
				b.Receive(t, h)
				return b.Request(), s
			}
			alice, _ := begin("alice")
			mallory, s := begin("mallory")
			move := func(name string) {
				from, err := store.New(alice, name)
				if err != nil || from.Values["ginoidc"] == nil {
					t.Fatal(from.Values, err)
				}
				to, err := store.New(mallory, name)
				if err != nil || to.Values["ginoidc"] == nil {
					t.Fatal(to.Values, err)
				}
				to.Values["ginoidc"] = from.Values["ginoidc"]
				if err := store.Save(mallory, httptest.NewRecorder(), to); err != nil {
					t.Fatal(err)
				}
			}
			move("sid-tokens")
			if tokens, err := m.LoadTokens(mallory, s); tokens != nil || err != nil {
				t.Errorf("mallory has the %s, %v", tokens, err)
			}
			if s, err := m.Load(mallory); s == nil || err != nil || s.Subject != "mallory" {
				t.Fatalf("mallory is %+v, %v", s, err)
			}
			move("sid")
			if s, err := m.Load(mallory); s != nil || err != nil {
				t.Errorf("mallory is %s, %v", s.Subject, err)
			}
			if s, err := m.Load(alice); s == nil || err != nil || s.Subject != "alice" {
				t.Errorf("alice is %+v, %v", s, err)
			}
		})
	}
}
