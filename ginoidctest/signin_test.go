package ginoidctest_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-contrib/sessions/memstore"
	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/ginoidctest"
)

// ginApp is an app as its author would write it. Any request to its provider is an error.
func ginApp(t *testing.T, change func(*ginoidc.Config)) (*ginoidc.Auth, *gin.Engine) {
	t.Helper()
	gin.SetMode(gin.ReleaseMode)
	cfg := ginoidc.Config{
		Providers: []ginoidc.Provider{{
			Issuer: "https://idp.invalid", ClientID: "app", ClientSecret: "secret", Transport: noNetwork{t},
		}},
		AppURL:        "https://app.example",
		CookieSecrets: []string{"Zk3v9QmX7rT1pLw8sYb2Nc5HdGf0UjAe"}, Logger: slog.New(slog.DiscardHandler),
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
		c.JSON(http.StatusOK, gin.H{
			"sub": user.Subject, "iss": user.Issuer, "groups": user.Groups, "host": c.Request.Host, "ip": c.ClientIP(),
		})
	})
	engine.POST("/admin", auth.RequireGroups("admin"), func(c *gin.Context) { c.Status(http.StatusNoContent) })
	engine.GET("/away", auth.RequireAuth(), func(c *gin.Context) { c.Redirect(http.StatusSeeOther, "/me") })
	return auth, engine
}

// noNetwork fails the test on any request.
type noNetwork struct{ t *testing.T }

func (n noNetwork) RoundTrip(r *http.Request) (*http.Response, error) {
	n.t.Errorf("the network was asked: %s %s", r.Method, r.URL)
	return nil, errors.New("there is no network")
}

// fakeTB records what a helper does to a test.
type fakeTB struct {
	failure string
}

func (*fakeTB) Helper()                              {}
func (tb *fakeTB) Fatalf(format string, args ...any) { tb.failure = fmt.Sprintf(format, args...) }

func TestSignInAs(t *testing.T) {
	tests := map[string]struct {
		change func(*ginoidc.Config)
		app    string
	}{
		"https": {nil, "https://app.example"},
		"http":  {func(cfg *ginoidc.Config) { cfg.AppURL = "http://localhost:8080" }, "http://localhost:8080"},
		"own store": {func(cfg *ginoidc.Config) {
			cfg.Store = memstore.NewStore([]byte("0123456789abcdef0123456789abcdef"))
		}, "https://app.example"},
		"own handler": {func(cfg *ginoidc.Config) {
			cfg.AbortHandlers.Unauthenticated = func(c *gin.Context) { c.Header("WWW-Authenticate", "") }
		}, "https://app.example"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			auth, engine := ginApp(t, tt.change)
			client := ginoidctest.SignInAs(t, auth, engine, ginoidc.User{Subject: "alice", Groups: []string{"staff"}})
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
			admin := ginoidctest.SignInAs(t, auth, engine, ginoidc.User{Subject: "root", Groups: []string{"admin"}})
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

// Cookies of the app are also sent with relative URLs: signing out takes effect.
func TestSignInAsKeepsCookies(t *testing.T) {
	auth, engine := ginApp(t, nil)
	engine.GET("/set", func(c *gin.Context) { c.SetCookie("seen", "1", 60, "/", "", true, true) })
	engine.GET("/seen", func(c *gin.Context) {
		if _, err := c.Cookie("seen"); err != nil {
			c.Status(http.StatusNotFound)
		}
	})
	client := ginoidctest.SignInAs(t, auth, engine, ginoidc.User{Subject: "alice"})
	send(t, client, http.MethodGet, "/set")
	if status, _ := send(t, client, http.MethodGet, "/seen"); status != 200 {
		t.Errorf("the app's cookie is lost: %d", status)
	}
	send(t, client, http.MethodPost, auth.SignOutURL())
	if status, _ := send(t, client, http.MethodGet, "/me"); status != 401 {
		t.Errorf("after signing out: %d", status)
	}
}

// The network is never used, even where a session at the provider would be ended.
func TestSignInAsSignsOutWithoutNetwork(t *testing.T) {
	tests := map[string]struct {
		change func(*ginoidc.Config)
		to     string
	}{
		"by default": {nil, "https://app.example/"},
		"own page": {
			func(cfg *ginoidc.Config) { cfg.PostSignOutURL = "https://app.example/bye" }, "https://app.example/bye",
		},
		"signed-out page": {func(cfg *ginoidc.Config) {
			cfg.PostSignOutURL = "https://app.example/auth/signed-out"
		}, "https://app.example/auth/signed-out"},
		"kept tokens": {func(cfg *ginoidc.Config) { cfg.KeepTokens = true }, "https://app.example/"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			auth, engine := ginApp(t, tt.change)
			client := ginoidctest.SignInAs(t, auth, engine, ginoidc.User{Subject: "alice"})
			resp, err := client.PostForm(auth.SignOutURL(), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = resp.Body.Close() }()
			if to := resp.Header.Get("Location"); resp.StatusCode != http.StatusSeeOther || to != tt.to {
				t.Errorf("%d to %q, want 303 to %q", resp.StatusCode, to, tt.to)
			}
			if status, _ := send(t, client, http.MethodGet, "/me"); status != 401 {
				t.Errorf("after signing out: %d", status)
			}
		})
	}
}

func TestSignInAsExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		auth, engine := ginApp(t, func(cfg *ginoidc.Config) { cfg.SessionIdle, cfg.SessionLifetime = time.Hour, 2*time.Hour })
		client := ginoidctest.SignInAs(t, auth, engine, ginoidc.User{Subject: "alice"})
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

func TestLoginAsIsSignInAs(t *testing.T) {
	auth, engine := ginApp(t, nil)
	client := ginoidctest.LoginAs(t, auth, engine, ginoidc.User{Subject: "alice"})
	if _, body := send(t, client, http.MethodGet, "/me"); body["sub"] != "alice" {
		t.Errorf("signed in as %v", body["sub"])
	}
}

func TestSignInAsFailsTheTest(t *testing.T) {
	auth, engine := ginApp(t, nil)
	tb := new(fakeTB)
	if client := ginoidctest.SignInAs(tb, auth, engine, ginoidc.User{}); client != nil || tb.failure == "" {
		t.Error("a user without a subject is signed in")
	}
}
