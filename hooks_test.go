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
)

// TestOnSignIn: the hook sees who comes and the app's sealed state, may add to the user but not replace them, and what
// it refuses leaves no session and the earlier one alone.
func TestOnSignIn(t *testing.T) {
	a := newApp(t, func(c *ginoidc.Config, _ *fakeop.Config) {
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
	a.engine.GET("/data", a.auth.RequireGroups("added"), func(c *gin.Context) {
		u, _ := ginoidc.UserFrom(c)
		c.String(http.StatusOK, "%s %s %s", u.Issuer, u.Subject, u.Data)
	})
	b := a.browser()
	if r := b.navigate(b.start("/auth/signin?cart=7", "alice")); r.StatusCode != 303 {
		t.Fatalf("%d %s", r.StatusCode, r.body)
	}
	if r := b.fetch("/data"); r.body != `https://idp.example alice "cart=7"` {
		t.Errorf("%d %s", r.StatusCode, r.body)
	}
	if r := b.signIn("bob"); r.StatusCode != 403 || b.whoami() != "alice" {
		t.Errorf("refused sign-in: %d, %q is signed in", r.StatusCode, b.whoami())
	}
	long := b.start("/auth/signin?cart="+strings.Repeat("7", 1000)+"&return_to=/"+strings.Repeat("a", 2000), "alice")
	if r := b.navigate(long); r.location() != "/" || len(b.fetch("/data").body) < 1000 {
		t.Errorf("a long target beside much state: %d to %q", r.StatusCode, r.location())
	}
	if r := b.navigate("/auth/signin?cart=broken"); r.StatusCode != 500 || r.Header.Get("Set-Cookie") != "" {
		t.Errorf("AppState that fails: %d %v", r.StatusCode, r.Header)
	}
}

// TestUpdateOfEndedSession: what ends while it is updated has not been updated, in a sealed cookie too.
func TestUpdateOfEndedSession(t *testing.T) {
	a := newApp(t)
	a.engine.POST("/update", func(c *gin.Context) {
		err := a.auth.UpdateSession(c, func(u *ginoidc.User) error { return a.auth.SignOutEverywhere(c.Request.Context(), u.Subject) })
		if _, ok := ginoidc.UserFrom(c); ok || !errors.Is(err, ginoidc.ErrUnauthenticated) {
			t.Errorf("user %v, error %v", ok, err)
		}
	})
	b := a.browser()
	b.mustSignIn("alice")
	b.do("POST", "/update", nil)
	if b.whoami() != "" {
		t.Error("the session lives")
	}
}

// TestUpdatedSessionStaysTheSame for the provider: its word still ends it, and a late word still spares it.
func TestUpdatedSessionStaysTheSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t)
		a.op.OnIDToken(func(claims map[string]any) { claims["sid"] = "s-1" })
		a.engine.POST("/update", func(c *gin.Context) {
			if err := a.auth.UpdateSession(c, func(u *ginoidc.User) error { u.Name = "new"; return nil }); err != nil {
				t.Error(err)
			}
		})
		late, err := a.op.LogoutToken("", "s-1", nil)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		b := a.browser()
		b.mustSignIn("alice")
		b.do("POST", "/update", nil)
		if r := a.postRaw("logout_token=" + late); r.StatusCode != 200 || b.whoami() != "alice" {
			t.Errorf("a late token: %d, %q is signed in", r.StatusCode, b.whoami())
		}
		time.Sleep(10 * time.Second)
		if r := a.post(t, "", "s-1", nil); r.StatusCode != 200 || b.whoami() != "" {
			t.Errorf("a token: %d, %q is signed in", r.StatusCode, b.whoami())
		}
	})
}

