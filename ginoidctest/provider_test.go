package ginoidctest_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/ginoidctest"
)

// withProvider returns an app and the provider at which its users sign in.
func withProvider(
	t *testing.T, client ginoidctest.Config, change func(*ginoidc.Config),
) (*ginoidctest.Provider, *ginoidc.Auth, *gin.Engine) {
	t.Helper()
	idp, err := ginoidctest.New(client)
	if err != nil {
		t.Fatal(err)
	}
	auth, engine := ginApp(t, func(cfg *ginoidc.Config) {
		cfg.Providers[0].Issuer, cfg.Providers[0].Transport = idp.Issuer(), idp.Transport()
		if change != nil {
			change(cfg)
		}
	})
	return idp, auth, engine
}

func TestSignIn(t *testing.T) {
	key, text := clientKey(t)
	tests := map[string]struct {
		client ginoidctest.Config
		change func(*ginoidc.Config)
	}{
		"by default":    {},
		"issuer's path": {ginoidctest.Config{Issuer: "https://idp.example/tenant"}, nil},
		"basic":         {ginoidctest.Config{ClientAuthMethod: "client_secret_basic"}, nil},
		"post": {ginoidctest.Config{ClientAuthMethod: "client_secret_post"}, func(cfg *ginoidc.Config) {
			cfg.Providers[0].ClientAuthMethod = "client_secret_post"
		}},
		"public": {ginoidctest.Config{ClientAuthMethod: "none"}, func(cfg *ginoidc.Config) {
			cfg.Providers[0].ClientAuthMethod, cfg.Providers[0].ClientSecret = "none", ""
		}},
		"form_post": {ginoidctest.Config{}, func(cfg *ginoidc.Config) {
			cfg.Providers[0].ResponseMode = "form_post"
		}},
		"form_post.jwt": {ginoidctest.Config{}, func(cfg *ginoidc.Config) {
			cfg.Providers[0].ResponseMode = "form_post.jwt"
		}},
		"strict cookie": {ginoidctest.Config{}, func(cfg *ginoidc.Config) { cfg.SameSite = ginoidc.SameSiteStrict }},
		"pushed request": {ginoidctest.Config{}, func(cfg *ginoidc.Config) {
			cfg.Providers[0].PushedAuthorization = "always"
		}},
		"private_key_jwt": {
			ginoidctest.Config{ClientAuthMethod: "private_key_jwt", ClientKey: key.Public(), SigningAlg: "ES256"},
			func(cfg *ginoidc.Config) {
				p := &cfg.Providers[0]
				p.ClientAuthMethod, p.ClientKey, p.ClientSecret = "private_key_jwt", text, ""
				cfg.Providers[0].SigningAlgs = []string{"ES256"}
			},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			idp, auth, engine := withProvider(t, tt.client, tt.change)
			client := ginoidctest.SignIn(t, auth, engine, idp, "bob")
			status, body := send(t, client, http.MethodGet, "/me")
			if status != 200 || body["sub"] != "bob" || body["iss"] != idp.Issuer() ||
				!reflect.DeepEqual(body["groups"], []any{"staff"}) {
				t.Errorf("GET /me = %d %v", status, body)
			}
			if tokens, users := idp.Count(t, "/token"), idp.Count(t, "/userinfo"); tokens != 1 || users != 1 {
				t.Errorf("%d token requests, %d userinfo requests", tokens, users)
			}
		})
	}
}

// clientKey returns a new key, and its PEM.
func clientKey(t *testing.T) (*ecdsa.PrivateKey, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// A sign-in that fails also fails the test, and says where.
func TestSignInFailsTheTest(t *testing.T) {
	tests := map[string]struct {
		subject string
		broken  func(*testing.T, *ginoidctest.Provider)
		says    string
	}{
		"unknown user": {"mallory", func(*testing.T, *ginoidctest.Provider) {}, `no user "mallory"`},
		"no metadata": {"alice", func(t *testing.T, idp *ginoidctest.Provider) {
			idp.Intercept(t, "/.well-known/openid-configuration", http.NotFound)
		}, "the sign-in route: status 503"},
		"refused code": {"alice", func(t *testing.T, idp *ginoidctest.Provider) {
			idp.Misbehave(t, ginoidctest.ErrorInvalidGrant)
		}, "the callback: status 401"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			idp, auth, engine := withProvider(t, ginoidctest.Config{}, nil)
			tt.broken(t, idp)
			tb := new(fakeTB)
			if client := ginoidctest.SignIn(tb, auth, engine, idp, tt.subject); client != nil ||
				!strings.Contains(tb.failure, tt.says) {
				t.Errorf("failure %q, want one with %q", tb.failure, tt.says)
			}
		})
	}
}

