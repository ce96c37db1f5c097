package main

import (
	"crypto/rand"
	"fmt"
	"strings"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/redisstate"
)

// useRedis keeps sessions and the shared state in the Redis at the URL. Redis need not be up yet.
func useRedis(c *ginoidc.Config, url string) (stop func(), err error) {
	secrets := c.CookieSecrets
	if len(secrets) == 0 { // [ginoidc.New] reports it; only check the URL here
		secrets = []string{rand.Text() + rand.Text()}
	}
	store, err := redisstate.New(redisstate.Config{URL: url, Secrets: secrets})
	if err != nil {
		return nil, fmt.Errorf("example: REDIS_URL: %s", strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	c.Store, c.State = store, store
	return store.Close, nil
}
