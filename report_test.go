package ginoidc_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-contrib/sessions"
	"github.com/gin-gonic/gin"
	gsessions "github.com/gorilla/sessions"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/state"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
	"github.com/seed-d65cea4d/ginoidc/memorystore"
)

// recorder receives events.
type recorder struct {
	mu     sync.Mutex
	events []ginoidc.Event
}

func (r *recorder) receive(_ context.Context, e ginoidc.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
}

// take returns the events since the last call.
func (r *recorder) take() []ginoidc.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	events := r.events
	r.events = nil
	return events
}

// summary describes events in short, without what their requests have in common.
func summary(events []ginoidc.Event) string {
	var texts []string
	for _, e := range events {
		text := e.Name
		for _, part := range []string{e.Subject, e.Actor, e.SID, e.Code, string(e.Reason)} {
			if part != "" {
				text += " " + part
			}
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, "; ")
}

// TestEvents: each step of an app reports exactly these events, all with the time, the route, the client's address and
// one request id for each request.
func TestEvents(t *testing.T) {
	for _, all := range []bool{false, true} {
		t.Run(fmt.Sprint("allowed decisions ", all), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var r recorder
				a := testapp.NewWithTokens(t, func(c *ginoidc.Config, _ *fakeop.Config) {
					c.OnEvent, c.ReportAllowed = r.receive, all
				})
				a.Engine.GET("/none", a.Auth.RequireGroups("none"), a.Protected)
				a.Engine.GET("/twice", a.Auth.RequireAuth(), a.Auth.RequireAuth(), a.Protected)
				a.Engine.GET("/strong", a.Auth.RequireACR("gold"), a.Protected)
				a.OP.OnIDToken(func(claims map[string]any) { claims["sid"] = "s-1" })
				b := a.Browser()
				for _, step := range stepsWithEvents(t, a, b) {
					step.do()
					events, want := r.take(), step.want
					if all && step.wantAll != "" {
						want = step.wantAll
					}
					if got := summary(events); got != want {
						t.Errorf("%s: got %s\nwant %s", step.name, got, want)
					}
					for _, e := range events {
						if e.Time != time.Now() || e.Message == "" || e.ClientIP != "192.0.2.1" || e.Route == "" ||
							len(e.RequestID) != 26 || e.RequestID != events[0].RequestID {
							t.Errorf("%s: %+v", step.name, e)
						}
					}
				}
			})
		})
	}
}

// step is something that a user or the provider does. wantAll are the events with the allowed decisions; "" if they are
// the same.
type step struct {
	name          string
	do            func()
	want, wantAll string
}

func stepsWithEvents(t *testing.T, a *testapp.App, b *testapp.Browser) []step {
	var callback string
	return []step{
		{"a page, signed out", func() { b.Navigate("/me") }, "denied unauthorized", ""},
		{"start", func() { callback = b.Start("/auth/signin", "alice") }, "", ""},
		{"sign-in", func() { b.Navigate(callback) }, "session_started alice s-1; sign_in alice s-1", ""},
		{"replay", func() { b.Twin().Navigate(callback) }, "", ""},
		{"replay, signed out", func() { a.Browser().Navigate(callback) }, "sign_in_refused attempt_missing", ""},
		{"a page", func() { b.Navigate("/me") }, "", "allowed alice s-1"},
		{"a group", func() { b.Navigate("/none") }, "denied alice forbidden", ""},
		{"a public page", func() { b.Navigate("/") }, "", ""},
		{"a step-up", func() { b.Navigate("/strong") }, "step_up alice step_up_required", ""},
		{"renewal", func() { time.Sleep(7 * time.Hour); b.Navigate("/twice") }, "session_renewed alice s-1",
			"session_renewed alice s-1; allowed alice s-1; allowed alice s-1"},
		{"refresh", func() { b.Navigate("/token") }, "tokens_refreshed alice s-1",
			"allowed alice s-1; tokens_refreshed alice s-1"},
		{"refresh refused", func() {
			time.Sleep(time.Hour)
			a.OP.Misbehave(fakeop.RefreshInvalidGrant)
			b.Navigate("/token")
			a.OP.Misbehave()
		}, "provider; refresh_refused alice s-1 invalid_grant; session_ended alice s-1 refresh; denied unauthorized",
			"allowed alice s-1; provider; refresh_refused alice s-1 invalid_grant; session_ended alice s-1 refresh; " +
				"denied unauthorized"},
		{"sign-in again", func() { b.MustSignIn("alice") }, "session_started alice s-1; sign_in alice s-1", ""},
		{"another user", func() { b.MustSignIn("bob") },
			"session_started bob s-1; session_ended alice s-1 new_sign_in; sign_in bob s-1", ""},
		{"sign-out", func() { b.Do("POST", "/auth/signout", nil) }, "session_ended bob s-1 sign_out", ""},
		{"back channel", func() { a.BackChannelLogout("alice", "", nil) },
			"logout_call alice; session_ended alice back_channel", ""},
		{"back channel, bad", func() { a.PostBackChannel("") }, "logout_refused invalid_request", ""},
		{"front channel, unknown", func() { b.Fetch("/auth/frontchannel-logout?iss=x&sid=y") }, "logout_refused", ""},
		{"sign-in", func() { time.Sleep(time.Second); b.MustSignIn("alice") },
			"session_started alice s-1; sign_in alice s-1", ""},
		{"front channel", func() {
			a.Browser().Fetch("/auth/frontchannel-logout?iss=" + testapp.Issuer + "&sid=s-1")
		}, "session_ended s-1 front_channel; logout_call s-1", ""},
		{"denied at the provider", func() {
			callback, err := a.OP.Deny(b.Navigate("/auth/signin").Location(), "access_denied")
			if err != nil {
				t.Fatal(err)
			}
			b.Navigate(callback)
		}, "sign_in_refused sign_in_refused", ""},
	}
}

