package returnto_test

import (
	"net/http/httptest"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/returnto"
)

// TestSite: what a request stands for, with and without a base path, which a proxy may strip.
func TestSite(t *testing.T) {
	for _, tt := range []struct {
		name, base, method, target, referer string
		path, current, referring, requested string
	}{
		{"a page", "", "GET", "/a%20b?x=1", "https://app.example.com/from?y=2#z",
			"/a%20b", "/a%20b?x=1", "/from?y=2", "/a%20b?x=1"},
		{"HEAD", "", "HEAD", "/a", "", "/a", "/a", "", "/a"},
		{"a form", "", "POST", "/save", "https://app.example.com/edit?id=7",
			"/save", "/save", "/edit?id=7", "/edit?id=7"},
		{"no Referer", "", "POST", "/save", "", "/save", "/save", "", ""},
		{"another site", "", "POST", "/save", "https://evil.example/x", "/save", "/save", "", ""},
		{"an origin that begins alike", "", "POST", "/save", "https://app.example.com.evil.example/x",
			"/save", "/save", "", ""},
		{"a Referer without a path", "", "POST", "/save", "https://app.example.com", "/save", "/save", "", ""},
		{"a Referer without an origin", "", "POST", "/save", "/x", "/save", "/save", "", ""},
		{"a Referer of two origins", "", "POST", "/save", "https://app.example.comhttps://shop.example.net:8443/x",
			"/save", "/save", "", ""},
		{"a reserved Referer", "", "POST", "/save", "https://app.example.com/auth/signout",
			"/save", "/save", "", ""},
		{"a reserved page", "", "GET", "/auth/signin?x=1", "", "/auth/signin", "", "", ""},
		{"two slashes", "", "GET", "//evil.example", "", "//evil.example", "", "", ""},
		{"stripped base", "/shop", "GET", "/cart", "", "/shop/cart", "/shop/cart", "", "/shop/cart"},
		{"kept base", "/shop", "GET", "/shop/cart", "", "/shop/cart", "/shop/cart", "", "/shop/cart"},
		{"the base itself", "/shop", "GET", "/shop", "", "/shop", "/shop", "", "/shop"},
		{"a path that begins alike", "/shop", "GET", "/shopping", "",
			"/shop/shopping", "/shop/shopping", "", "/shop/shopping"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			site := returnto.Site{Rule: rule(), Origin: "https://app.example.com", Base: tt.base}
			r := httptest.NewRequest(tt.method, "https://app.example.com"+tt.target, nil)
			r.Header.Set("Referer", tt.referer)
			for what, is := range map[string][2]string{
				"path": {site.Path(r), tt.path}, "current": {site.Current(r), tt.current},
				"referring": {site.Referring(r), tt.referring}, "requested": {site.Requested(r), tt.requested},
			} {
				if is[0] != is[1] {
					t.Errorf("%s: %q, want %q", what, is[0], is[1])
				}
			}
		})
	}
}
