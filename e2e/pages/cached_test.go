package pages_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/e2e/browser"
)

// TestSignOutLeavesFiles: the files of the app that the browser has cached, 6,000 of them, stay there, and the sign-out
// does not wait for anything to be done about them.
func TestSignOutLeavesFiles(t *testing.T) {
	const pages, perPage = 10, 600 // one page with all of them would take a busy machine too long
	a := startApp(t, "http", "")
	a.routes.GET("/files/:n", func(c *gin.Context) {
		c.Header("Cache-Control", "public, max-age=3600")
		c.Data(http.StatusOK, "text/plain", make([]byte, 2000))
	})
	a.routes.GET("/fill/:page", func(c *gin.Context) {
		c.Data(http.StatusOK, "text/html", fmt.Appendf(nil, `<p>wait</p><script>(async () => {
			for (let n = 0; n < %d; n += 50) await Promise.all([...Array(50).keys()].map(
				i => fetch("/files/%s-" + (n + i)).then(r => r.arrayBuffer())));
			document.querySelector("p").innerText = "done";
		})()</script>`, perPage, c.Param("page")))
	})
	tab := browser.Start(t).Own(t)
	a.signIn(tab, "/auth/signin")
	filled := func() int {
		for page := range pages {
			tab.Open(fmt.Sprintf("%s/fill/%d", a.url, page))
			tab.Await("600 files", func(p browser.Page) bool { return strings.Contains(p.Text, "done") })
		}
		return len(slices.DeleteFunc(a.asks(), func(path string) bool { return !strings.HasPrefix(path, "/files/") }))
	}
	if n := filled(); n != pages*perPage {
		t.Fatalf("asked for %d files", n)
	}
	tab.Open(a.url + "/")
	begin := time.Now()
	if page := tab.Click("sign out"); !strings.Contains(page.Text, "nobody") {
		t.Fatalf("after the sign-out: %+v", page)
	}
	t.Logf("a sign-out with 6,000 cached files took %d ms, from the click to the start page",
		time.Since(begin).Milliseconds())
	if n := filled(); n != 0 {
		t.Errorf("asked for %d files again", n)
	}
}