func stateOf(location string) string {
	_, state, _ := strings.Cut(location, "state=")
	state, _, _ = strings.Cut(state, "&")
	return state
}

// TestRequestIDOfEvents is the one that the error page shows.
func TestRequestIDOfEvents(t *testing.T) {
	var r recorder
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.OnEvent = r.receive })
	reply := a.Browser().Fetch("/auth/callback?code=x&state=y")
	events := r.take()
	if len(events) != 1 || reply.JSON(t)["request_id"] != events[0].RequestID ||
		!strings.Contains(a.Logs.String(), events[0].RequestID) {
		t.Errorf("%s\n%+v\n%s", reply.Body, events, a.Logs)
	}
}

// TestClientIPOfEvents follows Gin's rules for trusted proxies: a forged header changes nothing. Case 230.
func TestClientIPOfEvents(t *testing.T) {
	for _, tt := range []struct {
		trusted []string
		want    string
	}{{nil, "192.0.2.1"}, {[]string{"192.0.2.0/24"}, "203.0.113.9"}} {
		var r recorder
		a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.OnEvent = r.receive })
		if err := a.Engine.SetTrustedProxies(tt.trusted); err != nil {
			t.Fatal(err)
		}
		b := a.Browser()
		forwarded := append(testapp.Navigation(), "X-Forwarded-For", "203.0.113.9")
		b.Do("GET", b.Start("/auth/signin", "alice"), nil, forwarded...)
		for _, e := range r.take() {
			if e.ClientIP != tt.want {
				t.Errorf("trusted %q: %+v", tt.trusted, e)
			}
		}
	}
}

// TestNoSecretsInEvents: no event holds a token, code, cookie, state or secret.
func TestNoSecretsInEvents(t *testing.T) {
	var r recorder
	recorded := &testapp.Recorder{}
	a := testapp.NewWithTokens(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.OnEvent, c.ReportAllowed, c.Providers[0].Transport = r.receive, true, recorded
	})
	b := a.Browser()
	callback := b.Start("/auth/signin", "alice")
	b.Navigate(callback)
	secrets := []string{testapp.ClientSecret, testapp.CookieSecret, stateOf(callback), b.Fetch("/token").Body}
	_, code, _ := strings.Cut(callback, "code=")
	code, _, _ = strings.Cut(code, "&")
	secrets = append(secrets, code)
	for _, c := range b.Jar.Cookies(testapp.ParseURL(t, testapp.URL)) {
		secrets = append(secrets, c.Value)
	}
	a.Browser().Navigate(callback)
	a.OP.Misbehave(fakeop.ErrorInvalidGrant)
	b.SignIn("alice")
	b.Do("POST", "/auth/signout", nil)
	token, err := a.OP.LogoutToken("alice", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	a.PostBackChannel("logout_token=" + token + "x")
	secrets = append(secrets, token, base64.StdEncoding.EncodeToString([]byte(testapp.ClientSecret)))
	text := fmt.Sprintf("%+v", r.take())
	for _, secret := range secrets {
		if len(secret) < 16 || strings.Contains(text, secret) {
			t.Errorf("%q is in %s", secret, text)
		}
	}
}

