package signals_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/events"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/flight"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/roster"
	"github.com/seed-d65cea4d/ginoidc/internal/sealed"
	"github.com/seed-d65cea4d/ginoidc/internal/shared"
	"github.com/seed-d65cea4d/ginoidc/internal/signals"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// receiver is a receiver of signals with its transmitter, and what has become of the signals.
type receiver struct {
	*signals.Receiver
	t     *testing.T
	op    *fakeop.Provider
	state *testapp.Outage

	mu     sync.Mutex
	hook   func() error
	hooked int // how often the hook was called
	events []events.Kind
}

const (
	oldest     = 8 * time.Hour // of a token
	pushedTo   = "https://app.example/auth/signals"
	authorized = "Bearer 0a1b2c3d"
)

// newReceiver returns a receiver. Those of several instances share the transmitter and the state.
func newReceiver(t *testing.T, of *receiver, change func(*signals.Config)) *receiver {
	t.Helper()
	r := &receiver{t: t, hook: func() error { return nil }}
	quiet := slog.New(slog.DiscardHandler)
	if of != nil {
		r.op, r.state = of.op, of.state
	} else {
		var err error
		if r.op, err = fakeop.New(fakeop.Config{Logger: quiet, SigningAlg: "ES256"}); err != nil {
			t.Fatal(err)
		}
		r.state = testapp.NewOutage()
	}
	seal := func(purpose string) *sealed.Text {
		text, err := sealed.New(purpose, []string{strings.Repeat("secret", 6)}, "app")
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	reporter := &events.Reporter{Log: quiet, OnEvent: func(_ context.Context, e events.Event) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.events = append(r.events, e.Kind)
		if e.Kind == events.PollFailed && errors.As(e.Err, new(*flight.PanicError)) {
			t.Errorf("polling has panicked: %v", e.Err)
		}
	}}
	cfg := signals.Config{
		Transmitter: provider.NewTransmitter(provider.TransmitterConfig{
			Issuer: r.op.Issuer(), Audience: []string{fakeop.SignalAudience}, SigningAlgs: []string{"ES256"},
			MaxAge: oldest, Transport: r.op.Transport(), Timeout: 5 * time.Second, Logger: quiet,
			Token: func(context.Context) (string, error) { return fakeop.SignalToken, nil },
		}),
		Issuer: r.op.Issuer(), Audience: "op app", URL: pushedTo, Authorization: authorized,
		State: r.state, Values: shared.Values{State: r.state, Seal: seal("values")}, States: seal("signal verification"),
		Log: quiet, Sessions: roster.Roster{Events: reporter}, OfIssuer: r.op.Issuer(), Events: reporter,
		Hook: func(context.Context, *provider.SecurityEvent, string, string) error {
			r.mu.Lock()
			hook := r.hook
			r.hooked++
			r.mu.Unlock()
			return hook()
		},
	}
	if change != nil {
		change(&cfg)
	}
	r.Receiver = signals.New(cfg)
	return r
}

// token returns a token about alice that only the hook acts on.
func (r *receiver) token(edit func(claims map[string]any)) string {
	r.t.Helper()
	payload := map[string]any{"claims": map[string]any{"role": "none"}}
	token, err := r.op.EventToken(fakeop.TokenClaimsChange, r.op.UserSubject("alice"), payload, edit)
	if err != nil {
		r.t.Fatal(err)
	}
	return token
}

// queue lets a token wait for a poll.
func (r *receiver) queue(jti string, edit func(claims map[string]any)) {
	r.t.Helper()
	r.op.Queue(jti, r.token(func(claims map[string]any) {
		claims["jti"] = jti
		if edit != nil {
			edit(claims)
		}
	}))
}

// onHook replaces the hook.
func (r *receiver) onHook(hook func() error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hook = hook
}

// took returns how often the hook was called since the last time, and the events since then.
func (r *receiver) took() (hooked int, reported []events.Kind) {
	r.mu.Lock()
	defer r.mu.Unlock()
	hooked, reported = r.hooked, r.events
	r.hooked, r.events = 0, nil
	return hooked, reported
}
