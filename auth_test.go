package ginoidc_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/memstore"
	"github.com/gin-gonic/gin"
	gsessions "github.com/gorilla/sessions"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/state"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// TestAbortHandlers: handlers of an app and of a route group replace the default response and let nothing through.
func TestAbortHandlers(t *testing.T) {
	var reasons []error
	note := func(c *gin.Context) { reasons = append(reasons, ginoidc.Reason(c)) }
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.AbortHandlers.Unauthenticated = func(c *gin.Context) { note(c); c.JSON(401, gin.H{"app": true}) }
	})
	route := func(path string, h ginoidc.AbortHandlers, guard func(*ginoidc.Auth) gin.HandlerFunc) {
		a.Engine.GET(path, guard(a.Auth.With(h)), a.Protected)
	}
	admins := func(auth *ginoidc.Auth) gin.HandlerFunc { return auth.RequireGroups("admin") }
	route("/inherits", ginoidc.AbortHandlers{}, admins)
	route("/silent", ginoidc.AbortHandlers{Unauthenticated: note, Forbidden: note}, admins)
	// case 212
	route("/forgets", ginoidc.AbortHandlers{Unauthenticated: func(c *gin.Context) { note(c); c.Next() }}, admins)
	route("/teapot", ginoidc.AbortHandlers{Forbidden: func(c *gin.Context) {
		u, _ := ginoidc.UserFrom(c)
		c.JSON(418, gin.H{"who": u.Email})
	}}, admins)
	bob := a.Browser()
	bob.MustSignIn("bob")
	for _, tt := range []struct {
		name, path string
		who        *testapp.Browser
		status     int
		body       string
	}{
		{"the app's handler", "/me", a.Browser(), 401, `{"app":true}`},
		{"inherited by With", "/inherits", a.Browser(), 401, `{"app":true}`},
		{"a handler that writes nothing", "/silent", a.Browser(), 401, ""},
		{"the same, signed in", "/silent", bob, 403, ""},
		{"a handler that goes on", "/forgets", a.Browser(), 401, ""}, // case 212
		{"a group's handler", "/teapot", bob, 418, `{"who":"bob@example.com"}`},
		{"the app's own routes keep theirs", "/admin", bob, 403,
			`{"error":"forbidden","message":"You do not have access to this resource."}`},
	} {
		if r := tt.who.Fetch(tt.path); r.StatusCode != tt.status || r.Body != tt.body {
			t.Errorf("%s: %d %q, want %d %q", tt.name, r.StatusCode, r.Body, tt.status, tt.body)
		}
	}
	if len(a.Ran) != 0 {
		t.Errorf("protected handlers ran: %v", a.Ran)
	}
	for i, err := range reasons {
		if !errors.Is(err, ginoidc.ErrUnauthenticated) && !errors.Is(err, ginoidc.ErrForbidden) {
			t.Errorf("reason %d: %v", i, err)
		}
	}
	if len(reasons) != 5 {
		t.Errorf("%d reasons", len(reasons))
	}
}

// TestAbortHandlersOfWith: With replaces the handlers that it is given and no others, and what they send is private.
func TestAbortHandlersOfWith(t *testing.T) {
	said := ""
	says := func(what string) gin.HandlerFunc { return func(*gin.Context) { said += what } }
	down := false
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.State = fallibleState{state.NewMemory(0), &down}
		c.AbortHandlers = ginoidc.AbortHandlers{
			Unauthenticated: says("unauthenticated"), Forbidden: says("forbidden"), Failed: says("failed"),
		}
	})
	all := ginoidc.AbortHandlers{Unauthenticated: says("2"), Forbidden: says("2"), Failed: says("2")}
	a.Engine.GET("/own", a.Auth.With(ginoidc.AbortHandlers{}).RequireGroups("admin"), a.Protected)
	a.Engine.GET("/other", a.Auth.With(all).RequireGroups("admin"), a.Protected)
	b := a.Browser()
	b.MustSignIn("bob")
	for _, tt := range []struct {
		who  *testapp.Browser
		down bool
		want string
	}{{a.Browser(), false, "unauthenticated"}, {b, false, "forbidden"}, {b, true, "failed"}} {
		down = tt.down
		for path, want := range map[string]string{"/own": tt.want, "/other": "2"} {
			said = ""
			if r := tt.who.Fetch(path); said != want || r.Header.Get("Cache-Control") != "private, no-store" {
				t.Errorf("%s: %q, want %q; %v", path, said, want, r.Header)
			}
		}
	}
}

// TestMountOnARouter: any gin.IRouter will do.
func TestMountOnARouter(t *testing.T) {
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.Resource, c.Providers[0].Audience = testapp.URL, testapp.URL
	})
	a.Engine = gin.New()
	a.Auth.Mount(struct{ gin.IRouter }{a.Engine})
	if r := a.Browser().Fetch("/.well-known/oauth-protected-resource"); r.StatusCode != http.StatusOK {
		t.Errorf("%d %s", r.StatusCode, r.Body)
	}
}

// TestPageOfFailedRoute: the error page of a route of the plugin does not say who is signed in. That of the app does.
func TestPageOfFailedRoute(t *testing.T) {
	var shown *ginoidc.Page
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.Pages.Show = func(_ *gin.Context, p *ginoidc.Page) { shown = p }
	})
	b := a.Browser()
	b.MustSignIn("bob")
	for path, who := range map[string]string{"/admin": "bob", "/auth/callback?state=x&state=y": ""} {
		shown = nil
		if b.Navigate(path); shown == nil || shown.Kind != ginoidc.PageError || (shown.User != nil) != (who != "") {
			t.Errorf("%s: %+v", path, shown)
		}
	}
}

// TestIssuerMismatch: the error of Ready names both issuers and says what to configure. Case 111.
func TestIssuerMismatch(t *testing.T) {
	a := testapp.New(t)
	a.OP.Misbehave(fakeop.IssuerTrailingSlash)
	err := a.Auth.Ready(t.Context())
	if err == nil || !strings.Contains(err.Error(), "https://idp.example/") || !strings.Contains(err.Error(), "slash") {
		t.Errorf("Ready: %v", err)
	}
	if r := a.Browser().Navigate("/auth/signin"); r.StatusCode < 502 || strings.Contains(r.Body, "idp.example/") {
		t.Errorf("sign-in: %d %s", r.StatusCode, r.Body)
	}
}

