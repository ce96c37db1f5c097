package ginoidc_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/state"
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

// TestSignalOfProviderNotFound: while FindProvider fails, the transmitter is to try again. The address of a provider
// that does not exist is 404, and so is that of one without signals.
func TestSignalOfProviderNotFound(t *testing.T) {
	var r recorder
	a := several(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.Providers[0].Signals = &ginoidc.Signals{SigningAlgs: []string{"ES256"}}
		c.FindProvider = func(_ context.Context, name string) (ginoidc.Provider, error) {
			if name == "gone" {
				return ginoidc.Provider{}, ginoidc.ErrUnknownProvider
			}
			return ginoidc.Provider{}, errors.New("database down")
		}
		c.OnEvent = r.receive
	})
	for name, want := range map[string]int{"gone": http.StatusNotFound, "two": http.StatusNotFound, "acme": 503} {
		r.take()
		reply := a.Browser().Do(http.MethodPost, "/auth/signals/"+name, strings.NewReader("x"), headersOf(nil)...)
		if reply.StatusCode != want || (reply.Header.Get("Retry-After") != "") != (want == 503) {
			t.Errorf("%s: %d %s", name, reply.StatusCode, reply.Body)
		}
		if got := summary(r.take()); want == 503 && got != "signal_refused provider_unavailable" {
			t.Errorf("%s: events %s", name, got)
		}
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

// TestSignalsOfManyTenants: of an issuer of many tenants no event would find its subject, so New refuses Signals.
func TestSignalsOfManyTenants(t *testing.T) {
	c := validConfig()
	c.Providers[0].Issuer = "https://login.example/{tenantid}/v2.0"
	c.Providers[0].Tenants = []string{"11111111-2222-3333-4444-555555555555"}
	checkProblems(t, c, nil)
	c.Providers[0].Signals = &ginoidc.Signals{Issuer: "https://signals.example"}
	checkProblems(t, c, []string{"Providers[0].Signals "})
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

// TestCredentialChangeStepsUp: with this setting the sessions of the user stay, and guards require an authentication
// that is newer than the change, on every instance. A change that names a session alone ends it. Case 336.
func TestCredentialChangeStepsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		shared := state.NewMemory(0)
		change := func(c *ginoidc.Config, _ *fakeop.Config) {
			c.State, c.OnEvent, c.Providers[0].Signals.CredentialChange = shared, r.receive, ginoidc.SignalStepsUp
		}
		one := signalApp(t, nil, change)
		other := signalApp(t, nil, change, func(c *ginoidc.Config, _ *fakeop.Config) {
			c.Providers[0].Transport = one.OP.Transport()
		})
		other.Engine.GET("/name", other.Auth.Middleware(), func(c *gin.Context) {
			u, _ := ginoidc.UserFrom(c)
			c.String(http.StatusOK, "%s", u.Subject)
		})
		sid := "s-1"
		one.OP.OnIDToken(func(claims map[string]any) { claims["sid"] = sid })
		alice, bob := one.Browser(), one.Browser()
		alice.MustSignIn("alice")
		sid = "s-2"
		bob.MustSignIn("bob")
		time.Sleep(time.Minute)
		changed := map[string]any{"credential_type": "password", "change_type": "update"}
		signalAccepted(t, push(one, signal(one, fakeop.CredentialChange, one.OP.UserSubject("alice"), changed, nil)))
		time.Sleep(10 * time.Second)
		r.take()
		alice.App = other
		if got := alice.Fetch("/me"); got.StatusCode != 401 || got.JSON(t)["error"] != "step_up_required" ||
			!strings.Contains(got.Header.Get("WWW-Authenticate"), `error="insufficient_user_authentication", max_age="10"`) {
			t.Errorf("a script: %d %s %v", got.StatusCode, got.Body, got.Header)
		}
		if got := summary(r.take()); got != "step_up alice step_up_required" {
			t.Errorf("events: %s", got)
		}
		if got := alice.Fetch("/name").Body; got != "alice" {
			t.Errorf("without a guard: %q", got)
		}
		if bob.WhoAmI() != "bob" {
			t.Error("another user is concerned")
		}
		to := alice.Navigate("/me").Location()
		if !strings.Contains(to, "max_age=10") {
			t.Fatalf("a page leads to %q", to)
		}
		alice.App, sid = one, "s-1"
		if got := alice.Callback(alice.Start(to, "alice")); got.StatusCode != 303 || alice.WhoAmI() != "alice" {
			t.Errorf("signed in again: %d, %q", got.StatusCode, alice.WhoAmI())
		}
		time.Sleep(time.Second)
		signalAccepted(t, push(one, signal(one, fakeop.CredentialChange, fakeop.SessionSubject("s-1"), changed, nil)))
		if alice.WhoAmI() != "" || bob.WhoAmI() != "bob" {
			t.Errorf("a session alone: %q and %q are signed in", alice.WhoAmI(), bob.WhoAmI())
		}
	})
}

