package sqlstate_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/sqlstate"
)

// entries answers statements on entries as a database does, without ends.
type entries map[any][]driver.Value // number and value by key

func (t entries) answer(_ context.Context, text string, args []any) (a answer, _ error) {
	switch {
	case strings.HasPrefix(text, "SELECT value"):
		if row, ok := t[args[0]]; ok {
			a.rows = [][]driver.Value{{row[1]}}
		}
	case strings.HasPrefix(text, "SELECT k, number, value"):
		for _, key := range args {
			if row, ok := t[key]; ok {
				a.rows = append(a.rows, []driver.Value{key, row[0], row[1]})
			}
		}
	case strings.HasPrefix(text, "INSERT INTO ginoidc_entries AS e (k, value"):
		t[args[0]] = []driver.Value{int64(0), args[1]}
	case strings.HasPrefix(text, "INSERT INTO ginoidc_entries AS e (k, number"):
		t[args[0]] = []driver.Value{args[1], nil}
	}
	a.affected = 1
	return a, nil
}

// TestRoundTrips counts the statements of guarded requests of an app that keeps everything in a database: one each, and
// one more when an instance sees a session for the first time. A user who is signed out elsewhere is signed out.
func TestRoundTrips(t *testing.T) {
	gin.SetMode(gin.ReleaseMode)
	f := &fake{answer: entries{}.answer}
	one, other := appOn(t, f), appOn(t, f)
	w := httptest.NewRecorder()
	one.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/start", nil))
	cookie, err := http.ParseSetCookie(w.Header().Get("Set-Cookie"))
	if err != nil {
		t.Fatal(err)
	}
	for i, step := range []struct {
		app                *gin.Engine
		path               string
		status, statements int
	}{
		{one, "/x", 200, 2}, {one, "/x", 200, 1}, {one, "/x", 200, 1},
		{other, "/x", 200, 2}, {other, "/x", 200, 1},
		{other, "/public", 200, 0},
		{other, "/end", 200, -1},
		{one, "/x", 401, 1},
	} {
		f.ran()
		r := httptest.NewRequest(http.MethodGet, step.path, nil)
		r.AddCookie(cookie)
		r.Header.Set("Accept", "application/json")
		w := httptest.NewRecorder()
		step.app.ServeHTTP(w, r)
		if ran := f.ran(); w.Code != step.status || step.statements >= 0 && len(ran) != step.statements {
			t.Errorf("step %d: status %d, %d statements; want %d, %d", i, w.Code, len(ran), step.status, step.statements)
		}
	}
	f.answer = func(context.Context, string, []any) (answer, error) { return answer{}, errors.New("down") }
	r := httptest.NewRequest(http.MethodGet, "/x", nil)
	r.AddCookie(cookie)
	w = httptest.NewRecorder()
	if other.ServeHTTP(w, r); w.Code != http.StatusServiceUnavailable {
		t.Errorf("status %d while the database is down", w.Code)
	}
}

// appOn returns an instance of an app.
func appOn(t *testing.T, f *fake) *gin.Engine {
	store := newStore(t, f, sqlstate.PostgreSQL)
	auth, err := ginoidc.New(ginoidc.Config{
		Providers: []ginoidc.Provider{{Issuer: "https://idp.example.com", ClientID: "app", ClientSecret: secret}},
		AppURL:    "https://app.example.com", CookieSecrets: []string{secret}, Store: store, State: store,
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
