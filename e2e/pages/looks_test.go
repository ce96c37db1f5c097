package pages_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/e2e/browser"
	"github.com/seed-d65cea4d/ginoidc/e2e/start"
)

// devices are what each page is shown on.
func devices() map[string]browser.Device {
	return map[string]browser.Device{
		"phone":         {Width: 390, Height: 844, Phone: true},
		"phone, dark":   {Width: 390, Height: 844, Phone: true, Dark: true},
		"small phone":   {Width: 320, Height: 568, Phone: true},
		"desktop":       {Width: 1280, Height: 800},
		"desktop, dark": {Width: 1280, Height: 800, Dark: true},
	}
}

// TestLooks: every page of the plugin, on every device, in a language of each direction, plain and with everything that
// an app can add. axe-core finds nothing wrong, nothing is cut off, and all boxes have the same width.
func TestLooks(t *testing.T) {
	chromium, axe := browser.Start(t), start.Axe(t)
	hebrew := ginoidc.PageTexts("en")
	for key, text := range hebrew { // a language of which only the letters matter
		hebrew[key] = strings.NewReplacer("e", "\u05d0", "i", "\u05d1", "o", "\u05d2", "s", "\u05d3").Replace(text)
	}
	hebrew["signed_in_as"], hebrew["request"] = "\u05de\u05d7\u05d5\u05d1\u05e8: {user}", "\u05d1\u05e7\u05e9\u05d4 {id}"
	hebrew["link.back_to"] = "\u05d7\u05d6\u05e8\u05d4 \u05d0\u05dc {app}"
	for name, settings := range map[string]ginoidc.Pages{
		"plain": {},
		"German with a brand": {AppName: "Acme Shop", Logo: logo, Languages: []string{"de"},
			Style: ":root { --act: light-dark(#0a7d4f, #0b8757); --link: light-dark(#0a7d4f, #5fd3a2) }"},
		"right to left": {AppName: strings.Repeat("A long name of an app, ", 4) + "and so on", Languages: []string{"he"},
			Texts: map[string]map[string]string{"he": hebrew}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // most of the time each waits for an attempt that expires
			l := &looks{t: t, axe: axe, tab: chromium.Profile(t), late: chromium.Profile(t)}
			l.app = startApp(t, "http", "", several(2, true), func(c *ginoidc.Config) {
				c.Pages, c.AttemptLife = settings, time.Minute
			})
			l.all()
		})
	}
}

// logo is an image as an app may have it.
const logo = "data:image/svg+xml;base64,PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciIHZpZXdCb3" +
	"g9IjAgMCA0OCA0OCI+PGNpcmNsZSBjeD0iMjQiIGN5PSIyNCIgcj0iMjIiIGZpbGw9IiMwYTdkNGYiLz48cGF0aCBkPSJNMTQgMjVsNy" +
	"A3IDE0LTE1IiBmaWxsPSJub25lIiBzdHJva2U9IiNmZmYiIHN0cm9rZS13aWR0aD0iNSIvPjwvc3ZnPg=="

// looks goes through the pages of an app.
type looks struct {
	t   *testing.T
	axe string
	tab *browser.Tab
	app *app

	late *browser.Tab // of a person who takes too long
}

