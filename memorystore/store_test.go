package memorystore_test

import (
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-contrib/sessions"
	gsessions "github.com/gorilla/sessions"

	"github.com/seed-d65cea4d/ginoidc/memorystore"
)

const name = "__Host-app"

func request(cookie string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Cookie", cookie)
	return r
}

func pair(h http.Header) string {
	pair, _, _ := strings.Cut(h.Get("Set-Cookie"), ";")
	return pair
}

// TestValues: the store as gin-contrib's interface sees it.
func TestValues(t *testing.T) {
	store := memorystore.New(memorystore.Config{})
	session, err := store.New(request(""), name)
	if err != nil || !session.IsNew {
		t.Fatalf("%+v, %v", session, err)
	}
	session.Values["user"] = "alice"
	w := httptest.NewRecorder()
	if err := store.Save(request(""), w, session); err != nil {
		t.Fatal(err)
	}
	cookie := pair(w.Header())
	if again, err := store.New(request(cookie), name); err != nil || again.IsNew || again.Values["user"] != "alice" {
		t.Errorf("%+v, %v", again, err)
	}
	if other, err := store.New(request("other"+cookie[len(name):]), "other"); err != nil || !other.IsNew {
		t.Errorf("under another name: %+v, %v", other, err)
	}
	session.Options.MaxAge = -1
	if err := store.Save(request(cookie), w, session); err != nil {
		t.Fatal(err)
	}
	if again, err := store.New(request(cookie), name); err != nil || !again.IsNew {
		t.Errorf("after its end: %+v, %v", again, err)
	}
	if sessions, _ := store.Usage(); sessions != 0 {
		t.Errorf("%d sessions", sessions)
	}
}

// TestPeekRecord: it finds what LoadRecord finds, without a copy however large the record is.
func TestPeekRecord(t *testing.T) {
	store, h := memorystore.New(memorystore.Config{}), http.Header{}
	if got := store.PeekRecord(request(""), name); got != nil {
		t.Errorf("%q without a cookie", got)
	}
	record := []byte(strings.Repeat("r", 20_000))
	if err := store.SaveRecord(h, request(""), name, record, &gsessions.Options{MaxAge: 60}); err != nil {
		t.Fatal(err)
	}
	r := request(pair(h))
	if got := store.PeekRecord(r, name); string(got) != string(record) || cap(got) != len(got) {
		t.Errorf("%d bytes with room for %d", len(got), cap(got))
	}
	if one, other := store.PeekRecord(r, name), store.PeekRecord(r, name); &one[0] != &other[0] {
		t.Error("a copy")
	}
	if err := store.DeleteRecord(http.Header{}, r, name, nil); err != nil {
		t.Fatal(err)
	}
	if got := store.PeekRecord(r, name); got != nil {
		t.Errorf("%q after its end", got)
	}
}

// TestPeekAfterEnd: a record is not found after its end, nor in the cookie of a session of values.
func TestPeekAfterEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, h := memorystore.New(memorystore.Config{}), http.Header{}
		if err := store.SaveRecord(h, request(""), name, []byte("r"), &gsessions.Options{MaxAge: 60}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(59 * time.Second)
		if got := store.PeekRecord(request(pair(h)), name); string(got) != "r" {
			t.Errorf("%q before the end", got)
		}
		time.Sleep(2 * time.Second)
		if got := store.PeekRecord(request(pair(h)), name); got != nil {
			t.Errorf("%q after the end", got)
		}
		session, w := sessionOf(t, store), httptest.NewRecorder()
		if err := store.Save(request(""), w, session); err != nil {
			t.Fatal(err)
		}
		if got := store.PeekRecord(request(pair(w.Header())), name); got != nil {
			t.Errorf("%q of values", got)
		}
	})
}

func sessionOf(t *testing.T, store *memorystore.Store) *gsessions.Session {
	t.Helper()
	session, err := store.New(request(""), name)
	if err != nil {
		t.Fatal(err)
	}
	return session
}

// TestRecords: what is saved belongs to the store, what is loaded to the caller, and what is deleted stays deleted.
func TestRecords(t *testing.T) {
	store, record := memorystore.New(memorystore.Config{}), []byte("alice")
	h := http.Header{}
	if err := store.SaveRecord(h, request(""), name, record, &gsessions.Options{MaxAge: 60}); err != nil {
		t.Fatal(err)
	}
	r := request(pair(h))
	record[0] = 'x'
	for range 2 {
		got, stale, err := store.LoadRecord(r, name)
		if string(got) != "alice" || stale || err != nil {
			t.Fatalf("%q, %t, %v", got, stale, err)
		}
		clear(got)
	}
	if err := store.DeleteRecord(http.Header{}, r, name, nil); err != nil {
		t.Fatal(err)
	}
	if err := store.SaveRecord(http.Header{}, r, name, record, nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
	if got, _, err := store.LoadRecord(r, name); got != nil || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

// TestLogger: the warning that the memory is full goes to the configured log, and otherwise to the default one.
func TestLogger(t *testing.T) {
	var own, standard strings.Builder
	earlier := slog.Default()
	defer slog.SetDefault(earlier)
	slog.SetDefault(slog.New(slog.NewTextHandler(&standard, nil)))
	for _, tt := range []struct {
		log  *slog.Logger
		goes *strings.Builder
	}{{slog.New(slog.NewTextHandler(&own, nil)), &own}, {nil, &standard}} {
		own.Reset()
		standard.Reset()
		store := memorystore.New(memorystore.Config{MaxBytes: 64 << 10, Logger: tt.log})
		for range 1000 {
			if err := store.SaveRecord(http.Header{}, request(""), name, make([]byte, 200), nil); err != nil {
				t.Fatal(err)
			}
		}
		if tt.goes.Len() == 0 || own.Len()+standard.Len() != tt.goes.Len() {
			t.Errorf("own log %q, default %q", &own, &standard)
		}
	}
}

// TestRefusals: what cannot be saved or deleted is an error, and sets no cookie.
func TestRefusals(t *testing.T) {
	store := memorystore.New(memorystore.Config{})
	w, h := httptest.NewRecorder(), http.Header{}
	session := sessionOf(t, store)
	session.Values["user"] = struct{ Unregistered string }{"x"}
	for what, err := range map[string]error{
		"values that gob does not know": store.Save(request(""), w, session),
		"a record under no name":        store.SaveRecord(h, request(""), "", nil, nil),
		"deleting under no name":        store.DeleteRecord(h, request(""), "", nil),
	} {
		if err == nil || !strings.HasPrefix(err.Error(), "memorystore: ") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if len(w.Header())+len(h) > 0 {
		t.Errorf("%v, %v", w.Header(), h)
	}
}

// TestGet: a handler of the app that uses the store for a session of its own gets the same session each time, with the
// attributes that it has set.
func TestGet(t *testing.T) {
	store := memorystore.New(memorystore.Config{})
	store.Options(sessions.Options{Path: "/shop", MaxAge: 60, HttpOnly: true})
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	first, err := store.Get(r, "basket")
	again, also := store.Get(r, "basket")
	if err != nil || also != nil || first != again || first.Options.Path != "/shop" || first.Options.MaxAge != 60 {
		t.Errorf("%+v, %v and %+v, %v", first, err, again, also)
	}
}
