package ginoidc_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/state"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// swapping is a State in which somebody has put what was kept first in the place of whatever is asked for later.
type swapping struct {
	ginoidc.SharedState
	first *string
	on    *bool
}

func (s swapping) Keep(ctx context.Context, key, value string, ttl time.Duration) error {
	if *s.first == "" && key != "probe" {
		*s.first = value
	}
	return s.SharedState.Keep(ctx, key, value, ttl)
}

func (s swapping) Kept(ctx context.Context, key string) (string, bool, error) {
	if *s.on && *s.first != "" {
		return *s.first, true, nil
	}
	return s.SharedState.Kept(ctx, key)
}

// TestKeptValuesCannotBeMoved: who can write to the shared state can give nobody the tokens or the session of another user,
// and not those of the same user's other session either.
func TestKeptValuesCannotBeMoved(t *testing.T) {
	for _, victim := range []string{"alice", "bob"} {
		synctest.Test(t, func(t *testing.T) {
			var first string
			on := false
			a := testapp.NewWithTokens(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.State = swapping{state.NewMemory(0), &first, &on} })
			a.Engine.POST("/name", func(c *gin.Context) {
				if err := a.Auth.UpdateSession(c, func(u *ginoidc.User) error { u.Name = "new"; return nil }); err != nil {
					t.Error(err)
				}
			})
			b, mallory := a.Browser(), a.Browser()
			b.MustSignIn(victim)
			mallory.MustSignIn("bob")
			time.Sleep(5 * time.Minute)
			first = ""                       // which was the answer of a callback
			stolen := b.Fetch("/token").Body // is refreshed and kept
			if first == "" {
				t.Fatal("nothing was kept")
			}
			on = true
			if r := mallory.Fetch("/token"); r.StatusCode != http.StatusOK || r.Body == stolen {
				t.Errorf("mallory's token: %d, the victim's: %t", r.StatusCode, r.Body == stolen)
			}
			first, on = "", false
			b.Do("POST", "/name", nil) // its cookies are kept
			earlier := mallory.Twin()
			mallory.Do("POST", "/name", nil)
			if on = true; first == "" || earlier.Fetch("/me").StatusCode != http.StatusUnauthorized {
				t.Errorf("mallory has got the victim's session: %q", earlier.WhoAmI())
			}
		})
	}
}
