package ginoidc_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/cookie"
	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/state"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// TestOnSignIn: the hook gets the user and the app's sealed state. It may add to the user but not replace the subject.
// If it refuses a sign-in, no session starts and an earlier one is unchanged.
func TestOnSignIn(t *testing.T) {
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.AppState = func(c *gin.Context) (string, error) {
			if c.Query("cart") == "broken" {
				return "", errors.New("no cart")
			}
			return "cart=" + c.Query("cart"), nil
		}
		c.OnSignIn = func(_ context.Context, s *ginoidc.PendingSignIn) error {
			if s.AccessToken == "" || s.User.Issuer != "https://idp.example" {
				t.Errorf("hook called with %+v", s)
			}
			if s.User.Subject == "bob" {
				return errors.New("bob is on the list")
			}
			s.User.Data = json.RawMessage(fmt.Sprintf("%q", s.AppState))
			s.User.Groups = append(s.User.Groups, "added")
			s.User.Subject, s.User.Issuer = "mallory", "https://evil.example"
			return nil
		}
	})
	a.Engine.GET("/data", a.Auth.RequireGroups("added"), func(c *gin.Context) {
		u, _ := ginoidc.UserFrom(c)
		c.String(http.StatusOK, "%s %s %s", u.Issuer, u.Subject, u.Data)
	})
	b := a.Browser()
	if r := b.Navigate(b.Start("/auth/signin?cart=7", "alice")); r.StatusCode != 303 {
		t.Fatalf("%d %s", r.StatusCode, r.Body)
	}
	if r := b.Fetch("/data"); r.Body != `https://idp.example alice "cart=7"` {
		t.Errorf("%d %s", r.StatusCode, r.Body)
	}
	if r := b.SignIn("bob"); r.StatusCode != 403 || b.WhoAmI() != "alice" {
		t.Errorf("refused sign-in: %d, %q is signed in", r.StatusCode, b.WhoAmI())
	}
	long := b.Start("/auth/signin?cart="+strings.Repeat("7", 1000)+"&return_to=/"+strings.Repeat("a", 2000), "alice")
	if r := b.Navigate(long); r.Location() != "/" || len(b.Fetch("/data").Body) < 1000 {
		t.Errorf("a long target with much state: %d to %q", r.StatusCode, r.Location())
	}
	if r := b.Navigate("/auth/signin?cart=broken"); r.StatusCode != 500 || r.Header.Get("Set-Cookie") != "" {
		t.Errorf("AppState that fails: %d %v", r.StatusCode, r.Header)
	}
}

// TestOnSignOut: the hook is called with the user who signed out, and its error has no effect.
func TestOnSignOut(t *testing.T) {
	var left []string
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.OnSignOut = func(_ context.Context, u *ginoidc.User) error {
			left = append(left, u.Subject)
			return errors.New("mail server down")
		}
	})
	b := a.Browser()
	b.MustSignIn("alice")
	for range 2 { // the second time nobody is signed in
		if r := b.Do("POST", "/auth/signout", nil); r.StatusCode != 303 || b.WhoAmI() != "" {
			t.Errorf("%d, %q is signed in", r.StatusCode, b.WhoAmI())
		}
	}
	if !slices.Equal(left, []string{"alice"}) {
		t.Errorf("left: %q", left)
	}
}