// TestLateSignal: an event ends what began before it happened, and no session of a later sign-in, even if it was issued
// or delivered later. Case 336.
func TestLateSignal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := signalApp(t, nil)
		earlier := a.Browser()
		earlier.MustSignIn("alice")
		time.Sleep(10 * time.Minute)
		happened := time.Now().Unix()
		time.Sleep(10 * time.Minute)
		later := a.Browser()
		later.MustSignIn("alice")
		time.Sleep(time.Hour)
		signalAccepted(t, push(a, signal(a, fakeop.SessionRevoked, a.OP.UserSubject("alice"),
			map[string]any{"event_timestamp": happened}, nil)))
		if earlier.WhoAmI() != "" || later.WhoAmI() != "alice" {
			t.Errorf("earlier: %q, later: %q", earlier.WhoAmI(), later.WhoAmI())
		}
	})
}

// TestSignalWithCriticalMember: an event with a member that is critical and not understood has no effect and is not
// handed on.
func TestSignalWithCriticalMember(t *testing.T) {
	var r recorder
	hook := func(context.Context, ginoidc.Signal) error { t.Error("the hook was called"); return nil }
	a := signalApp(t, hook, func(c *ginoidc.Config, _ *fakeop.Config) { c.OnEvent = r.receive })
	a.OP.OnSignalDiscovery(func(doc map[string]any) { doc["critical_subject_members"] = []string{"tenant"} })
	b := a.Browser()
	b.MustSignIn("alice")
	r.take()
	signalAccepted(t, push(a, signal(a, fakeop.SessionRevoked, map[string]any{
		"format": "complex", "user": a.OP.UserSubject("alice"), "tenant": fakeop.SessionSubject("t-1"),
	}, nil, nil)))
	if events := r.take(); summary(events) != "signal alice" || !strings.Contains(fmt.Sprint(events), "discarded") {
		t.Errorf("%v", events)
	}
	if b.WhoAmI() != "alice" {
		t.Error("signed out")
	}
}

// TestStepUpAfterUpdate: a request with the cookies from before an update of the session needs the step-up as well.
func TestStepUpAfterUpdate(t *testing.T) {
	a := signalApp(t, nil, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.Providers[0].Signals.CredentialChange = ginoidc.SignalStepsUp
	})
	a.Engine.POST("/update", a.Auth.RequireAuth(), func(c *gin.Context) {
		if err := a.Auth.UpdateSession(c, func(u *ginoidc.User) error { u.Name = "Alice"; return nil }); err != nil {
			t.Error(err)
		}
	})
	b := a.Browser()
	b.MustSignIn("alice")
	earlier := b.Twin()
	b.Do(http.MethodPost, "/update", nil)
	if earlier.Twin().WhoAmI() != "alice" {
		t.Fatal("the cookies from before are not followed")
	}
	signalAccepted(t, push(a, signal(a, fakeop.CredentialChange, a.OP.UserSubject("alice"),
		map[string]any{"credential_type": "password", "change_type": "update"}, nil)))
	for name, b := range map[string]*testapp.Browser{"updated": b, "from before": earlier} {
		if r := b.Fetch("/me"); r.StatusCode != 401 || r.JSON(t)["error"] != "step_up_required" {
			t.Errorf("%s: %d %s", name, r.StatusCode, r.Body)
		}
	}
}

