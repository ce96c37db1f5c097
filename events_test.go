package ginoidc_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/memstore"
	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// TestOnSignIn: the hook sees who comes and the app's sealed state, may add to the user but not replace them, and what
// it refuses leaves no session and the earlier one alone.
func TestOnSignIn(t *testing.T) {
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.AppState = func(c *gin.Context) (string, error) {
			if c.Query("cart") == "broken" {
				return "", errors.New("no cart")
			}
			return "cart=" + c.Query("cart"), nil
		}
		c.OnSignIn = func(_ context.Context, s *ginoidc.SignIn) error {
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
		t.Errorf("a long target beside much state: %d to %q", r.StatusCode, r.Location())
	}
	if r := b.Navigate("/auth/signin?cart=broken"); r.StatusCode != 500 || r.Header.Get("Set-Cookie") != "" {
		t.Errorf("AppState that fails: %d %v", r.StatusCode, r.Header)
	}
}

// TestUpdateOfEndedSession: what ends while it is updated has not been updated, in a sealed cookie too.
func TestUpdateOfEndedSession(t *testing.T) {
	a := testapp.New(t)
	a.Engine.POST("/update", func(c *gin.Context) {
		err := a.Auth.UpdateSession(c, func(u *ginoidc.User) error { return a.Auth.EndUserSessions(c.Request.Context(), u.Subject) })
		if _, ok := ginoidc.UserFrom(c); ok || !errors.Is(err, ginoidc.ErrUnauthenticated) {
			t.Errorf("user %v, error %v", ok, err)
		}
	})
	b := a.Browser()
	b.MustSignIn("alice")
	b.Do("POST", "/update", nil)
	if b.WhoAmI() != "" {
		t.Error("the session lives")
	}
}

// TestUpdatedSessionStaysTheSame for the provider: its word still ends it, and a late word still spares it.
func TestUpdatedSessionStaysTheSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := testapp.New(t)
		a.OP.OnIDToken(func(claims map[string]any) { claims["sid"] = "s-1" })
		a.Engine.POST("/update", func(c *gin.Context) {
			if err := a.Auth.UpdateSession(c, func(u *ginoidc.User) error { u.Name = "new"; return nil }); err != nil {
				t.Error(err)
			}
		})
		late, err := a.OP.LogoutToken("", "s-1", nil)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		b := a.Browser()
		b.MustSignIn("alice")
		b.Do("POST", "/update", nil)
		if r := a.PostBackChannel("logout_token=" + late); r.StatusCode != 200 || b.WhoAmI() != "alice" {
			t.Errorf("a late token: %d, %q is signed in", r.StatusCode, b.WhoAmI())
		}
		time.Sleep(10 * time.Second)
		if r := a.BackChannelLogout("", "s-1", nil); r.StatusCode != 200 || b.WhoAmI() != "" {
			t.Errorf("a token: %d, %q is signed in", r.StatusCode, b.WhoAmI())
		}
	})
}

// TestTwoUpdates of one session at once: the later one counts whole, and who is signed in is no part of it. Case 274.
func TestTwoUpdates(t *testing.T) {
	for name, store := range map[string]sessions.Store{"cookies": nil, "a store": memstore.NewStore([]byte(testapp.CookieSecret))} {
		a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.Store = store })
		update := func(key string) func(*gin.Context) {
			return func(c *gin.Context) {
				if err := a.Auth.UpdateSession(c, func(u *ginoidc.User) error {
					u.Data = json.RawMessage(`{"` + key + `":1}`)
					return nil
				}); err != nil {
					t.Error(err)
				}
			}
		}
		a.Engine.POST("/second", update("second"))
		a.Engine.POST("/first", func(c *gin.Context) {
			if _, ok := ginoidc.UserFrom(c); !ok { // has loaded the session, and is overtaken
				t.Error("not signed in")
			}
			other := a.Browser()
			other.Jar = testapp.JarOf(c.Request)
			other.Do("POST", "/second", nil)
			update("first")(c)
		})
		var data string
		a.Engine.GET("/data", func(c *gin.Context) {
			u, _ := ginoidc.UserFrom(c)
			data = u.Subject + string(u.Data)
		})
		b := a.Browser()
		b.MustSignIn("alice")
		b.Do("POST", "/first", nil)
		b.Do("GET", "/data", nil)
		if data != `alice{"first":1}` {
			t.Errorf("%s: %s", name, data)
		}
	}
}

// TestOnSignOut is called with who left, and its error changes nothing.
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

// TestUpdateSession changes the session in place, in this request and later ones, and brings none back.
func TestUpdateSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.SessionLifetime = 20 * time.Hour })
		refuse := errors.New("no change")
		a.Engine.POST("/update", func(c *gin.Context) {
			err := a.Auth.UpdateSession(c, func(u *ginoidc.User) error {
				u.Data, u.Groups, u.Subject = json.RawMessage(`{"n":1}`), []string{"zeta", "admin"}, "mallory"
				if c.Query("refuse") != "" {
					return refuse
				}
				return nil
			})
			u, _ := ginoidc.UserFrom(c)
			c.JSON(http.StatusOK, gin.H{"user": u, "unauthenticated": errors.Is(err, ginoidc.ErrUnauthenticated), "refused": errors.Is(err, refuse), "failed": err != nil})
			if err := a.Auth.UpdateSession(c, func(*ginoidc.User) error { return nil }); err == nil { // case 146
				t.Error("updated after the response has started")
			}
			if err := a.Auth.EndSession(c); err == nil {
				t.Error("destroyed after the response has started")
			}
		})
		b := a.Browser()
		if r := b.Do("POST", "/update", nil); r.JSON(t)["unauthenticated"] != true || r.Header.Get("Set-Cookie") != "" {
			t.Errorf("nobody: %s", r.Body)
		}
		b.MustSignIn("bob")
		if r := b.Do("POST", "/update?refuse=1", nil); r.JSON(t)["refused"] != true || b.Fetch("/admin").StatusCode != 403 {
			t.Errorf("refused: %s", r.Body)
		}
		time.Sleep(10 * time.Hour)
		r := b.Do("POST", "/update", nil)
		now, _ := r.JSON(t)["user"].(map[string]any)
		if r.JSON(t)["failed"] != false || now["Subject"] != "bob" || fmt.Sprint(now["Data"]) != "map[n:1]" || len(r.Header["Set-Cookie"]) != 1 {
			t.Errorf("update: %s %v", r.Body, r.Header["Set-Cookie"])
		}
		if r := b.Fetch("/admin"); r.StatusCode != 200 {
			t.Errorf("later: %d %s", r.StatusCode, r.Body)
		}
		time.Sleep(9 * time.Hour) // idle limit moved, lifetime not
		if b.WhoAmI() != "bob" {
			t.Error("an update does not count as use")
		}
		time.Sleep(2 * time.Hour)
		if b.WhoAmI() != "" {
			t.Error("an update moved the lifetime")
		}
	})
}
