package web_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/web"
)

// TestCrossOrigin: unsafe requests come from the app's own origin or a trusted one, scheme included, unless their route
// is excepted. The upgrade to a WebSocket is unsafe.
func TestCrossOrigin(t *testing.T) {
	o, err := web.NewCrossOrigin("https://app.example", []string{"https://shop.example", "http://old.example"},
		[]string{"/hooks/:id"})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		method, origin, site, upgrade, pattern string
		want                                   bool
	}{
		{"GET", "https://evil.example", "cross-site", "", "/", true},
		{"HEAD", "https://evil.example", "cross-site", "", "/", true},
		{"OPTIONS", "https://evil.example", "cross-site", "", "/", true},
		{"GET", "http://app.example", "", "", "/", true},
		{"HEAD", "http://app.example", "", "", "/", true},
		{"OPTIONS", "http://app.example", "", "", "/", true},
		{"POST", "", "", "", "/", true}, // not from a browser
		{"POST", "https://app.example", "same-origin", "", "/", true},
		{"POST", "https://app.example", "", "", "/", true},
		{"POST", "http://app.example", "", "", "/", false},
		{"POST", "https://shop.example", "cross-site", "", "/", true},
		{"POST", "http://old.example", "", "", "/", true},
		{"POST", "null", "same-origin", "", "/", true}, // of a page that sends no referrer
		{"POST", "https://evil.example", "cross-site", "", "/", false},
		{"POST", "https://sub.app.example", "same-site", "", "/", false},
		{"DELETE", "null", "", "", "/", false},
		{"POST", "https://evil.example", "cross-site", "", "/hooks/:id", true},
		{"POST", "https://evil.example", "cross-site", "", "/hooks/1", false},
		{"GET", "https://evil.example", "cross-site", "websocket", "/", false},
		{"GET", "https://app.example", "same-origin", "websocket", "/", true},
	} {
		r := httptest.NewRequest(tt.method, "https://app.example/", nil)
		for name, value := range map[string]string{"Origin": tt.origin, "Sec-Fetch-Site": tt.site, "Upgrade": tt.upgrade} {
			if value != "" {
				r.Header.Set(name, value)
			}
		}
		if got := o.Allows(r, tt.pattern); got != tt.want {
			t.Errorf("%+v: %t", tt, got)
		}
	}
	r := httptest.NewRequest("GET", "https://app.example/", nil)
	r.Header = http.Header{"Sec-Fetch-Site": {"cross-site"}, "Upgrade": {""}}
	if !o.Allows(r, "/") {
		t.Error("an empty Upgrade counts as one")
	}
	if _, err := web.NewCrossOrigin("https://app.example", []string{"shop.example/x"}, nil); err == nil {
		t.Error("a trusted origin that is none is accepted")
	}
}
