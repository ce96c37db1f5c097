package signals

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/events"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/revocation"
	"github.com/seed-d65cea4d/ginoidc/internal/roster"
	"github.com/seed-d65cea4d/ginoidc/internal/session"
	"github.com/seed-d65cea4d/ginoidc/internal/shared"
	"github.com/seed-d65cea4d/ginoidc/internal/state"
)

// fails is a state that records nothing.
type fails struct{ *state.Memory }

func (fails) Revoke(context.Context, string, time.Time, time.Duration) error {
	return errors.New("down")
}

// TestApply: an event has its effect on the sessions before the app is told, and is not reported as received before
// both have succeeded, so that another delivery finishes it.
func TestApply(t *testing.T) {
	const issuer = "https://idp.example"
	for name, tt := range map[string]struct {
		kind, credentials string
		discard, down     bool
		hook              error
		ended, stepUp     bool
		hooks             int
		reports           string
		fails             bool
	}{
		"ends": {kind: provider.EventSessionRevoked, ended: true, hooks: 1,
			reports: "session_ended alice signal, signal alice"},
		"credentials end": {kind: provider.EventCredentialChange, credentials: Ends, ended: true, hooks: 1,
			reports: "session_ended alice signal, signal alice"},
		"a step-up": {kind: provider.EventCredentialChange, credentials: StepsUp, stepUp: true, hooks: 1,
			reports: "signal alice"},
		"ignored":   {kind: provider.EventCredentialChange, credentials: Ignored, hooks: 1, reports: "signal alice"},
		"discarded": {kind: provider.EventSessionRevoked, discard: true, reports: "signal alice"},
		"the hook fails": {kind: provider.EventSessionRevoked, hook: errors.New("hook"), ended: true, hooks: 1,
			reports: "session_ended alice signal", fails: true},
		"the state fails":          {kind: provider.EventSessionRevoked, down: true, fails: true},
		"the state fails, step-up": {kind: provider.EventCredentialChange, credentials: StepsUp, down: true, fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log, memory := slog.New(slog.DiscardHandler), state.NewMemory(0)
				var reports []string
				reporter := &events.Reporter{Log: log, OnEvent: func(_ context.Context, e events.Event) {
					reports = append(reports, strings.TrimSpace(strings.Join([]string{e.Name, e.Subject, e.Reason}, " ")))
				}}
				cfg := revocation.Config{State: memory, Audience: "op", App: "app", StepUps: true, Lifetime: time.Hour}
				judges := revocation.New(cfg)
				if tt.down {
					cfg.State = fails{memory}
				}
				hooks := 0
				r := New(Config{
					Sessions: roster.Roster{Ledger: revocation.New(cfg), Events: reporter}, OfIssuer: issuer,
					CredentialChange: tt.credentials, Events: reporter,
					Hook: func(_ context.Context, _ *provider.SecurityEvent, sub, sid string) error {
						if hooks++; sub != "alice" || sid != "" {
							t.Errorf("%q, %q", sub, sid)
						}
						return tt.hook
					},
				})
				began := time.Now()
				time.Sleep(time.Minute)
				err := r.apply(t.Context(), &provider.SecurityEvent{
					Type: tt.kind, Discard: tt.discard, Occurred: time.Now(),
					Subject: provider.EventSubject{Format: provider.FormatIssSub, Issuer: issuer, Subject: "alice"},
				})
				if (err != nil) != tt.fails || tt.down && !errors.Is(err, shared.ErrUnavailable) || hooks != tt.hooks {
					t.Errorf("%v, %d hooks", err, hooks)
				}
				if got := strings.Join(reports, ", "); got != tt.reports {
					t.Errorf("reported %q, want %q", got, tt.reports)
				}
				v, err := judges.Judge(t.Context(), &session.Record{
					ID: shared.Hash{1}, Subject: "alice", Started: began, Issued: began,
				})
				if err != nil || v.Ended != tt.ended || v.StepUp.IsZero() == tt.stepUp {
					t.Errorf("%+v, %v", v, err)
				}
			})
		})
	}
}

// TestRefusal: the code is that of the token, or else that of what failed here.
func TestRefusal(t *testing.T) {
	for want, err := range map[string]error{
		"authentication_failed": errAuthorization, "session_unavailable": shared.ErrUnavailable,
	} {
		if e := Refusal(err); e.Kind != events.SignalRefused || e.Code != want || !errors.Is(e.Err, err) {
			t.Errorf("%v: %+v", err, e)
		}
	}
}
