// Command client is the app that FAPI plans of the conformance suite need: in addition to the sign-in, they require a
// call to a resource server with the access token.
package main

import (
	"io"
	"log"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
)

func main() {
	cfg, err := ginoidc.ConfigFromEnv("OIDC_")
	if err != nil {
		log.Fatal(err)
	}
	auth, err := ginoidc.New(cfg)
	if err != nil {
		log.Fatal(err)
	}
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	auth.Mount(r)
	r.GET("/", func(c *gin.Context) { c.String(http.StatusOK, "the client of the FAPI plans") })
	r.GET("/healthz", func(c *gin.Context) { c.Status(http.StatusOK) })
	r.GET("/api/me", auth.RequireAuth(), func(c *gin.Context) { c.JSON(http.StatusOK, gin.H{}) })
	r.GET("/api/upstream", auth.RequireAuth(), resource(auth, os.Getenv("RESOURCE_URL")))

	server := &http.Server{Addr: os.Getenv("ADDR"), Handler: r, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		signals := make(chan os.Signal, 1)
		signal.Notify(signals, syscall.SIGTERM)
		<-signals
		_ = server.Close()
	}()
	if err := server.ListenAndServe(); err != http.ErrServerClosed {
		log.Fatal(err)
	}
}

// resource calls a resource server with the user's access token, and answers as it does.
func resource(auth *ginoidc.Auth, address string) gin.HandlerFunc {
	return func(c *gin.Context) {
		client, err := auth.Client(c)
		if err != nil {
			auth.Deny(c, err)
			return
		}
		resp, err := client.Get(address)
		if err != nil {
			c.String(http.StatusBadGateway, "%v", err)
			return
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
		c.Data(resp.StatusCode, resp.Header.Get("Content-Type"), body)
	}
}
