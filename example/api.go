package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
)

// me shows what the app knows about its user. Behind a guard there is always one.
func me(c *gin.Context) {
	u, _ := ginoidc.UserFrom(c)
	c.JSON(http.StatusOK, struct {
		Subject       string   `json:"sub"`
		Issuer        string   `json:"iss"`
		Email         string   `json:"email"`
		Name          string   `json:"name"`
		Groups        []string `json:"groups"`
		Organizations []string `json:"organizations"`
	}{u.Subject, u.Issuer, u.Email, u.Name, list(u.Groups), list(u.Organizations)})
}

// machine shows the client of an access token, and the user if there is one behind it.
func machine(c *gin.Context) {
	u, _ := ginoidc.UserFrom(c)
	c.JSON(http.StatusOK, struct {
		Subject  string   `json:"sub"`
		ClientID string   `json:"client_id"`
		Scopes   []string `json:"scopes"`
	}{u.Subject, u.ClientID, list(u.Scopes)})
}

// list makes an empty list [] in JSON instead of null.
func list(names []string) []string { return append([]string{}, names...) }

func message(text string) gin.HandlerFunc {
	return func(c *gin.Context) { c.JSON(http.StatusOK, gin.H{"message": text}) }
}

// projects can trust the parameter, because its guard has compared it with the user's organizations.
func projects(c *gin.Context) {
	org := c.Param("org")
	c.JSON(http.StatusOK, gin.H{"org": org, "projects": []string{org + " website", org + " warehouse"}})
}

// upstream calls the provider's userinfo endpoint with the user's access token, as an app calls any other service. It
// passes on the status of an error, so that the caller can distinguish an invalid token from a service that is down.
func upstream(auth *ginoidc.Auth, log *slog.Logger) gin.HandlerFunc {
	return func(c *gin.Context) {
		client, err := auth.Client(c)
		if err != nil {
			auth.Deny(c, err)
			return
		}
		address, err := auth.UserInfoURL(c.Request.Context())
		if err != nil {
			auth.Deny(c, err)
			return
		}
		status, answer, err := fetch(c.Request.Context(), client, address)
		switch {
		case err != nil:
			log.WarnContext(c.Request.Context(), "upstream", "error", err)
			c.JSON(http.StatusBadGateway, gin.H{"error": "upstream_failed", "message": "The upstream service gave no answer."})
		case status == http.StatusOK:
			c.Data(http.StatusOK, "application/json", answer)
		default:
			log.WarnContext(c.Request.Context(), "upstream", "status", status)
			c.JSON(refusal(status), gin.H{
				"error": "upstream_failed", "message": "The upstream service refused.", "status": status,
			})
		}
	}
}

// refusal returns the status to pass on. Only errors are passed on; any other unexpected status becomes 502.
func refusal(status int) int {
	if status < 400 || status > 599 {
		return http.StatusBadGateway
	}
	return status
}

// maxAnswer bounds the response of the upstream service, in bytes.
const maxAnswer = 1 << 20

// fetch sends a GET request with a time limit and reads at most maxAnswer bytes of the response.
func fetch(ctx context.Context, client *http.Client, address string) (status int, body []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, upstreamLimit)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return 0, nil, err
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	body, err = io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	return response.StatusCode, body, err
}

const upstreamLimit = 5 * time.Second

// pleaseSignIn and noAccess replace the plugin's responses for one route. The chain is already aborted when they run.
func pleaseSignIn(c *gin.Context) {
	c.JSON(http.StatusUnauthorized, gin.H{"error": "unauthorized", "message": "Please sign in"})
}

func noAccess(c *gin.Context) {
	u, _ := ginoidc.UserFrom(c)
	c.JSON(http.StatusForbidden, gin.H{
		"error":   "forbidden",
		"message": fmt.Sprintf("User %s does not have access to this resource.", u.Email),
	})
}

// healthy is a liveness probe. It depends on no other service, because restarting the app would not fix that.
func healthy(c *gin.Context) { c.JSON(http.StatusOK, gin.H{"status": "ok"}) }

// readyLimit bounds the time of a probe, so that it gets a response before it times out itself.
const readyLimit = 3 * time.Second

// ready is a readiness probe: the load balancer sends no new users while nobody can sign in. While users of some of
// several providers can, the app is ready and the response has the problems of the others: a mistake of one provider
// must not take the app from the users of all.
func ready(auth *ginoidc.Auth, providers []ginoidc.Provider) gin.HandlerFunc {
	return func(c *gin.Context) {
		ctx, cancel := context.WithTimeout(c.Request.Context(), readyLimit)
		defer cancel()
		c.Header("Cache-Control", "no-store")
		if err := auth.Ready(ctx); err != nil {
			c.JSON(http.StatusServiceUnavailable, gin.H{"status": "unavailable", "reason": err.Error()})
			return
		}
		answer := gin.H{"status": "ready"}
		if problems := problemsOf(ctx, auth, providers); len(problems) > 0 {
			answer["providers"] = problems
		}
		c.JSON(http.StatusOK, answer)
	}
}

// problemsLimit bounds how long the probe of an app that is ready waits for the providers that do not answer.
const problemsLimit = 500 * time.Millisecond

// problemsOf returns the problems of those of several providers that cannot be used, by name.
func problemsOf(ctx context.Context, auth *ginoidc.Auth, providers []ginoidc.Provider) map[string]string {
	if len(providers) < 2 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, problemsLimit)
	defer cancel()
	checked := make([]error, len(providers))
	var checks sync.WaitGroup
	for i, p := range providers {
		checks.Go(func() { checked[i] = auth.ForProvider(p.Name).Ready(ctx) })
	}
	checks.Wait()
	problems := map[string]string{}
	for i, err := range checked {
		if err != nil {
			problems[providers[i].Name] = err.Error()
		}
	}
	return problems
}
