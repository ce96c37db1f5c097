package ginoidctest

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strings"
	"sync"

	"github.com/gin-contrib/sessions"
	"github.com/gorilla/securecookie"
	gsessions "github.com/gorilla/sessions"
)

// TestStore checks that a [sessions.Store] does what the plugin requires of Config.Store, and fails the test with
// everything that it does not. one and other are two instances that share their data, as two processes of an app do;
// pass the same one twice if there is only one. It leaves no session behind that it did not create itself.
//
// A store that keeps sessions in cookies, whose sessions have no ID, cannot delete one from a copied cookie; the plugin
// remembers sign-outs for it. A store that also has the methods LoadRecord, SaveRecord and DeleteRecord, as those of
// this module do, is used by these, and they are checked too.
func TestStore(tb TB, one, other sessions.Store) {
	tb.Helper()
	t := &storeTest{one: one, other: other, name: "test_" + strings.ToLower(rand.Text()[:8])}
	for _, check := range []func() error{
		t.values, t.attributes, t.replacement, t.deletion, t.strangers, t.manyUsers, t.records,
	} {
		if err := caught(check); err != nil {
			t.failf("%v", err)
		}
	}
	if len(t.problems) > 0 {
		tb.Fatalf("the store does not conform:\n%s", strings.Join(t.problems, "\n"))
	}
}

// storeTest is one run of [TestStore].
type storeTest struct {
	one, other sessions.Store
	name       string // of the cookie
	mu         sync.Mutex
	problems   []string
}

func (t *storeTest) failf(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.problems = append(t.problems, fmt.Sprintf(format, args...))
}

func caught(check func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	return check()
}

const storedKey = "ginoidc" // the plugin keeps one string under one key

func request(cookies ...*http.Cookie) *http.Request {
	r, _ := http.NewRequest(http.MethodGet, "https://app.example.com/", nil) // never fails
	for _, c := range cookies {
		r.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
	}
	return r
}

func options(maxAge int) *gsessions.Options {
	return &gsessions.Options{Path: "/", MaxAge: maxAge, Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode}
}

// header is an [http.ResponseWriter] of which only the header counts.
type header http.Header

func (h header) Header() http.Header         { return http.Header(h) }
func (h header) Write(p []byte) (int, error) { return len(p), nil }
func (h header) WriteHeader(int)             {}

// cookie returns the one cookie that the header sets.
func (h header) cookie() (*http.Cookie, error) {
	lines := h["Set-Cookie"]
	if len(lines) != 1 {
		return nil, fmt.Errorf("the response after Save sets %d cookies, want 1: %.200q", len(lines), lines)
	}
	return http.ParseSetCookie(lines[0])
}

// save stores a value in the session of the cookies, or in a new one.
func (t *storeTest) save(s sessions.Store, name, value string, maxAge int, cookies ...*http.Cookie) (
	c *http.Cookie, id string, err error) {
	r := request(cookies...)
	session, err := t.open(s, r, name)
	if err != nil {
		return nil, "", err
	}
	session.Values = map[any]any{storedKey: value}
	session.Options = options(maxAge)
	h := header{}
	if err := s.Save(r, h, session); err != nil {
		return nil, "", fmt.Errorf("saving %d bytes: %w", len(value), err)
	}
	c, err = h.cookie()
	return c, session.ID, err
}

// open is New. That there is no such session is no error, or one of securecookie, or [fs.ErrNotExist].
func (t *storeTest) open(s sessions.Store, r *http.Request, name string) (*gsessions.Session, error) {
	session, err := s.New(r, name)
	var odd securecookie.Error
	if err != nil && !(errors.As(err, &odd) && odd.IsDecode()) && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("New with the cookies %.80q: %w", r.Header["Cookie"], err)
	}
	if session == nil {
		return nil, fmt.Errorf("the store returns neither a session nor an error: %v", err)
	}
	return session, nil
}

// value returns what is stored, or "".
func (t *storeTest) value(s sessions.Store, name string, c *http.Cookie) (string, error) {
	session, err := t.open(s, request(c), name)
	if err != nil {
		return "", err
	}
	value, _ := session.Values[storedKey].(string)
	return value, nil
}

// want compares what both instances have.
func (t *storeTest) want(what, name, want string, c *http.Cookie) error {
	for _, s := range []sessions.Store{t.one, t.other} {
		got, err := t.value(s, name, c)
		if err != nil {
			return err
		}
		if got != want {
			t.failf("%s: %.40q (%d bytes), want %.40q (%d bytes)", what, got, len(got), want, len(want))
		}
	}
	return nil
}