// TestBasketOfAnotherUser: with the hooks, an app that keeps a basket in a session of gin-contrib/sessions empties it
// at sign-out and at a change of user, also if the earlier session has expired or was ended elsewhere. What a visitor
// put into it before the sign-in stays. Without the hooks the next user would find it.
func TestBasketOfAnotherUser(t *testing.T) {
	for _, mode := range []string{"query", "form_post"} {
		t.Run(mode, func(t *testing.T) {
			a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
				c.Providers[0].ResponseMode = mode
				c.OnSignedIn = keepBasketOf
				c.OnSignOut = func(ctx context.Context, _ *ginoidc.User) error { return emptyBasket(ctx) }
			})
			a.Engine = gin.New()
			store := cookie.NewStore([]byte(testapp.CookieSecret))
			store.Options(sessions.Options{Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteNoneMode})
			a.Engine.Use(sessions.Sessions("basket.app", store)) // the name makes PostCallback send it with the form
			a.Auth.Mount(a.Engine)
			a.Engine.GET("/me", a.Auth.RequireAuth(), a.Protected)
			a.Engine.GET("/basket", func(c *gin.Context) {
				s := sessions.Default(c)
				if add := c.Query("add"); add != "" {
					s.Set("basket", add)
					_ = s.Save()
				}
				c.String(http.StatusOK, "%v", s.Get("basket"))
			})
			b := a.Browser()
			check := func(step, want string) {
				t.Helper()
				if got := b.Fetch("/basket").Body; got != want {
					t.Errorf("%s: the basket holds %s, want %s", step, got, want)
				}
			}
			signIn := func(subject string) {
				t.Helper()
				if r := b.Callback(b.Start("/auth/signin", subject)); r.StatusCode != http.StatusSeeOther {
					t.Fatalf("%d %s", r.StatusCode, r.Body)
				}
			}
			b.Fetch("/basket?add=book")
			signIn("alice")
			check("a visitor signs in", "book")
			signIn("alice")
			check("the same user again", "book")
			signIn("bob")
			check("another user", "<nil>")
			b.Fetch("/basket?add=pen")
			a.BackChannelLogout("bob", "", nil)
			signIn("alice")
			check("another user, after the session was ended elsewhere", "<nil>")
			b.Fetch("/basket?add=cup")
			b.Do("POST", "/auth/signout", nil)
			check("signed out", "<nil>")
		})
	}
}

// keepBasketOf empties the basket of another user.
func keepBasketOf(ctx context.Context, u *ginoidc.User) error {
	c, ok := ginoidc.RequestFrom(ctx)
	if !ok {
		return errors.New("no request")
	}
	s := sessions.Default(c)
	if owner := s.Get("owner"); owner != nil && owner != u.Subject {
		s.Clear()
	}
	s.Set("owner", u.Subject)
	return s.Save()
}

func emptyBasket(ctx context.Context) error {
	c, ok := ginoidc.RequestFrom(ctx)
	if !ok {
		return errors.New("no request")
	}
	s := sessions.Default(c)
	s.Clear()
	return s.Save()
}

// TestRequestFrom: each hook with a response gets the request of its own; OnSignIn gets a copy of the request that
// brought the response.
func TestRequestFrom(t *testing.T) {
	var ends int
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.OnSignIn = func(ctx context.Context, s *ginoidc.PendingSignIn) error {
			if _, ok := ginoidc.RequestFrom(ctx); ok || s.Request.Header.Get("User-Agent") != "agent of callback" {
				t.Errorf("OnSignIn: a request %t, %v", ok, s.Request.Header)
			}
			if s.Request.URL.Path != "/auth/callback" {
				t.Errorf("OnSignIn: %s", s.Request.URL)
			}
			return nil
		}
		c.OnSignedIn = func(ctx context.Context, u *ginoidc.User) error {
			c, ok := ginoidc.RequestFrom(ctx)
			if !ok || c.FullPath() != "/auth/callback" || u.Subject != "alice" {
				t.Errorf("OnSignedIn: a request %t, user %+v", ok, u)
			}
			if now, ok := ginoidc.UserFromContext(ctx); !ok || now.Subject != "alice" {
				t.Errorf("OnSignedIn: %+v is signed in", now)
			}
			c.Header("X-Hook", "seen")
			return errors.New("no basket")
		}
		c.OnSessionEnd = func(ctx context.Context, e ginoidc.SessionEnd) {
			ends++
			if c, ok := ginoidc.RequestFrom(ctx); ok != (e.Reason != ginoidc.EndedByApp) || ok && c.Request == nil {
				t.Errorf("OnSessionEnd: %+v has a request: %t", e, ok)
			}
		}
	})
	b := a.Browser()
	callback := b.Start("/auth/signin", "alice")
	r := b.Do("GET", callback, nil, append(testapp.Navigation(), "User-Agent", "agent of callback")...)
	if r.StatusCode != http.StatusSeeOther || r.Header.Get("X-Hook") != "seen" || b.WhoAmI() != "alice" {
		t.Errorf("%d %v", r.StatusCode, r.Header)
	}
	if !strings.Contains(a.Logs.String(), "no basket") {
		t.Error("the error of OnSignedIn is not logged")
	}
	b.Do("POST", "/auth/signout", nil)
	if err := a.Auth.EndUserSessions(t.Context(), "alice"); err != nil || ends != 2 {
		t.Errorf("%v, %d ends", err, ends)
	}
	if _, ok := ginoidc.RequestFrom(t.Context()); ok {
		t.Error("a request outside of any")
	}
}