// TestSignalTwice: a second delivery is accepted without effect, on the instance that had the first one and on another
// that shares the state, also at the same time. Case 335.
func TestSignalTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var calls int
		hook := func(context.Context, ginoidc.Signal) error {
			mu.Lock()
			calls++
			mu.Unlock()
			time.Sleep(time.Second)
			return nil
		}
		shared := state.NewMemory(0)
		one := signalApp(t, hook, func(c *ginoidc.Config, _ *fakeop.Config) { c.State = shared })
		other := signalApp(t, hook, func(c *ginoidc.Config, _ *fakeop.Config) {
			c.State, c.Providers[0].Transport = shared, one.OP.Transport()
		})
		token := signal(one, fakeop.CredentialChange, one.OP.UserSubject("alice"),
			map[string]any{"credential_type": "pin", "change_type": "update"}, nil)
		var all sync.WaitGroup
		for range 10 {
			for _, a := range []*testapp.App{one, other} {
				all.Go(func() { signalAccepted(t, push(a, token)) })
			}
		}
		all.Wait()
		if calls != 1 {
			t.Errorf("the hook was called %d times", calls)
		}
		time.Sleep(time.Second)
		b := one.Browser()
		b.MustSignIn("alice")
		for range 7 { // until the token is too old
			signalAccepted(t, push(one, token))
			time.Sleep(24 * time.Hour)
		}
		b.MustSignIn("alice")
		signalAccepted(t, push(other, token))
		time.Sleep(time.Hour)
		signalRefused(t, push(other, token), "invalid_request")
		if b.WhoAmI() != "alice" || calls != 1 {
			t.Errorf("%q is signed in, %d calls", b.WhoAmI(), calls)
		}
	})
}

// TestSignalOutages: what is not the token's fault is 503, and the next delivery finishes the work. Case 339.
func TestSignalOutages(t *testing.T) {
	var failing error
	var calls int
	a := signalApp(t, func(context.Context, ginoidc.Signal) error {
		calls++
		if failing != nil && failing.Error() == "panic" {
			panic(failing)
		}
		return failing
	})
	b := a.Browser()
	b.MustSignIn("alice")
	token := signal(a, fakeop.SessionRevoked, a.OP.UserSubject("alice"), nil, nil)
	wanted503 := func(what string) {
		t.Helper()
		r := push(a, token)
		if r.StatusCode != 503 || r.Header.Get("Retry-After") == "" || r.JSON(t)["err"] != "unavailable" {
			t.Errorf("%s: %d %s", what, r.StatusCode, r.Body)
		}
	}
	a.OP.Intercept(fakeop.SignalDiscovery, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) })
	wanted503("no configuration")
	if b.WhoAmI() != "alice" {
		t.Error("signed out by a token that was not verified")
	}
	a.OP.Intercept(fakeop.SignalDiscovery, nil)
	time.Sleep(300 * time.Millisecond) // until the next try
	for _, failing = range []error{errors.New("database down"), errors.New("panic")} {
		wanted503("the hook: " + failing.Error())
		if b.WhoAmI() != "" {
			t.Error("still signed in")
		}
	}
	failing = nil
	signalAccepted(t, push(a, token))
	signalAccepted(t, push(a, token))
	if calls != 3 {
		t.Errorf("%d calls of the hook", calls)
	}
}

// unstableState fails when it is asked about signals.
type unstableState struct {
	*state.Memory
	broken bool
}

func (s *unstableState) Revoked(ctx context.Context, keys ...string) ([]time.Time, error) {
	if s.broken {
		return nil, errors.New("down")
	}
	return s.Memory.Revoked(ctx, keys...)
}

// TestSignalWithoutState: while the state is down, a signal is neither accepted nor lost. Case 339.
func TestSignalWithoutState(t *testing.T) {
	shared := &unstableState{Memory: state.NewMemory(0)}
	a := signalApp(t, nil, func(c *ginoidc.Config, _ *fakeop.Config) { c.State = shared })
	b := a.Browser()
	b.MustSignIn("alice")
	token := signal(a, fakeop.SessionRevoked, a.OP.UserSubject("alice"), nil, nil)
	shared.broken = true
	if r := push(a, token); r.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("%d", r.StatusCode)
	}
	shared.broken = false
	if b.WhoAmI() != "alice" {
		t.Error("signed out")
	}
	signalAccepted(t, push(a, token))
	if b.WhoAmI() != "" {
		t.Error("not signed out")
	}
}

