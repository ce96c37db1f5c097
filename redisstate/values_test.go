package redisstate_test

import (
	"encoding/gob"
	"errors"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/gin-contrib/sessions"
	gsessions "github.com/gorilla/sessions"

	"github.com/seed-d65cea4d/ginoidc/internal/seal"
	"github.com/seed-d65cea4d/ginoidc/redisstate"
)

var sessionsOptions = sessions.Options{Path: "/app", Domain: "example.com", MaxAge: 60, Secure: true, HttpOnly: true,
	SameSite: http.SameSiteStrictMode}

// open returns the session of the request, without a registry.
func open(t testing.TB, store *redisstate.Store, r *http.Request) *gsessions.Session {
	t.Helper()
	session, err := store.New(r, name)
	if err != nil {
		t.Fatal(err)
	}
	return session
}

// save returns the cookie it sets.
func save(t testing.TB, store *redisstate.Store, r *http.Request, session *gsessions.Session) string {
	t.Helper()
	w := httptest.NewRecorder()
	if err := store.Save(r, w, session); err != nil {
		t.Fatal(err)
	}
	return pair(t, w.Header())
}

func TestValues(t *testing.T) {
	store := newStore(t, newFake())
	for _, values := range []map[any]any{
		{},
		{"user": "alice", "n": 7, 1: []byte{0, 255}, "list": []string{"a", ""}, "on": true, "pi": 3.5},
	} {
		session := open(t, store, request())
		if !session.IsNew || session.ID != "" || len(session.Values) != 0 {
			t.Errorf("without a cookie: %+v", session)
		}
		session.Values = values
		cookie := save(t, store, request(), session)
		if cookie != name+"="+session.ID || save(t, store, request(), session) != cookie {
			t.Error("the second save of a new session is another session")
		}
		again := open(t, store, request(cookie))
		if again.IsNew || cookie != name+"="+again.ID || !reflect.DeepEqual(again.Values, values) {
			t.Errorf("came back as %+v, want %v", again, values)
		}
		again.Values["more"] = "x"
		if save(t, store, request(cookie), again) != cookie {
			t.Error("saved under another id")
		}
		if open(t, store, request(cookie)).Values["more"] != "x" {
			t.Error("the second save did not take")
		}
	}
}

func TestGetReturnsTheSameSession(t *testing.T) {
	store := newStore(t, newFake())
	r := request()
	a, _ := store.Get(r, name)
	b, _ := store.Get(r, name)
	if a == nil || a != b {
		t.Errorf("%p, %p", a, b)
	}
}

func TestDefaultAttributes(t *testing.T) {
	store := newStore(t, newFake())
	w := httptest.NewRecorder()
	if err := store.Save(request(), w, open(t, store, request())); err != nil {
		t.Fatal(err)
	}
	if line := w.Header().Get("Set-Cookie"); !strings.HasSuffix(line, "; Max-Age=86400; HttpOnly; Secure; SameSite=Lax") ||
		!strings.Contains(line, "; Path=/; ") {
		t.Errorf("cookie %q", line)
	}
}

// case 139, and a request that was in flight at the time.
func TestDeletedSessionStaysDeleted(t *testing.T) {
	server := newFake()
	store := newStore(t, server)
	session := open(t, store, request())
	session.Values["user"] = "alice"
	cookie := save(t, store, request(), session)
	underWay := open(t, store, request(cookie))

	deleted := open(t, store, request(cookie))
	deleted.Options.MaxAge = -1
	if got := save(t, store, request(cookie), deleted); got != name+"=" || len(server.entries) != 0 {
		t.Errorf("cookie %q, %d entries", got, len(server.entries))
	}
	w := httptest.NewRecorder()
	if err := store.Save(request(cookie), w, underWay); err != nil || len(w.Header()) != 0 || len(server.entries) != 0 {
		t.Errorf("saved again: %v, header %q, %d entries", err, w.Header(), len(server.entries))
	}
	fresh := open(t, store, request(cookie))
	if !fresh.IsNew || len(fresh.Values) != 0 {
		t.Errorf("session %+v", fresh)
	}
	if save(t, store, request(cookie), fresh) == cookie {
		t.Error("a dead id came to life")
	}
}