// TestOnEventThatPanics changes nothing but the log.
func TestOnEventThatPanics(t *testing.T) {
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.OnEvent = func(context.Context, ginoidc.Event) { panic("receiver") }
	})
	b := a.Browser()
	if r := b.Navigate("/me"); r.StatusCode != http.StatusFound {
		t.Errorf("denied: %d", r.StatusCode)
	}
	b.MustSignIn("bob")
	if b.WhoAmI() != "bob" {
		t.Error("not signed in")
	}
	if r := b.Fetch("/admin"); r.StatusCode != http.StatusForbidden || a.Ran["/admin"] != 0 {
		t.Errorf("denied: %d", r.StatusCode)
	}
	if r := a.BackChannelLogout("bob", "", nil); r.StatusCode != http.StatusOK || b.WhoAmI() != "" {
		t.Errorf("logout token: %d, %q is signed in", r.StatusCode, b.WhoAmI())
	}
	if !strings.Contains(a.Logs.String(), "receiver") {
		t.Error("nothing is logged")
	}
}

// TestSlowOnEvent: a receiver that takes an hour delays its own request alone, by one call, and may ask who is signed
// in.
func TestSlowOnEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var slow bool
		a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
			c.OnEvent = func(ctx context.Context, e ginoidc.Event) {
				if u, ok := ginoidc.UserFromContext(ctx); e.Name == ginoidc.EventDenied && (!ok || u.Subject != e.Subject) {
					t.Errorf("%+v is signed in", u)
				}
				if slow {
					time.Sleep(time.Hour)
				}
			}
		})
		b := a.Browser()
		b.MustSignIn("bob")
		slow = true
		began, done := time.Now(), make(chan time.Duration)
		go func() {
			b.Twin().Fetch("/admin")
			done <- time.Since(began)
		}()
		synctest.Wait()
		if b.WhoAmI() != "bob" || time.Since(began) != 0 {
			t.Errorf("another request took %v", time.Since(began))
		}
		if took := <-done; took != time.Hour {
			t.Errorf("the denied request took %v", took)
		}
	})
}

// TestEventsWithoutMiddleware: the plugin's own routes and guards alone know the client too.
func TestEventsWithoutMiddleware(t *testing.T) {
	var r recorder
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.OnEvent = r.receive })
	engine := gin.New()
	a.Auth.Mount(engine)
	engine.GET("/me", a.Auth.RequireAuth(), a.Protected)
	for _, request := range []*http.Request{
		httptest.NewRequest("POST", testapp.URL+"/auth/backchannel-logout", nil),
		httptest.NewRequest("GET", testapp.URL+"/auth/frontchannel-logout", nil),
		httptest.NewRequest("GET", testapp.URL+"/auth/callback", nil), httptest.NewRequest("GET", testapp.URL+"/me", nil),
	} {
		engine.ServeHTTP(httptest.NewRecorder(), request)
	}
	events := r.take()
	if len(events) != 4 || slices.ContainsFunc(events, func(e ginoidc.Event) bool { return e.ClientIP == "" }) {
		t.Errorf("%+v", events)
	}
}

// TestEventsOfTrouble: what fails at the provider or in the shared state is an event too.
func TestEventsOfTrouble(t *testing.T) {
	var r recorder
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.OnEvent = r.receive })
	a.OP.Intercept(fakeop.Discovery, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) })
	if reply := a.Browser().Navigate("/auth/signin"); reply.StatusCode != http.StatusServiceUnavailable {
		t.Fatalf("%d", reply.StatusCode)
	}
	got := r.take()
	if text := summary(got); text != "provider; provider provider_status; sign_in_refused provider_unavailable" {
		t.Errorf("%s", text)
	}
	if last := got[len(got)-1]; last.Err == nil || !errors.Is(last.Err, ginoidc.ErrProviderUnavailable) {
		t.Errorf("%+v", last)
	}
}

// TestEventOfThrottle: of 513 callbacks at a provider that hangs, one is not sent on, and its event says so.
func TestEventOfThrottle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		var a *testapp.App
		hang := make(chan struct{})
		a = testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
			c.OnEvent = r.receive
			c.Providers[0].Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
				if strings.HasSuffix(r.URL.Path, "/token") {
					<-hang
				}
				return a.OP.Transport().RoundTrip(r)
			})
		})
		var all sync.WaitGroup
		for range 513 {
			b := a.Browser()
			callback := b.Start("/auth/signin", "alice")
			all.Go(func() { b.Navigate(callback) })
		}
		synctest.Wait()
		close(hang)
		all.Wait()
		throttled := slices.DeleteFunc(r.take(), func(e ginoidc.Event) bool { return e.Name != ginoidc.EventThrottled })
		if len(throttled) != 1 || throttled[0].Code != "provider_unavailable" || throttled[0].RequestID == "" {
			t.Errorf("%+v", throttled)
		}
	})
}