// byKey is an Authenticator for API keys. The map holds what it returns for each key.
func byKey(keys map[string]func(*gin.Context) (*ginoidc.User, error)) ginoidc.Authenticator {
	return func(c *gin.Context) (*ginoidc.User, error) {
		key := c.GetHeader("X-API-Key")
		if key == "" {
			return nil, nil
		}
		show := keys[key]
		if show == nil {
			return nil, errors.New("unknown key")
		}
		return show(c)
	}
}

func shows(u ginoidc.User) func(*gin.Context) (*ginoidc.User, error) {
	return func(*gin.Context) (*ginoidc.User, error) { return &u, nil }
}

func refused(err error) func(*gin.Context) (*ginoidc.User, error) {
	return func(*gin.Context) (*ginoidc.User, error) { return nil, err }
}

// TestAuthenticators: a route serves browsers and clients with a key. A key takes precedence over a session and sets no
// cookie.
func TestAuthenticators(t *testing.T) {
	keys := map[string]func(*gin.Context) (*ginoidc.User, error){
		"robot": shows(ginoidc.User{
			Subject: "robot", Provider: "main", Groups: []string{"writers", "admin"}, Organizations: []string{"acme"},
		}),
		"reader":  shows(ginoidc.User{Subject: "reader"}),
		"nobody":  shows(ginoidc.User{Groups: []string{"admin"}}),
		"blocked": refused(fmt.Errorf("%w: the key is blocked", ginoidc.ErrForbidden)),
		"store":   refused(fmt.Errorf("%w: keys cannot be read", ginoidc.ErrSessionStore)),
		"passes":  func(*gin.Context) (*ginoidc.User, error) { return nil, nil },
	}
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.Authenticators, c.Providers[0].Name = []ginoidc.Authenticator{byKey(keys)}, "main"
	})
	a.Engine.GET("/both", a.Auth.RequireAllGroups("admin", "writers"), a.Protected)
	a.Engine.GET("/main", a.Auth.RequireProvider("main"), a.Protected)
	a.Engine.GET("/in/:org", a.Auth.RequireOrganization("org"), a.Protected)
	browser := a.Browser()
	browser.MustSignIn("bob")
	for _, tt := range []struct {
		key, path string
		page      bool
		status    int
		sub, code string
	}{
		{"", "/me", false, 200, "bob", ""},
		{"passes", "/me", false, 200, "bob", ""},
		{"robot", "/me", false, 200, "robot", ""},
		{"robot", "/me", true, 200, "robot", ""},
		{"robot", "/admin", false, 200, "robot", ""},
		{"reader", "/me", false, 200, "reader", ""},
		{"reader", "/admin", false, 403, "", "forbidden"},
		{"robot", "/both", false, 200, "robot", ""},
		{"reader", "/both", false, 403, "", "forbidden"},
		{"robot", "/main", false, 200, "robot", ""},
		{"reader", "/main", false, 403, "", "forbidden"},
		{"robot", "/in/acme", false, 200, "robot", ""},
		{"robot", "/in/globex", false, 403, "", "forbidden"},
		{"unknown", "/me", false, 401, "", "unauthorized"},
		{"unknown", "/me", true, 401, "", ""}, // a page instead of a redirect, which would loop
		{"blocked", "/me", false, 403, "", "forbidden"},
		{"store", "/me", false, 503, "", "session_unavailable"},
		{"nobody", "/me", false, 500, "", "internal"},
		{"unknown", "/", false, 200, "", ""},
	} {
		t.Run(tt.key+tt.path, func(t *testing.T) {
			headers := []string{"X-API-Key", tt.key}
			if tt.page {
				headers = append(headers, testapp.Navigation()...)
			}
			r := browser.Do(http.MethodGet, tt.path, nil, headers...)
			if r.StatusCode != tt.status || r.Header.Get("Set-Cookie") != "" {
				t.Fatalf("%d, want %d; cookies %q, %s", r.StatusCode, tt.status, r.Header["Set-Cookie"], r.Body)
			}
			if tt.sub != "" && r.JSON(t)["sub"] != tt.sub || tt.code != "" && r.JSON(t)["error"] != tt.code {
				t.Errorf("%s", r.Body)
			}
		})
	}
	if r := browser.Do("GET", "/me", nil, "Authorization", "Bearer x"); r.StatusCode != 200 || r.JSON(t)["sub"] != "bob" {
		t.Errorf("a header that the app does not read: %d %s", r.StatusCode, r.Body)
	}
	for method, want := range map[string]bool{http.MethodGet: false, http.MethodPost: true} {
		r := browser.Do(method, "/me", nil, append(testapp.Navigation(), "X-API-Key", "unknown")...)
		if says := strings.Contains(r.Body, "What you sent was not processed"); r.StatusCode != 401 || says != want {
			t.Errorf("%s: %d %s", method, r.StatusCode, r.Body)
		}
	}
	denied := `msg="ginoidc: denied" code=unauthorized route=/me error="ginoidc: not signed in: unknown key"`
	if log := a.Logs.String(); !strings.Contains(log, denied) {
		t.Errorf("the refusal of a key is not in the log: %s", log)
	}
}

