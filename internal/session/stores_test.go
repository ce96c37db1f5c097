package session_test

import (
	"os"
	"strings"
	"testing"

	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/cookie"
	"github.com/gin-contrib/sessions/filesystem"
	"github.com/gin-contrib/sessions/memstore"

	"github.com/seed-d65cea4d/ginoidc/cookiestore"
	"github.com/seed-d65cea4d/ginoidc/internal/session/sessiontest"
	"github.com/seed-d65cea4d/ginoidc/memorystore"
)

func key(c string) string { return strings.Repeat(c, 32) }

func newCookiestore(t testing.TB, secrets ...string) *cookiestore.Store {
	t.Helper()
	store, err := cookiestore.New(cookiestore.Config{Secrets: secrets})
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func TestCookiestore(t *testing.T) {
	sessiontest.Conformance(t, func(t *testing.T) sessions.Store {
		return newCookiestore(t, key("k"))
	}, sessiontest.Caps{Stateless: true})
}

func TestMemorystore(t *testing.T) {
	sessiontest.Conformance(t, func(*testing.T) sessions.Store {
		return memorystore.New(memorystore.Config{MaxBytes: 32 << 20})
	}, sessiontest.Caps{})
}

func TestGinContribCookie(t *testing.T) {
	sessiontest.Conformance(t, func(*testing.T) sessions.Store {
		return cookie.NewStore([]byte(key("h")), []byte(key("b")))
	}, sessiontest.Caps{Stateless: true})
}

func TestGinContribMemstore(t *testing.T) {
	sessiontest.Conformance(t, func(*testing.T) sessions.Store {
		return memstore.NewStore([]byte(key("h")))
	}, sessiontest.Caps{Unbounded: true})
}

func TestGinContribFilesystem(t *testing.T) {
	var dir string
	sessiontest.Conformance(t, func(t *testing.T) sessions.Store {
		dir = t.TempDir()
		return filesystem.NewStore(dir, []byte(key("h")))
	}, sessiontest.Caps{Break: func(t *testing.T) {
		// A file in place of the directory: unlike a missing file, an error to report.
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(dir, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}})
}