// TestProviderDown: a sign-in gets 503 while the provider is down and works once it is up. Sessions do not need it.
func TestProviderDown(t *testing.T) {
	a := testapp.New(t)
	a.OP.Intercept(fakeop.Discovery, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	b := a.Browser()
	r := b.Navigate("/auth/signin")
	if r.StatusCode != 503 || r.Header.Get("Retry-After") == "" || r.Header.Get("Set-Cookie") != "" ||
		!strings.Contains(r.Body, "Sign in again") {
		t.Errorf("sign-in: %d %v", r.StatusCode, r.Header)
	}
	if err := a.Auth.Ready(t.Context()); !errors.Is(err, ginoidc.ErrProviderUnavailable) {
		t.Errorf("Ready: %v", err)
	}
	a.OP.Intercept(fakeop.Discovery, nil)
	testapp.Eventually(t, "the provider to be found again", func() bool { return a.Auth.Ready(t.Context()) == nil })
	b.MustSignIn("alice")
	a.OP.Intercept(fakeop.Discovery, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	if b.WhoAmI() != "alice" { // case 240
		t.Error("a session needed the provider")
	}
}

// TestReadyOfOneProvider: an app of several providers is ready while one of them can be used, however long another
// takes to answer, and says of each what is wrong.
func TestReadyOfOneProvider(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := testapp.NewSeveral(t, []string{"good", "wrong", "slow"})
		a.OPs["wrong"].Misbehave(fakeop.IssuerTrailingSlash)
		a.OPs["slow"].Intercept(fakeop.Discovery, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		began := time.Now()
		if err := a.Auth.Ready(t.Context()); err != nil || time.Since(began) > time.Second {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		if err := a.Auth.ForProvider("good").Ready(t.Context()); err != nil {
			t.Errorf("good: %v", err)
		}
		wrong := testapp.IssuerOf("wrong")
		if err := a.Auth.ForProvider("wrong").Ready(t.Context()); !errors.Is(err, ginoidc.ErrProviderUnavailable) ||
			!strings.Contains(err.Error(), wrong+`",`) || !strings.Contains(err.Error(), wrong+`/"`) {
			t.Errorf("wrong: %v", err)
		}
		if err := a.Auth.ForProvider("other").Ready(t.Context()); !errors.Is(err, ginoidc.ErrUnknownProvider) {
			t.Errorf("other: %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := a.Auth.ForProvider("slow").Ready(ctx); !errors.Is(err, ginoidc.ErrProviderUnavailable) {
			t.Errorf("slow: %v", err)
		}
		time.Sleep(time.Minute) // so that the plugin's shared calls end too
	})
}

// TestReadyAsksState: Ready fails if State is down, because nobody can sign in then and guards cannot decide.
func TestReadyAsksState(t *testing.T) {
	down := false
	shared := hooked{state.NewMemory(0), func(context.Context, string) error { return errIf(down) }}
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.State = shared })
	if err := a.Auth.Ready(t.Context()); err != nil {
		t.Errorf("up: %v", err)
	}
	down = true
	if err := a.Auth.Ready(t.Context()); !errors.Is(err, ginoidc.ErrSessionStore) || !errors.Is(err, errStateDown) {
		t.Errorf("down: %v", err)
	}
	stored := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.Store = deadStore{} })
	if err := stored.Auth.Ready(t.Context()); !errors.Is(err, ginoidc.ErrSessionStore) {
		t.Errorf("the store is down: %v", err)
	}
}

// deadStore is a store that does not respond.
type deadStore struct{}

func (deadStore) Get(*http.Request, string) (*gsessions.Session, error) { return nil, errStateDown }

func (deadStore) New(*http.Request, string) (*gsessions.Session, error) { return nil, errStateDown }

func (deadStore) Save(*http.Request, http.ResponseWriter, *gsessions.Session) error {
	return errStateDown
}

func (deadStore) Options(sessions.Options) {}

// TestSignOutsOfOneProcess: the log says that a restart forgets sign-outs only if cookies alone hold the sessions.
func TestSignOutsOfOneProcess(t *testing.T) {
	for name, tt := range map[string]struct {
		change testapp.Change
		says   bool
	}{
		"cookies":             {func(*ginoidc.Config, *fakeop.Config) {}, true},
		"cookies and a state": {func(c *ginoidc.Config, _ *fakeop.Config) { c.State = state.NewMemory(0) }, false},
		"a store": {func(c *ginoidc.Config, _ *fakeop.Config) {
			c.Store = memstore.NewStore([]byte(testapp.CookieSecret))
		}, false},
	} {
		a := testapp.New(t, tt.change)
		if says := strings.Contains(a.Logs.String(), "remembered by this process alone"); says != tt.says {
			t.Errorf("%s: %s", name, a.Logs)
		}
	}
}

// database is a State and a Store in one. A value of it cannot be compared.
type database struct {
	ginoidc.SharedState
	sessions.Store
	_ []byte
}

// TestDatabaseAsValue: a State and a Store may be one value of any type.
func TestDatabaseAsValue(t *testing.T) {
	both := database{SharedState: state.NewMemory(0), Store: memstore.NewStore([]byte(testapp.CookieSecret))}
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.State, c.Store = both, both })
	b := a.Browser()
	if b.MustSignIn("alice"); b.WhoAmI() != "alice" {
		t.Error("not signed in")
	}
}

// several returns an app with the providers "one" and "two", which have the same users, and a route that shows the
// user.
func several(t *testing.T, change ...testapp.Change) *testapp.App {
	t.Helper()
	a := testapp.NewSeveral(t, []string{"one", "two"}, change...)
	a.Engine.GET("/user", a.Auth.RequireAuth(), showUser)
	return a
}

func showUser(c *gin.Context) {
	u, _ := ginoidc.UserFrom(c)
	c.String(http.StatusOK, "%s %s %s", u.Provider, u.Issuer, u.Subject)
}

// userOf returns what showUser says.
func userOf(b *testapp.Browser) string {
	r := b.Fetch("/user")
	if r.StatusCode != http.StatusOK {
		return ""
	}
	return r.Body
}