// TestAuthenticatorsWithoutSession: whatever needs a session fails with an error of its own, and the browser's session
// is unchanged.
func TestAuthenticatorsWithoutSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := testapp.NewWithTokens(t, func(c *ginoidc.Config, _ *fakeop.Config) {
			keys := map[string]func(*gin.Context) (*ginoidc.User, error){"robot": shows(ginoidc.User{Subject: "robot"})}
			c.Authenticators = []ginoidc.Authenticator{byKey(keys)}
		})
		needsSession := func(call func(*gin.Context) error) gin.HandlerFunc {
			return func(c *gin.Context) {
				if err := call(c); err != nil {
					a.Auth.Deny(c, err)
				}
			}
		}
		a.Engine.GET("/fresh", a.Auth.RequireFreshSignIn(time.Minute), a.Protected)
		a.Engine.GET("/mfa", a.Auth.RequireACR("mfa"), a.Protected)
		a.Engine.GET("/tokens", needsSession(func(c *gin.Context) error { _, err := a.Auth.Token(c); return err }))
		a.Engine.GET("/exchange", needsSession(func(c *gin.Context) error {
			_, err := a.Auth.TokenFor(c, ginoidc.TokenRequest{Exchange: true, Audience: "other"})
			return err
		}))
		a.Engine.GET("/update", needsSession(func(c *gin.Context) error {
			return a.Auth.UpdateSession(c, func(*ginoidc.User) error { return nil })
		}))
		b := a.Browser()
		b.MustSignIn("alice")
		time.Sleep(7 * time.Hour) // past half of the idle limit, when a session is renewed
		for _, path := range []string{"/fresh", "/mfa", "/tokens", "/exchange", "/update"} {
			r := b.Do(http.MethodGet, path, nil, "X-API-Key", "robot")
			if r.StatusCode != http.StatusForbidden || r.JSON(t)["error"] != "no_session" || r.Header.Get("Set-Cookie") != "" {
				t.Errorf("%s: %d %s", path, r.StatusCode, r.Body)
			}
		}
		if r := b.Fetch("/me"); r.JSON(t)["sub"] != "alice" || r.Header.Get("Set-Cookie") == "" {
			t.Errorf("the session was not renewed: %s", r.Body)
		}
	})
}

