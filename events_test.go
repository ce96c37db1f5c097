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