// TestSubjectOfTwoProviders: a subject that two providers use is two users (case 328). What ends the sessions of one,
// and a logout token of the one provider, does not touch those of the other.
func TestSubjectOfTwoProviders(t *testing.T) {
	for _, tt := range []struct {
		name string
		end  func(a *testapp.App) error
	}{
		{"by the app", func(a *testapp.App) error { return a.Auth.ForProvider("one").EndUserSessions(t.Context(), "alice") }},
		{"by logout token", func(a *testapp.App) error {
			token, err := a.OPs["one"].LogoutToken("alice", "", nil)
			a.PostBackChannel(url.Values{"logout_token": {token}}.Encode())
			return err
		}},
	} {
		a := several(t)
		one, two := a.Browser(), a.Browser()
		one.MustSignInAt("one", "alice")
		two.MustSignInAt("two", "alice")
		if got, want := userOf(one), "one "+testapp.IssuerOf("one")+" alice"; got != want {
			t.Errorf("%s: the user of one is %q, want %q", tt.name, got, want)
		}
		if got, want := userOf(two), "two "+testapp.IssuerOf("two")+" alice"; got != want {
			t.Errorf("%s: the user of two is %q, want %q", tt.name, got, want)
		}
		for _, name := range []string{"one", "two"} {
			if mine, err := a.Auth.ForProvider(name).UserSessions(t.Context(), "alice"); err != nil || len(mine) != 1 {
				t.Errorf("%s: sessions of %s: %v, %v", tt.name, name, mine, err)
			}
		}
		if err := tt.end(a); err != nil {
			t.Fatal(err)
		}
		if userOf(one) != "" || userOf(two) == "" {
			t.Errorf("%s: one has %q, two has %q; want the latter only", tt.name, userOf(one), userOf(two))
		}
	}
}

// TestEndAllOfSeveral: all sessions end, whatever their providers, also of those found at run time.
func TestEndAllOfSeveral(t *testing.T) {
	a, _ := newTenants(t, []string{"acme"})
	staff, acme := a.Browser(), a.Browser()
	staff.MustSignInAt("staff", "alice")
	acme.MustSignInAt("acme", "alice")
	if err := a.Auth.EndAllSessions(t.Context()); err != nil {
		t.Fatal(err)
	}
	if userOf(staff) != "" || userOf(acme) != "" {
		t.Errorf("staff has %q, acme has %q", userOf(staff), userOf(acme))
	}
}

// TestTwoClientsOfOneIssuer: a logout token at the route for all finds the client in its audience.
func TestTwoClientsOfOneIssuer(t *testing.T) {
	for _, order := range [][]string{{"one", "two"}, {"two", "one"}} {
		a := testapp.NewSeveral(t, order, func(c *ginoidc.Config, _ *fakeop.Config) {
			i := slices.Index(order, "two")
			c.Providers[i].Issuer, c.Providers[i].Transport = testapp.IssuerOf("one"), c.Providers[1-i].Transport
		})
		token, err := a.OPs["one"].LogoutToken("alice", "", nil)
		if err != nil {
			t.Fatal(err)
		}
		if r := a.PostBackChannel(url.Values{"logout_token": {token}}.Encode()); r.StatusCode != http.StatusOK {
			t.Errorf("%v: %d %s", order, r.StatusCode, r.Body)
		}
	}
}

// TestStartSessionOfSeveral: the app starts a session of the provider that it names, or of the first one. With one
// provider the name does not matter.
func TestStartSessionOfSeveral(t *testing.T) {
	one := testapp.New(t)
	one.Engine.GET("/user", one.Auth.RequireAuth(), showUser)
	none := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.Providers, c.FindProvider = nil, func(context.Context, string) (ginoidc.Provider, error) {
			return ginoidc.Provider{}, ginoidc.ErrUnknownProvider
		}
	})
	for _, tt := range []struct {
		app        *testapp.App
		name, want string
		err        error
	}{
		{several(t), "", "one " + testapp.IssuerOf("one") + " alice", nil},
		{several(t), "two", "two " + testapp.IssuerOf("two") + " alice", nil},
		{several(t), "three", "", ginoidc.ErrUnknownProvider},
		{one, "three", " " + testapp.Issuer + " alice", nil},
		{none, "", "", ginoidc.ErrUnknownProvider},
	} {
		b := tt.app.Browser()
		tt.app.Engine.POST("/start", func(c *gin.Context) {
			err := tt.app.Auth.StartSession(c, &ginoidc.User{Subject: "alice", Provider: tt.name})
			if !errors.Is(err, tt.err) {
				t.Errorf("%q: %v", tt.name, err)
			}
		})
		b.Do(http.MethodPost, "/start", nil)
		if r := b.Fetch("/user"); (r.StatusCode == http.StatusOK) != (tt.err == nil) || tt.err == nil && r.Body != tt.want {
			t.Errorf("%q: %d %s", tt.name, r.StatusCode, r.Body)
		}
	}
}

// TestProviderMustBeNamed: with several providers a subject alone identifies nobody.
func TestProviderMustBeNamed(t *testing.T) {
	a := several(t)
	if err := a.Auth.EndUserSessions(t.Context(), "alice"); err == nil || !strings.Contains(err.Error(), "ForProvider") {
		t.Errorf("without a name: %v", err)
	}
	err := a.Auth.EndUserSession(t.Context(), "alice", "x")
	if err == nil || !strings.Contains(err.Error(), "ForProvider") {
		t.Errorf("one session without a name: %v", err)
	}
	if _, err := a.Auth.ForProvider("three").UserSessions(t.Context(), "alice"); err == nil {
		t.Error("with an unknown name: no error")
	}
	derived := a.Auth.ForProvider("two").With(ginoidc.AbortHandlers{})
	if err := derived.EndUserSession(t.Context(), "alice", "x"); err != nil {
		t.Errorf("derived: %v", err)
	}
}