// TestAuthenticatorIsAsked: authenticators are called once per request, in order, until one decides. Inside one, nobody
// is signed in.
func TestAuthenticatorIsAsked(t *testing.T) {
	var asked []string
	var a *testapp.App
	note := func(name string, u *ginoidc.User) ginoidc.Authenticator {
		return func(c *gin.Context) (*ginoidc.User, error) {
			asked = append(asked, name)
			_, byPackage := ginoidc.UserFrom(c)
			_, byAuth := a.Auth.UserFrom(c)
			_, byContext := ginoidc.UserFromContext(c.Request.Context())
			if byPackage || byAuth || byContext {
				t.Errorf("%s sees a user: %t %t %t", name, byPackage, byAuth, byContext)
			}
			return u, nil
		}
	}
	robot := &ginoidc.User{
		Subject: "robot", Groups: []string{"staff", "admin"}, Actor: &ginoidc.User{Subject: "alice"},
	}
	a = testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.Authenticators = []ginoidc.Authenticator{note("first", nil), note("second", robot), note("third", nil)}
	})
	a.Engine.GET("/all", a.Auth.RequireAuth(), func(c *gin.Context) {
		robot.Groups[0], robot.Actor.Subject = "root", "mallory" // has no effect
		one, _ := ginoidc.UserFrom(c)
		two, _ := a.Auth.UserFrom(c)
		three, _ := ginoidc.UserFromContext(c.Request.Context())
		if one == nil || one != two || one != three || !slices.Equal(one.Groups, []string{"admin", "staff"}) ||
			!one.InGroup("staff") || one.Actor.Subject != "alice" {
			t.Errorf("%+v, %p, %p", one, two, three)
		}
	})
	a.Engine.GET("/below", func(c *gin.Context) { // without a guard, from the context alone
		if u, ok := ginoidc.UserFromContext(c.Request.Context()); !ok || u.Subject != "robot" {
			t.Errorf("%+v %t", u, ok)
		}
	})
	for _, path := range []string{"/all", "/below"} {
		asked = nil
		if r := a.Browser().Fetch(path); r.StatusCode != http.StatusOK || !slices.Equal(asked, []string{"first", "second"}) {
			t.Errorf("%s: %d, asked %v", path, r.StatusCode, asked)
		}
	}
}

// TestAuthenticatorsAfterTheRequest: authenticators are asked with the gin.Context of the request alone. When that is
// over, the user is not known unless one was asked before, and no code of another request runs.
func TestAuthenticatorsAfterTheRequest(t *testing.T) {
	keys := map[string]func(*gin.Context) (*ginoidc.User, error){"robot": shows(ginoidc.User{Subject: "robot"})}
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.Authenticators = []ginoidc.Authenticator{byKey(keys)}
	})
	reused, _ := gin.CreateTestContext(httptest.NewRecorder())
	request := func(key string) (*http.Request, context.CancelFunc) {
		ctx, cancel := context.WithCancel(t.Context())
		r := httptest.NewRequest(http.MethodGet, "/", nil).WithContext(ctx)
		r.Header.Set("X-API-Key", key)
		return r, cancel
	}
	first, end := request("robot")
	reused.Request = first
	a.Auth.Middleware()(reused)
	ctx := reused.Request.Context()
	if c, ok := ginoidc.RequestFrom(ctx); !ok || c != reused {
		t.Errorf("the request is %v", c)
	}
	end()
	second, end := request("other")
	defer end()
	for name, next := range map[string]*http.Request{"none": nil, "another": second} {
		reused.Request = next
		if u, ok := ginoidc.UserFromContext(ctx); ok {
			t.Errorf("%s: %+v", name, u)
		}
	}
	reused.Request = second
	if c, ok := ginoidc.RequestFrom(ctx); ok {
		t.Errorf("the request that is over is %v", c)
	}

	only := newAPI(t) // access tokens need no gin.Context
	b := only.Browser()
	b.MustSignIn("alice")
	var left context.Context
	only.Engine.GET("/leaves", func(c *gin.Context) { left = c.Request.Context() })
	b.Fetch("/leaves")
	only.Browser().Fetch("/things")
	if u, ok := ginoidc.UserFromContext(left); !ok || u.Subject != "alice" {
		t.Errorf("with access tokens: %+v", u)
	}
}

