// Command several is an app whose users sign in with one of several providers: anybody with that of a large site, the
// staff with that of the company, and the people of a customer with the customer's own.
package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/ginoidctest"
)

const appURL = "http://localhost:8080"

func main() {
	idps := map[string]*ginoidctest.Provider{}
	for name, users := range users() {
		idp, stop, err := ginoidctest.Listen(ginoidctest.Config{Users: users})
		if err != nil {
			log.Fatal(err)
		}
		defer stop()
		idps[name] = idp
	}
	app, _, err := newApp(configFor(idps))
	if err != nil {
		log.Fatal(err)
	}
	log.Printf("open %s; an address at acme.example leads to the provider of Acme", appURL)
	server := &http.Server{Addr: "localhost:8080", Handler: app, ReadHeaderTimeout: 10 * time.Second}
	log.Fatal(server.ListenAndServe())
}

// users are those of each provider. Each has an alice, and each calls some of its users admin.
func users() map[string][]ginoidctest.User {
	user := func(subject, email string, groups ...string) ginoidctest.User {
		return ginoidctest.User{Subject: subject, Email: email, EmailVerified: true, Groups: groups}
	}
	return map[string][]ginoidctest.User{
		"social": {user("alice", "alice@mail.example"), user("mallory", "mallory@mail.example", "admin")},
		"staff":  {user("alice", "alice@shop.example", "admin"), user("bob", "bob@shop.example")},
		"acme":   {user("alice", "alice@acme.example", "admin"), user("dora", "dora@acme.example")},
	}
}

// configFor returns the settings. From the environment: ginoidc.ConfigFromEnv with OIDC_PROVIDERS="social staff acme".
func configFor(idps map[string]*ginoidctest.Provider) ginoidc.Config {
	provider := func(name, label string) ginoidc.Provider {
		return ginoidc.Provider{
			Name: name, Label: label, Issuer: idps[name].Issuer(), Transport: idps[name].Transport(),
			ClientID: "app", ClientSecret: "secret",
		}
	}
	acme := provider("acme", "Acme")
	acme.EmailDomains = []string{"acme.example"} // not listed: found by the address
	acme.GroupsPrefix = "acme:"                  // its "admin" is "acme:admin"
	return ginoidc.Config{
		Providers:     []ginoidc.Provider{provider("social", "Social site"), provider("staff", "Staff"), acme},
		AppURL:        appURL,
		CookieSecrets: []string{rand.Text() + rand.Text()},
	}
}

func newApp(cfg ginoidc.Config) (*gin.Engine, *ginoidc.Auth, error) {
	auth, err := ginoidc.New(cfg)
	if err != nil {
		return nil, nil, err
	}
	gin.SetMode(gin.ReleaseMode)
	router := gin.New()
	router.Use(gin.Recovery(), auth.Middleware())
	auth.Mount(router)

	router.GET("/", auth.RequireAuth(), hello)
	router.GET("/orders", auth.RequireProvider("social", "acme"), hello)
	// A group means what its provider says, so the provider is part of the rule.
	router.GET("/admin", auth.RequireProvider("staff"), auth.RequireGroups("admin"), hello)
	router.GET("/acme", auth.RequireGroups("acme:admin"), hello)
	router.POST("/sign-out-everywhere", auth.RequireAuth(), func(c *gin.Context) {
		u, _ := ginoidc.UserFrom(c)
		if err := auth.ForProvider(u.Provider).EndUserSessions(c.Request.Context(), u.Subject); err != nil {
			auth.Deny(c, errors.Join(ginoidc.ErrSessionStore, err))
			return
		}
		c.Redirect(http.StatusSeeOther, auth.SignInURL("/"))
	})
	return router, auth, nil
}

// hello names the account. The key of a user in a database is the issuer and the subject, never the e-mail address.
func hello(c *gin.Context) {
	u, _ := ginoidc.UserFrom(c)
	c.String(http.StatusOK, "Hello, %s of %s.\nYour account is %s.\nYour groups: %q\n",
		u.Email, u.Provider, accountOf(u), u.Groups)
}

func accountOf(u *ginoidc.User) string { return fmt.Sprintf("%q at %s", u.Subject, u.Issuer) }