// TestCrossedProviders: what one provider issues is of no use at the callback and the routes of the other (cases 326
// and 327), whichever of the two it is.
func TestCrossedProviders(t *testing.T) {
	for _, pair := range [][2]string{{"one", "two"}, {"two", "one"}} {
		from, to := pair[0], pair[1]
		a := several(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.KeepTokens = true })
		for _, op := range a.OPs { // iss is a defence of its own, which not every provider has
			op.OnDiscovery(func(doc map[string]any) { delete(doc, "authorization_response_iss_parameter_supported") })
		}
		other := func(callback string) string { return strings.Replace(callback, "/callback/"+from, "/callback/"+to, 1) }

		b := a.Browser()
		callback := withoutIssuer(t, b.StartAt(from, "alice"))
		if !strings.HasPrefix(callback, testapp.URL+"/auth/callback/"+from+"?") {
			t.Fatalf("redirect URI of %s: %s", from, callback)
		}
		if r := b.Navigate(other(callback)); r.StatusCode != http.StatusBadRequest || userOf(b) != "" {
			t.Errorf("response of %s at the callback of %s: %d", from, to, r.StatusCode)
		}
		if n := a.OPs[to].Count(fakeop.Token); n != 0 {
			t.Errorf("the code of %s was sent to %s", from, to)
		}
		if r := b.Navigate(callback); r.StatusCode != http.StatusSeeOther {
			t.Errorf("the attempt at %s did not survive: %d", from, r.StatusCode)
		}

		// A code of the one with the state of the other, and with the iss of either.
		b = a.Browser()
		code := testapp.ParseURL(t, b.StartAt(from, "alice")).Query()
		mixed := testapp.ParseURL(t, b.StartAt(to, "alice"))
		for _, iss := range []string{testapp.IssuerOf(from), testapp.IssuerOf(to)} {
			query := mixed.Query()
			query.Set("code", code.Get("code"))
			query.Set("iss", iss)
			mixed.RawQuery = query.Encode()
			if r := b.Navigate(mixed.String()); r.StatusCode == http.StatusSeeOther || userOf(b) != "" {
				t.Errorf("code of %s with iss %s at the callback of %s: %d", from, iss, to, r.StatusCode)
			}
		}
		testCrossedTokens(t, a, from, to)
	}
}

// withoutIssuer returns a callback's URL as a provider without RFC 9207 makes it.
func withoutIssuer(t *testing.T, callback string) string {
	t.Helper()
	u := testapp.ParseURL(t, callback)
	query := u.Query()
	query.Del("iss")
	u.RawQuery = query.Encode()
	return u.String()
}

// testCrossedTokens is the part of TestCrossedProviders about ID tokens, logout tokens and cookies.
func testCrossedTokens(t *testing.T, a *testapp.App, from, to string) {
	t.Helper()
	b := a.Browser()
	var stolen map[string]any
	a.OPs[from].OnTokenAnswer(func(answer map[string]any) { stolen = map[string]any{"id_token": answer["id_token"]} })
	b.MustSignInAt(from, "alice")
	a.OPs[to].OnTokenAnswer(func(answer map[string]any) { answer["id_token"] = stolen["id_token"] })
	victim := a.Browser()
	if r := victim.Navigate(victim.StartAt(to, "bob")); r.StatusCode != http.StatusUnauthorized || userOf(victim) != "" {
		t.Errorf("ID token of %s from %s: %d", from, to, r.StatusCode)
	}
	a.OPs[to].OnTokenAnswer(nil)
	victim.MustSignInAt(to, "alice")
	for _, path := range []string{"/auth/backchannel-logout", "/auth/backchannel-logout/" + to} {
		for _, edit := range []func(map[string]any){nil, func(c map[string]any) {
			c["iss"], c["aud"] = testapp.IssuerOf(to), "app-"+to
		}} {
			if path == "/auth/backchannel-logout" && edit == nil {
				continue // that is the right route for it
			}
			token, err := a.OPs[from].LogoutToken("alice", "", edit)
			if err != nil {
				t.Fatal(err)
			}
			r := a.Browser().Do(http.MethodPost, path, strings.NewReader(url.Values{"logout_token": {token}}.Encode()),
				"Content-Type", "application/x-www-form-urlencoded")
			if r.StatusCode != http.StatusBadRequest || userOf(victim) == "" {
				t.Errorf("logout token of %s at %s: %d, user %q", from, path, r.StatusCode, userOf(victim))
			}
		}
	}
}

// TestSignOutAtTheRightProvider: a sign-out goes to the provider of the session, and to none if nobody is signed in.
func TestSignOutAtTheRightProvider(t *testing.T) {
	a := several(t)
	for _, name := range []string{"one", "two"} {
		b := a.Browser()
		b.MustSignInAt(name, "alice")
		r := b.Do(http.MethodPost, "/auth/signout", nil, "Sec-Fetch-Site", "same-origin", "Sec-Fetch-Mode", "navigate")
		if !strings.HasPrefix(r.Location(), testapp.IssuerOf(name)+"/") || userOf(b) != "" {
			t.Errorf("sign-out of a user of %s: %d %s", name, r.StatusCode, r.Location())
		}
		r = b.Do(http.MethodPost, "/auth/signout", nil, "Sec-Fetch-Site", "same-origin", "Sec-Fetch-Mode", "navigate")
		if strings.Contains(r.Location(), "idp.example") {
			t.Errorf("sign-out of nobody: %s", r.Location())
		}
	}
}

// TestLogoutTokenOfNoProvider: a logout token of an issuer that is not configured is refused, and the event of one that
// is names the provider.
func TestLogoutTokenOfNoProvider(t *testing.T) {
	var rec recorder
	a := several(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.OnEvent = rec.receive })
	stranger := testapp.New(t)
	token, err := stranger.OP.LogoutToken("alice", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	r := a.PostBackChannel("logout_token=" + token)
	told := rec.take()
	if r.StatusCode != http.StatusBadRequest || len(told) != 1 || told[0].Provider != "" {
		t.Errorf("of a stranger: %d %+v", r.StatusCode, told)
	}
	if token, err = a.OPs["two"].LogoutToken("alice", "", nil); err != nil {
		t.Fatal(err)
	}
	r = a.PostBackChannel("logout_token=" + token + "x")
	told = rec.take()
	if r.StatusCode != http.StatusBadRequest || len(told) != 1 || told[0].Provider != "two" {
		t.Errorf("forged: %d %+v", r.StatusCode, told)
	}
	only := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.OnEvent, c.Providers[0].Name = rec.receive, "main"
	})
	if token, err = a.OPs["two"].LogoutToken("alice", "", nil); err != nil {
		t.Fatal(err)
	}
	r = only.PostBackChannel("logout_token=" + token)
	told = rec.take()
	if r.StatusCode != http.StatusBadRequest || len(told) != 1 || told[0].Provider != "main" {
		t.Errorf("of another one, at an app with one: %d %+v", r.StatusCode, told)
	}
}

