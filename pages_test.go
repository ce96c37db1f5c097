package ginoidc_test

import (
	"html/template"

	"reflect"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/internal/fakeop"
)

// TestOwnTemplate: an app shows every page by a template of its own, which gets everything that the plugin's page has.
func TestOwnTemplate(t *testing.T) {
	const alice = "Signed in as Alice Archer (alice@example.com)"
	var got []ginoidc.Page
	a := several(t, func(c *ginoidc.Config, _ *fakeop.Config) {
		c.Pages = ginoidc.Pages{AppName: "Acme", Logo: "/logo.svg", Show: func(c *gin.Context, p *ginoidc.Page) {
			got = append(got, *p)
			c.HTML(p.Status, "own", p)
		}}
	})
	a.Engine.SetHTMLTemplate(template.Must(template.New("own").Parse(`<h1>own: {{.Title}}</h1>`)))
	a.Engine.GET("/boss", a.Auth.RequireGroups("boss"), a.Protected)
	b := a.Browser()
	b.MustSignInAt("two", "alice")
	boss := "/auth/signin?prompt=login&return_to=%2Fboss"
	for _, tt := range []struct {
		path string
		want ginoidc.Page
	}{
		{"/boss", ginoidc.Page{
			Kind: ginoidc.PageError, Status: 403, Code: "forbidden", Title: "No access",
			Message: "You do not have access to this resource.",
			Link:    ginoidc.PageLink{URL: boss, Text: "Sign in as someone else"},
			Back:    ginoidc.PageLink{URL: "/", Text: "Back to Acme"}, SignedInAs: alice,
		}},
		{"/auth/signout", ginoidc.Page{
			Kind: ginoidc.PageSignOut, Status: 200, Title: "Sign out?", Message: "Do you want to sign out of this site?",
			Form: &ginoidc.PageForm{Action: "/auth/signout", Button: "Sign out"},
			Back: ginoidc.PageLink{URL: "/", Text: "Stay signed in"}, SignedInAs: alice,
		}},
		{"/auth/signed-out", ginoidc.Page{
			Kind: ginoidc.PageStillSignedIn, Status: 200, Title: "Still signed in",
			Message: "This page was not opened by a sign-out here.",
			Link:    ginoidc.PageLink{URL: "/", Text: "Continue"}, SignedInAs: alice,
		}},
		{"/auth/signin?return_to=/me", ginoidc.Page{
			Kind: ginoidc.PageSignIn, Status: 200, Title: "Sign in", LastUsed: "Last used",
			Choices: []ginoidc.ProviderChoice{
				{Name: "one", Label: "one", URL: "/auth/signin?provider=one&return_to=%2Fme"},
				{Name: "two", Label: "two", URL: "/auth/signin?provider=two&return_to=%2Fme", Last: true},
			},
			Back: ginoidc.PageLink{URL: "/", Text: "Back to Acme"},
		}},
	} {
		got = nil
		r := b.Navigate(tt.path)
		if len(got) != 1 || !strings.Contains(r.Body, "<h1>own: "+tt.want.Title+"</h1>") || r.StatusCode != tt.want.Status {
			t.Fatalf("%s: %d %s, %d pages", tt.path, r.StatusCode, r.Body, len(got))
		}
		tt.want.Lang, tt.want.Direction, tt.want.AppName, tt.want.Logo = "en", "ltr", "Acme", "/logo.svg"
		if u := got[0].User; (u == nil) != (tt.want.SignedInAs == "") || u != nil && u.Subject != "alice" {
			t.Errorf("%s: user %v", tt.path, u)
		}
		got[0].User = nil
		if !reflect.DeepEqual(got[0], tt.want) {
			t.Errorf("%s:\n%+v, want\n%+v", tt.path, got[0], tt.want)
		}
		if h := r.Header; !strings.Contains(h.Get("Content-Security-Policy"), "frame-ancestors 'none'") ||
			!strings.Contains(h.Get("Cache-Control"), "no-store") || h.Get("Content-Language") != "en" {
			t.Errorf("%s: headers %v", tt.path, h)
		}
	}
}
