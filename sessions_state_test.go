package ginoidc_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/state"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// What an app of one process has without any setting; redisstate is held against the same in e2e/store.
var _ ginoidc.SharedState = (*state.Memory)(nil)

// hooked is a State with an answer of its own to some methods: before is called with the name of each, and what it
// returns is the error where it is not nil.
type hooked struct {
	ginoidc.SharedState
	before func(ctx context.Context, method string) error
}

func (s hooked) Revoke(ctx context.Context, key string, at time.Time, ttl time.Duration) error {
	if err := s.before(ctx, "Revoke"); err != nil {
		return err
	}
	return s.SharedState.Revoke(ctx, key, at, ttl)
}

func (s hooked) Revoked(ctx context.Context, keys ...string) ([]time.Time, error) {
	if err := s.before(ctx, "Revoked"); err != nil {
		return nil, err
	}
	return s.SharedState.Revoked(ctx, keys...)
}

func (s hooked) Once(ctx context.Context, key string, ttl time.Duration) (bool, error) {
	if err := s.before(ctx, "Once"); err != nil {
		return false, err
	}
	return s.SharedState.Once(ctx, key, ttl)
}

func (s hooked) Enlist(ctx context.Context, owner, session string, ttl time.Duration) error {
	if err := s.before(ctx, "Enlist"); err != nil {
		return err
	}
	return s.SharedState.Enlist(ctx, owner, session, ttl)
}

func (s hooked) Delist(ctx context.Context, owner, session string) error {
	if err := s.before(ctx, "Delist"); err != nil {
		return err
	}
	return s.SharedState.Delist(ctx, owner, session)
}

func (s hooked) Listed(ctx context.Context, owner string) ([]string, error) {
	if err := s.before(ctx, "Listed"); err != nil {
		return nil, err
	}
	return s.SharedState.Listed(ctx, owner)
}

func (s hooked) Lease(ctx context.Context, key string, ttl time.Duration) (func(context.Context) error, bool, error) {
	if err := s.before(ctx, "Lease"); err != nil {
		return nil, false, err
	}
	return s.SharedState.Lease(ctx, key, ttl)
}

func (s hooked) Keep(ctx context.Context, key, value string, ttl time.Duration) error {
	if err := s.before(ctx, "Keep"); err != nil {
		return err
	}
	return s.SharedState.Keep(ctx, key, value, ttl)
}

func (s hooked) Kept(ctx context.Context, key string) (string, bool, error) {
	if err := s.before(ctx, "Kept"); err != nil {
		return "", false, err
	}
	return s.SharedState.Kept(ctx, key)
}

// without is a State that does not support some methods.
func without(methods ...string) ginoidc.SharedState {
	return hooked{state.NewMemory(0), func(_ context.Context, method string) error {
		if slices.Contains(methods, method) {
			return fmt.Errorf("wrapped: %w", errors.ErrUnsupported)
		}
		return nil
	}}
}

