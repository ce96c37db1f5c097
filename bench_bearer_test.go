//go:build !race

package ginoidc_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

const (
	seenName   = "ginoidc, access token seen before"
	opaqueName = "ginoidc, introspected token seen before"
)

// tokenApp guards by access tokens, with introspection.
func tokenApp(t testing.TB) (*testapp.App, *gin.Engine) {
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.Providers[0].Audience, c.Providers[0].Introspection = api, "json"
	})
	groups := []string{"admin", "audit", "staff"}
	a.OP.OnAccessToken(func(claims map[string]any) { claims["groups"] = groups })
	a.OP.OnIntrospection(func(claims map[string]any) { claims["groups"] = groups })
	e := gin.New()
	e.Use(a.Auth.Middleware())
	e.GET("/x", a.Auth.RequireGroups("staff"), func(c *gin.Context) { c.Status(http.StatusOK) })
	return a, e
}

// tokenEngine guards by an access token that was seen before.
func tokenEngine(t testing.TB) contender {
	a, e := tokenApp(t)
	token, err := a.OP.AccessToken("alice", api)
	if err != nil {
		t.Fatal(err)
	}
	return contender{name: seenName, engine: e, authorization: "Bearer " + token}
}

// opaqueEngine guards by an opaque access token that was introspected before.
func opaqueEngine(t testing.TB) contender {
	a, e := tokenApp(t)
	token, err := a.OP.OpaqueToken("alice", api)
	if err != nil {
		t.Fatal(err)
	}
	return contender{name: opaqueName, engine: e, authorization: "Bearer " + token}
}

// TestRatioOfTokens compares access tokens that were seen before with sessions.
func TestRatioOfTokens(t *testing.T) {
	took := interleaved(t, []contender{pluginEngine(t, benchGroups(3)), tokenEngine(t), opaqueEngine(t)}, 40, 200)
	for _, name := range []string{seenName, opaqueName} {
		times := ratio(took, name, pluginName)
		if t.Logf("%s: %.2f times the session", name, times); times > 2 { // the aim is 1.3
			t.Errorf("%s takes %.2f times as long as a session", name, times)
		}
	}
}

// TestFirstSight measures access tokens that are new: a check of an RS256 signature each.
func TestFirstSight(t *testing.T) {
	a, e := tokenApp(t)
	var took []time.Duration
	for range 50 {
		token, err := a.OP.AccessToken("alice", api)
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		contender{name: "new", engine: e, authorization: "Bearer " + token}.serving(t)
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	t.Logf("first sight of an RS256 token: %v, least %v", took[len(took)/4], took[0])
	if s := a.Auth.AccessTokenStats(); s.Misses != 50 || s.Hits != 0 {
		t.Errorf("not each one is new: %+v", s)
	}
}
