package pages_test

import (
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/e2e/browser"
)

// clientPage has the functions of templates and loads the module for scripts, under a policy that allows no inline
// script. Tests call the module by window.auth.
const clientPage = `<!doctype html><title>Client</title>
<p>{{if signedIn .C}}{{(user .C).Name}}{{if inGroup .C "admin"}}, an admin{{end}}
{{else}}<a href="{{signInURL .C}}">Sign in here</a>{{end}}</p>
{{signOutForm .C "Sign out here"}}<script type="module" src="app.js"></script>`

const clientScript = `import * as auth from "./auth/client.js"
window.auth = auth
window.seen = []
auth.watchSession({
	warnBefore: %d, onWarning: (left) => seen.push("warned " + left), onEnd: () => seen.push("ended"),
})`

// startClientApp starts an app whose sessions end after life without use. Its pages warn when warnBefore seconds are
// left.
func startClientApp(t *testing.T, base string, warnBefore int, change ...func(*ginoidc.Config)) *app {
	t.Helper()
	a := startApp(t, "http", base, append(change, func(c *ginoidc.Config) {
		c.Providers[0].SignInParameters = url.Values{}
	})...)
	page := template.Must(template.New("page").Funcs(a.auth.TemplateFuncs()).Parse(clientPage))
	show := func(c *gin.Context) {
		c.Header("Content-Security-Policy", "default-src 'self'; form-action *")
		c.Header("Content-Type", "text/html; charset=utf-8")
		if err := page.Execute(c.Writer, gin.H{"C": c}); err != nil {
			t.Error(err)
		}
	}
	a.routes.GET("/client", show)
	a.routes.GET("/app.js", func(c *gin.Context) {
		c.Data(http.StatusOK, "text/javascript", fmt.Appendf(nil, clientScript, warnBefore))
	})
	done := func(c *gin.Context) { c.String(http.StatusOK, "done") }
	a.routes.POST("/orders", a.auth.RequireAuth(), done)
	a.routes.POST("/password", a.auth.RequireACR("urn:example:mfa"), done)
	a.routes.GET("/admin", a.auth.RequireGroups("nobody"), done)
	a.routes.GET("/tricks", func(c *gin.Context) { // what a hostile API could send
		c.JSON(http.StatusUnauthorized, gin.H{"sign_in_url": c.Query("to")})
	})
	return a
}

// order sends a request by authFetch and returns the status and the body.
func order(path string) string {
	return fmt.Sprintf(`auth.authFetch("%s", {method: "POST"}).then(async r => r.status + " " + await r.text())`, path)
}

// ready waits until the module is loaded.
func ready(tab *browser.Tab) {
	tab.Script(`(async () => {
		while (!window.auth) await new Promise(r => setTimeout(r, 20))
		return ""
	})()`)
}

// starts runs a script that leaves the page.
func starts(tab *browser.Tab, script string) { tab.Script(`(() => { ` + script + `; return "" })()`) }

// at waits for a page.
func at(tab *browser.Tab, address, text string) {
	tab.Await(address+" with "+text, func(p browser.Page) bool {
		return strings.HasPrefix(p.URL, address) && strings.Contains(p.Text, text)
	})
}

// TestClient: the module signs in and out, finds the user, and leads through the sign-in that a request requires.
func TestClient(t *testing.T) {
	b := browser.Start(t)
	for _, base := range []string{"", "/shop"} {
		t.Run("base "+base, func(t *testing.T) {
			a := startClientApp(t, base, 60)
			tab, page := b.Profile(t), a.url+"/client?a=1&b=2"
			tab.Open(page)
			ready(tab)
			if got := tab.Script(`auth.user().then(u => String(u))`); got != "null" {
				t.Errorf("the user is %s", got)
			}
			starts(tab, `auth.authFetch("orders", {method: "POST"})`)
			at(tab, a.op.Issuer(), "alice")
			tab.Click("alice")
			at(tab, page, "Alice Archer")
			ready(tab)
			if got := tab.Script(`auth.user().then(u => u.sub + " " + u.name)`); got != "alice Alice Archer" {
				t.Errorf("the user is %s", got)
			}
			if got := tab.Script(order("orders")); got != "200 done" {
				t.Errorf("an order: %s", got)
			}
			if got := tab.Script(`auth.authFetch("admin").then(r => String(r.status))`); got != "403" {
				t.Errorf("a page for others: %s", got)
			}
			tab.Script(`addEventListener("ginoidc:signin", e => e.preventDefault(), {once: true}), ""`)
			if got := tab.Script(order("password")); !strings.HasPrefix(got, `401 {"error":"step_up_required"`) {
				t.Errorf("a step-up that the page prevents: %s", got)
			}
			starts(tab, `auth.authFetch("password", {method: "POST"})`)
			at(tab, a.op.Issuer(), "alice")
			tab.Click("alice")
			at(tab, page, "Alice Archer")
			ready(tab)
			if got := tab.Script(order("password")); got != "200 done" {
				t.Errorf("after the step-up: %s", got)
			}
			for _, to := range []string{"https://evil.example/auth/signin", "javascript:alert(1)", "/admin", "//evil.example"} {
				script := fmt.Sprintf(`auth.authFetch("tricks?to=%s").then(r => String(r.status))`, url.QueryEscape(to))
				if got := tab.Script(script); got != "401" {
					t.Errorf("a response that leads to %s: %s", to, got)
				}
			}

			other := tab.Sibling()
			other.Open(page)
			ready(other)
			starts(tab, `auth.signOut()`)
			at(tab, a.url+"/", "nobody")
			if got := other.Script(`(async () => {
				while (!seen.length) await new Promise(r => setTimeout(r, 20))
				return seen.join()
			})()`); got != "ended" {
				t.Errorf("the other tab has seen %s", got)
			}
		})
	}
}

// TestClientWarns: a page learns that its session is about to end, without extending it, and that it has ended.
func TestClientWarns(t *testing.T) {
	a := startClientApp(t, "", 3, func(c *ginoidc.Config) { c.SessionIdle = 6 * time.Second })
	tab := browser.Start(t).Profile(t)
	tab.Open(a.url + "/client")
	tab.Click("Sign in here")
	tab.Click("alice")
	at(tab, a.url+"/client", "Alice Archer")
	ready(tab)
	got := tab.Script(`(async () => {
		while (seen.length < 2) await new Promise(r => setTimeout(r, 20))
		return seen.join()
	})()`)
	if got != "warned 3,ended" && got != "warned 2,ended" {
		t.Errorf("the page has seen %s", got)
	}
}

// TestTemplates: a page offers a sign-in that returns to it and a button that signs out.
func TestTemplates(t *testing.T) {
	a := startClientApp(t, "/shop", 60)
	tab := browser.Start(t).Profile(t)
	tab.Open(a.url + "/client?a=1&b=2")
	tab.Click("Sign in here")
	tab.Click("alice")
	at(tab, a.url+"/client?a=1&b=2", "Alice Archer")
	tab.Click("Sign out here")
	at(tab, a.url+"/", "nobody")
}
