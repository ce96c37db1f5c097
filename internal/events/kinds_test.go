package events_test

import (
	"log/slog"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/events"
)

// TestLevel: one kind of each level. What prevents users from signing in or out is an error, what an operator should
// look at a warning. Kinds whose level depends on the case have none of their own, and so have messages that are no
// kind: those of the package that talks to the provider.
func TestLevel(t *testing.T) {
	for _, tt := range []struct {
		kind  events.Kind
		level slog.Level
		ok    bool
	}{
		{events.SessionRenewed, slog.LevelDebug, true},
		{events.CookiesNotDeleted, slog.LevelDebug, true},
		{events.LogoutRefused, slog.LevelWarn, true},
		{events.SeveralSessions, slog.LevelWarn, true},
		{events.RecheckRefused, slog.LevelWarn, true},
		{events.SignInGuarded, slog.LevelError, true},
		{events.EarlierSessionLives, slog.LevelError, true},
		{events.SignedIn, slog.LevelInfo, false},
		{events.RequestFailed, slog.LevelInfo, false},
		{"keys fetched", slog.LevelInfo, false},
	} {
		if level, ok := tt.kind.Level(); level != tt.level || ok != tt.ok {
			t.Errorf("%q: %v, %t; want %v, %t", tt.kind, level, ok, tt.level, tt.ok)
		}
	}
}

// TestNamesOfEvents: the names for apps do not change. Kinds that have one in each case; others are in TestEmit.
func TestNamesOfEvents(t *testing.T) {
	for kind, want := range map[events.Kind]string{
		events.SignInAccepted: "sign_in", events.SilentSignInFailed: "sign_in_refused", events.SignedIn: "session_started",
		events.SessionRenewed: "session_renewed", events.SessionEnded: "session_ended",
		events.TokensRefreshed: "tokens_refreshed", events.RefreshRefused: "refresh_refused",
		events.MembershipsChanged: "memberships_changed", events.RecheckRefused: "recheck_refused",
		events.RecheckFailed: "recheck_failed", events.Allowed: "allowed", events.LogoutCall: "logout_call",
		events.LogoutRefused: "logout_refused", events.FrontChannelNoList: "logout_refused",
		events.FrontChannelNothing: "logout_refused", events.Linked: "linked", events.Signal: "signal",
		events.SignalRefused: "signal_refused", events.ProviderGone: "", events.CookiesNotDeleted: "",
	} {
		r, _, received := recording()
		r.Emit(t.Context(), events.Event{Kind: kind})
		got := ""
		for _, e := range *received {
			got += e.Name
		}
		if got != want {
			t.Errorf("%s: %q, want %q", kind, got, want)
		}
	}
}
