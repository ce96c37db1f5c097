package events_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/events"
	"github.com/seed-d65cea4d/ginoidc/internal/provider"
)

// recording returns a reporter of the app, its log without times, and the events that OnEvent receives.
func recording() (r *events.Reporter, log *bytes.Buffer, received *[]events.Event) {
	log, received = &bytes.Buffer{}, &[]events.Event{}
	handler := slog.NewTextHandler(log, &slog.HandlerOptions{
		Level: slog.LevelDebug,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	})
	r = &events.Reporter{Log: slog.New(handler), OnEvent: func(_ context.Context, e events.Event) {
		*received = append(*received, e)
	}}
	return r, log, received
}

// TestEmit: an event is one line with fixed keys, without those that it does not have, and has a name for apps unless
// it concerns nobody outside of the plugin.
func TestEmit(t *testing.T) {
	tooMany := fmt.Errorf("call: %w", &provider.Error{Code: "too_many_calls"})
	for _, tt := range []struct {
		e          events.Event
		name, code string
		line       string
	}{
		{events.Event{Kind: events.SignInAccepted, Subject: "alice", SID: "s-1", Unlogged: true}, "sign_in", "", ""},
		{events.Event{Kind: events.SessionEnded, Subject: "alice", Reason: "app"}, "session_ended", "",
			"level=INFO msg=\"ginoidc: session ended\" reason=app sub=alice\n"},
		{events.Event{Kind: events.SessionRenewed, Subject: "alice"}, "session_renewed", "",
			"level=DEBUG msg=\"ginoidc: session renewed\" sub=alice\n"},
		{events.Event{
			Kind: events.Denied, Code: "forbidden", Subject: "alice", Actor: "bob", Route: "/admin",
			Attrs: []slog.Attr{slog.String("any_of", "admin")},
		}, "denied", "forbidden",
			"level=INFO msg=\"ginoidc: denied\" code=forbidden sub=alice actor=bob route=/admin any_of=admin\n"},
		{events.Event{Kind: events.Denied, Unlogged: true, StepUp: true}, "step_up", "", ""},
		{events.Event{
			Kind: events.RequestFailed, Level: slog.LevelError, Code: "internal", RequestID: "R", Err: errors.New("broken"),
		}, "request_failed", "internal",
			"level=ERROR msg=\"ginoidc: request failed\" code=internal request_id=R error=broken\n"},
		{events.Event{Kind: events.RequestFailed, Unlogged: true, SignIn: true}, "sign_in_refused", "", ""},
		{events.Event{Kind: events.RequestFailed, Unlogged: true, SignIn: true, Code: "too_many_requests"}, "throttled",
			"too_many_requests", ""},
		{events.Event{Kind: events.RequestFailed, Unlogged: true, SignIn: true, Err: tooMany}, "throttled",
			"too_many_calls", ""},
		{events.Event{Kind: events.SessionNotListed, Subject: "alice"}, "trouble", "",
			"level=WARN msg=\"ginoidc: session not listed\" sub=alice\n"},
		{events.Event{Kind: events.PollFailed, Err: &provider.Error{Code: "timeout"}, OfProvider: true, Unlogged: true},
			"provider", "timeout", ""},
		{events.Event{Kind: events.CallbackWithoutAttempt, Provider: "acme"}, "", "",
			"level=INFO msg=\"ginoidc: callback without an attempt, but the user is signed in\" provider=acme\n"},
	} {
		r, log, received := recording()
		r.Emit(t.Context(), tt.e)
		if log.String() != tt.line {
			t.Errorf("%s: the log has %q, want %q", tt.e.Kind, log, tt.line)
		}
		if tt.name == "" {
			if len(*received) != 0 {
				t.Errorf("%s: %+v", tt.e.Kind, *received)
			}
			continue
		}
		if len(*received) != 1 || (*received)[0].Name != tt.name || (*received)[0].Code != tt.code {
			t.Errorf("%s: %+v, want %s with code %q", tt.e.Kind, *received, tt.name, tt.code)
		}
	}
}

