package ginoidc_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

const authorization = "Bearer 0a1b2c3d4e5f60718293a4b5c6d7e8f9"

// signalApp returns an app that receives signals. The hook, which may be nil, is OnSignal.
func signalApp(t *testing.T, hook func(context.Context, ginoidc.Signal) error, change ...testapp.Change) *testapp.App {
	t.Helper()
	return testapp.New(t, append([]testapp.Change{func(c *ginoidc.Config, _ *fakeop.Config) {
		c.OnSignal = hook
		c.Providers[0].Signals = &ginoidc.Signals{
			Audience: []string{fakeop.SignalAudience}, SigningAlgs: []string{"ES256"}, Authorization: authorization,
			Token: func(context.Context) (string, error) { return fakeop.SignalToken, nil },
		}
	}}, change...)...)
}

// push sends a token as the transmitter does.
func push(a *testapp.App, token string, headers ...string) testapp.Reply {
	a.T.Helper()
	return a.Browser().Do(http.MethodPost, "/auth/signals", strings.NewReader(token), append([]string{
		"Content-Type", "application/secevent+jwt", "Authorization", authorization, "Accept", "application/json",
	}, headers...)...)
}

// signal makes a token about a subject.
func signal(a *testapp.App, event string, subject, payload map[string]any, edit func(map[string]any)) string {
	a.T.Helper()
	token, err := a.OP.EventToken(event, subject, payload, edit)
	if err != nil {
		a.T.Fatal(err)
	}
	return token
}

// signalRefused checks that a token was refused with this code of RFC 8935.
func signalRefused(t *testing.T, r testapp.Reply, code string) {
	t.Helper()
	if r.StatusCode != http.StatusBadRequest || r.JSON(t)["err"] != code || r.JSON(t)["description"] == "" ||
		r.Header.Get("Content-Language") != "en" || r.Header.Get("Cache-Control") != "no-store" ||
		!strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") || r.Header.Get("Set-Cookie") != "" {
		t.Errorf("got %d %s %v, want 400 %s", r.StatusCode, r.Body, r.Header, code)
	}
}

func signalAccepted(t *testing.T, r testapp.Reply) {
	t.Helper()
	if r.StatusCode != http.StatusAccepted || r.Body != "" || r.Header.Get("Set-Cookie") != "" {
		t.Errorf("got %d %q %v, want 202", r.StatusCode, r.Body, r.Header)
	}
}

// TestSessionRevoked: whose sessions a session-revoked event ends, by the form of its subject. An e-mail address alone
// ends none, but the event is accepted and handed on. Case 337.
func TestSessionRevoked(t *testing.T) {
	user := func(a *testapp.App, sub string) map[string]any { return a.OP.UserSubject(sub) }
	session := fakeop.SessionSubject
	complex := func(members map[string]any) map[string]any {
		members["format"] = "complex"
		return members
	}
	email := map[string]any{"format": "email", "email": "alice@example.com"}
	for name, tt := range map[string]struct {
		subject func(a *testapp.App) map[string]any
		left    string // of the sessions "alice s-1", "alice s-2", "bob s-3", in this order
	}{
		"user":    {func(a *testapp.App) map[string]any { return user(a, "alice") }, "3"},
		"session": {func(*testapp.App) map[string]any { return session("s-2") }, "13"},
		"user and session": {func(a *testapp.App) map[string]any {
			return complex(map[string]any{"user": user(a, "alice"), "session": session("s-1")})
		}, "23"},
		"user and session of another user": {func(a *testapp.App) map[string]any {
			return complex(map[string]any{"user": user(a, "alice"), "session": session("s-3")})
		}, "123"},
		"user and device": {func(a *testapp.App) map[string]any {
			return complex(map[string]any{"user": user(a, "bob"), "device": session("d-1"), "tenant": session("t-1")})
		}, "12"},
		"aliases": {func(a *testapp.App) map[string]any {
			return map[string]any{"format": "aliases", "identifiers": []any{email, user(a, "bob")}}
		}, "12"},
		"email":         {func(*testapp.App) map[string]any { return email }, "123"},
		"user by email": {func(*testapp.App) map[string]any { return complex(map[string]any{"user": email}) }, "123"},
		"device": {func(*testapp.App) map[string]any {
			return complex(map[string]any{"device": session("s-1")})
		}, "123"},
		"unknown user":    {func(a *testapp.App) map[string]any { return user(a, "mallory") }, "123"},
		"unknown session": {func(*testapp.App) map[string]any { return session("alice") }, "123"},
		"another provider's user": {func(*testapp.App) map[string]any {
			return map[string]any{"format": "iss_sub", "iss": "https://other.example", "sub": "alice"}
		}, "123"},
	} {
		t.Run(name, func(t *testing.T) {
			var received []ginoidc.Signal
			a := signalApp(t, func(_ context.Context, s ginoidc.Signal) error {
				received = append(received, s)
				return nil
			})
			var browsers []*testapp.Browser
			for i, subject := range []string{"alice", "alice", "bob"} {
				a.OP.OnIDToken(func(claims map[string]any) { claims["sid"] = fmt.Sprint("s-", i+1) })
				b := a.Browser()
				b.MustSignIn(subject)
				browsers = append(browsers, b)
			}
			subject := tt.subject(a)
			signalAccepted(t, push(a, signal(a, fakeop.SessionRevoked, subject, nil, nil)))
			left := ""
			for i, b := range browsers {
				if b.WhoAmI() != "" {
					left += fmt.Sprint(i + 1)
				}
			}
			if left != tt.left {
				t.Errorf("sessions %s are left, want %s", left, tt.left)
			}
			var sent any
			if len(received) != 1 || received[0].Type != ginoidc.SignalSessionRevoked || received[0].ID == "" ||
				json.Unmarshal(received[0].SubjectID, &sent) != nil || sent.(map[string]any)["format"] != subject["format"] {
				t.Errorf("OnSignal received %+v", received)
			}
		})
	}
}

