package pages_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/e2e/browser"
)

// TestBack: after a sign-out the back button shows no page of the user (case 172), neither from a cache nor from the
// browser's memory, whatever a handler says about caching, and whatever the path of the attempt's cookie.
func TestBack(t *testing.T) {
	chromium := browser.Start(t)
	kept := 0 // how often Chromium had kept the public page, which it may always
	for name, at := range map[string]struct{ scheme, base string }{
		"http": {"http", ""}, "https": {"https", ""}, "base path": {"https", "/shop"},
	} {
		for _, caching := range []string{"", "private, max-age=600", "private, no-cache", "public, max-age=600"} {
			for _, ends := range []bool{true, false} {
				t.Run(strings.Join([]string{name, caching, map[bool]string{true: "by the provider", false: "here"}[ends]}, ", "),
					func(t *testing.T) {
						a := startApp(t, at.scheme, at.base)
						if !ends {
							a.op.OnDiscovery(func(doc map[string]any) { delete(doc, "end_session_endpoint") })
						}
						page := func(c *gin.Context) {
							if caching != "" {
								c.Header("Cache-Control", caching)
							}
							a.show(c)
						}
						for _, path := range []string{"/one", "/two", "/three"} {
							a.routes.GET(path, a.auth.RequireAuth(), page)
						}
						tab := chromium.Profile(t)
						tab.Open(a.url + "/public")
						a.signIn(tab, "/one")
						a.signIn(tab, "/auth/signin?return_to="+at.base+"/two")
						tab.Open(a.url + "/three")
						if page := tab.Click("sign out"); !strings.Contains(page.Text, "nobody") {
							t.Fatalf("after the sign-out: %+v", page)
						}
						a.asks()
						var seen int
						for page, ok := tab.Back(); ok && !strings.HasPrefix(page.URL, a.url+"/public"); page, ok = tab.Back() {
							if seen++; strings.Contains(page.Text, "of Alice") {
								t.Errorf("the back button shows %+v", page)
							}
						}
						asked := a.asks()
						if seen < 5 || !slices.Contains(asked, at.base+"/one") || !slices.Contains(asked, at.base+"/three") {
							t.Errorf("%d pages lay behind, asked for: %q", seen, asked)
						}
						if !slices.Contains(asked, at.base+"/public") {
							kept++
						}
					})
			}
		}
	}
	if kept < 12 { // a busy machine keeps less
		t.Errorf("Chromium kept %d pages of 24 for the back button, so this test says little", kept)
	}
}
