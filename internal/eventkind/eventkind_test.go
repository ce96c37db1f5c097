package eventkind_test

import (
	"log/slog"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/eventkind"
)

// TestLevel: one kind of each level. What prevents users from signing in or out is an error, what an operator should
// look at a warning. Kinds whose level depends on the case have none of their own, and so have messages that are no
// kind: those of the package that talks to the provider.
func TestLevel(t *testing.T) {
	for _, tt := range []struct {
		kind  eventkind.Kind
		level slog.Level
		ok    bool
	}{
		{eventkind.SessionRenewed, slog.LevelDebug, true},
		{eventkind.CookiesNotDeleted, slog.LevelDebug, true},
		{eventkind.LogoutRefused, slog.LevelWarn, true},
		{eventkind.SeveralSessions, slog.LevelWarn, true},
		{eventkind.RecheckRefused, slog.LevelWarn, true},
		{eventkind.SignInGuarded, slog.LevelError, true},
		{eventkind.EarlierSessionLives, slog.LevelError, true},
		{eventkind.SignedIn, slog.LevelInfo, false},
		{eventkind.RequestFailed, slog.LevelInfo, false},
		{"keys fetched", slog.LevelInfo, false},
	} {
		if level, ok := tt.kind.Level(); level != tt.level || ok != tt.ok {
			t.Errorf("%q: %v, %t; want %v, %t", tt.kind, level, ok, tt.level, tt.ok)
		}
	}
}
