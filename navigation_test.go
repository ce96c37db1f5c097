package ginoidc_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// TestWhatIsAPage: by Fetch Metadata, and without it by Accept and X-Requested-With, a guard tells pages from the rest, the
// same for a GET and for a form that is posted.
func TestWhatIsAPage(t *testing.T) {
	a := testapp.New(t)
	for _, tt := range []struct {
		page    bool
		headers []string
	}{
		{true, []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}},
		{true, []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "empty"}}, // a service worker's fetch(event.request)
		{true, []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "empty", "Accept", "*/*"}},
		{true, []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "X-Requested-With", "com.example.app"}}, // an Android WebView
		{true, []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "X-Requested-With", "XMLHttpRequest"}},
		{true, []string{"Sec-Fetch-Mode", "navigate", "Accept", "text/html"}},
		{false, []string{"Sec-Fetch-Mode", "navigate", "Accept", "*/*"}},
		{false, []string{"Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty", "Accept", "text/html"}},
		{false, []string{"Sec-Fetch-Mode", "same-origin", "Sec-Fetch-Dest", "empty", "Accept", "text/html"}},
		{false, []string{"Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Dest", "document", "Accept", "text/html"}},
		{false, []string{"Sec-Fetch-Mode", "websocket", "Sec-Fetch-Dest", "empty", "Accept", "text/html"}},
		{false, []string{"Sec-Fetch-Dest", "empty", "Accept", "text/html"}},
		{false, []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe", "Accept", "text/html"}},
		{false, []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "object", "Accept", "text/html"}},
		{false, []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "empty", "Sec-Purpose", "prefetch"}},
		{false, []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "empty", "Upgrade", "websocket"}},

		{true, []string{"Accept", "text/html", "X-Requested-With", "com.android.browser"}},
		{true, []string{"Accept", "text/html", "X-Requested-With", ""}},
		{false, []string{"Accept", "text/html", "X-Requested-With", "XMLHttpRequest"}},
		{false, []string{"Accept", "text/html", "X-Requested-With", " xmlhttprequest"}},
		{false, []string{"Accept", "text/html", "X-Requested-With", "com.example.app", "X-Requested-With", "XMLHttpRequest"}},

		{true, []string{"Accept", "text/html;q=0.9"}},
		{true, []string{"Accept", "text/html;q=0.001"}},
		{true, []string{"Accept", "text/html; q=1.000"}},
		{true, []string{"Accept", "application/json, TEXT/HTML ; Q=0.1"}},
		{true, []string{"Accept", "text/html;level=1;q=0.4"}},
		{true, []string{"Accept", `text/html;title="q=0, ;q=0 \";q=0";q=0.4`}},
		{true, []string{"Accept", "text/html;q=0, text/html;q=0.5"}},
		{true, []string{"Accept", "text/html;q=high"}}, // no weight, so as good as none
		{true, []string{"Accept", "text/html;q"}},
		{true, []string{"Accept", "application/json", "Accept", "text/html"}},
		{false, []string{"Accept", "text/html;q=0"}},
		{false, []string{"Accept", "text/html;q=0."}},
		{false, []string{"Accept", "text/html;q=0.0"}},
		{false, []string{"Accept", "text/html;q=0.000,application/json"}},
		{false, []string{"Accept", "text/html ; Q=0"}},
		{false, []string{"Accept", "text/html;\tq=0"}},
		{false, []string{"Accept", `text/html;q="0"`}},
		{false, []string{"Accept", "text/html;q=-1"}},
		{false, []string{"Accept", "text/html;level=1;q=0"}},
		{false, []string{"Accept", "text/html;q=0;level=1"}},
		{false, []string{"Accept", `application/json;title=", text/html"`}},
		{false, []string{"Accept", "application/xhtml+xml, text/*, */*"}},
		{false, []string{"Accept", "text/htmlx, text/html2, xtext/html"}},
		{false, []string{"Accept", ""}},
		{false, nil},
	} {
		for method, status := range map[string]int{"GET": 302, "HEAD": 302, "POST": 401, "PUT": 401} {
			r := a.Browser().Do(method, "/me", nil, tt.headers...)
			page := r.StatusCode == http.StatusFound || strings.HasPrefix(r.Header.Get("Content-Type"), "text/html")
			if want := tt.page && method != "PUT"; page != want || want && r.StatusCode != status || r.Header.Get("Set-Cookie") != "" {
				t.Errorf("%s %q: a page: %v, want %v: %d %s", method, tt.headers, page, want, r.StatusCode, r.Body)
			}
		}
	}
}

