// Command casbin is an app whose rules are a policy of Casbin. The plugin says who the user is, and Casbin what they
// may do.
package main

import (
	"crypto/rand"
	_ "embed"
	"errors"
	"log"
	"net/http"
	"time"

	"github.com/casbin/casbin/v2"
	"github.com/casbin/casbin/v2/model"
	stringadapter "github.com/casbin/casbin/v2/persist/string-adapter"
	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/ginoidctest"
)

const appURL = "http://localhost:8080"

var (
	//go:embed model.conf
	modelText string
	//go:embed policy.csv
	policyText string
)

func main() {
	idp, stop, err := ginoidctest.Listen(ginoidctest.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer stop()
	app, _, err := newApp(configFor(idp))
	if err != nil {
		log.Fatal(err)
	}
	log.Printf("open %s/documents/handbook and sign in as alice, bob or carol", appURL)
	server := &http.Server{Addr: "localhost:8080", Handler: app, ReadHeaderTimeout: 10 * time.Second}
	log.Fatal(server.ListenAndServe())
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
	rules, err := model.NewModelFromString(modelText)
	if err != nil {
		return nil, nil, err
	}
	// An app would keep the policy in its database, with one of Casbin's adapters.
	enforcer, err := casbin.NewSyncedEnforcer(rules, stringadapter.NewAdapter(policyText))
	if err != nil {
		return nil, nil, err
	}
	gin.SetMode(gin.ReleaseMode)
	router := gin.New()
	router.Use(gin.Recovery(), auth.Middleware())
	auth.Mount(router)

	// The guard responds to requests of nobody with the sign-in, and asks Casbin about all others.
	documents := router.Group("/documents", auth.RequireFunc(allowedBy(enforcer)))
	documents.GET("", answer("all documents"))
	documents.GET("/:id", answer("a document"))
	documents.PUT("/:id", answer("changed"))
	documents.DELETE("/:id", answer("deleted"))
	return router, auth, nil
}

// errNotAllowed denies without naming a rule.
var errNotAllowed = errors.New("the policy does not allow it")

// allowedBy returns a check that asks Casbin about the user and each of their groups. Names have a prefix, so that no
// group can pass for a user. Anything that Casbin cannot decide is denied.
func allowedBy(enforcer casbin.IEnforcer) func(*gin.Context, *ginoidc.User) error {
	return func(c *gin.Context, u *ginoidc.User) error {
		names := []string{"user:" + u.Subject}
		for _, group := range u.Groups {
			names = append(names, "group:"+group)
		}
		for _, name := range names {
			allowed, err := enforcer.Enforce(name, c.Request.URL.Path, c.Request.Method)
			if err != nil {
				return err
			}
			if allowed {
				return nil
			}
		}
		return errNotAllowed
	}
}

func answer(text string) gin.HandlerFunc {
	return func(c *gin.Context) { c.String(http.StatusOK, "%s\n", text) }
}
