package ginoidc

import (
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/flight"
)

// watchEvery is the interval at which Ended checks the session.
const watchEvery = time.Second

// Ended returns a channel that is closed within about a second after the session of the request ends: by a sign-out on
// any instance that shares State, by the provider, or by expiry. Use it in event streams and WebSockets, because a
// guard checks the session only once, at the start of a request.
//
//	ended := auth.Ended(c)
//	for {
//		select {
//		case <-ended:
//			return
//		case event := <-events:
//			c.SSEvent("", event)
//			c.Writer.Flush()
//		}
//	}
//
// The channel is closed when the request is done, and at once if nobody is signed in. It stays open while State does
// not respond, and for users whom an [Authenticator] identified. Renewals by other requests are not seen, so the idle
// limit counts from the start of the request. Each call queries State once a second.
func (a *Auth) Ended(c *gin.Context) <-chan struct{} {
	ended := make(chan struct{})
	id, err := a.requestOf(c).identify(c)
	if err != nil || id.nobody() {
		close(ended)
		return ended
	}
	ctx := c.Request.Context()
	go func() {
		defer close(ended)
		tick := time.NewTicker(watchEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if id.session == nil {
				if id.token != nil && !id.token.Expires.IsZero() && !time.Now().Before(id.token.Expires) {
					return
				}
				continue
			}
			over, err := flight.Try(a.log, func() (bool, error) { return a.SessionEnded(ctx) })
			if over && err == nil {
				return
			}
		}
	}()
	return ended
}