// TestEmitProvider: what the package that talks to the provider reports, has its level and message. Below a warning,
// the app does not hear of it.
func TestEmitProvider(t *testing.T) {
	app, log, received := recording()
	r := app.Of("acme")
	r.EmitProvider(t.Context(), provider.Event{Level: slog.LevelInfo, Text: "keys fetched"})
	r.EmitProvider(t.Context(), provider.Event{Level: slog.LevelWarn, Text: "keys not fetched", Err: errors.New("away")})
	want := "level=INFO msg=\"ginoidc: keys fetched\" provider=acme\n" +
		"level=WARN msg=\"ginoidc: keys not fetched\" provider=acme error=away\n"
	if log.String() != want {
		t.Errorf("the log has %q", log)
	}
	if len(*received) != 1 || (*received)[0].Name != "provider" || (*received)[0].Provider != "acme" {
		t.Errorf("%+v", *received)
	}
}

// TestSourceOfEvents: an event says where the request came from that caused it.
func TestSourceOfEvents(t *testing.T) {
	r, _, received := recording()
	from := &events.Source{ClientIP: "192.0.2.1", Route: "/me"}
	r.Emit(from.In(t.Context()), events.Event{Kind: events.Allowed, Unlogged: true})
	if e := (*received)[0]; e.ClientIP != "192.0.2.1" || e.Route != "/me" || e.RequestID != from.ID() {
		t.Errorf("%+v", e)
	}
}

// TestSessionEnd: OnSessionEnd receives the ends of sessions and nothing else, also without OnEvent.
func TestSessionEnd(t *testing.T) {
	r, _, _ := recording()
	var ended []string
	r.OnEvent = nil
	r.OnSessionEnd = func(_ context.Context, e events.Event) {
		ended = append(ended, e.Provider+" "+e.Subject+" "+e.SID+" "+e.Reason)
	}
	of := r.Of("acme")
	of.Emit(t.Context(), events.Event{Kind: events.SignedIn, Subject: "alice"})
	of.Emit(t.Context(), events.Event{Kind: events.SessionEnded, Subject: "alice", SID: "s-1", Reason: "sign_out"})
	if len(ended) != 1 || ended[0] != "acme alice s-1 sign_out" {
		t.Errorf("%q", ended)
	}
}

// TestPanicOfHooks: a panic in a hook is logged and goes no further.
func TestPanicOfHooks(t *testing.T) {
	r, log, _ := recording()
	r.OnEvent = func(context.Context, events.Event) { panic("of the event") }
	r.OnCall = func(context.Context, string, provider.Call) { panic("of the call") }
	r.Emit(t.Context(), events.Event{Kind: events.SignedIn})
	r.CallObserver()(t.Context(), provider.Call{})
	for _, want := range []string{"of the event", "of the call"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %q: %s", want, log)
		}
	}
}

// TestCallObserver: no call is measured if nobody listens.
func TestCallObserver(t *testing.T) {
	r, _, _ := recording()
	if r.CallObserver() != nil {
		t.Error("calls are measured for nobody")
	}
	var seen string
	r.OnCall = func(_ context.Context, name string, call provider.Call) { seen = name + " " + call.Op }
	r.Of("acme").CallObserver()(t.Context(), provider.Call{Op: "token request"})
	if seen != "acme token_request" {
		t.Errorf("%q", seen)
	}
}

// TestFloodOfEvents: strangers cannot fill the log, whereas the app hears of everything, and lines about users are
// never suppressed. Each provider has a limit of its own.
func TestFloodOfEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const flood = 1000
		r, log, received := recording()
		other := r.Of("other")
		lines := func(work func()) int {
			log.Reset()
			work()
			return strings.Count(log.String(), "\n")
		}
		refused := events.Event{Kind: events.LogoutRefused, Code: "invalid_request"}
		if n := lines(func() {
			for range flood {
				r.Emit(t.Context(), refused)
			}
		}); n == 0 || n >= flood/2 || len(*received) != flood {
			t.Errorf("%d lines, %d events", n, len(*received))
		}
		if n := lines(func() { other.Emit(t.Context(), refused) }); n != 1 {
			t.Errorf("%d lines about another provider", n)
		}
		if n := lines(func() {
			for range flood {
				r.Emit(t.Context(), events.Event{Kind: events.Denied, Subject: "alice"})
			}
		}); n != flood {
			t.Errorf("%d lines about a user", n)
		}
		time.Sleep(time.Hour)
		if lines(func() { r.Emit(t.Context(), refused) }); !strings.Contains(log.String(), "suppressed=") {
			t.Errorf("suppressed lines are not counted: %s", log)
		}
	})
}