// TestTwoUpdates of one session at once: the later one counts whole, and who is signed in is no part of it. Case 274.
func TestTwoUpdates(t *testing.T) {
	for name, store := range map[string]sessions.Store{"cookies": nil, "a store": memstore.NewStore([]byte(secret))} {
		a := newApp(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.Store = store })
		update := func(key string) func(*gin.Context) {
			return func(c *gin.Context) {
				if err := a.auth.UpdateSession(c, func(u *ginoidc.User) error {
					u.Data = json.RawMessage(`{"` + key + `":1}`)
					return nil
				}); err != nil {
					t.Error(err)
				}
			}
		}
		a.engine.POST("/second", update("second"))
		a.engine.POST("/first", func(c *gin.Context) {
			if _, ok := ginoidc.UserFrom(c); !ok { // has loaded the session, and is overtaken
				t.Error("not signed in")
			}
			other := a.browser()
			other.jar = c.Request.Context().Value(jarKey{}).(http.CookieJar)
			other.do("POST", "/second", nil)
			update("first")(c)
		})
		var data string
		a.engine.GET("/data", func(c *gin.Context) {
			u, _ := ginoidc.UserFrom(c)
			data = u.Subject + string(u.Data)
		})
		b := a.browser()
		b.mustSignIn("alice")
		b.do("POST", "/first", nil)
		b.do("GET", "/data", nil)
		if data != `alice{"first":1}` {
			t.Errorf("%s: %s", name, data)
		}
	}
}

// jarKey is where a request has the cookies of its browser.
type jarKey struct{}

// TestOnSignOut is called with who left, and its error changes nothing.
func TestOnSignOut(t *testing.T) {
	var left []string
	a := newApp(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.OnSignOut = func(_ context.Context, u *ginoidc.User) error {
			left = append(left, u.Subject)
			return errors.New("mail server down")
		}
	})
	b := a.browser()
	b.mustSignIn("alice")
	for range 2 { // the second time nobody is signed in
		if r := b.do("POST", "/auth/signout", nil); r.StatusCode != 303 || b.whoami() != "" {
			t.Errorf("%d, %q is signed in", r.StatusCode, b.whoami())
		}
	}
	if !slices.Equal(left, []string{"alice"}) {
		t.Errorf("left: %q", left)
	}
}

// TestUpdateSession changes the session in place, in this request and later ones, and brings none back.
func TestUpdateSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.SessionLifetime = 20 * time.Hour })
		refuse := errors.New("no change")
		a.engine.POST("/update", func(c *gin.Context) {
			err := a.auth.UpdateSession(c, func(u *ginoidc.User) error {
				u.Data, u.Groups, u.Subject = json.RawMessage(`{"n":1}`), []string{"zeta", "admin"}, "mallory"
				if c.Query("refuse") != "" {
					return refuse
				}
				return nil
			})
			u, _ := ginoidc.UserFrom(c)
			c.JSON(http.StatusOK, gin.H{"user": u, "unauthenticated": errors.Is(err, ginoidc.ErrUnauthenticated), "refused": errors.Is(err, refuse), "failed": err != nil})
			if err := a.auth.UpdateSession(c, func(*ginoidc.User) error { return nil }); err == nil { // case 146
				t.Error("updated after the response has started")
			}
			if err := a.auth.Destroy(c); err == nil {
				t.Error("destroyed after the response has started")
			}
		})
		b := a.browser()
		if r := b.do("POST", "/update", nil); r.json(t)["unauthenticated"] != true || r.Header.Get("Set-Cookie") != "" {
			t.Errorf("nobody: %s", r.body)
		}
		b.mustSignIn("bob")
		if r := b.do("POST", "/update?refuse=1", nil); r.json(t)["refused"] != true || b.fetch("/admin").StatusCode != 403 {
			t.Errorf("refused: %s", r.body)
		}
		time.Sleep(10 * time.Hour)
		r := b.do("POST", "/update", nil)
		now, _ := r.json(t)["user"].(map[string]any)
		if r.json(t)["failed"] != false || now["Subject"] != "bob" || fmt.Sprint(now["Data"]) != "map[n:1]" || len(r.Header["Set-Cookie"]) != 1 {
			t.Errorf("update: %s %v", r.body, r.Header["Set-Cookie"])
		}
		if r := b.fetch("/admin"); r.StatusCode != 200 {
			t.Errorf("later: %d %s", r.StatusCode, r.body)
		}
		time.Sleep(9 * time.Hour) // idle limit moved, lifetime not
		if b.whoami() != "bob" {
			t.Error("an update does not count as use")
		}
		time.Sleep(2 * time.Hour)
		if b.whoami() != "" {
			t.Error("an update moved the lifetime")
		}
	})
}
