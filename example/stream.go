package main

import (
	"context"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc"
)

// A guard checks the session once. A stream watches it, so that it ends soon after its session.
const (
	eventEvery = time.Second
	eventLimit = 10 * time.Second // for a client to receive an event
)

// stream sends one event per second (HTML Standard, section 9.2, server-sent events) until the session ends, the client
// disconnects or stopping is done. A browser's EventSource then reconnects, and gets 401 or the stream of a renewed
// session.
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
			case <-ended: // or the client has disconnected
				return
			case <-stopping.Done():
				return
			}
		}
	}
}

// sendEvent reports whether the client received the event. The server's WriteTimeout is meant for whole responses, so
// each event extends it.
func sendEvent(c *gin.Context, n int) bool {
	connection := http.NewResponseController(c.Writer)
	if connection.SetWriteDeadline(time.Now().Add(eventLimit)) != nil {
		return false
	}
	c.SSEvent("", gin.H{"n": n, "at": time.Now().UTC().Format(time.RFC3339)})
	return connection.Flush() == nil
}
