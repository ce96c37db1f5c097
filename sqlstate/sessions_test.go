package sqlstate_test

import (
	"bytes"
	"context"
	"database/sql/driver"
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/gin-contrib/sessions"
	gsessions "github.com/gorilla/sessions"

	"github.com/seed-d65cea4d/ginoidc/sqlstate"
)

const (
	name = "__Host-session"
	id   = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
)

func request(ctx context.Context, id string) *http.Request {
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "https://app.example.com/", nil)
	if id != "" {
		r.AddCookie(&http.Cookie{Name: name, Value: id})
	}
	return r
}

func options() *gsessions.Options {
	return &gsessions.Options{Path: "/", MaxAge: 3600, Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode}
}

func load(ctx context.Context, s *sqlstate.Store, id string) (string, error) {
	record, _, err := s.LoadRecord(request(ctx, id), name)
	return string(record), err
}

// save returns the id that the browser has then.
func save(ctx context.Context, s *sqlstate.Store, id string) (string, error) {
	h := http.Header{}
	if err := s.SaveRecord(h, request(ctx, id), name, []byte("alice's record"), options()); err != nil {
		if len(h) != 0 {
			return "", errors.New("a header with an error")
		}
		return "", err
	}
	c, err := http.ParseSetCookie(h.Get("Set-Cookie"))
	if err != nil {
		return "", err
	}
	return c.Value, nil
}

func remove(ctx context.Context, s *sqlstate.Store, id string) error {
	return s.DeleteRecord(http.Header{}, request(ctx, id), name, options())
}

// table is what a database keeps of sessions: values by key.
type table map[string][]byte

// fake answers the statements of sessions.
func (rows table) fake() *fake {
	return &fake{answer: func(_ context.Context, text string, args []any) (answer, error) {
		switch {
		case strings.HasPrefix(text, "SELECT"):
			if value, ok := rows[args[0].(string)]; ok {
				return answer{rows: [][]driver.Value{{value}}}, nil
			}
		case strings.HasPrefix(text, "INSERT"):
			rows[args[0].(string)] = bytes.Clone(args[1].([]byte))
		case strings.HasPrefix(text, "UPDATE"):
			if _, ok := rows[keyOf(args)]; !ok {
				return answer{}, nil
			}
			rows[keyOf(args)] = bytes.Clone(valueOf(args))
			return answer{affected: 1}, nil
		case strings.HasPrefix(text, "DELETE"):
			delete(rows, args[0].(string))
		}
		return answer{}, nil
	}}
}

// keyOf and valueOf find the arguments of an UPDATE, whose order depends on the dialect.
func keyOf(args []any) string {
	key, _ := args[slices.IndexFunc(args, func(arg any) bool { _, ok := arg.(string); return ok })].(string)
	return key
}

func valueOf(args []any) []byte {
	value, _ := args[slices.IndexFunc(args, func(arg any) bool { _, ok := arg.([]byte); return ok })].([]byte)
	return value
}

// TestRecords: what is in the database shows neither the id nor the record, and opens under its own key alone.
func TestRecords(t *testing.T) {
	rows := table{}
	store := newStore(t, rows.fake(), sqlstate.PostgreSQL)
	ctx := t.Context()
	alice, err := save(ctx, store, "")
	if err != nil || len(alice) != 43 {
		t.Fatalf("%q, %v", alice, err)
	}
	if record, err := load(ctx, store, alice); record != "alice's record" || err != nil {
		t.Errorf("%q, %v", record, err)
	}
	bob, err := save(ctx, store, "")
	if err != nil || len(rows) != 2 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	var keys []string
	for key, value := range rows {
		if strings.Contains(key, alice) || strings.Contains(string(value), "alice") || !strings.HasPrefix(key, "s:") {
			t.Errorf("row %q: %q", key, value)
		}
		keys = append(keys, key)
	}
	rows[keys[0]], rows[keys[1]] = rows[keys[1]], rows[keys[0]]
	for _, id := range []string{alice, bob} {
		if record, err := load(ctx, store, id); record != "" || err != nil {
			t.Errorf("moved to another key: %q, %v", record, err)
		}
	}
	rows[keys[0]], rows[keys[1]] = rows[keys[1]], rows[keys[0]]
	if record, err := load(ctx, store, bob); record != "alice's record" || err != nil {
		t.Errorf("%q, %v", record, err)
	}
	if again, err := save(ctx, store, bob); again != bob || err != nil {
		t.Errorf("saved again: %q, %v", again, err)
	}
	for range 2 {
		if err := remove(ctx, store, alice); err != nil {
			t.Error(err)
		}
	}
	if _, err := save(ctx, store, alice); !errors.Is(err, fs.ErrNotExist) || len(rows) != 1 {
		t.Errorf("saved after its end: %v", err)
	}
}

// Another prefix is another app, with the same secrets too.
func TestPrefixesKeepApart(t *testing.T) {
	rows := table{}
	db := rows.fake().opened(t)
	at := func(prefix string) *sqlstate.Store {
		store, err := sqlstate.New(sqlstate.Config{
			DB: db, Dialect: sqlstate.SQLite, Prefix: prefix, Secrets: []string{secret},
		})
		if err != nil {
			t.Fatal(err)
		}
		return store
	}
	one, other := at("one_"), at("other_")
	id, err := save(t.Context(), one, "")
	if err != nil {
		t.Fatal(err)
	}
	if record, err := load(t.Context(), other, id); record != "" || err != nil { // the row itself was copied
		t.Errorf("%q, %v", record, err)
	}
}

// TestValues: the store also works for gin-contrib/sessions.
func TestValues(t *testing.T) {
	f := table{}.fake()
	store := newStore(t, f, sqlstate.MySQL)
	store.Options(sessions.Options{Path: "/app", MaxAge: 60, Secure: true, HttpOnly: true})
	session, err := store.Get(request(t.Context(), ""), name)
	if err != nil || !session.IsNew {
		t.Fatalf("%+v, %v", session, err)
	}
	session.Values["user"] = "alice"
	w := httptest.NewRecorder()
	if err := store.Save(request(t.Context(), ""), w, session); err != nil {
		t.Fatal(err)
	}
	c, err := http.ParseSetCookie(w.Header().Get("Set-Cookie"))
	if err != nil || c.Path != "/app" || c.MaxAge != 60 || !c.Secure || !c.HttpOnly {
		t.Fatalf("%v, %v", c, err)
	}
	opened, err := store.New(request(t.Context(), c.Value), name)
	if err != nil || opened.IsNew || !reflect.DeepEqual(opened.Values, map[any]any{"user": "alice"}) {
		t.Errorf("%+v, %v", opened, err)
	}
	if record, err := load(t.Context(), store, c.Value); record != "" || err != nil {
		t.Errorf("values as a record: %q, %v", record, err)
	}
	f.answer = func(context.Context, string, []any) (answer, error) { return answer{}, errors.New("down") }
	if err := store.Save(request(t.Context(), c.Value), w, opened); err == nil {
		t.Error("saved while the database is down")
	}
}
