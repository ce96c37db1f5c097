package ginoidc_test

import (
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// TestResourceMetadata: a client that is refused finds the metadata of the resource, and in it who issues tokens.
func TestResourceMetadata(t *testing.T) {
	const resource = testapp.URL + "/v1"
	a := newAPI(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.Resource = resource })
	const address = testapp.URL + "/.well-known/oauth-protected-resource/v1"
	b := a.Browser()
	for name, authorization := range map[string]string{"no token": "Basic x", "a bad token": "Bearer x"} {
		r := b.Do("GET", "/me", nil, "Authorization", authorization)
		challenge := strings.Join(r.Header.Values("WWW-Authenticate"), "\n")
		if r.StatusCode != 401 || strings.Count(challenge, `, resource_metadata="`+address+`"`) != 1 {
			t.Errorf("%s: %d, challenge %q", name, r.StatusCode, challenge)
		}
	}
	r := b.Do("GET", strings.TrimPrefix(address, testapp.URL), nil, "Origin", "https://client.example")
	want := map[string]any{
		"resource": resource, "authorization_servers": []any{testapp.Issuer},
		"bearer_methods_supported": []any{"header"},
		"dpop_signing_alg_values_supported": []any{
			"ES256", "ES384", "ES512", "EdDSA", "PS256", "PS384", "PS512", "RS256",
		},
	}
	if got := r.JSON(t); r.StatusCode != 200 || !reflect.DeepEqual(got, want) {
		t.Errorf("%d %v", r.StatusCode, got)
	}
	h := r.Header
	if h.Get("Access-Control-Allow-Origin") != "*" || !strings.HasPrefix(h.Get("Cache-Control"), "public") ||
		!strings.HasPrefix(h.Get("Content-Type"), "application/json") || h.Get("Set-Cookie") != "" {
		t.Errorf("%v", h)
	}
	preflight := b.Do("OPTIONS", strings.TrimPrefix(address, testapp.URL), nil, "Origin", "https://client.example",
		"Access-Control-Request-Method", "GET", "Access-Control-Request-Headers", "mcp-protocol-version")
	if preflight.StatusCode != 204 || preflight.Header.Get("Access-Control-Allow-Headers") != "*" {
		t.Errorf("preflight: %d %v", preflight.StatusCode, preflight.Header)
	}
	for _, method := range []string{"POST", "PUT", "DELETE"} {
		r := b.Do(method, strings.TrimPrefix(address, testapp.URL), nil)
		if r.StatusCode != 405 || r.Header.Get("Allow") == "" {
			t.Errorf("%s: %d", method, r.StatusCode)
		}
	}
	off := newAPI(t).Browser()
	if r := off.Fetch("/.well-known/oauth-protected-resource"); r.StatusCode != 404 {
		t.Errorf("without Resource: %d", r.StatusCode)
	}
}

// TestResourceMetadataPath: the metadata is at the root of the host, wherever the app is mounted, and a guard in front
// of it lets it pass.
func TestResourceMetadataPath(t *testing.T) {
	gin.SetMode(gin.ReleaseMode)
	for _, tt := range []struct{ app, resource, group, want string }{
		{"", "", "", "/.well-known/oauth-protected-resource"},
		{"", "/", "", "/.well-known/oauth-protected-resource"},
		{"/shop", "/shop", "", "/.well-known/oauth-protected-resource/shop"},
		{"/shop", "/shop", "/shop", "/.well-known/oauth-protected-resource/shop"},
		{"/a/shop", "/a/shop/api", "/a/shop", "/.well-known/oauth-protected-resource/a/shop/api"},
	} {
		a := newAPI(t, func(c *ginoidc.Config, _ *fakeop.Config) {
			c.AppURL, c.Resource = testapp.URL+tt.app, testapp.URL+tt.resource
		})
		engine := gin.New()
		engine.Use(a.Auth.RequireAuth())
		var mounted gin.IRouter = engine
		if tt.group != "" {
			mounted = engine.Group(tt.group)
		}
		a.Auth.Mount(mounted)
		w := httptest.NewRecorder()
		engine.ServeHTTP(w, httptest.NewRequest("GET", tt.want, nil))
		if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"resource":"`+testapp.URL+tt.resource+`"`) {
			t.Errorf("%+v: %d %s", tt, w.Code, w.Body)
		}
	}
}
