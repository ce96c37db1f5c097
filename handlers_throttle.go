package ginoidc

import (
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-d65cea4d/ginoidc/internal/throttle"
	"github.com/seed-d65cea4d/ginoidc/internal/web"
)

// maxThrottled bounds the addresses that ThrottleByAddress remembers, to a few megabytes.
const maxThrottled = 50_000

// ThrottleByAddress returns a [Config].Throttle that allows each client address perMinute requests a minute on each of
// the routes, all at once if need be. It stops one client from occupying the provider, the store and the log, and slows
// down the guessing of codes (RFC 6819, section 4.4.1.12). It returns nil, for no limit, if perMinute is not above 0.
//
// Many users can have one address, such as all of a company: choose a number for the busiest, at nine in the morning. A
// sign-in is one request to the sign-in route and one to the callback. A provider sends its logout tokens and security
// events from few addresses, and at times for all its users: except lists networks without a limit, and should have
// those.
//
// The address is that of Gin's ClientIP, so behind a proxy SetTrustedProxies must be right: without it, all users have
// the address of the proxy, and with too many trusted, a client can invent one for each request. IPv6 addresses of one
// network of 64 bits count as one. A request without an address, as over a Unix socket, has no limit.
//
// It remembers a bounded number of addresses, in this process: with several instances, each allows as many.
func ThrottleByAddress(perMinute int, except ...netip.Prefix) func(*gin.Context) time.Duration {
	if perMinute < 1 {
		return nil
	}
	limit, unlimited := throttle.New(perMinute, time.Minute, maxThrottled), slices.Clone(except)
	return func(c *gin.Context) time.Duration {
		addr, ok := throttle.Address(c.ClientIP())
		if !ok || slices.ContainsFunc(unlimited, func(p netip.Prefix) bool { return p.Contains(addr) }) {
			return 0
		}
		return limit.Take(throttle.Key{Client: throttle.ClientOf(addr), Action: c.FullPath()})
	}
}

var errThrottled = errors.New("ginoidc: too many requests")

// throttledError is an errThrottled with the time after which the client may try again.
type throttledError struct{ wait time.Duration }

func (e *throttledError) Error() string { return errThrottled.Error() }
func (e *throttledError) Unwrap() error { return errThrottled }

// throttled answers a request that Config.Throttle refuses, and reports whether it has. Nothing of the request is used
// except where the error page leads: an attempt stays as it is, and works when the client tries again.
func (a *Auth) throttled(c *gin.Context) bool {
	if a.config.Throttle == nil {
		return false
	}
	wait := a.config.Throttle(c)
	if wait <= 0 {
		return false
	}
	web.SecureHeaders(c.Writer.Header())
	wanted := c.Query("return_to")
	if at, _ := a.attempts.Find(c.Request, c.Query("state")); at != nil {
		wanted = at.ReturnTo
	}
	a.denier.fail(c, wanted, &throttledError{wait}, slog.String("client", c.ClientIP()))
	return true
}