// TestOnProviderCall: the app learns of each call that a sign-in makes, without the code, token and user in it. A panic
// of the hook does not affect the sign-in.
func TestOnProviderCall(t *testing.T) {
	for _, panics := range []bool{false, true} {
		t.Run(fmt.Sprint("panics ", panics), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var got []string
				start := time.Now()
				a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
					c.Providers[0].Name = "staff"
					c.OnProviderCall = func(_ context.Context, call ginoidc.ProviderCall) {
						if call.Provider != "staff" || call.Start != start || call.Duration != 0 || call.Code != "" {
							t.Errorf("%+v", call)
						}
						got = append(got, fmt.Sprint(call.Operation, " ", call.Method, " ", call.URL, " ", call.Status))
						if panics {
							panic("hook")
						}
					}
				})
				a.Browser().MustSignIn("alice")
				want := []string{
					"discovery GET https://idp.example/.well-known/openid-configuration 200",
					"token_request POST https://idp.example/token 200",
					"key_set GET https://idp.example/jwks 200",
					"userinfo GET https://idp.example/userinfo 200",
				}
				if !slices.Equal(got, want) {
					t.Errorf("got %q\nwant %q", got, want)
				}
			})
		})
	}
}

// codesOf returns the codes of a severity.
func codesOf(found []ginoidc.Finding, severity string) (codes []string) {
	for _, f := range found {
		if f.Severity == severity {
			codes = append(codes, f.Code)
		}
	}
	return codes
}

// TestCheck: an app that works has nothing to change. What Check does is no event, and its calls are few.
func TestCheck(t *testing.T) {
	a := testapp.New(t, func(c *ginoidc.Config, op *fakeop.Config) {
		c.Providers[0].Scopes = []string{"openid", "groups"}
		op.RedirectURIs = []string{testapp.URL + "/auth/callback"}
	})
	a.Logs.Reset()
	found := a.Auth.Check(t.Context())
	want := []string{"cookies", "store", "state", "tls", "discovery", "issuer", "clock", "keys", "algorithms", "endpoints",
		"client", "pkce", "redirect_uri", "sign_out", "scopes", "claims"}
	if got := codesOf(found, ginoidc.SeverityOK); !slices.Equal(got, want) || len(found) != len(want) {
		t.Errorf("found %+v", found)
	}
	if a.Logs.Len() > 0 {
		t.Errorf("logged %s", a.Logs)
	}
	for _, e := range []fakeop.Endpoint{fakeop.Token, fakeop.Authorize, fakeop.JWKS} {
		if n := a.OP.Count(e); n != 1 {
			t.Errorf("%d requests to %s", n, e)
		}
	}
}

// TestCheckFindsMistakes: the fix names the field, and the finding has no secret.
func TestCheckFindsMistakes(t *testing.T) {
	for code, tt := range map[string]struct {
		change testapp.Change
		fix    string
	}{
		"client_refused": {func(_ *ginoidc.Config, op *fakeop.Config) { op.ClientSecret = "another" },
			"Providers[0].ClientSecret"},
		"redirect_uri_refused": {func(_ *ginoidc.Config, op *fakeop.Config) {
			op.RedirectURIs = []string{testapp.URL + "/callback"}
		}, testapp.URL + "/auth/callback"},
		"issuer_slash": {func(c *ginoidc.Config, _ *fakeop.Config) { c.Providers[0].Issuer += "/" },
			"set Providers[0].Issuer to exactly " + testapp.Issuer},
		"algorithm_not_offered": {func(c *ginoidc.Config, _ *fakeop.Config) { c.Providers[0].SigningAlgs = nil },
			"Providers[0].SigningAlgs"},
		"request_refused": {func(c *ginoidc.Config, _ *fakeop.Config) {
			c.Providers[0].SignInParameters = map[string][]string{"resource": {"not a URI"}}
		}, "Providers[0].SignInParameters"},
	} {
		found := testapp.New(t, tt.change).Auth.Check(t.Context())
		if got := codesOf(found, ginoidc.SeverityError); !slices.Equal(got, []string{code}) {
			t.Errorf("%s: found %+v", code, found)
		}
		for _, f := range found {
			if f.Code == code && !strings.Contains(f.Fix, tt.fix) || strings.Contains(f.Seen+f.Fix, testapp.ClientSecret) {
				t.Errorf("%s: %+v", code, f)
			}
		}
	}
}

