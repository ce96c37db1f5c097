package ginoidc_test

import (
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

const api = "https://api.example.com"

// newAPI returns an app that accepts access tokens. It has routes for a scope, for people, for machines, and for a
// strong sign-in.
func newAPI(t *testing.T, change ...testapp.Change) *testapp.App {
	t.Helper()
	a := testapp.New(t, append([]testapp.Change{func(c *ginoidc.Config, _ *fakeop.Config) {
		c.Providers[0].Audience = api
	}}, change...)...)
	a.OP.OnIDToken(func(claims map[string]any) { claims["groups"] = []string{"admin"} })
	show := func(c *gin.Context) {
		u, _ := ginoidc.UserFrom(c)
		c.JSON(http.StatusOK, gin.H{"sub": u.Subject, "client": u.ClientID, "scopes": u.Scopes, "machine": u.IsMachine()})
	}
	a.Engine.GET("/things", a.Auth.RequireScopes("read", "list"), show)
	a.Engine.GET("/people", a.Auth.RequirePerson(), show)
	a.Engine.GET("/machines", a.Auth.RequireMachine(), show)
	a.Engine.GET("/mfa", a.Auth.RequireACR("mfa"), show)
	a.Engine.GET("/fresh", a.Auth.RequireFreshSignIn(time.Minute), show)
	return a
}

// TestBearer: an access token alone identifies the user, even if there is a session. Each refusal has its own response.
func TestBearer(t *testing.T) {
	a := newAPI(t)
	mint := func(token string, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return "Bearer " + token
	}
	alice := mint(a.OP.AccessToken("alice", api, "read", "list"))
	little := mint(a.OP.AccessToken("alice", api, "read"))
	robot := mint(a.OP.ClientToken(api, "read", "list"))
	elsewhere := mint(a.OP.AccessToken("alice", "https://other.example.com", "read"))
	b := a.Browser()
	b.MustSignIn("bob")
	const invalid = `Bearer realm="https://app.example.com", error="invalid_token"`
	for _, tt := range []struct {
		name, path, authorization string
		status                    int
		sub, challenge            string
	}{
		{"a user", "/me", alice, 200, "alice", ""},
		{"a client", "/me", robot, 200, "app", ""},
		{"scheme in lower case", "/me", "bearer " + strings.TrimPrefix(alice, "Bearer "), 200, "alice", ""},
		{"scopes", "/things", alice, 200, "alice", ""},
		{"a scope is missing", "/things", little, 403, "",
			`Bearer realm="https://app.example.com", error="insufficient_scope", scope="read list"`},
		{"a session has no scopes", "/things", "", 403, "", ""},
		{"a person", "/people", alice, 200, "alice", ""},
		{"a person by session", "/people", "", 200, "bob", ""},
		{"no person", "/people", robot, 403, "", ""},
		{"a machine", "/machines", robot, 200, "app", ""},
		{"no machine", "/machines", alice, 403, "", ""},
		{"not strong enough", "/mfa", alice, 401, "",
			`Bearer realm="https://app.example.com", error="insufficient_user_authentication", acr_values="mfa"`},
		{"another audience", "/me", elsewhere, 401, "", invalid},
		{"garbage", "/me", "Bearer garbage", 401, "", invalid},
		{"nothing", "/me", "Bearer ", 401, "", invalid},
		{"no token", "/me", "Bearer", 401, "", invalid},
		{"two tokens", "/me", alice + " " + strings.TrimPrefix(alice, "Bearer "), 401, "", invalid},
		{"quotes", "/me", `Bearer "` + strings.TrimPrefix(alice, "Bearer ") + `"`, 401, "", invalid},
		{"DPoP without a key", "/me", "DPoP " + "garbage", 401, "", invalid},
		{"another scheme", "/me", "Basic Ym9iOmJvYg==", 200, "bob", ""},
		{"no header", "/me", "", 200, "bob", ""},
		{"a public page", "/", "Bearer garbage", 200, "", ""},
	} {
		for _, page := range []bool{false, true} {
			headers := []string{"Authorization", tt.authorization}
			if tt.authorization == "" {
				headers = nil
			}
			if page {
				headers = append(headers, testapp.Navigation()...)
			}
			r := b.Do(http.MethodGet, tt.path, nil, headers...)
			if r.StatusCode != tt.status || r.Header.Get("Set-Cookie") != "" || r.Location() != "" {
				t.Errorf("%s, page %t: %d, want %d; cookies %q, to %q", tt.name, page, r.StatusCode, tt.status,
					r.Header["Set-Cookie"], r.Location())
				continue
			}
			if got := strings.Join(r.Header.Values("WWW-Authenticate"), "\n"); got != tt.challenge {
				t.Errorf("%s: challenge %q, want %q", tt.name, got, tt.challenge)
			}
			if tt.sub != "" && r.JSON(t)["sub"] != tt.sub {
				t.Errorf("%s: %s", tt.name, r.Body)
			}
		}
	}
}

// TestBearerRefusals: only access tokens for this app are accepted, and refused ones cause no fetch of keys.
func TestBearerRefusals(t *testing.T) {
	a := newAPI(t)
	good, err := a.OP.AccessToken("alice", api)
	if err != nil {
		t.Fatal(err)
	}
	b := a.Browser()
	if r := b.Do(http.MethodGet, "/me", nil, "Authorization", "Bearer "+good); r.StatusCode != 200 {
		t.Fatalf("%d %s", r.StatusCode, r.Body)
	}
	bad, err := a.OP.BadAccessTokens("alice", api)
	if err != nil {
		t.Fatal(err)
	}
	if len(bad) < 30 {
		t.Fatalf("%d tokens", len(bad))
	}
	for name, token := range bad {
		r := b.Do(http.MethodGet, "/me", nil, "Authorization", "Bearer "+token)
		if r.StatusCode != 401 || r.JSON(t)["error"] != "invalid_access_token" || r.Header.Get("Set-Cookie") != "" {
			t.Errorf("%s: %d %s", name, r.StatusCode, r.Body)
		}
	}
	if n := a.OP.Count(fakeop.JWKS); n > 2 {
		t.Errorf("%d fetches of keys", n)
	}
	for _, where := range []string{"/me?access_token=" + good, "/me?token=" + good} {
		if r := b.Fetch(where); r.StatusCode != 401 {
			t.Errorf("a token in the query: %d", r.StatusCode)
		}
	}
	form := strings.NewReader("access_token=" + good)
	if r := b.Do("POST", "/me", form, "Content-Type", "application/x-www-form-urlencoded"); r.StatusCode != 401 {
		t.Errorf("a token in the body: %d", r.StatusCode)
	}
	if strings.Contains(a.Logs.String(), good) || strings.Contains(a.Logs.String(), "eyJ") {
		t.Error("a token is in the log")
	}
}

// TestBearerChallenges: a request without credentials gets the challenges of all schemes that the app accepts, and a
// provider that is down does not refuse a token.
func TestBearerChallenges(t *testing.T) {
	a := newAPI(t)
	r := a.Browser().Fetch("/me")
	challenges := r.Header["Www-Authenticate"]
	if r.StatusCode != 401 || len(challenges) != 2 || challenges[1] != `Bearer realm="https://app.example.com"` {
		t.Errorf("%d %q", r.StatusCode, challenges)
	}
	if r := a.Browser().Navigate("/me"); r.StatusCode != http.StatusFound {
		t.Errorf("a page: %d", r.StatusCode)
	}
	token, err := a.OP.AccessToken("alice", api)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string // of a log handler that asks for the user while the token is being checked
	down := newAPI(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.Logger = slog.New(asking{&lines}) })
	token, err = down.OP.AccessToken("alice", api)
	if err != nil {
		t.Fatal(err)
	}
	down.OP.Intercept(fakeop.JWKS, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	r = down.Browser().Do(http.MethodGet, "/me", nil, "Authorization", "Bearer "+token)
	if r.StatusCode != http.StatusServiceUnavailable || r.Header.Get("Retry-After") == "" || len(lines) == 0 {
		t.Errorf("provider away: %d %s", r.StatusCode, r.Body)
	}
	off := testapp.New(t)
	if r := off.Browser().Do(http.MethodGet, "/me", nil, "Authorization", "Bearer "+token); r.StatusCode != 401 ||
		strings.Contains(r.Header.Get("Www-Authenticate"), "Bearer") {
		t.Errorf("without an audience: %d %q", r.StatusCode, r.Header["Www-Authenticate"])
	}
}