// TestMisbehave: each misbehaviour affects the app where its documentation says so, and nothing happens without it.
func TestMisbehave(t *testing.T) {
	fails := [3]int{}
	tests := map[ginoidctest.Misbehaviour][3]int{ // of GET /admins, /strong and /upstream after the sign-in
		"":                              {204, 204, 204},
		ginoidctest.Slow:                fails,
		ginoidctest.Unavailable503:      fails,
		ginoidctest.ErrorInvalidGrant:   fails,
		ginoidctest.ErrorInvalidClient:  fails,
		ginoidctest.IssuerMismatch:      fails,
		expired:                         fails,
		userInfo401:                     fails,
		missingACR:                      {204, 401, 204},
		ginoidctest.GroupsOverage:       {403, 204, 204},
		ginoidctest.RefreshInvalidGrant: {204, 204, 401},
	}
	for name, want := range tests {
		t.Run(string(name), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				idp, auth, engine := strictApp(t)
				misbehave(t, idp, name)
				tb := new(fakeTB)
				client := ginoidctest.SignIn(tb, auth, engine, idp, "alice")
				if (tb.failure != "") != (want == fails) {
					t.Fatalf("sign-in: %q", tb.failure)
				}
				for i, path := range []string{"/admins", "/strong", "/upstream"} {
					if want == fails {
						continue
					}
					if status, _ := send(t, client, http.MethodGet, path); status != want[i] {
						t.Errorf("GET %s = %d, want %d", path, status, want[i])
					}
				}
			})
		})
	}
}

// Faults that need no name of their own.
const expired, missingACR, userInfo401 = "expired", "missing-acr", "userinfo-401"

func misbehave(t *testing.T, idp *ginoidctest.Provider, name ginoidctest.Misbehaviour) {
	t.Helper()
	switch name {
	case "":
	case expired:
		idp.OnIDToken(func(claims map[string]any) { claims["exp"] = time.Now().Add(-time.Hour).Unix() })
	case missingACR:
		idp.OnIDToken(func(claims map[string]any) { delete(claims, "acr") })
	case userInfo401:
		idp.Intercept(t, "/userinfo", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) })
	default:
		idp.Misbehave(t, name)
	}
}

// strictApp requires groups, an authentication class and access tokens, which must be refreshed at once.
func strictApp(t *testing.T) (*ginoidctest.Provider, *ginoidc.Auth, *gin.Engine) {
	client := ginoidctest.Config{ACRValues: []string{"1"}, TokenLife: time.Second, AlwaysRefreshToken: true}
	idp, auth, engine := withProvider(t, client, func(cfg *ginoidc.Config) { cfg.KeepTokens = true })
	noContent := func(c *gin.Context) { c.Status(http.StatusNoContent) }
	engine.GET("/admins", auth.RequireGroups("admin"), noContent)
	engine.GET("/strong", auth.RequireACR("1"), noContent)
	engine.GET("/upstream", auth.RequireAuth(), func(c *gin.Context) {
		if _, err := auth.Token(c); err != nil {
			auth.Deny(c, err)
			return
		}
		noContent(c)
	})
	return idp, auth, engine
}

func TestMisbehaveReplaces(t *testing.T) {
	idp, auth, engine := withProvider(t, ginoidctest.Config{}, nil)
	idp.Misbehave(t, ginoidctest.ErrorInvalidGrant, ginoidctest.IssuerMismatch)
	idp.Misbehave(t, ginoidctest.GroupsOverage)
	ginoidctest.SignIn(t, auth, engine, idp, "alice")
	idp.Misbehave(t)
	client := ginoidctest.SignIn(t, auth, engine, idp, "alice")
	if status, _ := send(t, client, http.MethodPost, "/admin"); status != 204 {
		t.Errorf("a provider that behaves again: %d", status)
	}
}

