package shared_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/sealed"
	"github.com/seed-d65cea4d/ginoidc/internal/shared"
	"github.com/seed-d65cea4d/ginoidc/internal/state"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

func newValues(t *testing.T) shared.Values {
	t.Helper()
	seal, err := sealed.New("kept values", []string{strings.Repeat("s", 32)}, "app")
	if err != nil {
		t.Fatal(err)
	}
	return shared.Values{State: state.NewMemory(0), Seal: seal}
}

// TestKept: a value opens only for its purpose, key and owner.
func TestKept(t *testing.T) {
	v := newValues(t)
	if err := v.Keep(t.Context(), "tokens", "t1", "alice", "secret", time.Hour); err != nil {
		t.Fatal(err)
	}
	sealedValue, _, _ := v.State.Kept(t.Context(), "t1")
	if strings.Contains(sealedValue, "secret") {
		t.Error("the state holds the text in clear")
	}
	if err := v.State.Keep(t.Context(), "t2", sealedValue, time.Hour); err != nil { // an attacker moves it
		t.Fatal(err)
	}
	for _, tt := range []struct {
		purpose, key, owner string
		ok                  bool
	}{
		{"tokens", "t1", "alice", true},
		{"cookies", "t1", "alice", false},
		{"tokens", "t2", "alice", false},
		{"tokens", "t1", "bob", false},
		{"tokens", "absent", "alice", false},
	} {
		text, ok, err := v.Kept(t.Context(), tt.purpose, tt.key, tt.owner)
		if ok != tt.ok || err != nil || ok && text != "secret" {
			t.Errorf("%+v: %q, %t, %v", tt, text, ok, err)
		}
	}
}

// anySize is a state that keeps values of any size.
type anySize struct{ shared.State }

func (anySize) Keep(context.Context, string, string, time.Duration) error { return nil }

// TestKeepTooLarge: a value that not every state accepts is refused before it is sent.
func TestKeepTooLarge(t *testing.T) {
	v := newValues(t)
	v.State = anySize{v.State}
	const largest = 12255 // bytes, sealed: 16 kB
	if err := v.Keep(t.Context(), "p", "k", "o", strings.Repeat("x", largest+1), time.Hour); err == nil {
		t.Error("kept more than 16 kB")
	}
	if err := v.Keep(t.Context(), "p", "k", "o", strings.Repeat("x", largest), time.Hour); err != nil {
		t.Error(err)
	}
}

// TestOutage: that a state does not answer is told, and is not taken for a value that is absent or a lease that is
// taken.
func TestOutage(t *testing.T) {
	v, outage := newValues(t), testapp.NewOutage()
	v.State = outage
	for name, tt := range map[string]struct {
		call func() error
		want error
	}{
		"Keep": {func() error { return v.Keep(t.Context(), "p", "k", "o", "x", time.Hour) }, testapp.ErrOutage},
		"Kept": {func() error { _, _, err := v.Kept(t.Context(), "p", "k", "o"); return err }, shared.ErrUnavailable},
		"Turn": {func() error { _, _, err := v.Turn(t.Context(), "k", time.Hour, 0); return err }, shared.ErrUnavailable},
	} {
		outage.Begin(1)
		err := tt.call()
		if !errors.Is(err, tt.want) || !errors.Is(err, testapp.ErrOutage) || errors.Is(err, shared.ErrTurn) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestTurn: the second request waits for the first, up to the limit, and learns that it waited.
func TestTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newValues(t)
		release, waited, err := v.Turn(t.Context(), "w1", time.Minute, time.Second)
		if waited || err != nil {
			t.Fatal(waited, err)
		}
		if _, waited, err := v.Turn(t.Context(), "w1", time.Minute, time.Second); !waited ||
			!errors.Is(err, shared.ErrTurn) || !errors.Is(err, shared.ErrUnavailable) {
			t.Errorf("waited %t, %v", waited, err)
		}
		go func() {
			time.Sleep(500 * time.Millisecond)
			if err := release(context.Background()); err != nil {
				t.Error(err)
			}
		}()
		if _, waited, err := v.Turn(t.Context(), "w1", time.Minute, time.Second); !waited || err != nil {
			t.Errorf("waited %t, %v", waited, err)
		}
	})
}

// TestHash: apps that share a state have different keys.
func TestHash(t *testing.T) {
	one, other := shared.Audience("https://idp.example app "), shared.Audience("https://idp.example other ")
	key := shared.Key(shared.KindUser, one.Hash("alice"))
	if len(key) != shared.KeySize || key[0] != 'u' || strings.Contains(key, "alice") {
		t.Errorf("key %q", key)
	}
	if key == shared.Key(shared.KindUser, other.Hash("alice")) || key == shared.Key(shared.KindUser, one.Hash("bob")) {
		t.Error("keys of two apps or users are equal")
	}
}