// TestRefusedSignals: each kind of bad token has its code of RFC 8935, ends nothing and is an event. Case 333.
func TestRefusedSignals(t *testing.T) {
	var r recorder
	hook := func(context.Context, ginoidc.Signal) error { t.Error("the hook was called"); return nil }
	a := signalApp(t, hook, func(c *ginoidc.Config, _ *fakeop.Config) { c.OnEvent = r.receive })
	b := a.Browser()
	b.MustSignIn("alice")
	r.take()
	good := func(edit func(map[string]any)) string {
		return signal(a, fakeop.SessionRevoked, a.OP.UserSubject("alice"), nil, edit)
	}
	set := func(name string, value any) string {
		return good(func(claims map[string]any) { claims[name] = value })
	}
	logoutToken, err := a.OP.LogoutToken("alice", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		token   string
		headers []string
		code    string
	}{
		"empty":             {"", nil, "invalid_request"},
		"garbage":           {"garbage", nil, "invalid_request"},
		"too large":         {strings.Repeat("a", 1<<20), nil, "invalid_request"},
		"a logout token":    {logoutToken, nil, "invalid_request"},
		"typ":               {set("typ", "JWT"), nil, "invalid_request"},
		"exp":               {set("exp", time.Now().Unix()+60), nil, "invalid_request"},
		"sub":               {set("sub", "alice"), nil, "invalid_request"},
		"jti":               {set("jti", ""), nil, "invalid_request"},
		"iat":               {set("iat", time.Now().Add(-8*24*time.Hour).Unix()), nil, "invalid_request"},
		"events":            {set("events", map[string]any{}), nil, "invalid_request"},
		"subject":           {set("sub_id", "alice"), nil, "invalid_request"},
		"issuer":            {set("iss", "https://other.example"), nil, "invalid_issuer"},
		"audience":          {set("aud", "app"), nil, "invalid_audience"},
		"signature":         {good(nil)[:len(good(nil))-8] + "AAAAAAAA", nil, "invalid_key"},
		"no authorization":  {good(nil), []string{"Authorization", ""}, "authentication_failed"},
		"wrong credentials": {good(nil), []string{"Authorization", authorization + "0"}, "authentication_failed"},
		"a form":            {"logout_token=" + good(nil), []string{"Content-Type", "text/plain"}, "invalid_request"},
		"another type":      {good(nil), []string{"Content-Type", "application/jwt"}, "invalid_request"},
		"no type":           {good(nil), []string{"Content-Type", ""}, "invalid_request"},
		"JSON":              {`{"token":"x"}`, []string{"Content-Type", "application/json"}, "invalid_request"},
		"state": {signal(a, ginoidc.SignalVerification, fakeop.SessionSubject("stream-1"),
			map[string]any{"state": "not ours"}, nil), nil, "invalid_state"},
	} {
		t.Run(name, func(t *testing.T) {
			body := strings.NewReader(tt.token)
			signalRefused(t, a.Browser().Do(http.MethodPost, "/auth/signals", body, headersOf(tt.headers)...), tt.code)
			if events := r.take(); summary(events) != "signal_refused "+tt.code {
				t.Errorf("events: %s", summary(events))
			}
		})
	}
	if b.WhoAmI() != "alice" {
		t.Error("signed out")
	}
}

// headersOf returns the headers of a push, with some replaced.
func headersOf(replaced []string) []string {
	headers := []string{"Content-Type", "application/secevent+jwt", "Authorization", authorization}
	for i := 0; i+1 < len(replaced); i += 2 {
		headers[slices.Index(headers, replaced[i])+1] = replaced[i+1]
	}
	return headers
}

// TestLargeSignal: of a body without an end, little is read.
func TestLargeSignal(t *testing.T) {
	a := signalApp(t, nil)
	body := &endless{}
	r := a.Browser().Do(http.MethodPost, "/auth/signals", body, headersOf(nil)...)
	signalRefused(t, r, "invalid_request")
	if body.read > 128<<10 {
		t.Errorf("%d bytes are read", body.read)
	}
}

// endless is a body of a megabyte that counts what is read.
type endless struct{ read int }

func (b *endless) Read(p []byte) (int, error) {
	if b.read >= 1<<20 {
		return 0, io.EOF
	}
	for i := range p {
		p[i] = 'a'
	}
	b.read += len(p)
	return len(p), nil
}

