package store_test

import (
	"testing"

	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/filesystem"

	"github.com/seed-d65cea4d/ginoidc/internal/session/sessiontest"
)

// The plugin's own tests run the suite with the default store. Here its limit of 4,096 bytes, that of a cookie, is
// raised as docs/stores.md describes.
func TestFilesystemLifted(t *testing.T) {
	newStore := func(t *testing.T) sessions.Store {
		store := filesystem.NewStore(t.TempDir(), authenticationKey())
		lifted, ok := store.(interface{ MaxLength(int) })
		if !ok {
			t.Fatal("the store has no MaxLength")
		}
		lifted.MaxLength(0)
		return store
	}
	sessiontest.Conformance(t, newStore, sessiontest.Caps{Unbounded: true})
}