// TestStateThatCanDoLess is an error or one warning of New, by what needs the method; one that can do everything, wrapped
// or not, or that cannot answer now, is neither.
func TestStateThatCanDoLess(t *testing.T) {
	const list, leases = "keeps no list of sessions", "shares no refreshes"
	for _, tt := range []struct {
		name        string
		state       ginoidc.SharedState
		maxSessions int
		keepTokens  bool
		problems    []string
		warning     string
	}{
		{"everything", state.NewMemory(0), 1, true, nil, ""},
		{"wrapped", struct{ ginoidc.SharedState }{state.NewMemory(0)}, 1, true, nil, ""},
		{"no revocations", without("Revoke"), 0, false, []string{"State "}, ""},
		{"no reading of them", without("Revoked"), 0, false, []string{"State "}, ""},
		{"nothing used once", without("Once"), 0, false, []string{"State "}, ""},
		{"no list", without("Enlist", "Delist", "Listed"), 0, true, nil, list},
		{"no list, and a limit", without("Enlist", "Delist", "Listed"), 1, false, []string{"MaxSessions "}, ""},
		{"a list that cannot be written", without("Enlist"), 0, false, nil, list},
		{"a list that cannot be written, and a limit", without("Enlist"), 1, false, []string{"MaxSessions "}, ""},
		{"a list that only grows", without("Delist"), 0, false, nil, list},
		{"a list that cannot be read", without("Listed"), 0, false, nil, list},
		{"no leases", without("Lease"), 1, true, nil, leases},
		{"nothing kept", without("Keep", "Kept"), 0, true, nil, leases},
		{"nothing to read back", without("Kept"), 0, true, nil, leases},
		{"no leases, no tokens", without("Lease", "Keep", "Kept"), 0, false, nil, ""},
		{"nothing", without("Revoke", "Revoked", "Once", "Enlist", "Delist", "Listed", "Lease", "Keep", "Kept"), 1, true, []string{"State ", "MaxSessions "}, ""},
		{"a panic", struct{ ginoidc.SharedState }{}, 1, false, []string{"State ", "MaxSessions "}, ""},
		{"down", hooked{state.NewMemory(0), func(context.Context, string) error { return errStateDown }}, 1, true, nil, ""},
		{"no answer", hooked{state.NewMemory(0), func(ctx context.Context, _ string) error { <-ctx.Done(); return ctx.Err() }}, 1, true, nil, ""},
		{"no answer whatever is said", hooked{state.NewMemory(0), func(context.Context, string) error { time.Sleep(time.Hour); return nil }}, 1, true, nil, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var logs strings.Builder
				cfg := validConfig()
				cfg.State, cfg.MaxSessions, cfg.KeepTokens = tt.state, tt.maxSessions, tt.keepTokens
				cfg.Logger = slog.New(slog.NewTextHandler(&logs, nil))
				began := time.Now()
				auth, err := ginoidc.New(cfg)
				if took := time.Since(began); took > 2*time.Second {
					t.Errorf("New took %v", took)
				}
				if got := problemsOf(err); !slices.Equal(got, tt.problems) || (auth == nil) != (tt.problems != nil) {
					t.Errorf("problems %q, want %q", got, tt.problems)
				}
				lines := strings.Count(logs.String(), "level=WARN")
				if warned := lines == 1 && strings.Contains(logs.String(), tt.warning); warned != (tt.warning != "") || lines > 1 {
					t.Errorf("logged %q, want %q", logs.String(), tt.warning)
				}
				time.Sleep(2 * time.Hour) // until the slowest has answered
			})
		})
	}
}

// TestRefreshWithoutSharedLeases: what State cannot share, this process keeps by itself.
func TestRefreshWithoutSharedLeases(t *testing.T) {
	for _, methods := range [][]string{{"Lease"}, {"Keep", "Kept"}, {"Lease", "Keep", "Kept"}} {
		t.Run(strings.Join(methods, " "), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := testapp.NewWithTokens(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.State = without(methods...) })
				b := a.Browser()
				b.MustSignIn("alice")
				first := b.Fetch("/token").Body
				time.Sleep(5 * time.Minute)
				if r := b.Fetch("/token"); r.StatusCode != 200 || r.Body == first {
					t.Errorf("token: %d %s", r.StatusCode, r.Body)
				}
			})
		})
	}
}

// TestReadyAsksState: without it nobody signs in or is let in.
func TestReadyAsksState(t *testing.T) {
	down := false
	shared := hooked{state.NewMemory(0), func(context.Context, string) error { return errIf(down) }}
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.State = shared })
	if err := a.Auth.Ready(t.Context()); err != nil {
		t.Errorf("up: %v", err)
	}
	down = true
	if err := a.Auth.Ready(t.Context()); !errors.Is(err, ginoidc.ErrSessionStore) || !errors.Is(err, errStateDown) {
		t.Errorf("down: %v", err)
	}
}
