package ginoidc

import (
	"errors"
	"net/http"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/outcome"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
)

// TestOwnSession: whatever needs a session refuses users who were identified by other means, without a redirect to the
// sign-in.
func TestOwnSession(t *testing.T) {
	alice, s := &User{Subject: "alice"}, &session.Session{Record: session.Record{Subject: "alice"}}
	ofSession := identityOf(s)
	for _, tt := range []struct {
		id      identity
		session *session.Session
		err     error
		status  int
		code    string
	}{
		{identity{}, nil, ErrUnauthenticated, http.StatusUnauthorized, "unauthorized"},
		{identityOf(&session.Session{}), nil, ErrUnauthenticated, http.StatusUnauthorized, "unauthorized"},
		{identity{other: &User{}}, nil, ErrUnauthenticated, http.StatusUnauthorized, "unauthorized"},
		{identity{other: alice}, nil, ErrForbidden, http.StatusForbidden, "no_session"},
		{ofSession, ofSession.session(), nil, 0, ""},
	} {
		got, err := tt.id.ownSession()
		if got != tt.session || !errors.Is(err, tt.err) {
			t.Errorf("%+v: %v, %v", tt.id, got, err)
		}
		if err == nil {
			continue
		}
		if o := outcome.Of(err); o.Status != tt.status || o.Code != tt.code {
			t.Errorf("%+v: answered %d %s, want %d %s", tt.id, o.Status, o.Code, tt.status, tt.code)
		}
	}
}
