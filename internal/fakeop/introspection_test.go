package fakeop_test

import (
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
)

// introspect posts to the introspection endpoint as the default client.
func (a *app) introspect(token string, c changes, header http.Header) answer {
	a.t.Helper()
	return a.do(http.MethodPost, a.url(fakeop.Introspection), c.to(url.Values{
		"client_id": {a.id}, "client_secret": {"secret"}, "token": {token},
	}), header)
}

// What introspection says of tokens of every kind, and of those that are no longer active.
func TestIntrospection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, fakeop.Config{})
		now := float64(time.Now().Unix())
		of := func(change map[string]any) map[string]any {
			said := map[string]any{
				"active": true, "token_type": "Bearer", "iss": a.idp.Issuer(), "client_id": a.id, "aud": api,
				"iat": now, "exp": now + 3600,
			}
			maps.Copy(said, change)
			return said
		}
		alice := of(map[string]any{
			"sub": "alice", "scope": "read", "auth_time": now,
			"groups": []any{"admin", "staff", "audit"}, "organizations": []any{"acme"},
		})
		opaque, err := a.idp.OpaqueToken("alice", api, "read")
		if err != nil {
			t.Fatal(err)
		}
		jwt, err := a.idp.AccessToken("alice", api, "read")
		if err != nil {
			t.Fatal(err)
		}
		client, err := a.idp.ClientToken(api)
		if err != nil {
			t.Fatal(err)
		}
		inactive := map[string]any{"active": false}
		check := func(what, token string, want map[string]any) {
			t.Helper()
			got := a.introspect(token, nil, nil)
			if delete(got.object, "jti"); got.StatusCode != http.StatusOK || !reflect.DeepEqual(got.object, want) {
				t.Errorf("%s: %d %v, want %v", what, got.StatusCode, got.object, want)
			}
		}
		check("opaque", opaque, alice)
		check("JWT", jwt, alice)
		check("client's", client, of(map[string]any{"sub": a.id}))
		check("unknown", "x", inactive)
		_, refresh := a.signIn("alice").tokens()
		check("refresh token", refresh, map[string]any{
			"active": true, "iss": a.idp.Issuer(), "client_id": a.id, "sub": "alice", "token_use": "refresh_token",
		})
		a.revoke(jwt, nil, nil)
		check("revoked", jwt, inactive)
		a.idp.OnIntrospection(func(answer map[string]any) { answer["x"] = "y" })
		check("edited", "x", map[string]any{"active": false, "x": "y"})
		a.idp.OnIntrospection(nil)
		time.Sleep(time.Hour)
		check("expired", opaque, inactive)
		if _, err := a.idp.OpaqueToken("mallory", api); err == nil {
			t.Error("a token for nobody")
		}
	})
}

func TestIntrospectionRequests(t *testing.T) {
	for name, tt := range map[string]struct {
		changes changes
		code    string
	}{
		"wrong secret": {changes{"client_secret": {"guessed"}}, "invalid_client"},
		"no client":    {changes{"client_id": nil, "client_secret": nil}, "invalid_client"},
		"no token":     {changes{"token": nil}, "invalid_request"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := newApp(t, fakeop.Config{}).introspect("x", tt.changes, nil); text(got.object, "error") != tt.code {
				t.Errorf("%d %s, want %s", got.StatusCode, got.text, tt.code)
			}
		})
	}
}

// A client that accepts signed answers gets them (RFC 9701, 5).
func TestSignedIntrospection(t *testing.T) {
	a := newApp(t, fakeop.Config{})
	token, err := a.idp.OpaqueToken("alice", api)
	if err != nil {
		t.Fatal(err)
	}
	accept := http.Header{"Accept": {"application/token-introspection+jwt"}}
	a.idp.OnSignedIntrospection(func(claims map[string]any) { claims["x"] = "y" })
	got := a.introspect(token, nil, accept)
	header, claims := part(t, got.text, 0), part(t, got.text, 1)
	about, _ := claims["token_introspection"].(map[string]any)
	if got.Header.Get("Content-Type") != accept.Get("Accept") || header["typ"] != "token-introspection+jwt" ||
		claims["iss"] != a.idp.Issuer() || claims["aud"] != a.id || claims["x"] != "y" ||
		about["active"] != true || about["sub"] != "alice" {
		t.Errorf("%s: %v %v", got.Header, header, claims)
	}
	if _, ok := a.signedPayload(got.text); !ok {
		t.Error("the signature is not the provider's")
	}
}
