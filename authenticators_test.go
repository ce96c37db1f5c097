package ginoidc_test

import (
	"context"
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

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

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
		"robot":   shows(ginoidc.User{Subject: "robot", Groups: []string{"writers", "admin"}}),
		"reader":  shows(ginoidc.User{Subject: "reader"}),
		"nobody":  shows(ginoidc.User{Groups: []string{"admin"}}),
		"blocked": refused(fmt.Errorf("%w: the key is blocked", ginoidc.ErrForbidden)),
		"store":   refused(fmt.Errorf("%w: keys cannot be read", ginoidc.ErrSessionStore)),
		"passes":  func(*gin.Context) (*ginoidc.User, error) { return nil, nil },
	}
	a := testapp.New(t,
		func(c *ginoidc.Config, _ *fakeop.Config) { c.Authenticators = []ginoidc.Authenticator{byKey(keys)} })
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
		a.Engine.GET("/update", needsSession(func(c *gin.Context) error {
			return a.Auth.UpdateSession(c, func(*ginoidc.User) error { return nil })
		}))
		b := a.Browser()
		b.MustSignIn("alice")
		time.Sleep(7 * time.Hour) // past half of the idle limit, when a session is renewed
		for _, path := range []string{"/fresh", "/mfa", "/tokens", "/update"} {
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
	robot := &ginoidc.User{Subject: "robot", Groups: []string{"staff", "admin"}}
	a = testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.Authenticators = []ginoidc.Authenticator{note("first", nil), note("second", robot), note("third", nil)}
	})
	a.Engine.GET("/all", a.Auth.RequireAuth(), func(c *gin.Context) {
		robot.Groups[0] = "root" // has no effect
		one, _ := ginoidc.UserFrom(c)
		two, _ := a.Auth.UserFrom(c)
		three, _ := ginoidc.UserFromContext(c.Request.Context())
		if one == nil || one != two || one != three || !slices.Equal(one.Groups, []string{"admin", "staff"}) ||
			!one.InGroup("staff") {
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
	signedOut := ""
	a := testapp.NewWithTokens(t, func(c *ginoidc.Config, _ *fakeop.Config) {
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
			t.Error(err)
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