// TestAuthenticatorShape: Claims has the groups where the provider puts them. Without a configured provider they are in
// the claim groups.
func TestAuthenticatorShape(t *testing.T) {
	keys := map[string]func(*gin.Context) (*ginoidc.User, error){
		"robot": shows(ginoidc.User{Subject: "robot", Groups: []string{"writers"}}),
	}
	for claim, change := range map[string]testapp.Change{
		"roles": func(c *ginoidc.Config, _ *fakeop.Config) { c.Providers[0].GroupsClaim = "roles" },
		"groups": func(c *ginoidc.Config, _ *fakeop.Config) {
			c.Providers, c.FindProvider = nil, func(context.Context, string) (ginoidc.Provider, error) {
				return ginoidc.Provider{}, ginoidc.ErrUnknownProvider
			}
		},
	} {
		a := testapp.New(t, change, func(c *ginoidc.Config, _ *fakeop.Config) {
			c.Authenticators = []ginoidc.Authenticator{byKey(keys)}
		})
		a.Engine.GET("/claims", a.Auth.RequireAuth(), func(c *gin.Context) {
			u, _ := ginoidc.UserFrom(c)
			var claims map[string]any
			if err := u.Claims(&claims); err != nil {
				t.Error(err)
			}
			c.JSON(http.StatusOK, claims)
		})
		r := a.Browser().Do(http.MethodGet, "/claims", nil, "X-API-Key", "robot")
		if got := fmt.Sprint(r.JSON(t)[claim]); got != "[writers]" {
			t.Errorf("%s: %s", claim, r.Body)
		}
	}
}

// TestSignOutHookFails: an error of OnSignOut is in the log, and the user is signed out. Without one, the log says
// nothing of either hook.
func TestSignOutHookFails(t *testing.T) {
	for _, failure := range []error{nil, errors.New("no mail")} {
		a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
			c.OnSignOut = func(context.Context, *ginoidc.User) error { return failure }
			c.OnSignedIn = func(context.Context, *ginoidc.User) error { return nil }
		})
		b := a.Browser()
		b.MustSignIn("alice")
		r := b.Do(http.MethodPost, "/auth/signout", nil)
		says := strings.Contains(a.Logs.String(), "no mail")
		if r.StatusCode != http.StatusSeeOther || b.WhoAmI() != "" || says != (failure != nil) ||
			strings.Contains(a.Logs.String(), "OnSignedIn") {
			t.Errorf("%v: %d\n%s", failure, r.StatusCode, a.Logs)
		}
		if failure == nil && strings.Contains(a.Logs.String(), "OnSignOut") {
			t.Errorf("%v: %s", failure, a.Logs)
		}
	}
}

// TestAuthenticatorPanics: a request whose Authenticator panics is denied.
func TestAuthenticatorPanics(t *testing.T) {
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.Authenticators = []ginoidc.Authenticator{func(*gin.Context) (*ginoidc.User, error) { panic("odd key") }}
	})
	engine := gin.New()
	engine.Use(gin.CustomRecoveryWithWriter(io.Discard, func(c *gin.Context, _ any) {
		if _, ok := a.Auth.UserFrom(c); ok {
			t.Error("somebody is signed in")
		}
		c.AbortWithStatus(http.StatusInternalServerError)
	}))
	engine.GET("/", a.Auth.RequireAuth(), func(*gin.Context) { t.Error("the handler ran") })
	w := httptest.NewRecorder()
	engine.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	if w.Code != http.StatusInternalServerError {
		t.Errorf("%d", w.Code)
	}
}

