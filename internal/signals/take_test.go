package signals_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/events"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
	"github.com/seed-d65cea4d/ginoidc/internal/shared"
	"github.com/seed-d65cea4d/ginoidc/internal/signals"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// TestReceive: a token that is pushed has its effect, and one from anybody else, or for anybody else, has none.
func TestReceive(t *testing.T) {
	r := newReceiver(t, nil, nil)
	elsewhere := r.token(func(claims map[string]any) { claims["aud"] = "https://other.example" })
	for _, tt := range []struct {
		authorization, token, code string
		hooked                     int
	}{
		{"Bearer of a stranger", r.token(nil), "authentication_failed", 0},
		{authorized, elsewhere, "invalid_audience", 0},
		{authorized, r.token(nil), "", 1},
	} {
		req := httptest.NewRequest("POST", "/auth/signals", strings.NewReader(tt.token))
		req.Header.Set("Authorization", tt.authorization)
		req.Header.Set("Content-Type", "application/secevent+jwt")
		err := r.Receive(t.Context(), httptest.NewRecorder(), req)
		if hooked, _ := r.took(); hooked != tt.hooked || (err == nil) != (tt.code == "") || signals.Code(err) != tt.code {
			t.Errorf("%s: %v, %d hooks", tt.authorization, err, hooked)
		}
	}
}

// TestTakeOnce: a token has its effect once, on one of the instances, for as long as it is accepted at all. After an
// error of the app another delivery finishes it.
func TestTakeOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newReceiver(t, nil, nil)
		b := newReceiver(t, a, nil)
		token := a.token(nil)
		broken := errors.New("database")
		a.onHook(func() error { return broken })
		if err := a.Take(t.Context(), token); !errors.Is(err, broken) || signals.Code(err) != "" {
			t.Errorf("the hook fails: %v", err)
		}
		if hooked, reported := a.took(); hooked != 1 || len(reported) != 0 {
			t.Errorf("the hook fails: %d calls, %v", hooked, reported)
		}
		for i, r := range []*receiver{b, a, b} {
			if err := r.Take(t.Context(), token); err != nil {
				t.Errorf("delivery %d: %v", i+1, err)
			}
			hooked, reported := r.took()
			if first := i == 0; (hooked == 1) != first || slices.Equal(reported, []events.Kind{events.Signal}) != first {
				t.Errorf("delivery %d: %d calls of the hook, %v", i+1, hooked, reported)
			}
		}
		time.Sleep(oldest)
		if err := a.Take(t.Context(), token); err != nil || a.hooked != 0 {
			t.Errorf("as old as may be: %v, %d calls of the hook", err, a.hooked)
		}
		time.Sleep(time.Second)
		if err := a.Take(t.Context(), token); signals.Code(err) != "invalid_request" {
			t.Errorf("too old: %v", err)
		}
	})
}

// TestTakeRefuses: what the transmitter has not issued for this app has no effect.
func TestTakeRefuses(t *testing.T) {
	r := newReceiver(t, nil, nil)
	stranger := newReceiver(t, nil, nil)
	for code, token := range map[string]string{
		"invalid_audience": r.token(func(claims map[string]any) { claims["aud"] = "https://other.example" }),
		"invalid_issuer":   r.token(func(claims map[string]any) { claims["iss"] = "https://other.example" }),
		"invalid_request":  r.token(func(claims map[string]any) { claims["typ"] = "JWT" }),
		"invalid_key":      stranger.token(nil),
	} {
		err := r.Take(t.Context(), token)
		if hooked, reported := r.took(); signals.Code(err) != code || hooked != 0 || len(reported) != 0 {
			t.Errorf("%s: %v, %d calls of the hook, %v", code, err, hooked, reported)
		}
	}
}

// TestTakeOutage: whichever call of the shared state fails, either the token has no effect, and is delivered again, or
// it is accepted and the fault is reported.
func TestTakeOutage(t *testing.T) {
	r := newReceiver(t, nil, nil)
	all := 1
	for call := 0; call <= all; call++ {
		r.state.Begin(call)
		err := r.Take(t.Context(), r.token(nil))
		calls, method := r.state.End()
		if call == 0 {
			all = calls
		}
		hooked, reported := r.took()
		refused := errors.Is(err, shared.ErrUnavailable) && errors.Is(err, testapp.ErrOutage) &&
			signals.Code(err) == "" && hooked == 0 && len(reported) == 0
		want := []events.Kind{events.Signal}
		switch call {
		case all:
			want = append(want, events.LeaseNotReleased)
		case all - 1:
			want = append(want, events.SignalForgotten)
		}
		accepted := err == nil && hooked == 1 && slices.Equal(reported, want)
		if !refused && !accepted {
			t.Errorf("call %d, of %s: %v, %d calls of the hook, %v", call, method, err, hooked, reported)
		}
	}
	if all != 4 { // lease, look, mark, release
		t.Errorf("%d calls", all)
	}
}

