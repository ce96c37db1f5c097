package session_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/cookie"
	"github.com/gin-contrib/sessions/memstore"

	"github.com/seed-d65cea4d/ginoidc/cookiestore"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
)

// TestFit: an ID token gives way to a session that would not fit otherwise, if it may, and to nothing else.
func TestFit(t *testing.T) {
	inCookies, err := cookiestore.New(cookiestore.Config{Secrets: []string{secret}})
	if err != nil {
		t.Fatal(err)
	}
	onServer := memstore.NewStore([]byte(secret))
	tooLarge, failed := &session.TooLargeError{Size: 9999}, errors.New("down")
	for name, tt := range map[string]struct {
		store     sessions.Store
		size      int
		token     string
		droppable bool
		errs      []error // of the calls
		dropped   bool
		err       error
	}{
		"room in one cookie":         {inCookies, 2800, "token", true, []error{nil}, false, nil},
		"not in one cookie":          {inCookies, 2801, "token", true, []error{nil}, true, nil},
		"not in one, of gin":         {cookie.NewStore([]byte(secret)), 2801, "token", true, []error{nil}, true, nil},
		"on a server":                {onServer, 9999, "token", true, []error{nil}, false, nil},
		"too large for a server":     {onServer, 9999, "token", true, []error{tooLarge, nil}, true, nil},
		"too large without it":       {onServer, 9999, "token", true, []error{tooLarge, tooLarge}, true, tooLarge},
		"too large, dropped before":  {inCookies, 9999, "token", true, []error{tooLarge}, true, tooLarge},
		"it must stay":               {inCookies, 9999, "token", false, []error{tooLarge}, false, tooLarge},
		"there is none":              {inCookies, 9999, "", true, []error{tooLarge}, false, tooLarge},
		"there is none, on a server": {onServer, 9999, "", true, []error{tooLarge}, false, tooLarge},
		"another failure":            {onServer, 10, "token", true, []error{failed}, false, failed},
	} {
		token, calls := []byte(tt.token), 0
		err := newManager(tt.store).Fit(t.Context(), tt.size, &token, tt.droppable, func() error {
			calls++
			return tt.errs[calls-1]
		})
		if calls != len(tt.errs) || !errors.Is(err, tt.err) || (tt.err == nil) != (err == nil) {
			t.Errorf("%s: %d calls, %v", name, calls, err)
		}
		if dropped := string(token) != tt.token; dropped != tt.dropped || dropped && token != nil {
			t.Errorf("%s: the token is %q", name, token)
		}
	}
}

// TestInCookies: which stores need no end in the shared state to be told apart from those on a server.
func TestInCookies(t *testing.T) {
	embedded, err := cookiestore.New(cookiestore.Config{Secrets: []string{strings.Repeat("s", 32)}})
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		store sessions.Store
		want  bool
	}{
		"cookiestore": {embedded, true}, "gin's cookies": {cookie.NewStore([]byte(secret)), true},
		"a wrapper": {struct{ sessions.Store }{embedded}, false}, "a server": {memstore.NewStore([]byte(secret)), false},
	} {
		if got := session.InCookies(tt.store); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