// TestCheckOfEnvironment: the fix names the variable.
func TestCheckOfEnvironment(t *testing.T) {
	t.Setenv("OIDC_ISSUER", testapp.Issuer+"/")
	t.Setenv("OIDC_CLIENT_ID", "app")
	t.Setenv("OIDC_CLIENT_SECRET", testapp.ClientSecret)
	t.Setenv("OIDC_COOKIE_SECRET", testapp.CookieSecret)
	cfg, err := ginoidc.ConfigFromEnv("OIDC_")
	if err != nil {
		t.Fatal(err)
	}
	found := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { *c = cfg }).Auth.Check(t.Context())
	fixes := ""
	for _, f := range found {
		fixes += f.Fix + "\n"
	}
	if !strings.Contains(fixes, "set OIDC_ISSUER to exactly "+testapp.Issuer+"\n") ||
		!strings.Contains(fixes, "set OIDC_APP_URL to the https URL") {
		t.Errorf("fixes:\n%s", fixes)
	}
}

// TestCheckOfGroups: it matters that the provider lists no groups if a guard requires some or the app names a claim,
// unless the app resolves them itself.
func TestCheckOfGroups(t *testing.T) {
	resolve := func(context.Context, *ginoidc.User, string) ([]string, error) { return nil, nil }
	for name, tt := range map[string]struct {
		change  func(*ginoidc.Provider)
		guarded bool
		found   bool
	}{
		"nothing needs them": {func(*ginoidc.Provider) {}, false, false},
		"a guard":            {func(*ginoidc.Provider) {}, true, true},
		"a claim":            {func(p *ginoidc.Provider) { p.GroupsClaim = "roles" }, false, true},
		"a path": {
			func(p *ginoidc.Provider) { p.GroupsClaim, p.GroupsPath = "", []string{"access", "r"} }, false, true,
		},
		"a resolver": {func(p *ginoidc.Provider) { p.GroupsResolver = resolve }, true, false},
	} {
		var cfg *ginoidc.Config
		a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { cfg = c })
		tt.change(&cfg.Providers[0])
		auth, err := ginoidc.New(*cfg)
		if err != nil {
			t.Fatal(err)
		}
		if tt.guarded {
			auth.RequireGroups("admin")
		}
		a.OP.OnDiscovery(func(doc map[string]any) { doc["claims_supported"] = []string{"sub"} })
		found := auth.Check(t.Context())
		if codes := codesOf(found, ginoidc.SeverityWarning); slices.Contains(codes, "groups_not_listed") != tt.found {
			t.Errorf("%s: %+v", name, found)
		}
	}
}

// TestCheckOfForms: forms that a provider posts need https, whichever of several providers posts them.
func TestCheckOfForms(t *testing.T) {
	for _, posts := range [][]int{nil, {0}, {1}} {
		a := testapp.NewSeveral(t, []string{"one", "two"}, func(c *ginoidc.Config, _ *fakeop.Config) {
			c.AppURL = "http://localhost:8080"
			for _, i := range posts {
				c.Providers[i].ResponseMode = "form_post"
			}
		})
		found := codesOf(a.Auth.Check(t.Context()), ginoidc.SeverityWarning)
		if slices.Contains(found, "cookies_posted") != (len(posts) > 0) {
			t.Errorf("%v: %q", posts, found)
		}
	}
}

// TestCheckOfFoundProviders: without a configured provider, the app itself is checked.
func TestCheckOfFoundProviders(t *testing.T) {
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.Providers, c.FindProvider = nil, func(context.Context, string) (ginoidc.Provider, error) {
			return ginoidc.Provider{}, ginoidc.ErrUnknownProvider
		}
	})
	if found := a.Auth.Check(t.Context()); len(found) == 0 || len(codesOf(found, ginoidc.SeverityError)) != 0 {
		t.Errorf("%+v", found)
	}
}

