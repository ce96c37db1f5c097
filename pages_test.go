package ginoidc_test

import (
	"html/template"
	"net/http"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
	"github.com/seed-d65cea4d/ginoidc/internal/testapp"
)

// TestTemplateFuncs: templates show what the user may see, and lead to a sign-in that returns to the page.
func TestTemplateFuncs(t *testing.T) {
	a := testapp.New(t)
	a.OP.OnIDToken(func(claims map[string]any) {
		claims["groups"], claims["organizations"] = []string{"admin"}, []string{"acme"}
	})
	a.Engine.SetHTMLTemplate(template.Must(template.New("page").Funcs(a.Auth.TemplateFuncs()).Parse(
		`{{if signedIn .C}}{{(user .C).Name}} {{inGroup .C "admin"}} {{inGroup .C "staff"}} {{inOrganization .C "acme"}} ` +
			`{{else}}<a href="{{signInURL .C}}">Sign in</a>{{end}}{{with user .C}}{{.Subject}} {{end}}` +
			`{{inGroup .C "admin"}} {{signOutForm .C "Sign <out>"}}`)))
	page := func(c *gin.Context) { c.HTML(http.StatusOK, "page", gin.H{"C": c}) }
	a.Engine.GET("/page", page)
	a.Engine.POST("/page", page)
	b := a.Browser()
	const link = `<a href="/auth/signin?return_to=%2Fpage%3Fa%3D1%26b%3D2">Sign in</a>false `
	if got := b.Navigate("/page?a=1&b=2").Body; got != link {
		t.Errorf("signed out: %s", got)
	}
	if got := b.Navigate("/page?next=\\evil").Body; !strings.HasPrefix(got, `<a href="/auth/signin">`) {
		t.Errorf("a page that is no return target: %s", got)
	}
	b.MustSignIn("alice")
	const form = `<form method="post" action="/auth/signout"><button>Sign &lt;out&gt;</button></form>`
	r := b.Navigate("/page")
	if want := "Alice Archer true false true alice true " + form; r.Body != want {
		t.Errorf("signed in: %s", r.Body)
	}
	if got := r.Header.Get("Cache-Control"); got != "private, no-store" {
		t.Errorf("a page with a user: Cache-Control %s", got)
	}
}

// TestClientFiles: the module for scripts is small and the same for everybody, and no guard is in its way.
func TestClientFiles(t *testing.T) {
	a := testapp.New(t, func(c *ginoidc.Config, _ *fakeop.Config) { c.RoutePrefix = "/id" })
	b := a.Browser()
	for path, kind := range map[string]string{
		"/id/client.js": "text/javascript; charset=utf-8", "/id/client.d.ts": "text/plain; charset=utf-8",
	} {
		r := b.Do(http.MethodGet, path, nil, "Sec-Fetch-Dest", "script")
		tag := r.Header.Get("ETag")
		if r.StatusCode != 200 || r.Header.Get("Content-Type") != kind || r.Header.Get("Cache-Control") != "no-cache" ||
			len(tag) < 10 || r.Header.Get("X-Content-Type-Options") != "nosniff" || r.Header.Get("Set-Cookie") != "" ||
			!strings.Contains(r.Body, "export function signIn(") {
			t.Errorf("%s: %d %v", path, r.StatusCode, r.Header)
		}
		if again := b.Do(http.MethodGet, path, nil, "If-None-Match", tag); again.StatusCode != 304 || again.Body != "" {
			t.Errorf("%s again: %d", path, again.StatusCode)
		}
		for _, method := range []string{http.MethodPost, http.MethodHead, http.MethodDelete} {
			if r := b.Do(method, path, nil); r.StatusCode != 405 || r.Header.Get("Allow") != "GET" {
				t.Errorf("%s %s: %d", method, path, r.StatusCode)
			}
		}
		if to := b.Callback(b.Start("/id/signin?return_to="+path, "alice")); to.Location() != "/" {
			t.Errorf("a sign-in returns to %s", to.Location())
		}
		if strings.HasPrefix(kind, "text/javascript") && len(r.Body) >= 4<<10 {
			t.Errorf("%s has %d bytes", path, len(r.Body))
		}
	}
}

// TestClientFilesBehindGuard: a guard in front of all routes lets scripts load the module, for the sign-in.
func TestClientFilesBehindGuard(t *testing.T) {
	a := testapp.New(t)
	engine := gin.New()
	engine.Use(a.Auth.ProtectAll())
	a.Auth.Mount(engine)
	a.Engine = engine
	if r := a.Browser().Fetch("/auth/client.js"); r.StatusCode != 200 {
		t.Errorf("%d %s", r.StatusCode, r.Body)
	}
}