// TestFrontChannelOfSeveral: a front-channel logout concerns the provider that iss or the path names, which alone may
// frame the answer.
func TestFrontChannelOfSeveral(t *testing.T) {
	a := several(t)
	sid := ""
	for _, op := range a.OPs {
		op.OnIDToken(func(claims map[string]any) { claims["sid"], sid = "same", "same" })
	}
	one, two := a.Browser(), a.Browser()
	one.MustSignInAt("one", "alice")
	two.MustSignInAt("two", "alice")
	query := "?sid=" + sid + "&iss=" + url.QueryEscape(testapp.IssuerOf("one"))
	if r := a.Browser().Do(http.MethodGet, "/auth/frontchannel-logout/two"+query, nil); userOf(one) == "" {
		t.Errorf("iss of one at the route of two: %d", r.StatusCode)
	}
	// As in a frame on the same site, with the cookie of a session that has this sid at another provider.
	two.Do(http.MethodGet, "/auth/frontchannel-logout"+query, nil)
	if userOf(two) == "" {
		t.Error("one provider has ended the session of another")
	}
	one.MustSignInAt("one", "alice")
	r := a.Browser().Do(http.MethodGet, "/auth/frontchannel-logout?sid=same&iss=https://x.example", nil)
	if r.StatusCode != http.StatusNotFound {
		t.Errorf("unknown iss: %d", r.StatusCode)
	}
	r = a.Browser().Do(http.MethodGet, "/auth/frontchannel-logout"+query, nil)
	policy := r.Header.Get("Content-Security-Policy")
	if !strings.HasSuffix(policy, "frame-ancestors "+testapp.IssuerOf("one")) {
		t.Errorf("may be framed by %s", policy)
	}
	if userOf(one) != "" || userOf(two) == "" {
		t.Errorf("one has %q, two has %q; want the latter only", userOf(one), userOf(two))
	}
}

// TestRemovedProvider: if a provider is removed or renamed, its sessions end with their next request, which the log
// says. Those of others remain (case 329), also if the app had only one provider before.
func TestRemovedProvider(t *testing.T) {
	a := several(t)
	one, two := a.Browser(), a.Browser()
	one.MustSignInAt("one", "alice")
	two.MustSignInAt("two", "alice")
	for _, tt := range []struct {
		name, of1, of2 string
		change         testapp.Change
	}{
		{"unchanged", "one", "two", func(*ginoidc.Config, *fakeop.Config) {}},
		{"another client", "", "two", func(c *ginoidc.Config, _ *fakeop.Config) { c.Providers[0].ClientID = "x" }},
		{"renamed", "", "two", func(c *ginoidc.Config, _ *fakeop.Config) { c.Providers[0].Name = "uno" }},
		{"another secret", "", "", func(c *ginoidc.Config, _ *fakeop.Config) {
			c.CookieSecrets = []string{"q7Yc2WmZ5xKt9RvB4nLs8JdPf3HgTa6E"}
		}},
		{"removed", "", "two", func(c *ginoidc.Config, _ *fakeop.Config) { c.Providers = c.Providers[1:] }},
		{"in another order", "one", "two", func(c *ginoidc.Config, _ *fakeop.Config) { slices.Reverse(c.Providers) }},
	} {
		next := several(t, tt.change)
		for _, b := range []struct {
			*testapp.Browser
			want string
		}{{one, tt.of1}, {two, tt.of2}} {
			twin := b.Twin()
			twin.App = next
			if got, _, _ := strings.Cut(userOf(twin), " "); got != b.want {
				t.Errorf("%s: the user is of %q, want %q", tt.name, got, b.want)
			}
		}
		gone := strings.Contains(next.Logs.String(), "not configured")
		if want := tt.name == "renamed" || tt.name == "removed"; gone != want {
			t.Errorf("%s: the log says that a provider is gone: %v, want %v", tt.name, gone, want)
		}
	}
}

// TestSecondProviderIsAdded: users of an app with one provider remain signed in when a second one is added, and the
// first one gets a name.
func TestSecondProviderIsAdded(t *testing.T) {
	single := testapp.New(t)
	b := single.Browser()
	b.MustSignIn("alice")
	b.App = several(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.Providers[1].Issuer, c.Providers[1].ClientID = testapp.Issuer, "app"
	})
	if got := userOf(b); got != "two "+testapp.Issuer+" alice" {
		t.Errorf("the user is %q", got)
	}
}

// TestRequireProvider: users of other providers are denied, also if they have the same subject.
func TestRequireProvider(t *testing.T) {
	a := several(t)
	a.Engine.GET("/staff", a.Auth.RequireProvider("one"), a.Protected)
	for name, want := range map[string]int{"one": http.StatusOK, "two": http.StatusForbidden} {
		b := a.Browser()
		b.MustSignInAt(name, "alice")
		if r := b.Fetch("/staff"); r.StatusCode != want {
			t.Errorf("a user of %s: %d, want %d", name, r.StatusCode, want)
		}
	}
	for _, names := range [][]string{nil, {""}, {"one", "three"}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("RequireProvider(%q) does not panic", names)
				}
			}()
			a.Auth.RequireProvider(names...)
		}()
	}
}

// TestGroupsPrefix: the groups and organizations of a provider get its prefix, so that its "admin" is not another
// provider's (case 330). A resolver of the app is trusted with the prefix, and gets it added where it is left out.
func TestGroupsPrefix(t *testing.T) {
	a := several(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.Providers[1].GroupsPrefix = "two:" })
	a.Engine.GET("/two-admin", a.Auth.RequireGroups("two:admin"), a.Protected)
	a.Engine.GET("/orgs/:org", a.Auth.RequireOrganization("org"), a.Protected)
	for name, want := range map[string][]int{"one": {200, 403, 200, 403}, "two": {403, 200, 403, 200}} {
		b := a.Browser()
		b.MustSignInAt(name, "alice")
		var got []int
		for _, path := range []string{"/admin", "/two-admin", "/orgs/acme", "/orgs/two:acme"} {
			got = append(got, b.Fetch(path).StatusCode)
		}
		if !slices.Equal(got, want) {
			t.Errorf("a user of %s: %v, want %v", name, got, want)
		}
	}
}

// tenants are the providers that an app keeps in its database.
type tenants struct {
	mu    sync.Mutex
	ops   map[string]*fakeop.Provider
	named map[string]ginoidc.Provider
	down  error
	asked int
}

func (d *tenants) find(_ context.Context, name string) (ginoidc.Provider, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked++
	if d.down != nil {
		return ginoidc.Provider{}, d.down
	}
	p, ok := d.named[name]
	if !ok {
		return p, fmt.Errorf("tenant %q: %w", name, ginoidc.ErrUnknownProvider)
	}
	return p, nil
}

func (d *tenants) edit(name string, edit func(*ginoidc.Provider)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	p := d.named[name]
	edit(&p)
	d.named[name] = p
}

