package pages_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/e2e/browser"
)

// TestSignOutLeavesFiles: the files of the app that the browser has cached, 600 of them, stay there after a sign-out.
func TestSignOutLeavesFiles(t *testing.T) {
	a := startApp(t, "http", "")
	a.routes.GET("/files/:n", func(c *gin.Context) {
		c.Header("Cache-Control", "public, max-age=3600")
		c.Data(http.StatusOK, "text/plain", make([]byte, 2000))
	})
	a.routes.GET("/fill", func(c *gin.Context) {
		c.Data(http.StatusOK, "text/html", []byte(`<p>wait</p><script>(async () => {
			for (let n = 0; n < 600; n += 50)
				await Promise.all([...Array(50).keys()].map(i => fetch("/files/" + (n + i)).then(r => r.arrayBuffer())));
			document.querySelector("p").innerText = "done";
		})()</script>`))
	})
	tab := browser.Start(t).Own(t)
	a.signIn(tab, "/auth/signin")
	filled := func() int {
		tab.Open(a.url + "/fill")
		tab.Await("600 files", func(p browser.Page) bool { return strings.Contains(p.Text, "done") })
		return len(slices.DeleteFunc(a.asks(), func(path string) bool { return !strings.HasPrefix(path, "/files/") }))
	}
	if n := filled(); n != 600 {
		t.Fatalf("asked for %d files", n)
	}
	tab.Open(a.url + "/")
	if page := tab.Click("sign out"); !strings.Contains(page.Text, "nobody") {
		t.Fatalf("after the sign-out: %+v", page)
	}
	if n := filled(); n != 0 {
		t.Errorf("asked for %d files again", n)
	}
}