// TestAuthenticatorsAndSession: what ends or replaces the session of the browser does so for a user whom an
// Authenticator identified too, so that no copy of the cookie stays valid. The user of the request stays the same. Case
// 382.
func TestAuthenticatorsAndSession(t *testing.T) {
	signedOut, down := "", false
	a := testapp.NewWithTokens(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.State = fallibleState{state.NewMemory(0), &down}
		keys := map[string]func(*gin.Context) (*ginoidc.User, error){"robot": shows(ginoidc.User{Subject: "robot"})}
		c.Authenticators = []ginoidc.Authenticator{byKey(keys)}
		c.OnSignOut = func(_ context.Context, u *ginoidc.User) error {
			signedOut = u.Subject
			return nil
		}
	})
	a.Engine.POST("/start", func(c *gin.Context) {
		if err := a.Auth.StartSession(c, &ginoidc.User{Subject: "carol"}); err != nil {
			t.Error(err)
		}
	})
	a.Engine.POST("/fails", func(c *gin.Context) {
		if err := a.Auth.StartSession(c, &ginoidc.User{Subject: strings.Repeat("x", 1<<20)}); err == nil {
			t.Error("a session that is too large was started")
		}
		if u, _ := a.Auth.UserFrom(c); u == nil || u.Subject != "robot" {
			t.Errorf("the user is %+v", u)
		}
	})
	a.Engine.POST("/end", func(c *gin.Context) {
		if err := a.Auth.EndSession(c); err != nil {
			a.Auth.Deny(c, err)
		}
	})
	for _, tt := range []struct{ path, after, copied string }{
		{"/auth/signout", "", ""}, {"/end", "", ""}, {"/start", "carol", ""}, {"/fails", "alice", "alice"},
	} {
		b := a.Browser()
		b.MustSignIn("alice")
		token, twin := b.Fetch("/token").Body, b.Twin()
		b.Do(http.MethodPost, tt.path, nil, "X-API-Key", "robot", "Sec-Fetch-Site", "same-origin")
		if got, copied := b.WhoAmI(), twin.WhoAmI(); got != tt.after || copied != tt.copied {
			t.Errorf("%s: %q is signed in, and %q with a copy of the cookie", tt.path, got, copied)
		}
		if a.OP.Active(token) != (tt.copied != "") {
			t.Errorf("%s: the token is active: %t", tt.path, a.OP.Active(token))
		}
	}
	if signedOut != "alice" {
		t.Errorf("%q signed out", signedOut)
	}
	if a.Browser().Do(http.MethodPost, "/auth/signout", nil, "X-API-Key", "robot"); signedOut != "robot" {
		t.Errorf("without a session: %q signed out", signedOut)
	}
	b := a.Browser()
	b.MustSignIn("alice")
	down = true
	if r := b.Do(http.MethodPost, "/end", nil, "X-API-Key", "robot"); r.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("without an answer of the state: %d", r.StatusCode)
	}
}