// newTenants returns an app with the provider "staff" and those of the tenants.
func newTenants(t *testing.T, names []string, change ...testapp.Change) (*testapp.App, *tenants) {
	t.Helper()
	d := &tenants{ops: map[string]*fakeop.Provider{}, named: map[string]ginoidc.Provider{}}
	for _, name := range names {
		d.named[name] = testapp.ProviderAt(t, name, d.ops)
	}
	a := testapp.NewSeveral(t, []string{"staff"}, append([]testapp.Change{func(c *ginoidc.Config, _ *fakeop.Config) {
		c.FindProvider = d.find
	}}, change...)...)
	for name, op := range d.ops {
		a.OPs[name] = op
	}
	a.Engine.GET("/user", a.Auth.RequireAuth(), showUser)
	return a, d
}

// TestFindProvider: a provider of the app's database works like a configured one, once the app knows it, and is looked
// up once a minute. Its groups are prefixed: it can claim any group, also that of the operators (case 330).
func TestFindProvider(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, d := newTenants(t, []string{"acme"})
		b := a.Browser()
		if r := b.Navigate("/auth/signin?provider=globex"); r.StatusCode != http.StatusNotFound {
			t.Errorf("unknown: %d", r.StatusCode)
		}
		b.MustSignInAt("acme", "alice")
		asked := d.asked
		for range 5 {
			if got := userOf(b); got != "acme "+testapp.IssuerOf("acme")+" alice" {
				t.Fatalf("the user is %q", got)
			}
		}
		if d.asked != asked {
			t.Errorf("asked %d times for five requests", d.asked-asked)
		}
		if r := b.Fetch("/admin"); r.StatusCode != http.StatusForbidden {
			t.Errorf("admin of a tenant at the guard of the operators: %d", r.StatusCode)
		}
		if r := b.Fetch("/me"); !strings.Contains(r.Body, `"acme:admin"`) || strings.Contains(r.Body, `"admin"`) {
			t.Errorf("groups: %s", r.Body)
		}
		time.Sleep(2 * time.Minute)
		userOf(b)
		synctest.Wait()
		if d.asked != asked+1 {
			t.Errorf("asked %d times two minutes later", d.asked-asked)
		}
	})
}

// TestMaxAuthAgeOfFoundProviders: a sign-in with a provider of the app's database requests Config.MaxAuthAge, too.
// Otherwise a user with an old session there would sign in and have no session.
func TestMaxAuthAgeOfFoundProviders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := newTenants(t, []string{"acme"}, func(c *ginoidc.Config, _ *fakeop.Config) { c.MaxAuthAge = time.Hour })
		for _, name := range []string{"staff", "acme"} {
			r := a.Browser().Navigate("/auth/signin?provider=" + name)
			u, err := url.Parse(r.Header.Get("Location"))
			if err != nil || u.Query().Get("max_age") != "3600" {
				t.Errorf("%s: %q, %v", name, u, err)
			}
		}
	})
}

// TestFoundTransports: a provider that is looked up again keeps its client with the same Transport, and gets another
// one with another Transport. In neither case does the plugin look into a Transport that is in use.
func TestFoundTransports(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, d := newTenants(t, []string{"acme"})
		op, b := d.ops["acme"], a.Browser()
		transport := d.named["acme"].Transport
		b.MustSignInAt("acme", "alice")
		for i, tt := range []struct {
			transport http.RoundTripper
			reads     int // of the metadata
		}{
			{transport, 0},
			{&inUse{transport}, 1},
			{&inUse{transport}, 1},
			{roundTrip(transport.RoundTrip), 1},
			{roundTrip(transport.RoundTrip), 1}, // not comparable
			{transport, 1},
		} {
			before := op.Count(fakeop.Discovery)
			d.edit("acme", func(p *ginoidc.Provider) { p.Transport = tt.transport })
			time.Sleep(2 * time.Minute)
			b.Navigate("/auth/signin?provider=acme")
			if reads := op.Count(fakeop.Discovery) - before; reads != tt.reads {
				t.Errorf("transport %d: the metadata was read %d times", i, reads)
			}
		}
	})
}

// TestFoundProviderIsCopied: what the app does later to the lists of a provider that it has returned has no effect, and
// other certificate authorities make for another client.
func TestFoundProviderIsCopied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, d := newTenants(t, []string{"acme"})
		params := url.Values{"audience": {"first"}}
		d.edit("acme", func(p *ginoidc.Provider) { p.SignInParameters = params })
		audience := func() string {
			return testapp.ParseURL(t, a.Browser().Navigate("/auth/signin?provider=acme").Location()).Query().Get("audience")
		}
		if before := audience(); before != "first" {
			t.Errorf("asks for %q", before)
		}
		if params.Set("audience", "second"); audience() != "first" {
			t.Errorf("then asks for %q", audience())
		}
		op := d.ops["acme"]
		pool, other := x509.NewCertPool(), x509.NewCertPool()
		pem, err := os.ReadFile(testapp.NewAuthority(t).File)
		if err != nil || !other.AppendCertsFromPEM(pem) {
			t.Fatal(err)
		}
		for i, tt := range []struct {
			pool  *x509.CertPool
			reads int // of the metadata
		}{{pool, 1}, {x509.NewCertPool(), 0}, {other, 1}} {
			before := op.Count(fakeop.Discovery)
			d.edit("acme", func(p *ginoidc.Provider) { p.RootCAs = tt.pool })
			time.Sleep(2 * time.Minute)
			if audience(); op.Count(fakeop.Discovery)-before != tt.reads {
				t.Errorf("certificates %d: the metadata was read %d times", i, op.Count(fakeop.Discovery)-before)
			}
		}
	})
}

// inUse is a transport that is compared by its address.
type inUse struct{ http.RoundTripper }

