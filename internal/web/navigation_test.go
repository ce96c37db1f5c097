package web_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/seed-d65cea4d/ginoidc/internal/web"
)

// request returns a request with the headers, given as names and values in turn.
func request(t testing.TB, method string, headers ...string) *http.Request {
	t.Helper()
	if len(headers)%2 != 0 {
		t.Fatalf("a header without a value: %q", headers)
	}
	r := httptest.NewRequest(method, "/", nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

// fetch returns the Fetch Metadata of a request.
func fetch(site, mode, dest string, more ...string) []string {
	headers := more
	for _, h := range [][2]string{{"Sec-Fetch-Site", site}, {"Sec-Fetch-Mode", mode}, {"Sec-Fetch-Dest", dest}} {
		if h[1] != "" {
			headers = append(headers, h[0], h[1])
		}
	}
	return headers
}

// TestKindsOfRequests: what browsers, scripts and clients send, and what each predicate reports.
func TestKindsOfRequests(t *testing.T) {
	const html = "text/html,application/xhtml+xml,*/*;q=0.8"
	type is struct{ navigation, page, subresource, json, window, sameOrigin bool }
	for _, test := range []struct {
		name, method string
		headers      []string
		want         is
	}{
		{"link of this site", "GET", fetch("same-origin", "navigate", "document"),
			is{navigation: true, page: true, window: true, sameOrigin: true}},
		{"link of another site", "GET", fetch("cross-site", "navigate", "document"),
			is{navigation: true, page: true, window: true}},
		{"address bar", "GET", fetch("none", "navigate", "document"), is{navigation: true, page: true, window: true}},
		{"HEAD", "HEAD", fetch("none", "navigate", "document"), is{navigation: true, page: true, window: true}},
		{"form", "POST", fetch("same-origin", "navigate", "document"), is{page: true, window: true, sameOrigin: true}},
		{"other method", "PUT", fetch("same-origin", "navigate", "document"), is{window: true, sameOrigin: true}},
		{"service worker", "GET", fetch("same-origin", "navigate", "empty"),
			is{navigation: true, page: true, window: true}},
		{"frame", "GET", fetch("same-origin", "navigate", "iframe"), is{subresource: true}},
		{"fetch", "GET", fetch("same-origin", "cors", "empty", "Accept", html), is{subresource: true, json: true}},
		{"image", "GET", fetch("cross-site", "no-cors", "image"), is{subresource: true, json: true}},
		{"WebSocket", "GET", fetch("same-origin", "websocket", "websocket", "Upgrade", "websocket"),
			is{subresource: true, json: true}},
		{"mode only", "GET", fetch("", "navigate", "", "Accept", html), is{navigation: true, page: true}},
		{"mode only, no HTML", "GET", fetch("", "navigate", ""), is{}},
		{"destination only", "GET", fetch("", "", "document", "Accept", html), is{}},
		{"mode only, fetch", "GET", fetch("", "cors", "", "Accept", html), is{subresource: true, json: true}},
		{"destination only, fetch", "GET", fetch("", "", "empty", "Accept", html), is{subresource: true}},
		{"destination only, frame", "GET", fetch("", "", "iframe", "Accept", html), is{subresource: true}},
		{"prefetch", "GET", fetch("same-origin", "navigate", "document", "Sec-Purpose", "prefetch;prerender"),
			is{subresource: true, window: true}},
		{"older prefetch", "GET", fetch("same-origin", "navigate", "document", "X-Moz", "Prefetch"),
			is{subresource: true, window: true}},
		{"prerender", "GET", fetch("same-origin", "navigate", "document", "Purpose", "prerender"),
			is{subresource: true, window: true}},
		{"fetch of a document", "GET", fetch("same-origin", "cors", "document", "Accept", html),
			is{subresource: true, json: true}},
		{"XHR, POST", "POST", []string{"Accept", html, "X-Requested-With", "XMLHttpRequest"}, is{json: true}},
		{"preview", "GET", []string{"Accept", html, "Purpose", "preview"}, is{subresource: true}},
		{"other purpose", "GET", []string{"Accept", html, "Purpose", "previewer"}, is{navigation: true, page: true}},

		{"old browser", "GET", []string{"Accept", html}, is{navigation: true, page: true}},
		{"old browser, form", "POST", []string{"Accept", html}, is{page: true}},
		{"curl", "GET", []string{"Accept", "*/*"}, is{}},
		{"no Accept", "GET", nil, is{}},
		{"script", "GET", []string{"Accept", "application/json"}, is{json: true}},
		{"script for both", "GET", []string{"Accept", "application/json, text/html"}, is{navigation: true, page: true}},
		{"XHR", "GET", []string{"Accept", html, "X-Requested-With", " xmlhttprequest"}, is{json: true}},
		{"WebView", "GET", []string{"Accept", html, "X-Requested-With", "com.example.app"},
			is{navigation: true, page: true}},
		{"upgrade of an old browser", "GET", []string{"Accept", html, "Upgrade", "websocket"}, is{}},
	} {
		r := request(t, test.method, test.headers...)
		got := is{web.IsNavigation(r), web.ShowsPage(r), web.IsSubresource(r), web.WantsJSON(r), web.OpensWindow(r),
			web.IsSameOriginNavigation(r)}
		if got != test.want {
			t.Errorf("%s: %+v, want %+v", test.name, got, test.want)
		}
	}
}

func TestIsCrossSiteNavigation(t *testing.T) {
	for _, test := range []struct {
		method, site, mode, dest string
		want                     bool
	}{
		{"GET", "cross-site", "navigate", "document", true},
		{"GET", "same-site", "navigate", "document", false},
		{"GET", "same-origin", "navigate", "document", false},
		{"GET", "none", "navigate", "document", false},
		{"GET", "", "", "", false},
		{"GET", "cross-site", "navigate", "iframe", false},
		{"GET", "cross-site", "cors", "empty", false},
		{"POST", "cross-site", "navigate", "document", false},
	} {
		r := httptest.NewRequest(test.method, "/", nil)
		r.Header.Set("Accept", "text/html")
		for name, value := range map[string]string{"Site": test.site, "Mode": test.mode, "Dest": test.dest} {
			if value != "" {
				r.Header.Set("Sec-Fetch-"+name, value)
			}
		}
		if got := web.IsCrossSiteNavigation(r); got != test.want {
			t.Errorf("%+v: %v", test, got)
		}
	}
}

// TestAccept: which Accept headers name HTML (RFC 9110, section 12.5.1).
func TestAccept(t *testing.T) {
	for accept, want := range map[string]bool{
		"text/html":                             true,
		"TEXT/HTML ; charset=utf-8":             true,
		"application/json;q=0.9,text/html;q=.1": true,
		"text/html;q=0":                         false,
		"text/html; Q = 0.000":                  false,
		`text/html;q="0"`:                       false,
		"text/html;level=1;q=0":                 false,
		"text/html;level=0":                     true,
		"text/html;q=0,text/html":               true,
		"text/html;q=none":                      true,
		"text/html;q=NaN":                       false,
		"text/htmlx":                            false,
		"text/*":                                false,
		"*/*":                                   false,
		`a/b;p=",text/html,"`:                   false,
		`a/b;p="\",text/html`:                   false,
		`a/b;p="x",text/html`:                   true,
		`text/html;p=";q=0"`:                    true,
		",,text/html":                           true,
		`a/b;p=\,text/html`:                     true,
		`a/b;p="\`:                              false,
		"":                                      false,
	} {
		if got := web.IsNavigation(request(t, "GET", "Accept", accept)); got != want {
			t.Errorf("Accept: %s: %v", accept, got)
		}
	}
	if !web.IsNavigation(request(t, "GET", "Accept", "a/b", "Accept", "text/html")) {
		t.Error("the second line of Accept was not read")
	}
}

// FuzzAccept: no line hides a media type on another line or at the start of its own, and a quoted string in front of a
// line names no media type and changes nothing.
func FuzzAccept(f *testing.F) {
	for _, line := range []string{"a/b", `a/b;p="x`, `"\`, "text/html;q=0", ",;,;", "\x00"} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		if r := request(t, "GET", "Accept", line, "Accept", "text/html"); !web.IsNavigation(r) || web.WantsJSON(r) {
			t.Errorf("%q hides text/html on the next line", line)
		}
		if !web.IsNavigation(request(t, "GET", "Accept", "text/html,"+line)) {
			t.Errorf("%q hides text/html before it", line)
		}
		alone := web.IsNavigation(request(t, "GET", "Accept", line))
		if got := web.IsNavigation(request(t, "GET", "Accept", `a/b;p=",text/html,",`+line)); got != alone {
			t.Errorf("%q after a quoted string: %v, alone %v", line, got, alone)
		}
	})
}
