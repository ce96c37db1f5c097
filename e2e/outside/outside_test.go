package outside

import (
	"testing"

	"github.com/gin-contrib/sessions/filesystem"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/ginoidctest"
)

var _ ginoidc.SharedState = State{}

func TestState(t *testing.T) {
	shared := NewTables()
	ginoidctest.TestState(t, State{shared}, State{shared})
}

func TestStore(t *testing.T) {
	dir, key := t.TempDir(), []byte("an authentication key of 32 bytes")
	ginoidctest.TestStore(t, filesystem.NewStore(dir, key), filesystem.NewStore(dir, key))
}