// TestSignalMethods: the route takes POST only, and is 404 without the setting.
func TestSignalMethods(t *testing.T) {
	a := signalApp(t, nil)
	for _, method := range []string{"GET", "HEAD", "PUT", "DELETE"} {
		if r := a.Browser().Do(method, "/auth/signals", nil); r.StatusCode != 405 || r.Header.Get("Allow") != "POST" {
			t.Errorf("%s: %d %v", method, r.StatusCode, r.Header)
		}
	}
	plain := testapp.New(t)
	if r := plain.Browser().Do("POST", "/auth/signals", nil); r.StatusCode != http.StatusNotFound {
		t.Errorf("without the setting: %d", r.StatusCode)
	}
	plain.Engine.POST("/by-hand", plain.Auth.ReceiveSignal)
	if r := plain.Browser().Do("POST", "/by-hand", nil); r.StatusCode != http.StatusNotFound {
		t.Errorf("without the setting, by hand: %d", r.StatusCode)
	}
}

// TestGarbageSignals: 10,000 tokens that are no tokens cost the transmitter no request, and the session lives.
// Case 338.
func TestGarbageSignals(t *testing.T) {
	a := signalApp(t, nil)
	b := a.Browser()
	b.MustSignIn("alice")
	good := signal(a, fakeop.SessionRevoked, a.OP.UserSubject("alice"), nil, nil)
	for i := range 10_000 {
		at := i % len(good)
		garbage := good[:at] + "!" + good[at:]
		if i%2 == 1 {
			garbage = good[:at]
		}
		if r := push(a, garbage); r.StatusCode != http.StatusBadRequest {
			t.Fatalf("%q: %d", garbage, r.StatusCode)
		}
	}
	if n := a.OP.Count(fakeop.SignalDiscovery); n > 1 || b.WhoAmI() != "alice" {
		t.Errorf("%d requests to the transmitter, %q is signed in", n, b.WhoAmI())
	}
}

// TestSignalIsNoOtherToken: a signal is accepted at no other place, and no other token as a signal. Case 334.
func TestSignalIsNoOtherToken(t *testing.T) {
	a := signalApp(t, nil, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.Providers[0].Audience, c.Providers[0].UntypedLogoutTokens = fakeop.SignalAudience, true
	})
	b := a.Browser()
	b.MustSignIn("alice")
	token := signal(a, fakeop.SessionRevoked, a.OP.UserSubject("alice"), nil, func(claims map[string]any) {
		claims["aud"] = fakeop.SignalAudience
		claims["client_id"], claims["scope"] = "app", "openid"
	})
	if r := a.PostBackChannel("logout_token=" + token); r.StatusCode != http.StatusBadRequest {
		t.Errorf("as a logout token: %d", r.StatusCode)
	}
	if r := a.Browser().Do("GET", "/me", nil, "Authorization", "Bearer "+token); r.StatusCode != 401 {
		t.Errorf("as an access token: %d", r.StatusCode)
	}
	a.OP.OnTokenAnswer(func(answer map[string]any) { answer["id_token"] = token })
	if r := a.Browser().SignIn("alice"); r.StatusCode != 401 {
		t.Errorf("as an ID token: %d", r.StatusCode)
	}
	if b.WhoAmI() != "alice" {
		t.Error("signed out")
	}
}

// received collects what OnSignal receives.
type received struct {
	mu  sync.Mutex
	all []ginoidc.Signal
}

func (r *received) hook(_ context.Context, s ginoidc.Signal) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, s)
	return nil
}

func (r *received) types() (types []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.all {
		types = append(types, s.Type)
	}
	return types
}

// queue keeps a token with this jti for the next poll.
func queue(a *testapp.App, jti, event string, subject map[string]any) {
	a.T.Helper()
	a.OP.Queue(jti, signal(a, event, subject, nil, func(claims map[string]any) { claims["jti"] = jti }))
}

