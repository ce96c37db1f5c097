package ginoidc_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/state"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

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
