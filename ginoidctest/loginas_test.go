package ginoidctest_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-contrib/sessions/memstore"
	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/ginoidctest"
)

// ginApp is an app as its author would write it, with a provider nobody can
// reach.
func ginApp(t *testing.T, change func(*ginoidc.Config)) (*ginoidc.Auth, *gin.Engine) {
	t.Helper()
	gin.SetMode(gin.ReleaseMode)
	cfg := ginoidc.Config{
		Issuer: "https://idp.invalid", ClientID: "app", ClientSecret: "secret", AppURL: "https://app.example",
		CookieSecrets: []string{"Zk3v9QmX7rT1pLw8sYb2Nc5HdGf0UjAe"},
	}
	if change != nil {
		change(&cfg)
	}
	auth, err := ginoidc.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	engine := gin.New()
	auth.Mount(engine)
	engine.Use(auth.Middleware())
	engine.GET("/me", auth.RequireAuth(), func(c *gin.Context) {
		user, _ := ginoidc.UserFrom(c)
		c.JSON(http.StatusOK, gin.H{"sub": user.Subject, "iss": user.Issuer, "groups": user.Groups, "host": c.Request.Host, "ip": c.ClientIP()})
	})
	engine.POST("/admin", auth.RequireGroups("admin"), func(c *gin.Context) { c.Status(http.StatusNoContent) })
	engine.GET("/away", auth.RequireAuth(), func(c *gin.Context) { c.Redirect(http.StatusSeeOther, "/me") })
	return auth, engine
}

func TestLoginAs(t *testing.T) {
	tests := map[string]struct {
		change func(*ginoidc.Config)
		app    string
	}{
		"https":     {nil, "https://app.example"},
		"http":      {func(cfg *ginoidc.Config) { cfg.AppURL = "http://localhost:8080" }, "http://localhost:8080"},
		"own store": {func(cfg *ginoidc.Config) { cfg.Store = memstore.NewStore([]byte("0123456789abcdef0123456789abcdef")) }, "https://app.example"},
		"own handler": {func(cfg *ginoidc.Config) {
			cfg.Handlers.Unauthenticated = func(c *gin.Context) { c.Header("WWW-Authenticate", "") }
		}, "https://app.example"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			auth, engine := ginApp(t, tt.change)
			client := ginoidctest.LoginAs(t, auth, engine, ginoidc.User{Subject: "alice", Groups: []string{"staff"}})
			want := map[string]any{
				"sub": "alice", "iss": "https://idp.invalid", "groups": []any{"staff"}, "ip": "127.0.0.1",
				"host": strings.TrimPrefix(strings.TrimPrefix(tt.app, "https://"), "http://"),
			}
			for _, target := range []string{"/me", tt.app + "/me"} {
				if status, body := send(t, client, http.MethodGet, target); status != 200 || !reflect.DeepEqual(body, want) {
					t.Errorf("GET %s = %d %v, want %v", target, status, body, want)
				}
			}
			if status, _ := send(t, client, http.MethodPost, "/admin"); status != 403 {
				t.Errorf("alice as admin: %d", status)
			}
			admin := ginoidctest.LoginAs(t, auth, engine, ginoidc.User{Subject: "root", Groups: []string{"admin"}})
			if status, _ := send(t, admin, http.MethodPost, "/admin"); status != 204 {
				t.Errorf("an admin as admin: %d", status)
			}
			if status, _ := send(t, client, http.MethodGet, "/away"); status != 303 {
				t.Errorf("a redirect was followed: %d", status)
			}
			if resp, err := client.Get("https://idp.invalid/"); err == nil {
				_ = resp.Body.Close()
				t.Error("the client reached another host")
			}
		})
	}
}

func send(t *testing.T, client *http.Client, method, target string) (status int, body map[string]any) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, target, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	_ = json.Unmarshal(text, &body) // some answers have none
	return resp.StatusCode, body
}

// Cookies of the app come back with relative URLs too: signing out is seen.
func TestLoginAsKeepsCookies(t *testing.T) {
	auth, engine := ginApp(t, nil)
	engine.GET("/set", func(c *gin.Context) { c.SetCookie("seen", "1", 60, "/", "", true, true) })
	engine.GET("/seen", func(c *gin.Context) {
		if _, err := c.Cookie("seen"); err != nil {
			c.Status(http.StatusNotFound)
		}
	})
	client := ginoidctest.LoginAs(t, auth, engine, ginoidc.User{Subject: "alice"})
	send(t, client, http.MethodGet, "/set")
	if status, _ := send(t, client, http.MethodGet, "/seen"); status != 200 {
		t.Errorf("the app's cookie is lost: %d", status)
	}
	send(t, client, http.MethodPost, auth.SignOutURL())
	if status, _ := send(t, client, http.MethodGet, "/me"); status != 401 {
		t.Errorf("after signing out: %d", status)
	}
}

func TestLoginAsExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		auth, engine := ginApp(t, func(cfg *ginoidc.Config) { cfg.SessionIdle, cfg.SessionLifetime = time.Hour, 2*time.Hour })
		client := ginoidctest.LoginAs(t, auth, engine, ginoidc.User{Subject: "alice"})
		time.Sleep(59 * time.Minute)
		if status, _ := send(t, client, http.MethodGet, "/me"); status != 200 {
			t.Errorf("before the limit: %d", status)
		}
		time.Sleep(61 * time.Minute)
		if status, _ := send(t, client, http.MethodGet, "/me"); status != 401 {
			t.Errorf("after the limit: %d", status)
		}
	})
}

func TestLoginAsFailsTheTest(t *testing.T) {
	auth, engine := ginApp(t, nil)
	tb := new(fakeTB)
	if client := ginoidctest.LoginAs(tb, auth, engine, ginoidc.User{}); client != nil || !tb.failed {
		t.Error("a user without a subject is signed in")
	}
}

// case 210: a route registered before the guard is open, and found.
func TestOpenRoutes(t *testing.T) {
	auth, engine := ginApp(t, nil)
	var asked []string
	handler := func(c *gin.Context) {
		asked = append(asked, c.Request.Method+" "+c.Request.URL.Path)
		c.String(http.StatusOK, "ran")
	}
	engine.GET("/", handler)
	engine.GET("/healthz", handler)
	engine.DELETE("/notes/:id/*rest", handler)
	engine.GET("/missing", func(c *gin.Context) { c.Status(http.StatusNotFound) })
	engine.GET("/broken", func(*gin.Context) { panic(http.ErrAbortHandler) })
	engine.GET("/down", func(c *gin.Context) { c.Status(http.StatusServiceUnavailable) })
	answers := func(status int) gin.HandlerFunc {
		return func(c *gin.Context) { c.AbortWithStatus(status) }
	}
	for i, status := range []int{401, 403, 429, 503} { // a check of a token, a rate limiter: nobody knows what is behind
		path := "/first/" + string(rune('a'+i))
		engine.GET(path+"/open", answers(status), handler)
		engine.GET(path+"/guarded", answers(status), auth.RequireAuth(), handler)
		engine.GET(path+"/behind", auth.RequireAuth(), answers(status), handler)
	}
	engine.GET("/denies", func(c *gin.Context) { auth.Deny(c, ginoidc.ErrForbidden) })
	engine.GET("/guard-last", handler, auth.RequireAuth())
	engine.GET("/forward-auth", auth.RequireAuth())
	hidden := auth.With(ginoidc.Handlers{Unauthenticated: func(c *gin.Context) { c.String(http.StatusNotFound, "not here") }})
	engine.GET("/hidden", hidden.RequireGroups("admin"), handler)
	engine.GET("/replaced", func(c *gin.Context) { c.Request = c.Request.WithContext(context.WithoutCancel(c.Request.Context())) }, auth.RequireAuth(), handler)
	engine.GET("/own", auth.UserInfo)
	engine.Use(auth.RequireAuth())
	engine.GET("/late", handler)
	engine.PUT("/orgs/:org", auth.RequireOrganization("org"), handler)

	open := ginoidctest.OpenRoutes(engine, "/", "/healthz")
	want := []string{
		"DELETE /notes/:id/*rest", "GET /broken", "GET /denies", "GET /down",
		"GET /first/a/guarded", "GET /first/a/open", "GET /first/b/guarded", "GET /first/b/open",
		"GET /first/c/guarded", "GET /first/c/open", "GET /first/d/guarded", "GET /first/d/open",
		"GET /guard-last", "GET /missing",
	}
	if !reflect.DeepEqual(open, want) {
		t.Errorf("open routes = %q, want %q", open, want)
	}
	slices.Sort(asked)
	if want := []string{"DELETE /notes/x/x", "GET /guard-last"}; !reflect.DeepEqual(asked, want) {
		t.Errorf("handlers that ran: %q, want %q", asked, want)
	}
}

func TestOpenRoutesGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, engine := ginApp(t, nil)
		engine.GET("/hangs", func(c *gin.Context) { <-c.Request.Context().Done() })
		start := time.Now()
		open := ginoidctest.OpenRoutes(engine)
		if !reflect.DeepEqual(open, []string{"GET /hangs"}) || time.Since(start) != 5*time.Second {
			t.Errorf("open routes = %q after %s", open, time.Since(start))
		}
	})
}