// TestSignals: the effect of each type of event on a user's session, and what the hook and the events say.
func TestSignals(t *testing.T) {
	stream := map[string]any{"format": "opaque", "id": "stream-1"}
	for name, tt := range map[string]struct {
		event, handling  string
		subject, payload map[string]any
		ends             bool
	}{
		"credential change": {event: fakeop.CredentialChange, ends: true,
			payload: map[string]any{"credential_type": "password", "change_type": "update"}},
		"credential change, left to the hook": {event: fakeop.CredentialChange, handling: ginoidc.SignalIgnored,
			payload: map[string]any{"credential_type": "password", "change_type": "update"}},
		"claims": {event: fakeop.TokenClaimsChange, payload: map[string]any{"claims": map[string]any{"role": "none"}}},
		"device": {event: fakeop.DeviceComplianceChange,
			payload: map[string]any{"previous_status": "compliant", "current_status": "not-compliant"}},
		"verification":   {event: ginoidc.SignalVerification, subject: stream},
		"stream updated": {event: ginoidc.SignalStreamUpdated, subject: stream, payload: map[string]any{"status": "paused"}},
		"unknown type":   {event: "urn:example:event"},
	} {
		t.Run(name, func(t *testing.T) {
			var received []ginoidc.Signal
			var r recorder
			a := signalApp(t, func(_ context.Context, s ginoidc.Signal) error {
				received = append(received, s)
				return nil
			}, func(c *ginoidc.Config, _ *fakeop.Config) {
				c.OnEvent, c.Providers[0].Signals.CredentialChange = r.receive, tt.handling
			})
			a.OP.OnIDToken(func(claims map[string]any) { claims["sid"] = "stream-1" }) // no stream is a session
			b := a.Browser()
			b.MustSignIn("alice")
			r.take()
			subject := tt.subject
			if subject == nil {
				subject = a.OP.UserSubject("alice")
			}
			signalAccepted(t, push(a, signal(a, tt.event, subject, tt.payload, nil)))
			want := "signal alice"
			if tt.subject != nil {
				want = "signal"
			}
			if tt.ends {
				want = "session_ended alice signal; " + want
			}
			events := r.take()
			if got := summary(events); got != want || events[len(events)-1].ClientIP == "" {
				t.Errorf("events: %s, want %s", got, want)
			}
			if gone := b.WhoAmI() == ""; gone != tt.ends {
				t.Errorf("the session has ended: %t", gone)
			}
			var payload map[string]any
			if len(received) != 1 || received[0].Type != tt.event || received[0].Issuer != testapp.Issuer ||
				json.Unmarshal(received[0].Payload, &payload) != nil || len(payload) != len(tt.payload) ||
				(received[0].Subject == "alice") != (tt.subject == nil) || received[0].Occurred.IsZero() {
				t.Errorf("OnSignal received %+v", received)
			}
		})
	}
}

