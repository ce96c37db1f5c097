package main

import (
	"bytes"
	"cmp"
	"embed"
	"encoding/json"
	"html/template"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
)

//go:embed pages
var files embed.FS

// pages serves the HTML pages.
type pages struct {
	auth  *ginoidc.Auth
	base  string // path below which the app lives
	log   *slog.Logger
	named map[string]*template.Template
}

func newPages(auth *ginoidc.Auth, base string, log *slog.Logger) (*pages, error) {
	p := &pages{auth: auth, base: base, log: log, named: map[string]*template.Template{}}
	for _, name := range []string{"home", "profile", "silent", "nosuch"} {
		t, err := template.ParseFS(files, "pages/layout.html", "pages/"+name+".html")
		if err != nil {
			return nil, err
		}
		p.named[name] = t
	}
	return p, nil
}

// static serves the stylesheet and icon of the pages.
func (p *pages) static(app *gin.RouterGroup) {
	for _, name := range []string{"style.css", "icon.svg"} {
		app.StaticFileFS("/static/"+name, "pages/"+name, http.FS(files))
	}
}

// view is the data of the templates.
type view struct {
	Title, Base     string
	Text            string        // of the page about an address
	User            *ginoidc.User // nil if nobody is signed in
	Name            string
	SignIn, SignOut string
	Tries           []try
	Claims          []claim
}

func (p *pages) home(c *gin.Context) {
	u, _ := ginoidc.UserFrom(c) // nil is possible, because there is no guard
	p.show(c, http.StatusOK, "home", view{Title: "Sign in with OpenID Connect", User: u, Tries: tries(u)})
}

// silent shows the user after an attempt to sign in silently.
func (p *pages) silent(c *gin.Context) {
	u, _ := ginoidc.UserFrom(c)
	p.show(c, http.StatusOK, "silent", view{Title: "Silent sign-in", User: u})
}

func (p *pages) profile(c *gin.Context) {
	u, _ := ginoidc.UserFrom(c)
	claims, err := claimsOf(u)
	if err != nil {
		p.log.ErrorContext(c.Request.Context(), "claims", "error", err)
		c.Status(http.StatusInternalServerError)
		return
	}
	p.show(c, http.StatusOK, "profile", view{Title: "Your profile", User: u, Claims: claims})
}

// notFound answers where the app has no route.
func (p *pages) notFound(c *gin.Context) {
	p.noSuch(c, http.StatusNotFound, gin.H{"error": "not_found", "message": "There is nothing here."},
		view{Title: "Nothing here", Text: "There is no page at this address."})
}

// noMethod answers methods that a route does not have.
func (p *pages) noMethod(c *gin.Context) {
	p.noSuch(c, http.StatusMethodNotAllowed, gin.H{"error": "method_not_allowed", "message": "See the Allow header."},
		view{Title: "Not possible here", Text: "This address does not answer requests of this kind."})
}

// noSuch sends a page to browsers and JSON to programs.
func (p *pages) noSuch(c *gin.Context, status int, body gin.H, v view) {
	if c.NegotiateFormat(gin.MIMEJSON, gin.MIMEHTML) != gin.MIMEHTML {
		c.JSON(status, body)
		return
	}
	v.User, _ = ginoidc.UserFrom(c)
	p.show(c, status, "nosuch", v)
}

// show renders the whole page before it sends the first byte, so that a failure is a 500 and not a truncated page.
func (p *pages) show(c *gin.Context, status int, name string, v view) {
	v.Base, v.SignIn, v.SignOut = p.base, p.auth.SignInURL(p.base+"/"), p.auth.SignOutURL()
	if u := v.User; u != nil {
		v.Name = cmp.Or(u.Name, u.PreferredUsername, u.Email, u.Subject)
	}
	var page bytes.Buffer
	if err := p.named[name].ExecuteTemplate(&page, "layout.html", v); err != nil {
		p.log.ErrorContext(c.Request.Context(), "page", "name", name, "error", err)
		c.Status(http.StatusInternalServerError)
		return
	}
	c.Data(status, "text/html; charset=utf-8", page.Bytes())
}

// claim is a row of the profile page: one value, or a list of names.
type claim struct {
	Name, Value string
	List        []string
}

func claimsOf(u *ginoidc.User) ([]claim, error) {
	var raw map[string]json.RawMessage
	if err := u.Claims(&raw); err != nil {
		return nil, err
	}
	var rows []claim
	for _, name := range slices.Sorted(maps.Keys(raw)) {
		var text string
		var list []string
		switch {
		case name == "auth_time":
			text = u.AuthTime.Format(time.RFC1123)
		case json.Unmarshal(raw[name], &text) == nil:
		case json.Unmarshal(raw[name], &list) == nil:
		default:
			text, list = string(raw[name]), nil // numbers and objects as JSON
		}
		rows = append(rows, claim{name, text, list})
	}
	return rows, nil
}