// TestFindProviderFails: a failing lookup is 503 for new sign-ins of its own provider only. Nobody is signed out, and
// nobody else notices.
func TestFindProviderFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, d := newTenants(t, []string{"acme"})
		acme, staff := a.Browser(), a.Browser()
		acme.MustSignInAt("acme", "alice")
		staff.MustSignInAt("staff", "alice")
		d.down = errors.New("no database")
		time.Sleep(20 * time.Minute)
		if r := a.Browser().Navigate("/auth/signin?provider=acme"); r.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("a sign-in at acme: %d", r.StatusCode)
		}
		if userOf(acme) == "" || userOf(staff) == "" {
			t.Errorf("signed out: %q, %q", userOf(acme), userOf(staff))
		}
		a.Browser().MustSignInAt("staff", "bob")
		restarted, d := newTenants(t, []string{"acme"}) // and knows no provider yet
		d.down = errors.New("no database")
		acme.App, staff.App = restarted, restarted
		r := acme.Fetch("/user")
		if r.StatusCode != http.StatusServiceUnavailable || strings.Contains(restarted.Logs.String(), "not configured") {
			t.Errorf("a session of an unknown provider while the lookup fails: %d %s", r.StatusCode, restarted.Logs)
		}
		if userOf(staff) == "" {
			t.Error("a user of another provider was signed out")
		}
	})
}

// TestForgetProvider: a change takes effect with the call, and otherwise within a minute. If a provider is gone, its
// sessions end, and those of others stay (case 329).
func TestForgetProvider(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, d := newTenants(t, []string{"acme", "globex"})
		acme, globex := a.Browser(), a.Browser()
		acme.MustSignInAt("acme", "alice")
		globex.MustSignInAt("globex", "alice")
		d.edit("acme", func(p *ginoidc.Provider) { p.Scopes = []string{"openid", "custom"} })
		scopes := func() string {
			return testapp.ParseURL(t, a.Browser().Navigate("/auth/signin?provider=acme").Location()).Query().Get("scope")
		}
		if got := scopes(); got == "openid custom" {
			t.Errorf("scope %q before the entry is a minute old", got)
		}
		a.Auth.ForgetProvider("acme")
		if got := scopes(); got != "openid custom" {
			t.Errorf("scope %q after ForgetProvider", got)
		}
		d.edit("acme", func(p *ginoidc.Provider) { p.Scopes = []string{"openid", "later"} })
		time.Sleep(time.Minute)
		if got := scopes(); got != "openid later" {
			t.Errorf("scope %q a minute later", got)
		}
		if userOf(acme) == "" {
			t.Error("the changes ended a session")
		}
		d.mu.Lock()
		delete(d.named, "acme")
		d.mu.Unlock()
		a.Auth.ForgetProvider("acme")
		if userOf(acme) != "" || userOf(globex) == "" {
			t.Errorf("acme has %q, globex has %q; want the latter only", userOf(acme), userOf(globex))
		}
		if logs := a.Logs.String(); !strings.Contains(logs, "not configured any longer") {
			t.Errorf("the log does not say why: %s", logs)
		}
	})
}

// TestFoundProviderIsChecked: what FindProvider returns is checked as a configured provider is, and a mistake in it is
// an error of this provider alone. Tenants type the issuer, so it cannot lead into the operator's network (case 323).
func TestFoundProviderIsChecked(t *testing.T) {
	for name, edit := range map[string]func(*ginoidc.Provider){
		"no issuer":       func(p *ginoidc.Provider) { p.Issuer = "" },
		"plain http":      func(p *ginoidc.Provider) { p.Issuer = "http://idp.example" },
		"another name":    func(p *ginoidc.Provider) { p.Name = "staff" },
		"loopback":        func(p *ginoidc.Provider) { p.Issuer = "https://localhost" },
		"private address": func(p *ginoidc.Provider) { p.Issuer = "https://10.0.0.1" },
		"metadata":        func(p *ginoidc.Provider) { p.Issuer = "https://169.254.169.254" },
		"access tokens":   func(p *ginoidc.Provider) { p.Audience = "https://api.example" },
		"signals":         func(p *ginoidc.Provider) { p.Signals = &ginoidc.Signals{} },
		"any tenant": func(p *ginoidc.Provider) {
			p.Issuer = "https://login.example/{tenantid}/v2.0"
			p.AllowTenant = func(context.Context, string) (bool, error) { return true, nil }
		},
		"no signature": func(p *ginoidc.Provider) { p.SigningAlgs = []string{"none"} },
	} {
		a, d := newTenants(t, []string{"acme"})
		d.edit("acme", edit)
		if r := a.Browser().Navigate("/auth/signin?provider=acme"); r.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("%s: %d %s", name, r.StatusCode, r.Location())
		}
		if n := a.OPs["acme"].Count(fakeop.Discovery); n != 0 {
			t.Errorf("%s: %d calls", name, n)
		}
		if private := strings.Contains(a.Logs.String(), "private_address"); private != (name == "private address" ||
			name == "metadata") {
			t.Errorf("%s: the log says that the address is private: %v", name, private)
		} else if refused := strings.Contains(a.Logs.String(), "a provider that cannot be used"); refused == private {
			t.Errorf("%s: the log says that the settings are refused: %v", name, refused)
		}
		a.Browser().MustSignInAt("staff", "alice")
	}
}

// TestOnlyFoundProviders: an app whose providers are all in its database has no other.
func TestOnlyFoundProviders(t *testing.T) {
	a, _ := newTenants(t, []string{"acme"}, func(c *ginoidc.Config, _ *fakeop.Config) { c.Providers = nil })
	b := a.Browser()
	if r := b.Navigate("/auth/signin"); r.StatusCode != http.StatusOK || strings.Contains(r.Body, "acme") {
		t.Errorf("nothing to choose: %d %s", r.StatusCode, r.Body)
	}
	b.MustSignInAt("acme", "alice")
	if userOf(b) == "" {
		t.Error("nobody is signed in")
	}
	if err := a.Auth.Ready(t.Context()); err != nil {
		t.Errorf("not ready: %v", err)
	}
}

