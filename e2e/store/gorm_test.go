package store_test

import (
	"path/filepath"
	"testing"

	"github.com/gin-contrib/sessions"
	gormsessions "github.com/gin-contrib/sessions/gorm"
	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/seed-d65cea4d/ginoidc/internal/session/sessiontest"
)

// By default the store treats a database that does not respond as "no such session". With a handle whose queries panic
// on an error, the plugin notices: it converts the panic to 503.
func TestGorm(t *testing.T) {
	for name, mute := range map[string]bool{"as it is": true, "queries panic": false} {
		t.Run(name, func(t *testing.T) {
			var db *gorm.DB // that of the store made last
			newStore := func(t *testing.T) sessions.Store {
				db = openGorm(t)
				if !mute {
					panicOnError(t, db)
				}
				return gormsessions.NewStore(db, false, authenticationKey())
			}
			sessiontest.Conformance(t, newStore, sessiontest.Caps{Mute: mute, Break: func(t *testing.T) { closeGorm(t, db) }})
		})
	}
}

func panicOnError(t *testing.T, db *gorm.DB) {
	t.Helper()
	err := db.Callback().Query().After("gorm:query").Register("panic on error", func(tx *gorm.DB) {
		if tx.Error != nil {
			panic(tx.Error)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

func openGorm(t *testing.T) *gorm.DB {
	t.Helper()
	db, err := gorm.Open(sqlite.Open(filepath.Join(t.TempDir(), "sessions.db")), &gorm.Config{Logger: logger.Discard})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeGorm(t, db) })
	return db
}

func closeGorm(t *testing.T, db *gorm.DB) {
	t.Helper()
	pool, err := db.DB()
	if err != nil {
		t.Fatal(err)
	}
	if err := pool.Close(); err != nil {
		t.Fatal(err)
	}
}
