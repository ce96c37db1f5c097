package pages_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/e2e/browser"
)

// TestServiceWorker: an app whose service worker repeats every navigation supports sign-in and sign-out, and no other
// site can exploit it to sign users out.
func TestServiceWorker(t *testing.T) {
	a := startApp(t, "http", "")
	seen := make(chan http.Header, 100)
	a.routes.GET("/guarded", func(c *gin.Context) { seen <- c.Request.Header.Clone() }, a.auth.RequireAuth(), a.show)
	a.routes.GET("/worker.js", func(c *gin.Context) {
		c.Data(http.StatusOK, "text/javascript", []byte(`
			addEventListener("install", event => event.waitUntil(skipWaiting()));
			addEventListener("activate", event => event.waitUntil(clients.claim()));
			addEventListener("fetch", event => event.respondWith(fetch(event.request).catch(() => new Response("offline"))));`))
	})
	a.routes.GET("/install", func(c *gin.Context) {
		c.Data(http.StatusOK, "text/html", []byte(`<p>wait</p><script>
			navigator.serviceWorker.addEventListener("controllerchange", () => {
				document.querySelector("p").innerText = "installed";
			});
			navigator.serviceWorker.register("/worker.js")</script>`))
	})
	tab := browser.Start(t).Profile(t)
	tab.Open(a.url + "/install")
	tab.Await("the worker", func(p browser.Page) bool { return p.Text == "installed" })

	if page := a.signIn(tab, "/guarded?tab=1"); page.URL != a.url+"/guarded?tab=1" ||
		page.Text != "/guarded of Alice Archer\nSign out" {
		t.Errorf("after the sign-in: %+v", page)
	}
	if h := <-seen; h.Get("Sec-Fetch-Mode") != "navigate" || h.Get("Sec-Fetch-Dest") != "empty" {
		t.Errorf("the worker sends %v, so this test says nothing", h)
	}

	const form = `<form method="post" action="URL"><button>post</button></form>`
	page := strings.ReplaceAll(`<a href="URL">follow</a>`+form, "URL", a.url+a.auth.SignOutURL())
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(page))
	}))
	defer elsewhere.Close()
	for _, label := range []string{"follow", "post"} {
		tab.Open(elsewhere.URL)
		tab.Click(label)
		if page := tab.Open(a.url + "/guarded"); !strings.Contains(page.Text, "Alice") {
			t.Errorf("%s: another site signed alice out: %+v", label, page)
		}
	}
	if page := tab.Click("sign out"); !strings.Contains(page.Text, "nobody") {
		t.Errorf("after the sign-out: %+v", page)
	}
}