// A session that was not read is deleted nevertheless, by the cookie.
func TestDeleteUnread(t *testing.T) {
	server := newFake()
	store := newStore(t, server)
	cookie := save(t, store, request(), open(t, store, request()))
	session := gsessions.NewSession(store, name)
	session.Options = options(-1)
	save(t, store, request(cookie), session)
	if len(server.entries) != 0 {
		t.Error("still in Redis")
	}
}

// case 246: the empty session that stands for an unknown one does not replace it.
func TestUnknownSessionIsNotSaved(t *testing.T) {
	server := newFake()
	store := newStore(t, server)
	session := open(t, store, request())
	session.Values["user"] = "alice"
	cookie := save(t, store, request(), session)

	server.set(func() { server.refusal = "LOADING" })
	unknown, err := store.New(request(cookie), name)
	if err == nil || unknown == nil || !unknown.IsNew {
		t.Fatalf("New = %+v, %v", unknown, err)
	}
	server.set(func() { server.refusal = "" })
	w := httptest.NewRecorder()
	if err := store.Save(request(cookie), w, unknown); err == nil || len(w.Header()) != 0 {
		t.Errorf("Save: %v, header %q", err, w.Header())
	}
	if open(t, store, request(cookie)).Values["user"] != "alice" {
		t.Error("the stored session was overwritten")
	}
}

type (
	unregistered struct{ A int }
	panicking    struct{ A int }
	failing      struct{ A int }
)

func (panicking) GobEncode() ([]byte, error) { panic("no") }
func (*panicking) GobDecode([]byte) error    { panic("no") }
func (failing) GobEncode() ([]byte, error)   { return nil, errors.New("no") }
func (*failing) GobDecode([]byte) error      { return nil }

func TestValuesThatCannotBeSaved(t *testing.T) {
	gob.Register(panicking{})
	gob.Register(failing{})
	server := newFake()
	store := newStore(t, server)
	for value, want := range map[any]string{
		unregistered{}: "redisstate_test.unregistered", panicking{}: "panicked", failing{}: "no",
	} {
		session := open(t, store, request())
		session.Values["key"] = value
		w := httptest.NewRecorder()
		if err := store.Save(request(), w, session); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%T: %v", value, err)
		}
		if len(w.Header()) != 0 || len(server.entries) != 0 {
			t.Errorf("%T: header %q, %d entries", value, w.Header(), len(server.entries))
		}
	}
}

// FuzzValues: whatever another version may have sealed is a session or none, and not a fault (case 142).
func FuzzValues(f *testing.F) {
	server := newFake()
	store := newStore(f, server)
	session := open(f, store, request())
	session.Values["user"] = "alice"
	cookie := save(f, store, request(), session)
	key, e := server.only(f)
	ring, err := seal.NewRing("ginoidc/redisstate", []string{newSecret})
	if err != nil {
		f.Fatal(err)
	}
	genuine, _, ok := ring.Open(e.value, []byte(key))
	if !ok {
		f.Fatal("does not open")
	}
	f.Add(genuine)
	f.Add(genuine[:len(genuine)-1])
	f.Add([]byte{})
	f.Add([]byte("\x01\xff\xff\xff\xff\xff\x01"))
	f.Fuzz(func(t *testing.T, plaintext []byte) {
		server.set(func() { e.value = ring.Seal(plaintext, []byte(key)); server.entries[key] = e })
		if session := open(t, store, request(cookie)); session.IsNew != (session.ID == "") || session.IsNew &&
			len(session.Values) != 0 {
			t.Errorf("session %+v", session)
		}
	})
}