// TestSignalsOfSeveralProviders: each provider has a route of its own, and what one sends does not touch the users of
// the other.
func TestSignalsOfSeveralProviders(t *testing.T) {
	var received []ginoidc.Signal
	a := several(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.OnSignal = func(_ context.Context, s ginoidc.Signal) error {
			received = append(received, s)
			return nil
		}
		for i := range c.Providers {
			c.Providers[i].Signals = &ginoidc.Signals{
				Audience: []string{fakeop.SignalAudience}, SigningAlgs: []string{"ES256"}, Authorization: authorization,
				Token: func(context.Context) (string, error) { return fakeop.SignalToken, nil },
			}
		}
	})
	one, two := a.Browser(), a.Browser()
	one.MustSignInAt("one", "alice")
	two.MustSignInAt("two", "alice")
	pushTo := func(route, from string, subject map[string]any) testapp.Reply {
		t.Helper()
		token, err := a.OPs[from].EventToken(fakeop.SessionRevoked, subject, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		return a.Browser().Do(http.MethodPost, "/auth/signals"+route, strings.NewReader(token), headersOf(nil)...)
	}
	signalRefused(t, pushTo("/one", "two", a.OPs["two"].UserSubject("alice")), "invalid_issuer")
	signalAccepted(t, pushTo("/two", "two", a.OPs["one"].UserSubject("alice"))) // of a user who is not its own
	for _, route := range []string{"", "/three"} {
		if r := pushTo(route, "two", a.OPs["two"].UserSubject("alice")); r.StatusCode != http.StatusNotFound {
			t.Errorf("%q: %d %s", route, r.StatusCode, r.Body)
		}
	}
	if userOf(one) == "" || userOf(two) == "" {
		t.Errorf("one has %q, two has %q", userOf(one), userOf(two))
	}
	signalAccepted(t, pushTo("/two", "two", a.OPs["two"].UserSubject("alice")))
	if userOf(one) == "" || userOf(two) != "" {
		t.Errorf("one has %q, two has %q; want the former only", userOf(one), userOf(two))
	}
	if len(received) != 2 || received[0].Subject != "" || received[1].Subject != "alice" || received[1].Provider != "two" {
		t.Errorf("OnSignal received %+v", received)
	}
	if _, err := a.Auth.ForProvider("two").SetUpSignals(t.Context()); err != nil {
		t.Fatal(err)
	}
	delivery := a.OPs["two"].Stream()["delivery"].(map[string]any)
	if delivery["endpoint_url"] != testapp.URL+"/auth/signals/two" || a.OPs["one"].Stream() != nil {
		t.Errorf("%v, %v", delivery, a.OPs["one"].Stream())
	}
	if _, err := a.Auth.SetUpSignals(t.Context()); err == nil || !strings.Contains(err.Error(), "ForProvider") {
		t.Errorf("without a name: %v", err)
	}
}

// TestSignalProblems: New refuses every unsafe or meaningless setting of Signals.
func TestSignalProblems(t *testing.T) {
	token := func(context.Context) (string, error) { return "", nil }
	for _, tt := range []struct {
		signals ginoidc.Signals
		want    string // the field, or ""
	}{
		{ginoidc.Signals{}, ""},
		{ginoidc.Signals{Poll: time.Second, Token: token}, ""},
		{ginoidc.Signals{Issuer: "https://signals.example", CredentialChange: "ignore", SigningAlgs: []string{"PS256"}}, ""},
		{ginoidc.Signals{Issuer: "http://signals.example"}, "Issuer "},
		{ginoidc.Signals{Issuer: "https://signals.example?x=1"}, "Issuer "},
		{ginoidc.Signals{Audience: []string{""}}, "Audience "},
		{ginoidc.Signals{SigningAlgs: []string{"HS256"}}, "SigningAlgs "},
		{ginoidc.Signals{SigningAlgs: []string{"none"}}, "SigningAlgs "},
		{ginoidc.Signals{Authorization: "Bearer short"}, "Authorization "},
		{ginoidc.Signals{Authorization: authorization + "\r\nx"}, "Authorization "},
		{ginoidc.Signals{CredentialChange: "forget"}, "CredentialChange "},
		{ginoidc.Signals{Poll: time.Millisecond, Token: token}, "Poll "},
		{ginoidc.Signals{Poll: 2 * time.Hour, Token: token}, "Poll "},
		{ginoidc.Signals{Poll: -time.Second, Token: token}, "Poll "},
		{ginoidc.Signals{Poll: time.Minute}, "Token "},
	} {
		c := validConfig()
		c.Providers[0].Signals = &tt.signals
		var want []string
		if tt.want != "" {
			want = []string{"Providers[0].Signals." + tt.want}
		}
		checkProblems(t, c, want)
	}
}

// TestSignalSettingsAreCopied: what the caller changes after New has no effect.
func TestSignalSettingsAreCopied(t *testing.T) {
	var settings *ginoidc.Signals
	a := signalApp(t, nil, func(c *ginoidc.Config, _ *fakeop.Config) { settings = c.Providers[0].Signals })
	if settings.Issuer != "" || settings.CredentialChange != "" {
		t.Errorf("New sets defaults in what the caller passed: %+v", settings)
	}
	settings.Audience[0], settings.Authorization, settings.CredentialChange = "other", "", ginoidc.SignalIgnored
	b := a.Browser()
	b.MustSignIn("alice")
	signalAccepted(t, push(a, signal(a, fakeop.CredentialChange, a.OP.UserSubject("alice"),
		map[string]any{"credential_type": "password", "change_type": "update"}, nil)))
	if b.WhoAmI() != "" {
		t.Error("still signed in")
	}
	if _, err := a.Auth.SetUpSignals(t.Context()); err != nil {
		t.Error(err)
	}
}
