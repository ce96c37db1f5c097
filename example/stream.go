package main

import (
	"context"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
)

// A guard looks at the session once. A stream watches it, so it ends soon after its session.
const (
	eventEvery = time.Second
	eventLimit = 10 * time.Second // for a client to take an event
)

// stream sends an event a second (HTML Standard, section 9.2, server-sent events) until the session ends, the client goes
// away or stopping is done. A browser's EventSource then asks anew and gets 401, or the stream of a session that was renewed.
func stream(stopping context.Context, auth *ginoidc.Auth) gin.HandlerFunc {
	return func(c *gin.Context) {
		ended := auth.Ended(c)
		tick := time.NewTicker(eventEvery)
		defer tick.Stop()
		for n := 1; ; n++ {
			if !sendEvent(c, n) {
				return
			}
			select {
			case <-tick.C:
			case <-ended: // or the client has gone
				return
			case <-stopping.Done():
				return
			}
		}
	}
}

// sendEvent tells whether the client is there. The server's limit of writing is for whole answers, so it is moved on.
func sendEvent(c *gin.Context, n int) bool {
	connection := http.NewResponseController(c.Writer)
	if connection.SetWriteDeadline(time.Now().Add(eventLimit)) != nil {
		return false
	}
	c.SSEvent("", gin.H{"n": n, "at": time.Now().UTC().Format(time.RFC3339)})
	return connection.Flush() == nil
}
