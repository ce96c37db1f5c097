package pages_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/e2e/browser"
)

// TestRecovery: a user who is stopped on the way to a page sees the reason, and gets there by what the page offers.
func TestRecovery(t *testing.T) {
	chromium := browser.Start(t)
	a := startApp(t, "http", "")
	a.routes.GET("/edit", a.auth.RequireAuth(), func(c *gin.Context) {
		c.Data(http.StatusOK, "text/html", []byte(`<title>Edit</title>edit <form method="post" action="/save">`+
			`<input name="x" value="1"><button>Save</button></form>`))
	})
	a.routes.POST("/save", a.auth.RequireGroups("staff"), func(c *gin.Context) { c.String(http.StatusOK, "saved") })
	a.routes.GET("/admin", a.auth.RequireGroups("admin"), a.show)
	want := func(page browser.Page, status int, path, text string) {
		t.Helper()
		if status > 0 && page.Status != status || page.URL != a.url+path || !strings.Contains(page.Text, text) {
			t.Fatalf("%+v, want %d at %s with %q", page, status, path, text)
		}
	}
	tab := chromium.Profile(t)
	as := func(user string) browser.Page { // from one of the plugin's pages, by the provider
		t.Helper()
		tab.Click("sign in")
		return tab.Click(user)
	}

	// A form is posted after the session has ended.
	tab.Open(a.url + "/edit?id=7")
	want(tab.Click("alice"), 200, "/edit?id=7", "edit")
	other := tab.Sibling()
	other.Open(a.url + "/")
	other.Click("sign out")
	want(tab.Click("save"), 401, "/save", "not processed")
	want(as("carol"), 200, "/edit?id=7", "edit")
	want(tab.Click("save"), 403, "/save", "No access") // carol is in no group
	want(as("alice"), 200, "/edit?id=7", "edit")
	want(tab.Click("save"), 200, "/save", "saved")

	// Access is denied, and the sign-in canceled at the provider.
	tab.Open(a.url + "/auth/signin?return_to=/admin%3Ftab%3D2")
	want(tab.Click("bob"), 403, "/admin?tab=2", "No access")
	tab.Click("someone else")
	page := tab.Click("cancel")
	want(page, 401, "/auth/callback", "Sign-in cancelled")
	if text := strings.ToLower(page.Text); strings.Contains(text, "problem") || strings.Contains(text, "request") {
		t.Errorf("cancelled: %+v", page)
	}
	want(as("alice"), 200, "/admin?tab=2", "Alice")
}