// answersNothing is a state of an app that has no answer about what was used.
type answersNothing struct{ *testapp.Outage }

func (answersNothing) Revoked(context.Context, ...string) ([]time.Time, error) { return nil, nil }

// TestTakeWithoutAnswer: if the state does not say whether a token was used, the token is delivered again.
func TestTakeWithoutAnswer(t *testing.T) {
	r := newReceiver(t, nil, nil)
	r.State = answersNothing{r.state}
	if err := r.Take(t.Context(), r.token(nil)); !errors.Is(err, shared.ErrUnavailable) || r.hooked != 0 {
		t.Errorf("%v, %d calls of the hook", err, r.hooked)
	}
}

// TestTakeInTurn: of two deliveries at the same time, one waits for the other and then has no effect. It does not wait
// for longer than a transmitter does.
func TestTakeInTurn(t *testing.T) {
	for work, want := range map[time.Duration]error{time.Second: nil, time.Minute: shared.ErrTurn} {
		synctest.Test(t, func(t *testing.T) {
			a := newReceiver(t, nil, nil)
			b := newReceiver(t, a, nil)
			a.onHook(func() error { time.Sleep(work); return nil })
			token := a.token(nil)
			go func() {
				if err := a.Take(t.Context(), token); err != nil {
					t.Errorf("the first: %v", err)
				}
			}()
			synctest.Wait()
			if err := b.Take(t.Context(), token); !errors.Is(err, want) || b.hooked != 0 || signals.Code(err) != "" {
				t.Errorf("the second, when the first takes %s: %v, %d calls of the hook", work, err, b.hooked)
			}
			time.Sleep(work)
		})
	}
}

// TestTakeVerification: a verification event shows that the stream works if its state is one that an instance of this
// app has sent for this stream, or if the transmitter has sent it by itself, without a state.
func TestTakeVerification(t *testing.T) {
	const verification = provider.EventVerification
	r := newReceiver(t, nil, nil)
	for _, tt := range []struct {
		name, event, stream string
		payload             map[string]any
		code                string
	}{
		{"its state", verification, "s1", map[string]any{"state": r.States.Seal("", "s1")}, ""},
		{"the state of another stream", verification, "s2", map[string]any{"state": r.States.Seal("", "s1")},
			"invalid_state"},
		{"a forged state", verification, "s1", map[string]any{"state": "x"}, "invalid_state"},
		{"an empty state", verification, "s1", map[string]any{"state": ""}, "invalid_state"},
		{"no state", verification, "s1", nil, ""},
		{"the state of something else", "urn:example:order", "s1", map[string]any{"state": "shipped"}, ""},
	} {
		token, err := r.op.EventToken(tt.event, fakeop.SessionSubject(tt.stream), tt.payload, nil)
		if err != nil {
			t.Fatal(err)
		}
		err = r.Take(t.Context(), token)
		if hooked, _ := r.took(); signals.Code(err) != tt.code || (err == nil) != (tt.code == "") ||
			(hooked == 1) != (err == nil) {
			t.Errorf("%s: %v, %d calls of the hook", tt.name, err, hooked)
		}
	}
}

// TestTakeDiscarded: an event about a subject with a member that this receiver does not understand, and that the
// transmitter calls critical, is accepted without effect.
func TestTakeDiscarded(t *testing.T) {
	r := newReceiver(t, nil, nil)
	r.op.OnSignalDiscovery(func(doc map[string]any) { doc["critical_subject_members"] = []string{"tenant"} })
	subject := map[string]any{
		"format": "complex", "user": r.op.UserSubject("alice"), "tenant": fakeop.SessionSubject("t1"),
	}
	token, err := r.op.EventToken(fakeop.SessionRevoked, subject, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Sessions.Ledger = nil // ending sessions panics
	err = r.Take(t.Context(), token)
	if hooked, reported := r.took(); err != nil || hooked != 0 || !slices.Equal(reported, []events.Kind{events.Signal}) {
		t.Errorf("%v, %d calls of the hook, %v", err, hooked, reported)
	}
}