// TestProviderMisbehaves: whatever the provider responds, the sign-in ends with the given status. Nobody is signed in,
// the attempt is used, at most one token request is made, and the reason is only in the log, under the id that the page
// shows. Groups C, D and E, case 301; the tests of internal/provider have more detailed rows.
func TestProviderMisbehaves(t *testing.T) {
	claim := func(name string, value any) func(*fakeop.Provider) {
		return func(p *fakeop.Provider) { p.OnIDToken(func(c map[string]any) { c[name] = value }) }
	}
	answer := func(name string, value any) func(*fakeop.Provider) {
		return func(p *fakeop.Provider) { p.OnTokenAnswer(func(a map[string]any) { a[name] = value }) }
	}
	does := func(m fakeop.Misbehaviour) func(*fakeop.Provider) {
		return func(p *fakeop.Provider) { p.Misbehave(m) }
	}
	now := time.Now().Unix()
	for _, tt := range []struct {
		name   string
		fault  func(*fakeop.Provider)
		status int
		code   string
	}{
		{"token: redirect", does(fakeop.Redirect307), 502, "provider_error"},          // case 52
		{"token: page", does(fakeop.HTMLAnswer), 502, "provider_error"},               // case 54
		{"token: no ID token", does(fakeop.NoIDToken), 502, "provider_error"},         // case 55
		{"token: ID token is a number", answer("id_token", 7), 502, "provider_error"}, // case 56
		{"token: ID token is null", answer("id_token", nil), 502, "provider_error"},   // case 56
		{"token: error with tokens", answer("error", "nope"), 502, "provider_error"},  // case 57
		{"token: twin", answer("ACCESS_TOKEN", "x"), 502, "provider_error"},           // case 59
		{"token: type mac", answer("token_type", "mac"), 502, "provider_error"},
		{"token: gzip bomb", does(fakeop.GzipBomb), 502, "provider_error"},                // cases 61, 62
		{"token: invalid_grant", does(fakeop.ErrorInvalidGrant), 401, "sign_in_refused"},  // case 64
		{"token: invalid_client", does(fakeop.ErrorInvalidClient), 502, "provider_error"}, // case 65
		{"token: 503", does(fakeop.Unavailable503), 503, "provider_unavailable"},          // case 66
		{"ID token: none", does(fakeop.SigNone), 401, "invalid_token"},                    // case 75
		{"ID token: HS256", does(fakeop.InvalidSigHS256), 401, "invalid_token"},           // case 76
		{"ID token: signature", does(fakeop.BadSignature), 401, "invalid_token"},          // case 79
		{"ID token: unknown kid", does(fakeop.UnknownKid), 401, "invalid_token"},
		{"ID token: iss", does(fakeop.WrongIss), 401, "invalid_token"},                             // case 84
		{"ID token: iss with a slash", claim("iss", "https://idp.example/"), 401, "invalid_token"}, // case 84
		{"ID token: aud", does(fakeop.WrongAud), 401, "invalid_token"},                             // case 85
		{"ID token: no aud", does(fakeop.MissingAud), 401, "invalid_token"},                        // case 85
		{"ID token: extra aud", does(fakeop.ExtraAudience), 401, "invalid_token"},                  // case 86
		{"ID token: azp", does(fakeop.WrongAzp), 401, "invalid_token"},                             // case 86
		{"ID token: no sub", does(fakeop.MissingSub), 401, "invalid_token"},                        // case 87
		{"ID token: sub is a number", claim("sub", 7), 401, "invalid_token"},                       // case 87
		{"ID token: no iat", does(fakeop.MissingIat), 401, "invalid_token"},                        // case 89
		{"ID token: old iat", claim("iat", now-7300), 401, "invalid_token"},                        // case 89
		{"ID token: iat ahead", claim("iat", now+7200), 401, "invalid_token"},                      // case 89
		{"ID token: nbf ahead", claim("nbf", now+3600), 401, "invalid_token"},                      // case 90
		{"ID token: no exp", does(fakeop.MissingExp), 401, "invalid_token"},
		{"ID token: expired", does(fakeop.Expired), 401, "invalid_token"},
		{"ID token: nonce", does(fakeop.NonceInvalid), 401, "invalid_token"},     // case 91
		{"ID token: no nonce", does(fakeop.NonceMissing), 401, "invalid_token"},  // case 91
		{"ID token: sub twice", does(fakeop.DuplicateSub), 401, "invalid_token"}, // case 94
		{"ID token: SUB", does(fakeop.SubCaseTwin), 401, "invalid_token"},        // case 95
		{"ID token: \u017fub", claim("\u017fub", "admin"), 401, "invalid_token"}, // case 95
		{"userinfo: other sub", does(fakeop.UserInfoInvalidSub), 401, "invalid_token"},
		{"userinfo: null", does(fakeop.UserInfoNull), 502, "provider_error"}, // case 104
		{"userinfo: 401", does(fakeop.UserInfo401), 401, "sign_in_refused"},  // case 106
		{"userinfo: signed", func(p *fakeop.Provider) { // case 105
			p.Intercept(fakeop.UserInfo, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/jwt")
				_, _ = w.Write([]byte("e30.e30."))
			})
		}, 502, "provider_error"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := testapp.New(t)
			b := a.Browser()
			callback := b.Start("/auth/signin", "alice")
			tt.fault(a.OP)
			r := b.Do("GET", callback, nil)
			if r.StatusCode != tt.status || r.JSON(t)["error"] != tt.code {
				t.Fatalf("%d %s, want %d %s\n%s", r.StatusCode, r.Body, tt.status, tt.code, a.Logs)
			}
			if id, _ := r.JSON(t)["request_id"].(string); id == "" || !strings.Contains(a.Logs.String(), "request_id="+id) {
				t.Errorf("request %q is not in the log", id)
			}
			if after := r.Header.Get("Retry-After"); (after == "7") != (tt.status == 503) { // as the provider asked
				t.Errorf("Retry-After %q", after)
			}
			if b.WhoAmI() != "" || len(b.Cookies()) != 0 {
				t.Errorf("%q is signed in, cookies %v", b.WhoAmI(), b.Cookies())
			}
			if r := b.Do("GET", callback, nil); r.StatusCode != 400 {
				t.Errorf("the attempt was not spent: %d", r.StatusCode)
			}
			if n := a.OP.Count(fakeop.Token); n != 1 { // case 67
				t.Errorf("%d token requests", n)
			}
			if a.OP.Count(fakeop.Elsewhere) != 0 { // case 107
				t.Error("a redirect was followed")
			}
			for _, hidden := range []string{callback[strings.Index(callback, "code=")+5:][:20], testapp.ClientSecret, "eyJ"} {
				if strings.Contains(a.Logs.String(), hidden) {
					t.Errorf("the log shows %q", hidden)
				}
			}
		})
	}
}

// TestTrustedAudiences: an additional audience is accepted only if it is configured. Case 86.
func TestTrustedAudiences(t *testing.T) {
	for _, trusted := range [][]string{nil, {"project"}} {
		a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.Providers[0].TrustedAudiences = trusted })
		a.OP.OnIDToken(func(c map[string]any) { c["aud"], c["azp"] = []string{"app", "project"}, "app" })
		if r := a.Browser().SignIn("alice"); (r.StatusCode == 303) != (trusted != nil) {
			t.Errorf("trusted %q: %d", trusted, r.StatusCode)
		}
	}
}
