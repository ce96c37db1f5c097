// Command saas is an app with tenants: each organization has projects of its own, which its members alone see. The
// pages are templates of html/template.
package main

import (
	"crypto/rand"
	"embed"
	"errors"
	"html/template"
	"log"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/ginoidctest"
)

const appURL = "http://localhost:8080"

//go:embed pages
var pages embed.FS

func main() {
	idp, stop, err := ginoidctest.Listen(ginoidctest.Config{Users: users()})
	if err != nil {
		log.Fatal(err)
	}
	defer stop()
	app, _, err := newApp(configFor(idp))
	if err != nil {
		log.Fatal(err)
	}
	log.Printf("open %s and sign in as alice (acme), bob (acme) or carol (globex)", appURL)
	server := &http.Server{Addr: "localhost:8080", Handler: app, ReadHeaderTimeout: 10 * time.Second}
	log.Fatal(server.ListenAndServe())
}

// users have their organizations at the provider, and a group for those that they administer.
func users() []ginoidctest.User {
	return []ginoidctest.User{
		{Subject: "alice", Name: "Alice", Organizations: []string{"acme"}, Groups: []string{"acme/admin"}},
		{Subject: "bob", Name: "Bob", Organizations: []string{"acme"}},
		{Subject: "carol", Name: "Carol", Organizations: []string{"globex"}, Groups: []string{"globex/admin"}},
	}
}

// configFor returns the settings. For your own provider: ginoidc.ConfigFromEnv.
func configFor(idp *ginoidctest.Provider) ginoidc.Config {
	return ginoidc.Config{
		Providers: []ginoidc.Provider{{
			Issuer: idp.Issuer(), ClientID: "app", ClientSecret: "secret", Transport: idp.Transport(),
		}},
		AppURL:        appURL,
		CookieSecrets: []string{rand.Text() + rand.Text()},
	}
}

func newApp(cfg ginoidc.Config) (*gin.Engine, *ginoidc.Auth, error) {
	auth, err := ginoidc.New(cfg)
	if err != nil {
		return nil, nil, err
	}
	parsed, err := template.New("").Funcs(auth.TemplateFuncs()).ParseFS(pages, "pages/*.html")
	if err != nil {
		return nil, nil, err
	}
	gin.SetMode(gin.ReleaseMode)
	router := gin.New()
	router.SetHTMLTemplate(parsed)
	router.Use(gin.Recovery(), auth.Middleware())
	auth.Mount(router)

	store := newProjects()
	router.GET("/", auth.OptionalAuth(), home)
	// Every route of a tenant is in this group, so none can be without the guard. The handlers take the tenant from the
	// path, as the guard does, and never from a form or a query.
	tenant := router.Group("/t/:org", auth.RequireOrganization("org"))
	tenant.GET("", store.list)
	tenant.POST("/projects", store.add)
	tenant.POST("/projects/delete", auth.RequireFunc(isTenantAdmin), store.remove)
	return router, auth, nil
}

// isTenantAdmin allows administrators of the organization in the path.
func isTenantAdmin(c *gin.Context, u *ginoidc.User) error {
	if !u.InGroup(c.Param("org") + "/admin") {
		return errors.New("not an administrator of this organization")
	}
	return nil
}

// home is public. It links to the organizations of the user; OptionalAuth answers while it cannot be known who that is.
func home(c *gin.Context) { c.HTML(http.StatusOK, "home.html", gin.H{"C": c}) }
