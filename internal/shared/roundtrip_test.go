package shared_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/shared"
	"github.com/seed-d65cea4d/ginoidc/internal/state"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// broken is a state in memory with one method that does not do what it should.
type broken struct {
	*state.Memory
	revoked func() ([]time.Time, error)
	used    func() (bool, error)
	listed  func() ([]string, error)
	lease   func() error
	kept    func() (string, bool, error)
}

func (b broken) Revoked(ctx context.Context, keys ...string) ([]time.Time, error) {
	if b.revoked != nil {
		return b.revoked()
	}
	return b.Memory.Revoked(ctx, keys...)
}

func (b broken) MarkUsed(ctx context.Context, key string, ttl time.Duration) (bool, error) {
	if b.used != nil {
		return b.used()
	}
	return b.Memory.MarkUsed(ctx, key, ttl)
}

func (b broken) Listed(ctx context.Context, owner string) ([]string, error) {
	if b.listed != nil {
		return b.listed()
	}
	return b.Memory.Listed(ctx, owner)
}

func (b broken) Lease(ctx context.Context, key string, ttl time.Duration) (func(context.Context) error, bool, error) {
	if b.lease != nil {
		return nil, false, b.lease()
	}
	return b.Memory.Lease(ctx, key, ttl)
}

func (b broken) Kept(ctx context.Context, key string) (string, bool, error) {
	if b.kept != nil {
		return b.kept()
	}
	return b.Memory.Kept(ctx, key)
}

// TestRoundTrip: a state that loses something, or does not answer, is named. What it does not support is left out.
func TestRoundTrip(t *testing.T) {
	none := func() ([]time.Time, error) { return make([]time.Time, 1), nil }
	away := errors.New("connection refused")
	for name, tt := range map[string]struct {
		state broken
		says  string
	}{
		"works":               {broken{}, ""},
		"unsupported":         {broken{lease: func() error { return errors.ErrUnsupported }}, ""},
		"unsupported list":    {broken{listed: func() ([]string, error) { return nil, errors.ErrUnsupported }}, ""},
		"away":                {broken{lease: func() error { return away }}, "Lease: connection refused"},
		"used without an end": {broken{used: func() (bool, error) { return true, nil }}, "what was used"},
		"used by others":      {broken{used: func() (bool, error) { return false, nil }}, "what was used"},
		"forgets revocations": {broken{revoked: none}, "what was revoked"},
		"answers too little":  {broken{revoked: func() ([]time.Time, error) { return nil, nil }}, "what was revoked"},
		"forgets sessions":    {broken{listed: func() ([]string, error) { return nil, nil }}, "which sessions there are"},
		"no lease":            {broken{lease: func() error { return nil }}, "refused for a new key"},
		"forgets values":      {broken{kept: func() (string, bool, error) { return "", false, nil }}, "what was kept"},
		"keeps another value": {broken{kept: func() (string, bool, error) { return "other", true, nil }}, "what was kept"},
		"keeps it no longer": {broken{kept: func() (string, bool, error) { return shared.Probe, false, nil }},
			"what was kept"},
	} {
		tt.state.Memory = state.NewMemory(0)
		err := shared.RoundTrip(t.Context(), tt.state)
		if (err == nil) != (tt.says == "") || err != nil && !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestRoundTripNamesMethods: whichever call fails, the error says so and names the method.
func TestRoundTripNamesMethods(t *testing.T) {
	outage := testapp.NewOutage()
	if err := shared.RoundTrip(t.Context(), outage); err != nil {
		t.Fatal(err)
	}
	all, _ := outage.End()
	for call := 1; call <= all; call++ {
		outage.Begin(call)
		err := shared.RoundTrip(t.Context(), outage)
		_, method := outage.End()
		if !errors.Is(err, testapp.ErrOutage) || !strings.Contains(err.Error(), "method "+method+":") {
			t.Errorf("call %d, of %s: %v", call, method, err)
		}
	}
	if all < 10 {
		t.Errorf("%d calls", all)
	}
}