// TestSetUpSignals: the stream is created and then updated, its verification event comes back and is accepted, also by
// another instance with the same secrets, and its status can be asked for.
func TestSetUpSignals(t *testing.T) {
	var got received
	a := signalApp(t, got.hook)
	other := signalApp(t, got.hook, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.Providers[0].Transport = a.OP.Transport()
	})
	if _, err := a.Auth.SignalStatus(t.Context()); err == nil || !strings.Contains(err.Error(), "SetUpSignals") {
		t.Errorf("status without a stream: %v", err)
	}
	for range 2 {
		stream, err := a.Auth.SetUpSignals(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if stream.ID != "stream-1" || stream.Status != "enabled" || stream.Reason != "" || len(stream.Events) != 4 ||
			!slices.Contains(stream.Events, ginoidc.SignalSessionRevoked) {
			t.Errorf("%+v", stream)
		}
	}
	delivery := a.OP.Stream()["delivery"].(map[string]any)
	if delivery["endpoint_url"] != testapp.URL+"/auth/signals" || delivery["authorization_header"] != authorization {
		t.Errorf("%v", delivery)
	}
	for i, to := range []*testapp.App{a, other} {
		signalAccepted(t, push(to, a.OP.QueuedTokens()[i]))
	}
	if want := []string{ginoidc.SignalVerification, ginoidc.SignalVerification}; !slices.Equal(got.types(), want) {
		t.Errorf("OnSignal received %q", got.types())
	}
	a.OP.SetStreamStatus("paused")
	stream, err := a.Auth.SignalStatus(t.Context())
	if err != nil || stream.Status != "paused" || stream.ID != "stream-1" {
		t.Errorf("%+v, %v", stream, err)
	}
}

// TestSignalStreamErrors: what keeps the stream from being set up.
func TestSignalStreamErrors(t *testing.T) {
	plain := testapp.New(t)
	_, err := plain.Auth.SetUpSignals(t.Context())
	_, statusErr := plain.Auth.SignalStatus(t.Context())
	for _, err := range []error{err, statusErr, plain.Auth.PollSignals(t.Context())} {
		if !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("without Signals: %v", err)
		}
	}
	pushed := signalApp(t, nil)
	if err := pushed.Auth.PollSignals(t.Context()); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("PollSignals without Poll: %v", err)
	}
	for _, endpoint := range []fakeop.Endpoint{
		fakeop.SignalDiscovery, fakeop.SignalStream, fakeop.SignalStatus, fakeop.SignalVerification,
	} {
		a := signalApp(t, nil)
		a.OP.Intercept(endpoint, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) })
		if s, err := a.Auth.SetUpSignals(t.Context()); s != nil || !errors.Is(err, ginoidc.ErrProviderUnavailable) {
			t.Errorf("%s is down: %+v, %v", endpoint, s, err)
		}
	}
}

// polling returns an app that polls, with a session of alice and of bob.
func polling(t *testing.T, hook func(context.Context, ginoidc.Signal) error, change ...testapp.Change) *testapp.App {
	t.Helper()
	return signalApp(t, hook, append([]testapp.Change{func(c *ginoidc.Config, _ *fakeop.Config) {
		c.Providers[0].Signals.Poll = 10 * time.Second
	}}, change...)...)
}

// pollUntil lets the apps poll for a time, and checks that PollSignals ends with its context.
func pollUntil(t *testing.T, limit time.Duration, apps ...*testapp.App) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	var all sync.WaitGroup
	for _, a := range apps {
		all.Go(func() {
			if err := a.Auth.PollSignals(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("PollSignals: %v", err)
			}
		})
	}
	all.Wait()
}

