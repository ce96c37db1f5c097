package redisstate_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/redisstate"
)

// TestRoundTrips counts the commands of guarded requests of an app that keeps everything in Redis: one each, and one
// more when an instance sees a session for the first time. A user who is signed out elsewhere is signed out.
func TestRoundTrips(t *testing.T) {
	gin.SetMode(gin.ReleaseMode)
	server := newFake()
	url := server.listen(t)
	one, other := appOn(t, url), appOn(t, url)
	w := httptest.NewRecorder()
	one.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/start", nil))
	cookie := pair(t, w.Header())
	for i, step := range []struct {
		app             *gin.Engine
		path            string
		status, command int
	}{
		{one, "/x", 200, 2}, {one, "/x", 200, 1}, {one, "/x", 200, 1},
		{other, "/x", 200, 2}, {other, "/x", 200, 1},
		{other, "/public", 200, 0},
		{other, "/end", 200, -1},
		{one, "/x", 401, 1},
	} {
		server.set(func() { server.calls = 0 })
		r := request(cookie)
		r.URL.Path = step.path
		r.Header.Set("Accept", "application/json")
		w := httptest.NewRecorder()
		step.app.ServeHTTP(w, r)
		server.set(func() {
			if w.Code != step.status || step.command >= 0 && server.calls != step.command {
				t.Errorf("step %d: status %d, %d commands; want %d, %d", i, w.Code, server.calls, step.status, step.command)
			}
		})
	}
}

// appOn returns an instance of an app.
func appOn(t *testing.T, url string) *gin.Engine {
	store := configured(t, redisstate.Config{URL: url, Secrets: []string{newSecret}})
	auth, err := ginoidc.New(ginoidc.Config{
		Providers: []ginoidc.Provider{{Issuer: "https://idp.example.com", ClientID: "app", ClientSecret: newSecret}},
		AppURL:    "https://app.example.com", CookieSecrets: []string{newSecret}, Store: store, State: store,
	})
	if err != nil {
		t.Fatal(err)
	}
	e := gin.New()
	e.GET("/x", auth.RequireAuth(), func(c *gin.Context) { c.Status(http.StatusOK) })
	e.GET("/public", auth.Middleware(), func(c *gin.Context) { c.Status(http.StatusOK) })
	e.POST("/start", func(c *gin.Context) {
		if err := auth.StartSession(c, &ginoidc.User{Subject: "alice"}); err != nil {
			t.Error(err)
		}
	})
	e.GET("/end", func(c *gin.Context) {
		if err := auth.EndUserSessions(c, "alice"); err != nil {
			t.Error(err)
		}
	})
	return e
}
