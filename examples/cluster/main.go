// Command cluster is an app for several instances behind a proxy. The sessions, and what the instances have to know of
// each other, are in Redis. Without OIDC_ISSUER it is one instance with a test provider of its own.
package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"log"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/ginoidctest"
	"github.com/seed-d65cea4d/ginoidc/redisstate"
)

// The proxy waits longer than the app needs to finish the requests that it has.
const shutdownLimit = 10 * time.Second

func main() {
	cfg, stopProvider, err := settings()
	if err != nil {
		log.Fatal(err)
	}
	defer stopProvider()
	if address := os.Getenv("REDIS_URL"); address != "" {
		shared, err := redisstate.New(redisstate.Config{URL: address, Secrets: cfg.CookieSecrets})
		if err != nil {
			log.Fatal(err)
		}
		defer shared.Close()
		cfg.Store, cfg.State = shared, shared
	}
	app, err := newApp(cfg, cmp.Or(os.Getenv("INSTANCE"), "alone"))
	if err != nil {
		log.Fatal(err)
	}
	// The proxy is on the same host. Elsewhere, listen where only the proxy can connect.
	server := &http.Server{
		Addr: "127.0.0.1:" + cmp.Or(os.Getenv("PORT"), "8080"), Handler: app, ReadHeaderTimeout: 10 * time.Second,
	}
	log.Printf("listening at %s, open %s", server.Addr, cfg.AppURL)
	if err := serve(server); err != nil {
		log.Print(err)
	}
}

// serve serves until the process is asked to end, and then finishes the requests that are under way.
func serve(server *http.Server) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	finished := make(chan error, 1)
	context.AfterFunc(ctx, func() {
		ctx, cancel := context.WithTimeout(context.Background(), shutdownLimit)
		defer cancel()
		finished <- server.Shutdown(ctx)
	})
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-finished
}

// settings returns those of the environment, which are the same for all instances.
func settings() (cfg ginoidc.Config, stop func(), err error) {
	if os.Getenv("OIDC_ISSUER") != "" {
		cfg, err = ginoidc.ConfigFromEnv("OIDC_")
		return cfg, func() {}, err
	}
	idp, stop, err := ginoidctest.Listen(ginoidctest.Config{})
	if err != nil {
		return cfg, nil, err
	}
	return ginoidc.Config{
		Providers: []ginoidc.Provider{{Issuer: idp.Issuer(), ClientID: "app", ClientSecret: "secret"}},
		AppURL:    "http://localhost:8080", CookieSecrets: []string{rand.Text() + rand.Text()},
	}, stop, nil
}

// newApp returns the app as the instance of the name.
func newApp(cfg ginoidc.Config, instance string) (http.Handler, error) {
	auth, err := ginoidc.New(cfg)
	if err != nil {
		return nil, err
	}
	gin.SetMode(gin.ReleaseMode)
	router := gin.New()
	if err := router.SetTrustedProxies([]string{"127.0.0.1"}); err != nil { // for the addresses of clients in the log
		return nil, err
	}
	router.Use(gin.Recovery(), auth.Middleware())
	auth.Mount(router)
	hello := func(c *gin.Context) {
		u, _ := ginoidc.UserFrom(c)
		c.String(http.StatusOK, "Hello, %s, from %s.\n", u.Name, instance)
	}
	router.GET("/", auth.RequireAuth(), hello)
	router.GET("/admin", auth.RequireGroups("admin"), hello)
	router.GET("/readyz", func(c *gin.Context) { // for what replaces instances: the provider and Redis respond
		if err := auth.Ready(c.Request.Context()); err != nil {
			log.Print(err)
			c.Status(http.StatusServiceUnavailable)
		}
	})
	return router, nil
}