// TestPollSignals: two instances fetch what waits, each event once; bad tokens are refused with a code, and more events
// than one poll returns are fetched at once. Case 335.
func TestPollSignals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got received
		var r recorder
		shared := state.NewMemory(0)
		one := polling(t, got.hook, func(c *ginoidc.Config, _ *fakeop.Config) { c.State, c.OnEvent = shared, r.receive })
		other := polling(t, got.hook, func(c *ginoidc.Config, _ *fakeop.Config) {
			c.State, c.Providers[0].Transport = shared, one.OP.Transport()
		})
		alice, bob := one.Browser(), one.Browser()
		alice.MustSignIn("alice")
		bob.MustSignIn("bob")
		stream, err := one.Auth.SetUpSignals(t.Context())
		if err != nil || one.OP.Stream()["delivery"].(map[string]any)["method"] != "urn:ietf:rfc:8936" {
			t.Fatalf("%+v, %v", stream, err)
		}
		queue(one, "j1", ginoidc.SignalSessionRevoked, one.OP.UserSubject("alice"))
		one.OP.Queue("j2", "garbage")
		for i := range 60 {
			queue(one, "more-"+string(rune('a'+i)), ginoidc.SignalSessionRevoked, one.OP.UserSubject("mallory"))
		}
		pollUntil(t, 9*time.Second, one, other)
		if left, refused := one.OP.Queued(); len(left) != 0 || len(refused) != 1 || refused["j2"] != "invalid_request" {
			t.Errorf("left %q, refused %v", left, refused)
		}
		if alice.WhoAmI() != "" || bob.WhoAmI() != "bob" {
			t.Errorf("%q and %q are signed in", alice.WhoAmI(), bob.WhoAmI())
		}
		if types := got.types(); len(types) != 62 || !slices.Contains(types, ginoidc.SignalVerification) {
			t.Errorf("OnSignal received %d: %q", len(types), types)
		}
		queue(one, "j1", ginoidc.SignalSessionRevoked, one.OP.UserSubject("alice")) // sent again
		pollUntil(t, 9*time.Second, other)
		if left, _ := one.OP.Queued(); len(left) != 0 || len(got.types()) != 62 {
			t.Errorf("a second delivery: left %q, %d calls", left, len(got.types()))
		}
	})
}

// TestPollsTakeTurns: of the instances that share State, one polls at a time.
func TestPollsTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := state.NewMemory(0)
		change := func(c *ginoidc.Config, _ *fakeop.Config) { c.State = shared }
		one := polling(t, nil, change)
		other := polling(t, nil, change, func(c *ginoidc.Config, _ *fakeop.Config) {
			c.Providers[0].Transport = one.OP.Transport()
		})
		if _, err := one.Auth.SetUpSignals(t.Context()); err != nil {
			t.Fatal(err)
		}
		var polls, now, most atomic.Int32
		one.OP.Intercept(fakeop.SignalPoll, func(w http.ResponseWriter, _ *http.Request) {
			polls.Add(1)
			most.Store(max(most.Load(), now.Add(1)))
			time.Sleep(2 * time.Second)
			now.Add(-1)
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(`{"sets":{}}`))
		})
		pollUntil(t, 55*time.Second, one, other) // the seventh poll would begin at a minute
		if polls.Load() != 6 || most.Load() != 1 {
			t.Errorf("%d polls, up to %d at a time", polls.Load(), most.Load())
		}
	})
}

// TestPollOfAnotherStream: after a poll has failed, the stream is looked up again.
func TestPollOfAnotherStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := polling(t, nil)
		a.OP.OnStream(func(stream map[string]any) {
			stream["delivery"].(map[string]any)["endpoint_url"] = testapp.Issuer + "/old"
		})
		if _, err := a.Auth.SetUpSignals(t.Context()); err != nil {
			t.Fatal(err)
		}
		go func() {
			time.Sleep(5 * time.Second)
			a.OP.OnStream(nil)
			if _, err := a.Auth.SetUpSignals(t.Context()); err != nil {
				t.Error(err)
			}
		}()
		pollUntil(t, 15*time.Second, a)
		if left, _ := a.OP.Queued(); len(left) != 0 {
			t.Errorf("left %q", left)
		}
	})
}

// TestPollPanic: a panic in Token or OnSessionEnd is reported, and polling goes on.
func TestPollPanic(t *testing.T) {
	for name, tt := range map[string]struct {
		event  string
		change func(*ginoidc.Config, func())
	}{
		"Token": {ginoidc.EventProvider, func(c *ginoidc.Config, trouble func()) {
			c.Providers[0].Signals.Token = func(context.Context) (string, error) {
				trouble()
				return fakeop.SignalToken, nil
			}
		}},
		"OnSessionEnd": {ginoidc.EventSignalRefused, func(c *ginoidc.Config, trouble func()) {
			c.OnSessionEnd = func(context.Context, ginoidc.SessionEnd) { trouble() }
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var r recorder
				panics := 0
				a := polling(t, nil, func(c *ginoidc.Config, _ *fakeop.Config) {
					c.OnEvent = r.receive
					tt.change(c, func() {
						if panics > 0 {
							panics--
							panic(name)
						}
					})
				})
				if _, err := a.Auth.SetUpSignals(t.Context()); err != nil {
					t.Fatal(err)
				}
				queue(a, "j1", ginoidc.SignalSessionRevoked, a.OP.UserSubject("alice"))
				panics = 1
				pollUntil(t, 15*time.Second, a)
				if left, refused := a.OP.Queued(); len(left) != 0 || len(refused) != 0 || panics != 0 {
					t.Errorf("left %q, refused %v, %d panics to come", left, refused, panics)
				}
				if events := summary(r.take()); !strings.Contains(events, tt.event) {
					t.Errorf("events: %s", events)
				}
			})
		})
	}
}

