package ginoidc

import (
	"html/template"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/web"
)

// TemplateFuncs returns functions for the templates of an app's pages. Pass the *gin.Context of the request to the
// template, which gives it to each function:
//
//	signedIn .C                 reports whether somebody is signed in
//	user .C                     the *User, or nil
//	inGroup .C "admin"          reports whether the user is in the group
//	inOrganization .C "acme"    reports whether the user is a member of the organization
//	signInURL .C                the address of a sign-in that returns to this page
//	signOutForm .C "Sign out"   a form with a button that signs the user out; nothing if nobody is signed in
//
// They decide what a page shows, not who may see it: use guards for that. Register them before the templates:
//
//	router.SetFuncMap(auth.TemplateFuncs())
//	router.LoadHTMLGlob("pages/*")
func (a *Auth) TemplateFuncs() template.FuncMap {
	user := func(c *gin.Context) *User {
		u, _ := a.UserFrom(c)
		return u
	}
	return template.FuncMap{
		"signedIn":       func(c *gin.Context) bool { return user(c) != nil },
		"user":           user,
		"inGroup":        func(c *gin.Context, name string) bool { return user(c).InGroup(name) },
		"inOrganization": func(c *gin.Context, id string) bool { return user(c).InOrganization(id) },
		"signInURL":      func(c *gin.Context) string { return a.SignInURL(a.targets.Requested(c.Request)) },
		"signOutForm": func(c *gin.Context, label string) template.HTML {
			if user(c) == nil {
				return ""
			}
			return web.PostButton(a.routes.signOut, label)
		},
	}
}

// The module for scripts of an app's pages, and its types, below RoutePrefix.
const clientScript, clientTypes = "client.js", "client.d.ts"

// client responds with one of the two files. They hold nothing about users and are the same for all apps.
func (t *routeTable) client(c *gin.Context) {
	if c.Request.Method != http.MethodGet {
		begin(c, http.MethodGet)
		return
	}
	web.ServeClient(c.Writer, c.Request, strings.HasSuffix(c.FullPath(), clientTypes))
}
