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

	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/cookie"
	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
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
		t.Errorf("a long target beside much state: %d to %q", r.StatusCode, r.Location())
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