// TestPollOutage: while the transmitter does not respond, polling reports it and goes on. An event that OnSignal failed
// on, or panicked, stays with the transmitter. Case 339.
func TestPollOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var failures int
		var r recorder
		a := polling(t, func(_ context.Context, s ginoidc.Signal) error {
			switch failures++; failures {
			case 1:
				return errors.New("database down")
			case 2:
				panic("database down")
			}
			return nil
		}, func(c *ginoidc.Config, _ *fakeop.Config) { c.OnEvent = r.receive })
		pollUntil(t, time.Second, a)
		if events := r.take(); len(events) != 1 || events[0].Name != ginoidc.EventProvider {
			t.Errorf("without a stream: %v", events)
		}
		if _, err := a.Auth.SetUpSignals(t.Context()); err != nil {
			t.Fatal(err)
		}
		a.OP.Intercept(fakeop.SignalPoll, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) })
		pollUntil(t, 25*time.Second, a)
		const twice = "provider; provider provider_status" // the response, and what it means
		if got := summary(r.take()); got != twice+"; "+twice+"; "+twice {
			t.Errorf("the transmitter is down: %s", got)
		}
		a.OP.Intercept(fakeop.SignalPoll, nil)
		pollUntil(t, 5*time.Second, a)
		if left, refused := a.OP.Queued(); len(left) != 1 || len(refused) != 0 {
			t.Errorf("OnSignal failed: left %q, refused %v", left, refused)
		}
		pollUntil(t, 15*time.Second, a)
		if left, refused := a.OP.Queued(); len(left) != 0 || len(refused) != 0 || failures != 3 {
			t.Errorf("back again: left %q, refused %v after %d calls", left, refused, failures)
		}
	})
}

// TestPollPanicOfOne: an event on which the app's code panics stays with the transmitter, and the others are accepted.
func TestPollPanicOfOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := polling(t, nil, func(c *ginoidc.Config, _ *fakeop.Config) {
			c.OnSessionEnd = func(_ context.Context, e ginoidc.SessionEnd) {
				if e.Subject == "alice" {
					panic("app")
				}
			}
		})
		if _, err := a.Auth.SetUpSignals(t.Context()); err != nil {
			t.Fatal(err)
		}
		queue(a, "j1", ginoidc.SignalSessionRevoked, a.OP.UserSubject("alice"))
		for i := range 10 {
			queue(a, fmt.Sprint("other", i), ginoidc.SignalSessionRevoked, a.OP.UserSubject("bob"))
		}
		pollUntil(t, 9*time.Second, a)
		if left, refused := a.OP.Queued(); !slices.Equal(left, []string{"j1"}) || len(refused) != 0 {
			t.Errorf("left %q, refused %v", left, refused)
		}
	})
}

// TestPollWithoutProgress: of events none of which can be judged now, the transmitter is not asked again at once, even
// if it has more.
func TestPollWithoutProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		a := polling(t, func(context.Context, ginoidc.Signal) error {
			calls++
			time.Sleep(100 * time.Millisecond)
			return errors.New("database down")
		})
		if _, err := a.Auth.SetUpSignals(t.Context()); err != nil {
			t.Fatal(err)
		}
		for i := range 30 {
			queue(a, fmt.Sprint("j", i), ginoidc.SignalSessionRevoked, a.OP.UserSubject("alice"))
		}
		pollUntil(t, 9*time.Second, a)
		if left, refused := a.OP.Queued(); calls != 25 || len(left) != 31 || len(refused) != 0 {
			t.Errorf("%d calls of one poll with 25 events; left %q, refused %v", calls, left, refused)
		}
	})
}
