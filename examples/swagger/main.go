// Command swagger is an API with a page of gin-swagger, on which signed-in users try it out. The description of the
// API says how each route identifies its callers.
package main

import (
	"bytes"
	"crypto/rand"
	_ "embed"
	"log"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
	swaggerfiles "github.com/swaggo/files"
	ginswagger "github.com/swaggo/gin-swagger"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/ginoidctest"
)

const appURL = "http://localhost:8080"

//go:embed openapi.json
var openAPI []byte

func main() {
	idp, stop, err := ginoidctest.Listen(ginoidctest.Config{JWTAccessTokens: true})
	if err != nil {
		log.Fatal(err)
	}
	defer stop()
	app, _, err := newApp(configFor(idp))
	if err != nil {
		log.Fatal(err)
	}
	log.Printf("open %s/docs/index.html and sign in as alice or bob", appURL)
	log.Printf("a token to paste: curl -su app:secret -d grant_type=client_credentials -d scope=orders:read -d %s %s",
		"resource="+appURL, idp.Issuer()+"/token")
	server := &http.Server{Addr: "localhost:8080", Handler: app, ReadHeaderTimeout: 10 * time.Second}
	log.Fatal(server.ListenAndServe())
}

// configFor returns the settings. For your own provider: ginoidc.ConfigFromEnv, and OIDC_BEARER_AUDIENCE.
func configFor(idp *ginoidctest.Provider) ginoidc.Config {
	return ginoidc.Config{
		Providers: []ginoidc.Provider{{
			Issuer: idp.Issuer(), ClientID: "app", ClientSecret: "secret", Audience: appURL, Transport: idp.Transport(),
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
	gin.SetMode(gin.ReleaseMode)
	router := gin.New()
	router.Use(gin.Recovery(), auth.Middleware())
	auth.Mount(router)

	router.GET("/healthz", answer("ok"))
	api := router.Group("/api")
	api.GET("/me", auth.RequireAuth(), me)
	api.GET("/orders", auth.RequireScopes("orders:read"), answer("all orders"))
	api.POST("/orders", auth.RequireGroups("staff"), answer("ordered"))

	// The page and the description are for staff: a list of all routes helps an attacker too.
	staff := router.Group("/", auth.RequireGroups("staff"))
	description := bytes.ReplaceAll(openAPI, []byte("ISSUER"), []byte(cfg.Providers[0].Issuer))
	staff.GET("/openapi.json", func(c *gin.Context) { c.Data(http.StatusOK, "application/json", description) })
	staff.GET("/docs/*any", ginswagger.WrapHandler(swaggerfiles.Handler, ginswagger.URL("/openapi.json")))
	return router, auth, nil
}

func me(c *gin.Context) {
	u, _ := ginoidc.UserFrom(c)
	c.JSON(http.StatusOK, gin.H{"sub": u.Subject, "scopes": append([]string{}, u.Scopes...)})
}

func answer(text string) gin.HandlerFunc {
	return func(c *gin.Context) { c.JSON(http.StatusOK, gin.H{"result": text}) }
}
