package main

import (
	"crypto/rand"
	"fmt"
	"strings"

	"github.com/seed-d65cea4d/ginoidc"
	"github.com/seed-d65cea4d/ginoidc/redisstate"
)

// useRedis keeps sessions, and what instances share about them, in the Redis at the URL. It need not be up yet.
func useRedis(c *ginoidc.Config, url string) (stop func(), err error) {
	secrets := c.CookieSecrets
	if len(secrets) == 0 { // which [ginoidc.New] reports; here the URL is judged
		secrets = []string{rand.Text() + rand.Text()}
	}
	store, err := redisstate.New(redisstate.Config{URL: url, Secrets: secrets})
	if err != nil {
		return nil, fmt.Errorf("example: REDIS_URL: %s", strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	c.Store, c.State = store, store
	return store.Close, nil
}
