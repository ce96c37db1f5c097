// Command observability is an app that is measured with OpenTelemetry, for Prometheus to scrape. It has a test provider
// of its own:
//
//	go run .
package main

import (
	"crypto/rand"
	"errors"
	"log"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/ginoidctest"
	ginoidcotel "github.com/seed-d65cea4d/ginoidc/otel"
)

const appURL = "http://localhost:8080"

func main() {
	idp, stop, err := ginoidctest.Listen(ginoidctest.Config{AlwaysRefreshToken: true})
	if err != nil {
		log.Fatal(err)
	}
	defer stop()
	app, metrics, err := newApp(configFor(idp))
	if err != nil {
		log.Fatal(err)
	}
	failed := make(chan error, 2)
	go func() { failed <- serve("localhost:9464", metrics) }() // a port that users cannot reach
	go func() { failed <- serve("localhost:8080", app) }()
	log.Printf("open %s/staff; metrics are at http://localhost:9464/metrics", appURL)
	log.Fatal(<-failed)
}

func serve(address string, handler http.Handler) error {
	server := &http.Server{Addr: address, Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	return server.ListenAndServe()
}

// configFor returns the settings of an app that uses the provider.
func configFor(idp *ginoidctest.Provider) ginoidc.Config {
	return ginoidc.Config{
		Providers: []ginoidc.Provider{{
			Name: "staff", Issuer: idp.Issuer(), ClientID: "app", ClientSecret: "secret", Audience: appURL + "/api",
		}},
		AppURL:        appURL,
		CookieSecrets: []string{rand.Text() + rand.Text()},
		KeepTokens:    true,
	}
}

// newApp returns the app and the page with its metrics.
func newApp(cfg ginoidc.Config) (app, metrics http.Handler, err error) {
	registry := prometheus.NewRegistry()
	exporter, err := otelprometheus.New(
		otelprometheus.WithRegisterer(registry), otelprometheus.WithoutScopeInfo(), otelprometheus.WithoutTargetInfo())
	if err != nil {
		return nil, nil, err
	}
	meters := sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter))
	auth, err := ginoidcotel.New(cfg, ginoidcotel.WithMeterProvider(meters))
	if err != nil {
		return nil, nil, err
	}
	gin.SetMode(gin.ReleaseMode)
	router := gin.New()
	router.Use(gin.Recovery(), auth.Middleware())
	auth.Mount(router)
	routes(router, auth)
	return router, promhttp.HandlerFor(registry, promhttp.HandlerOpts{}), nil
}

func routes(router *gin.Engine, auth *ginoidc.Auth) {
	hello := func(c *gin.Context) {
		user, _ := ginoidc.UserFrom(c)
		c.String(http.StatusOK, "Hello, %s.\n", user.Subject)
	}
	router.GET("/", auth.RequireAuth(), hello)
	router.GET("/staff", auth.RequireGroups("staff"), hello)
	router.GET("/admin", auth.RequireGroups("admin"), hello)
	router.GET("/change", auth.RequireFreshSignIn(time.Minute), hello)
	router.GET("/api/token", auth.RequireAuth(), func(c *gin.Context) {
		token, err := auth.Token(c)
		if err != nil {
			auth.Deny(c, err)
			return
		}
		c.String(http.StatusOK, "An access token, valid until %s.\n", token.Expiry)
	})
	router.GET("/broken", func(c *gin.Context) { // a failure, for the metrics
		auth.Deny(c, errors.Join(ginoidc.ErrSessionStore, errors.New("this route always fails")))
	})
}