// all opens every page of the plugin.
func (l *looks) all() {
	a, tab := l.app, l.tab
	require := func(path string, guard gin.HandlerFunc) {
		a.routes.GET(path, guard, a.show)
		a.routes.POST(path, guard, a.show)
	}
	require("/boss", a.auth.RequireGroups("boss"))
	require("/gold", a.auth.RequireACR("urn:example:gold"))
	require("/signed-in", a.auth.RequireAuth())
	require("/store-away", func(c *gin.Context) { a.auth.Deny(c, ginoidc.ErrSessionStore) })
	require("/provider-away", func(c *gin.Context) { a.auth.Deny(c, ginoidc.ErrProviderUnavailable) })
	a.routes.GET("/form", func(c *gin.Context) {
		c.Data(http.StatusOK, "text/html", []byte(`<form method="post" action="/signed-in"><button>Send</button></form>`))
	})

	started := time.Now()
	l.late.Open(a.url + "/auth/signin?provider=p1")
	l.check("choice", tab.Open(a.url+"/auth/signin?return_to=/public"), 200)
	tab.Script(`document.querySelector("#email").value = "nobody@unknown.example"; ""`)
	l.check("unknown address", tab.Click(a.text("sign_in.continue")), 200)
	l.check("signed out", tab.Open(a.url+"/auth/signed-out"), 200)
	l.check("nobody signs out", tab.Open(a.url+"/auth/signout"), 200)
	tab.Open(a.url + "/form")
	l.check("form without a session", tab.Click("send"), 401)
	l.check("missing attempt", tab.Open(a.url+"/auth/callback/p1?code=x&state=y"), 400)
	l.check("wrong method", tab.Open(a.url+"/auth/backchannel-logout/p1"), 405)
	l.check("unknown provider", tab.Open(a.url+"/auth/signin?provider=none"), 404)
	tab.Open(a.url + "/auth/signin?provider=p1")
	l.check("cancelled", tab.Click("cancel"), 401)

	a.op.OnIDToken(func(claims map[string]any) { claims["name"] = strings.Repeat("Wolfeschlegelsteinhausen", 6) })
	tab.Open(a.url + "/auth/signin?provider=p1")
	tab.Click("alice")
	l.check("choice, last used", tab.Open(a.url+"/auth/signin"), 200)
	l.check("sign out?", tab.Open(a.url+"/auth/signout"), 200)
	l.check("still signed in", tab.Open(a.url+"/auth/signed-out"), 200)
	l.check("forbidden", tab.Open(a.url+"/boss"), 403)
	tab.Open(a.url + "/gold")
	l.check("step-up failed", tab.Click("alice"), 403)
	l.check("store away", tab.Open(a.url+"/store-away"), 503)
	l.check("provider away", tab.Open(a.url+"/provider-away"), 503)

	time.Sleep(time.Until(started.Add(63 * time.Second)))
	l.tab = l.late
	l.check("expired", l.tab.Click("alice"), 400)
}

// text returns a text of the app's first language.
func (a *app) text(key string) string {
	page := a.pages
	if len(page.Languages) == 0 {
		return ginoidc.PageTexts("en")[key]
	}
	if own := page.Texts[page.Languages[0]]; own != nil {
		return own[key]
	}
	return ginoidc.PageTexts(page.Languages[0])[key]
}

// check looks at the page that the tab shows, on every device.
func (l *looks) check(name string, page browser.Page, status int) {
	l.t.Helper()
	if page.Status != status {
		l.t.Errorf("%s: status %d, want %d: %s", name, page.Status, status, page.Text)
	}
	for device, d := range devices() {
		l.tab.Use(d)
		l.tab.Shoot(name + ", " + device)
		checkLooks(l.t, name+", "+device, l.tab, l.axe, d)
	}
}

// checkLooks checks what the tab shows on a device.
func checkLooks(t *testing.T, name string, tab *browser.Tab, axe string, d browser.Device) {
	t.Helper()
	if wrong := tab.Violations(axe); wrong != "" {
		t.Errorf("%s: %s", name, wrong)
	}
	const widest = `Math.max(...[...document.querySelectorAll("*")].map(e => e.getBoundingClientRect().right))`
	if got := tab.Script("String(" + widest + ")"); tab.Script("String("+widest+" > innerWidth)") == "true" {
		t.Errorf("%s: %s pixels wide, the window has %d", name, got, d.Width)
	}
	const background = `getComputedStyle(document.body).backgroundColor`
	if dark := tab.Script(background) == "rgb(15, 18, 24)"; dark != d.Dark {
		t.Errorf("%s: the page is dark: %t", name, dark)
	}
	// The scheme is that of the root element, so that the browser paints no white page first.
	if scheme := tab.Script(`getComputedStyle(document.documentElement).colorScheme`); scheme != "light dark" {
		t.Errorf("%s: color-scheme %q", name, scheme)
	}
	box := tab.Script(`String(document.querySelector("main").getBoundingClientRect().width)`)
	if want := strconv.FormatInt(min(d.Width-32, 416), 10); box != want && tab.Script(
		`String(document.querySelector(".many") != null)`) == "false" {
		t.Errorf("%s: the box is %s pixels wide, want %s", name, box, want)
	}
}