// TestAllowedByOtherMeans: each decision for a user without a session is reported too.
func TestAllowedByOtherMeans(t *testing.T) {
	for _, reports := range []bool{true, false} {
		var rec recorder
		a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
			keys := map[string]func(*gin.Context) (*ginoidc.User, error){"robot": shows(ginoidc.User{Subject: "robot"})}
			c.Authenticators, c.ReportAllowed = []ginoidc.Authenticator{byKey(keys)}, true
			if reports {
				c.OnEvent = rec.receive
			}
		})
		r := a.Browser().Do(http.MethodGet, "/me", nil, "X-API-Key", "robot")
		if told := summary(rec.take()); r.StatusCode != http.StatusOK || (told == "allowed robot") != reports {
			t.Errorf("%d %s", r.StatusCode, told)
		}
	}
}

// TestCheckOfSeveral: each provider has findings of its own, and ForProvider selects one.
func TestCheckOfSeveral(t *testing.T) {
	a := testapp.NewSeveral(t, []string{"google", "staff"}, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.Providers[1].ClientSecret = "another secret"
	})
	of := func(found []ginoidc.Finding, code string) (providers []string) {
		for _, f := range found {
			if f.Code == code {
				providers = append(providers, f.Provider)
			}
		}
		return providers
	}
	found := a.Auth.Check(t.Context())
	if ok, refused := of(found, "client"), of(found, "client_refused"); !slices.Equal(ok, []string{"google"}) ||
		!slices.Equal(refused, []string{"staff"}) || !slices.Equal(of(found, "store"), []string{""}) {
		t.Errorf("found %+v", found)
	}
	for _, f := range found {
		if f.Code == "redirect_uri" && !strings.HasSuffix(f.Seen, "/auth/callback/"+f.Provider) {
			t.Errorf("%+v", f)
		}
	}
	found = a.Auth.ForProvider("staff").Check(t.Context())
	if !slices.Equal(of(found, "client_refused"), []string{"staff"}) || of(found, "client") != nil {
		t.Errorf("of one: %+v", found)
	}
	found = a.Auth.ForProvider("nobody").Check(t.Context())
	if !slices.Equal(codesOf(found, ginoidc.SeverityError), []string{"provider_unknown"}) || len(found) != 1 {
		t.Errorf("of none: %+v", found)
	}
}

// policyState is a state on a server that may evict keys.
type policyState struct {
	ginoidc.SharedState
	policy string
	err    error
}

func (s policyState) MaxMemoryPolicy(context.Context) (string, error) { return s.policy, s.err }

// awayStore is a store whose server is away.
type awayStore struct{ sessions.Store }

func (awayStore) New(*http.Request, string) (*gsessions.Session, error) {
	return nil, errors.New("connection refused")
}

// TestCheckOfStores: the store and the state are tried out, and a server of theirs is asked for its policy.
func TestCheckOfStores(t *testing.T) {
	store := memorystore.New(memorystore.Config{})
	for name, tt := range map[string]struct {
		change func(*ginoidc.Config)
		want   []string
	}{
		"on a server":    {func(c *ginoidc.Config) { c.Store, c.State = store, state.NewMemory(0) }, nil},
		"away":           {func(c *ginoidc.Config) { c.Store = awayStore{store} }, []string{"store_unavailable"}},
		"keeps its keys": {func(c *ginoidc.Config) { c.State = policyState{state.NewMemory(0), "noeviction", nil} }, nil},
		"evicts keys": {func(c *ginoidc.Config) { c.State = policyState{state.NewMemory(0), "allkeys-lru", nil} },
			[]string{"eviction_policy"}},
		"may evict keys": {func(c *ginoidc.Config) {
			c.State = policyState{state.NewMemory(0), "", errors.New("not allowed")}
		}, []string{"eviction_unknown"}},
	} {
		a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
			c.Providers[0].Scopes = []string{"openid", "groups"}
			tt.change(c)
		})
		found := a.Auth.Check(t.Context())
		got := append(codesOf(found, ginoidc.SeverityError), codesOf(found, ginoidc.SeverityWarning)...)
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: found %+v", name, found)
		}
	}
}

// TestFindingAsJSON: the names are those of docs/doctor.md.
func TestFindingAsJSON(t *testing.T) {
	text, err := json.Marshal([]ginoidc.Finding{
		{Code: "a", Severity: ginoidc.SeverityOK, Seen: "b"},
		{Code: "c", Severity: ginoidc.SeverityError, Provider: "p", Seen: "d", Fix: "e"},
	})
	const want = `[{"code":"a","severity":"ok","seen":"b"},` +
		`{"code":"c","severity":"error","provider":"p","seen":"d","fix":"e"}]`
	if err != nil || string(text) != want {
		t.Errorf("%s, %v", text, err)
	}
}
