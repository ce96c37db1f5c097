package ginoidctest_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/ginoidctest"
)

const api = "https://api.example.com"

// claimsOf decodes the claims of a JWT without verifying it.
func claimsOf(t *testing.T, token string) map[string]any {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("%q is not a JWT", token)
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

func TestAccessTokens(t *testing.T) {
	idp, _, _ := withProvider(t, ginoidctest.Config{}, nil)
	idp.OnAccessToken(func(claims map[string]any) { claims["tenant"] = "acme" })
	for subject, token := range map[string]string{
		"bob": idp.AccessToken(t, "bob", api, "read", "write"),
		"app": idp.AccessToken(t, "", api, "read", "write"),
	} {
		claims := claimsOf(t, token)
		for name, want := range map[string]any{
			"iss": idp.Issuer(), "sub": subject, "aud": api, "client_id": "app", "scope": "read write", "tenant": "acme",
		} {
			if claims[name] != want {
				t.Errorf("%s: %s is %v, want %v", subject, name, claims[name], want)
			}
		}
	}
	tb := new(fakeTB)
	if idp.AccessToken(tb, "mallory", api); tb.failure == "" {
		t.Error("an unknown user has an access token")
	}
}

// The app's access token for its user is a JWT for the requested resource.
func TestJWTAccessTokens(t *testing.T) {
	idp, auth, engine := withProvider(t, ginoidctest.Config{JWTAccessTokens: true}, func(cfg *ginoidc.Config) {
		cfg.KeepTokens, cfg.Providers[0].SignInParameters = true, url.Values{"resource": {api}}
	})
	engine.GET("/token", auth.RequireAuth(), func(c *gin.Context) {
		token, err := auth.Token(c)
		if err != nil {
			t.Error(err)
			return
		}
		if claims := claimsOf(t, token.AccessToken); claims["aud"] != api || claims["sub"] != "alice" {
			t.Errorf("claims %v", claims)
		}
	})
	client := ginoidctest.SignIn(t, auth, engine, idp, "alice")
	if status, _ := send(t, client, http.MethodGet, "/token"); status != 200 {
		t.Errorf("status %d", status)
	}
}

// A sign-out at the provider reaches the app.
func TestLogoutToken(t *testing.T) {
	idp, auth, engine := withProvider(t, ginoidctest.Config{}, nil)
	client := ginoidctest.SignIn(t, auth, engine, idp, "alice")
	resp, err := client.PostForm("/auth/backchannel-logout", url.Values{"logout_token": {idp.LogoutToken(t, "alice", "")}})
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if status, _ := send(t, client, http.MethodGet, "/me"); resp.StatusCode != 200 || status != 401 {
		t.Errorf("logout token: %d, alice afterwards: %d", resp.StatusCode, status)
	}
}
