package pages_test

import (
	"net/http"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/e2e/browser"
)

// TestRemember: a checkbox of the app's sign-in form decides whether the browser keeps the session after it is closed.
func TestRemember(t *testing.T) {
	a := startApp(t, "http", "", func(c *ginoidc.Config) { c.Remember = ginoidc.RememberAsk })
	a.routes.GET("/welcome", func(c *gin.Context) {
		c.Data(http.StatusOK, "text/html", []byte(`<!doctype html><title>Welcome</title><form action="/auth/signin">
<label><input type="checkbox" name="remember" value="true"> Keep me signed in</label><button>Sign in</button></form>`))
	})
	b := browser.Start(t)
	for _, remember := range []bool{false, true} {
		tab := b.Profile(t)
		tab.Open(a.url + "/welcome")
		if remember {
			tab.Script(`document.querySelector("input").click(), ""`)
		}
		tab.Click("Sign in")
		tab.Click("alice")
		at(tab, a.url+"/", "Alice Archer")
		found := false
		for _, c := range tab.Cookies("localhost") {
			if c.Name != "ginoidc" {
				continue
			}
			if found = true; c.Session == remember {
				t.Errorf("remember %t: the cookie expires at %v, with the browser: %t", remember, c.Expires, c.Session)
			}
		}
		if !found {
			t.Errorf("remember %t: no session cookie among %v", remember, tab.Cookies("localhost"))
		}
	}
}
