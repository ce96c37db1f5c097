package web_test

import (
	"net/http"
	"reflect"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/web"
)

// TestHeaders: no response of the plugin's own routes, and no redirect, is stored or tells others where it came from.
func TestHeaders(t *testing.T) {
	h := http.Header{}
	web.SecureHeaders(h)
	if want := (http.Header{
		"Cache-Control": {"no-store"}, "Referrer-Policy": {"no-referrer"}, "X-Content-Type-Options": {"nosniff"},
		"X-Frame-Options": {"DENY"},
	}); !reflect.DeepEqual(h, want) {
		t.Errorf("%v", h)
	}
	h = http.Header{}
	web.SetRedirect(h, "/./x")
	if want := (http.Header{"Cache-Control": {"no-store"}, "Location": {"/./x"}}); !reflect.DeepEqual(h, want) {
		t.Errorf("%v", h)
	}
}
