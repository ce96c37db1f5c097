package testapp

import (
	"testing"

	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/cookie"
	"github.com/gin-contrib/sessions/filesystem"
	"github.com/gin-contrib/sessions/memstore"

	"github.com/seed-d65cea4d/ginoidc"
)

// Stores returns one store of each kind: in cookies and on a server, the plugin's own (nil) and those of gin-contrib.
func Stores(t *testing.T) map[string]sessions.Store {
	t.Helper()
	secret := []byte(CookieSecret)
	return map[string]sessions.Store{
		"sealed cookies": nil, "cookie": cookie.NewStore(secret), "memstore": memstore.NewStore(secret),
		"filesystem": filesystem.NewStore(t.TempDir(), secret),
	}
}

// Sessions returns the sessions of a user, and fails the test unless there are n.
func (a *App) Sessions(subject string, n int) []ginoidc.SessionInfo {
	a.T.Helper()
	list, err := a.Auth.UserSessions(a.T.Context(), subject)
	if err != nil || len(list) != n {
		a.T.Fatalf("%s has %d sessions, want %d: %v", subject, len(list), n, err)
	}
	return list
}