// A misspelt name fails the test. The further misbehaviours of internal/fakeop are unknown here.
func TestUnknownNamesFailTheTest(t *testing.T) {
	idp, auth, engine := withProvider(t, ginoidctest.Config{}, nil)
	for _, name := range []ginoidctest.Misbehaviour{"sloww", "", "sig-none"} {
		tb := new(fakeTB)
		if idp.Misbehave(tb, name); !strings.Contains(tb.failure, "unknown misbehaviour") {
			t.Errorf("%q: failure %q", name, tb.failure)
		}
	}
	for _, endpoint := range []string{"/tokens", "token", "", "/elsewhere"} {
		tb := new(fakeTB)
		if idp.Intercept(tb, endpoint, http.NotFound); !strings.Contains(tb.failure, "unknown endpoint") {
			t.Errorf("%q: failure %q", endpoint, tb.failure)
		}
		tb = new(fakeTB)
		if idp.Count(tb, endpoint); !strings.Contains(tb.failure, "unknown endpoint") {
			t.Errorf("%q: failure %q", endpoint, tb.failure)
		}
	}
	ginoidctest.SignIn(t, auth, engine, idp, "alice") // none of them is active
}

func TestApproveAndDeny(t *testing.T) {
	idp, _, engine := withProvider(t, ginoidctest.Config{}, nil)
	w := httptest.NewRecorder()
	engine.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "https://app.example/auth/signin", nil))
	location := w.Header().Get("Location")
	for code, want := range map[string]string{"": "code", "access_denied": "error"} {
		callback, err := idp.Approve(location, "alice")
		if code != "" {
			callback, err = idp.Deny(location, code)
		}
		u, parseErr := url.Parse(callback)
		if err != nil || parseErr != nil || u.Path != "/auth/callback" || !u.Query().Has(want) ||
			u.Query().Get("error") != code {
			t.Errorf("%q: %s, %v, %v", code, callback, err, parseErr)
		}
	}
	if _, err := idp.Approve(location, "mallory"); err == nil {
		t.Error("an unknown user can approve")
	}
}

func TestUsersAndClaims(t *testing.T) {
	idp, auth, engine := withProvider(t, ginoidctest.Config{Users: []ginoidctest.User{}}, nil)
	tb := new(fakeTB)
	if ginoidctest.SignIn(tb, auth, engine, idp, "alice"); tb.failure == "" {
		t.Error("a user of a provider without users")
	}
	idp.AddUser(ginoidctest.User{Subject: "dora", Claims: map[string]any{"groups": []string{"admin"}}})
	client := ginoidctest.SignIn(t, auth, engine, idp, "dora")
	if status, _ := send(t, client, http.MethodPost, "/admin"); status != 204 {
		t.Errorf("dora as admin: %d", status)
	}
	idp.OnIDToken(func(claims map[string]any) { claims["groups"] = []string{"staff"} })
	client = ginoidctest.SignIn(t, auth, engine, idp, "dora")
	if status, _ := send(t, client, http.MethodPost, "/admin"); status != 403 {
		t.Errorf("dora after the edit: %d", status)
	}
}

func TestListen(t *testing.T) {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answers := func(idp *ginoidctest.Provider) bool {
		resp, err := client.Get(idp.Issuer() + "/.well-known/openid-configuration")
		if err == nil {
			_ = resp.Body.Close()
		}
		return err == nil && resp.StatusCode == http.StatusOK
	}
	for _, issuer := range []string{"", "/tenant"} {
		idp, stop, err := ginoidctest.Listen(ginoidctest.Config{Issuer: issuer})
		if err != nil || !answers(idp) {
			t.Fatalf("no answer, %v", err)
		}
		if stop(); answers(idp) {
			t.Error("a provider that has ended answers")
		}
	}
	if _, _, err := ginoidctest.Listen(ginoidctest.Config{SigningAlg: "none"}); err == nil {
		t.Error("an unknown algorithm is taken")
	}
	if _, err := ginoidctest.New(ginoidctest.Config{ClientAuthMethod: "tls"}); err == nil {
		t.Error("an unknown method is taken")
	}
}

// The provider is a handler too.
func TestServeHTTP(t *testing.T) {
	idp, _, _ := withProvider(t, ginoidctest.Config{}, nil)
	w := httptest.NewRecorder()
	idp.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/jwks", nil))
	if w.Code != http.StatusOK || idp.Count(t, "/jwks") != 1 {
		t.Errorf("%d, counted %d", w.Code, idp.Count(t, "/jwks"))
	}
}
