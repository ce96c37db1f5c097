package redisstate_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/ginoidctest"
	"github.com/seed-d65cea4d/ginoidc/redisstate"
)

// Instances of an app share the sessions and their end: a user whose sessions end on one instance is signed out on the
// other at the next request.
func ExampleNew() {
	redisURL := newFake().listen(noTest{}) // in production redis://user:password@host:6379/0
	instance := func() (*ginoidc.Auth, http.Handler) {
		store, err := redisstate.New(redisstate.Config{
			URL:     redisURL,
			Secrets: []string{"q2V9tYx0mB7kLr4WcZ8nJf1sHd6uGp3A"}, // openssl rand -base64 32
		})
		if err != nil {
			log.Fatal(err)
		}
		return exampleApp(ginoidc.Config{Store: store, State: store})
	}
	auth, _ := instance()
	_, other := instance()

	alice := ginoidctest.SignInAs(noTest{}, auth, other, ginoidc.User{Subject: "alice"})
	show(alice.Get("/profile")) // from the other instance
	if err := auth.EndUserSessions(context.Background(), "alice"); err != nil {
		log.Panic(err)
	}
	show(alice.Get("/profile"))
	// Output:
	// 200 OK
	// 401 Unauthorized
}

// New reports every problem of the configuration at once.
func ExampleNew_problems() {
	_, err := redisstate.New(redisstate.Config{
		URL: "redis://redis.example.com:6379/0", Secrets: []string{"short"}, Timeout: -time.Second,
	})
	fmt.Println(err)
	// Output:
	// redisstate: secret 1 of 1 has 5 bytes, fewer than 32
	// the Timeout of -1s is negative
}

// exampleApp is an app with one page for users. cfg says where the sessions are.
func exampleApp(cfg ginoidc.Config) (*ginoidc.Auth, http.Handler) {
	gin.SetMode(gin.ReleaseMode)
	cfg.Providers = []ginoidc.Provider{{Issuer: "https://login.example.com", ClientID: "shop", ClientSecret: "s"}}
	cfg.AppURL, cfg.CookieSecrets = "https://shop.example.com", []string{"q2V9tYx0mB7kLr4WcZ8nJf1sHd6uGp3A"}
	auth, err := ginoidc.New(cfg)
	if err != nil {
		log.Panic(err)
	}
	router := gin.New()
	router.GET("/profile", auth.RequireAuth(), func(c *gin.Context) { c.Status(http.StatusOK) })
	return auth, router
}

// show prints the status of a response.
func show(response *http.Response, err error) {
	if err != nil {
		log.Panic(err)
	}
	_ = response.Body.Close()
	fmt.Println(response.Status)
}

// noTest stands in for the *testing.T that an example does not have.
type noTest struct{ testing.TB }

func (noTest) Helper()                           {}
func (noTest) Fatal(args ...any)                 { log.Panic(args...) }
func (noTest) Fatalf(format string, args ...any) { log.Panicf(format, args...) }
func (noTest) Cleanup(func())                    {}