// TestServiceWorker: sign-in and callback take what a service worker makes of a navigation, and sign-out does not.
func TestServiceWorker(t *testing.T) {
	a := testapp.New(t)
	b := a.Browser()
	repeated := func(site string) []string {
		return []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "empty", "Sec-Fetch-Site", site, "Accept", "text/html,*/*;q=0.8"}
	}
	guarded := b.Do("GET", "/me?tab=1", nil, repeated("none")...)
	signIn := b.Do("GET", guarded.Location(), nil, repeated("none")...)
	callback, err := a.OP.Approve(signIn.Location(), "alice")
	if err != nil {
		t.Fatalf("%d to %q: %v", signIn.StatusCode, signIn.Location(), err)
	}
	if r := b.Do("GET", callback, nil, repeated("cross-site")...); r.StatusCode != http.StatusSeeOther || r.Location() != "/me?tab=1" {
		t.Fatalf("callback: %d to %q: %s", r.StatusCode, r.Location(), r.Body)
	}
	if r := b.Do("GET", "/auth/signout", nil, repeated("same-origin")...); r.StatusCode != http.StatusOK || b.WhoAmI() != "alice" {
		t.Errorf("sign-out: %d, %q is signed in", r.StatusCode, b.WhoAmI())
	}
}

// TestPagesStayOutOfTheHistory: what a browser opens in a window for somebody signed in has no-store, whatever the handler
// says, or the back button would show it after a sign-out. What a handler says about anything else stands. Case 172.
func TestPagesStayOutOfTheHistory(t *testing.T) {
	a := testapp.New(t)
	page := func(c *gin.Context) {
		c.Writer.Header()["Cache-Control"] = c.Request.URL.Query()["set"]
		c.String(http.StatusOK, "page")
	}
	a.Engine.GET("/guarded", a.Auth.RequireAuth(), page)
	a.Engine.GET("/asks", func(c *gin.Context) { ginoidc.UserFrom(c) }, page)
	a.Engine.GET("/public", page)
	alice, nobody := a.Browser(), a.Browser()
	alice.MustSignIn("alice")
	mode := func(mode, dest string) []string { return []string{"Sec-Fetch-Mode", mode, "Sec-Fetch-Dest", dest} }
	for _, tt := range []struct {
		who     *testapp.Browser
		path    string
		headers []string
		forced  bool
	}{
		{alice, "/guarded", testapp.Navigation(), true}, {alice, "/asks", testapp.Navigation(), true}, {alice, "/guarded", mode("navigate", "empty"), true},
		{alice, "/guarded", mode("cors", "empty"), false}, {alice, "/guarded", mode("no-cors", "image"), false}, {alice, "/guarded", nil, false},
		{alice, "/public", testapp.Navigation(), false}, {nobody, "/asks", testapp.Navigation(), false},
	} {
		for set, strict := range map[string]bool{
			"private, max-age=600": false, "private": false, "max-age=600": false, "no-cache": false, `ext="no-store"`: false,
			"no-store": true, "max-age=0, No-Store": true,
		} {
			want := set
			if tt.forced && !strict {
				want = "private, no-store"
			}
			r := tt.who.Do("GET", tt.path+"?set="+url.QueryEscape(set), nil, tt.headers...)
			if got := strings.Join(r.Header["Cache-Control"], ";"); r.StatusCode != http.StatusOK || got != want {
				t.Errorf("%s %q: %d %q, want %q", tt.path, tt.headers, r.StatusCode, got, want)
			}
		}
	}
}