// TestAuthenticatorsOfTwoAuths: each of two Auths accepts the users of the other. Neither asks the other without end,
// and what a handler does with the session of the other counts, even if the Authenticator has renewed that session.
func TestAuthenticatorsOfTwoAuths(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var one, two *testapp.App
		asked := 0
		one = testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
			c.Authenticators = []ginoidc.Authenticator{func(c *gin.Context) (*ginoidc.User, error) {
				if asked++; asked > 10 {
					t.Error("asked without end")
					return nil, nil
				}
				u, _ := two.Auth.UserFrom(c)
				return u, nil
			}}
		})
		two = testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
			c.CookieName = "other"
			c.Authenticators = []ginoidc.Authenticator{func(c *gin.Context) (*ginoidc.User, error) {
				u, _ := one.Auth.UserFrom(c)
				return u, nil
			}}
		})
		engine := gin.New()
		engine.GET("/nobody", one.Auth.RequireAuth(), func(*gin.Context) { t.Error("the handler ran") })
		engine.GET("/end", one.Auth.RequireAuth(), func(c *gin.Context) {
			mine, _ := ginoidc.UserFrom(c)
			theirs, _ := two.Auth.UserFrom(c)
			if mine == nil || mine.Subject != "alice" || theirs == nil || theirs.Subject != "alice" {
				t.Errorf("users %+v and %+v", mine, theirs)
			}
			if err := two.Auth.EndSession(c); err != nil {
				t.Error(err)
			}
			c.Status(http.StatusNoContent)
		})
		get := func(path, cookies string) *httptest.ResponseRecorder {
			r := httptest.NewRequest(http.MethodGet, testapp.URL+path, nil)
			r.Header.Set("Cookie", cookies)
			w := httptest.NewRecorder()
			engine.ServeHTTP(w, r)
			return w
		}
		if w := get("/nobody", ""); w.Code != http.StatusUnauthorized {
			t.Errorf("nobody: %d", w.Code)
		}
		b := two.Browser()
		b.MustSignIn("alice")
		time.Sleep(7 * time.Hour) // past half of the idle limit
		w := get("/end", b.CookieHeader())
		if lines := w.Header()["Set-Cookie"]; len(lines) != 1 || !strings.HasPrefix(lines[0], "__Host-other=;") {
			t.Errorf("cookies after the end of the session: %q", lines)
		}
	})
}

// TestActor: handlers, pages and the log see who acts as a user, even after an update, and the actor can switch back.
func TestActor(t *testing.T) {
	a := testapp.New(t)
	a.Engine.POST("/view-as", a.Auth.RequireGroups("admin"), func(c *gin.Context) {
		admin, _ := ginoidc.UserFrom(c)
		if err := a.Auth.StartSession(c, &ginoidc.User{Subject: "customer", Name: "Customer", Actor: admin}); err != nil {
			t.Error(err)
		}
	})
	a.Engine.POST("/rename", func(c *gin.Context) {
		err := a.Auth.UpdateSession(c, func(u *ginoidc.User) error {
			u.Name, u.Actor = "Renamed", nil // the change of the actor is ignored
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
	a.Engine.POST("/back", func(c *gin.Context) {
		u, _ := ginoidc.UserFrom(c)
		if err := a.Auth.StartSession(c, u.Actor); err != nil {
			t.Error(err)
		}
	})
	a.Engine.GET("/actor", a.Auth.RequireAuth(), func(c *gin.Context) {
		u, _ := ginoidc.UserFrom(c)
		if u.Actor == nil {
			c.String(http.StatusOK, "%s %s %v", u.Subject, u.Name, u.Groups)
			return
		}
		c.String(http.StatusOK, "%s %s by %s %v", u.Subject, u.Name, u.Actor.Subject, u.Actor.Groups)
	})
	a.OP.OnIDToken(func(claims map[string]any) { claims["groups"] = []string{"staff", "admin"} })
	b := a.Browser()
	b.MustSignIn("alice")
	for _, tt := range []struct{ path, want string }{
		{"", "alice Alice Archer [admin staff]"},
		{"/view-as", "customer Customer by alice [admin staff]"},
		{"/rename", "customer Renamed by alice [admin staff]"},
		{"/back", "alice Alice Archer [admin staff]"},
	} {
		if tt.path != "" {
			b.Do(http.MethodPost, tt.path, nil)
		}
		if got := b.Fetch("/actor").Body; got != tt.want {
			t.Errorf("after %q: %q, want %q", tt.path, got, tt.want)
		}
		act, _ := b.Fetch("/auth/userinfo").JSON(t)["act"].(map[string]any)
		if acting := strings.Contains(tt.want, " by "); acting != (act["sub"] == "alice") {
			t.Errorf("after %q: act %v", tt.path, act)
		}
	}
	if !strings.Contains(a.Logs.String(), `msg="ginoidc: signed in" sub=customer actor=alice`) {
		t.Errorf("%s", a.Logs)
	}
}
