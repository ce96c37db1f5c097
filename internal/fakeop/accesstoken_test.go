package fakeop_test

import (
	"net/http"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
)

const api = "https://api.example"

// wantAccessToken checks a JWT access token: its header, its signature by the provider's key, and exactly these claims
// in addition to those that no test can predict.
func (a *app) wantAccessToken(raw string, want map[string]any) {
	a.t.Helper()
	if typ := part(a.t, raw, 0)["typ"]; typ != "at+jwt" {
		a.t.Errorf("typ %v", typ)
	}
	if _, err := a.verifyFor(text(want, "aud"), raw); err != nil {
		a.t.Error(err)
	}
	claims := part(a.t, raw, 1)
	if text(claims, "jti") == "" {
		a.t.Error("no jti")
	}
	iat, _ := claims["iat"].(float64)
	if want["exp"] = iat + time.Hour.Seconds(); iat == 0 {
		a.t.Error("no iat")
	}
	delete(claims, "jti")
	delete(claims, "iat")
	want["iss"], want["client_id"] = a.idp.Issuer(), a.id
	if !reflect.DeepEqual(claims, want) {
		a.t.Errorf("claims %v, want %v", claims, want)
	}
}

func TestAccessTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, fakeop.Config{})
		groups, organizations := []any{"admin", "staff", "audit"}, []any{"acme"}
		now := float64(time.Now().Unix())
		user, err := a.idp.AccessToken("alice", api, "read", "write")
		if err != nil {
			t.Fatal(err)
		}
		a.wantAccessToken(user, map[string]any{
			"sub": "alice", "aud": api, "scope": "read write", "auth_time": now,
			"groups": groups, "organizations": organizations,
		})
		client, err := a.idp.ClientToken(api)
		if err != nil {
			t.Fatal(err)
		}
		a.wantAccessToken(client, map[string]any{"sub": "app", "aud": api})
		if _, err := a.idp.AccessToken("mallory", api); err == nil {
			t.Error("a token for nobody")
		}

		if got := a.userInfo(user); got.object["sub"] != "alice" {
			t.Errorf("userinfo with alice's token: %d %s", got.StatusCode, got.text)
		}
		if got := a.userInfo(client); got.StatusCode != http.StatusUnauthorized {
			t.Errorf("userinfo with the client's token: %d %s", got.StatusCode, got.text)
		}
		time.Sleep(time.Hour)
		if a.idp.Active(user) || a.idp.Active(client) {
			t.Error("active after an hour")
		}
	})
}

// The token endpoint issues the same tokens if configured to.
func TestJWTAccessTokens(t *testing.T) {
	for name, tt := range map[string]struct {
		resources []string
		narrowed  []string
		want      any
	}{
		"none":     {nil, nil, "https://idp.example"},
		"one":      {[]string{api}, nil, api},
		"two":      {[]string{api, "https://files.example"}, nil, []any{api, "https://files.example"}},
		"narrowed": {[]string{api, "https://files.example"}, []string{"https://files.example"}, "https://files.example"},
	} {
		t.Run(name, func(t *testing.T) {
			a := newApp(t, fakeop.Config{JWTAccessTokens: true, ACRValues: []string{"1"}})
			code := a.approve("carol", changes{"resource": tt.resources, "scope": {"openid"}}).Get("code")
			tokens := a.token(changes{"code": {code}, "resource": tt.narrowed}, nil).object
			raw := text(tokens, "access_token")
			if claims := part(t, raw, 1); !reflect.DeepEqual(claims["aud"], tt.want) || claims["scope"] != "openid" ||
				claims["acr"] != "1" {
				t.Errorf("claims %v, want aud %v", claims, tt.want)
			}
			if got := a.userInfo(raw); got.object["sub"] != "carol" {
				t.Errorf("userinfo: %d %s", got.StatusCode, got.text)
			}
			if id := part(t, text(tokens, "id_token"), 1); id["at_hash"] == nil {
				t.Error("the ID token has no at_hash")
			}
		})
	}
}

// A JWT that is bound to a key says so (RFC 9449, 6.1).
func TestBoundJWTAccessToken(t *testing.T) {
	a := newApp(t, fakeop.Config{JWTAccessTokens: true})
	cnf, _ := part(t, a.bound(ecKey()), 1)["cnf"].(map[string]any)
	if jkt := thumbprint(ecKey()); cnf["jkt"] != jkt {
		t.Errorf("cnf %v, want jkt %s", cnf, jkt)
	}
}

func TestClientCredentials(t *testing.T) {
	request := func(a *app, c changes) answer {
		form := changes{"grant_type": {"client_credentials"}, "redirect_uri": nil, "code_verifier": nil}
		for name, values := range c {
			form[name] = values
		}
		return a.token(form, nil)
	}
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, fakeop.Config{JWTAccessTokens: true, AlwaysRefreshToken: true})
		got := request(a, changes{"scope": {"read"}, "resource": {api}})
		raw := text(got.object, "access_token")
		a.wantAccessToken(raw, map[string]any{"sub": "app", "aud": api, "scope": "read"})
		delete(got.object, "access_token")
		want := map[string]any{"token_type": "Bearer", "expires_in": 3600.0, "scope": "read"}
		if !reflect.DeepEqual(got.object, want) {
			t.Errorf("answer %v, want %v", got.object, want)
		}
	})
	a := newApp(t, fakeop.Config{})
	if raw := text(request(a, nil).object, "access_token"); strings.Contains(raw, ".") || !a.idp.Active(raw) {
		t.Errorf("by default %q, active %t", raw, a.idp.Active(raw))
	}
	tests := map[string]struct {
		cfg     fakeop.Config
		changes changes
		code    string
	}{
		"wrong secret":      {fakeop.Config{}, changes{"client_secret": {"guessed"}}, "invalid_client"},
		"relative resource": {fakeop.Config{}, changes{"resource": {"/api"}}, "invalid_target"},
		"public client":     {fakeop.Config{Public: true}, changes{"client_secret": nil}, "unauthorized_client"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := request(newApp(t, tt.cfg), tt.changes); text(got.object, "error") != tt.code {
				t.Errorf("%d %s, want %s", got.StatusCode, got.text, tt.code)
			}
		})
	}
}

func TestOnAccessToken(t *testing.T) {
	a := newApp(t, fakeop.Config{})
	a.idp.OnAccessToken(func(claims map[string]any) { claims["aud"], claims["typ"] = "another-api", "JWT" })
	raw, err := a.idp.ClientToken(api)
	if err != nil {
		t.Fatal(err)
	}
	if part(t, raw, 0)["typ"] != "JWT" || part(t, raw, 1)["aud"] != "another-api" || part(t, raw, 1)["typ"] != nil {
		t.Errorf("%v %v", part(t, raw, 0), part(t, raw, 1))
	}
}
