// Command api is an API for other programs: clients with access tokens that the provider issues, for a user or for
// themselves, and one old program with an API key.
package main

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"log"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/ginoidctest"
)

const (
	appURL   = "http://localhost:8080"
	resource = appURL + "/api" // under which the API is registered at the provider
)

func main() {
	// Your own provider: ginoidc.ConfigFromEnv, and OIDC_BEARER_AUDIENCE for the audience.
	idp, stop, err := ginoidctest.Listen(ginoidctest.Config{JWTAccessTokens: true})
	if err != nil {
		log.Fatal(err)
	}
	defer stop()
	key := rand.Text()
	app, err := newApp(configFor(idp, key))
	if err != nil {
		log.Fatal(err)
	}
	log.Printf("get a token: curl -su app:secret -d grant_type=client_credentials -d resource=%s -d scope=orders:read %s",
		resource, idp.Issuer()+"/token")
	log.Printf("use it: curl -iH 'Authorization: Bearer TOKEN' %s/orders", resource)
	log.Printf("or the key: curl -iX POST -H 'X-API-Key: %s' %s/import", key, resource)
	server := &http.Server{Addr: "localhost:8080", Handler: app, ReadHeaderTimeout: 10 * time.Second}
	log.Fatal(server.ListenAndServe())
}

// configFor returns the settings of an API that accepts access tokens of the provider, and one key.
func configFor(idp *ginoidctest.Provider, key string) ginoidc.Config {
	return ginoidc.Config{
		Providers: []ginoidc.Provider{{
			Issuer: idp.Issuer(), ClientID: "app", ClientSecret: "secret", Audience: resource, Transport: idp.Transport(),
		}},
		AppURL:        appURL,
		Resource:      resource, // published, for clients that have to find the provider (RFC 9728)
		CookieSecrets: []string{rand.Text() + rand.Text()},
		Authenticators: []ginoidc.Authenticator{
			byAPIKey(key, &ginoidc.User{Subject: "importer", Groups: []string{"import"}}),
		},
	}
}

// byAPIKey identifies one program by its key. The comparison of hashes does not reveal by its timing how much of a
// guess is right.
func byAPIKey(key string, user *ginoidc.User) ginoidc.Authenticator {
	known := map[[sha256.Size]byte]*ginoidc.User{sha256.Sum256([]byte(key)): user}
	return func(c *gin.Context) (*ginoidc.User, error) {
		shown := c.GetHeader("X-API-Key")
		if shown == "" {
			return nil, nil // another means may identify the user
		}
		if user := known[sha256.Sum256([]byte(shown))]; user != nil {
			return user, nil
		}
		return nil, errors.New("unknown API key")
	}
}

func newApp(cfg ginoidc.Config) (http.Handler, error) {
	auth, err := ginoidc.New(cfg)
	if err != nil {
		return nil, err
	}
	gin.SetMode(gin.ReleaseMode)
	router := gin.New()
	router.Use(gin.Recovery(), auth.Middleware())
	auth.Mount(router) // the metadata of the resource; and /auth/signin, for people who look at the API in a browser

	api := router.Group("/api")
	api.GET("/me", auth.RequireAuth(), me)
	api.GET("/orders", auth.RequireScopes("orders:read"), answer("all orders"))
	api.POST("/orders", auth.RequireScopes("orders:write"), auth.RequirePerson(), answer("ordered"))
	api.POST("/reports", auth.RequireMachine(), auth.RequireScopes("reports:write"), answer("reported"))
	api.POST("/import", auth.RequireGroups("import"), answer("imported"))
	return router, nil
}

// me returns what the guards know of the caller.
func me(c *gin.Context) {
	u, _ := ginoidc.UserFrom(c)
	c.JSON(http.StatusOK, gin.H{"sub": u.Subject, "client": u.ClientID, "scopes": u.Scopes, "machine": u.IsMachine()})
}

func answer(text string) gin.HandlerFunc {
	return func(c *gin.Context) { c.JSON(http.StatusOK, gin.H{"result": text}) }
}
