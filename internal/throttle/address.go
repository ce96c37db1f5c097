package throttle

import (
	"errors"
	"net/netip"
	"slices"
	"time"
)

// maxClients bounds the addresses that ByAddress remembers, to a few megabytes.
const maxClients = 50_000

// ByAddress returns a function that takes from a limit for each client address and action, of perMinute actions a
// minute. Addresses of the networks in except have no limit, nor has a request without an address, as over a Unix
// socket.
func ByAddress(perMinute int, except []netip.Prefix) func(clientIP, action string) (wait time.Duration) {
	limit, unlimited := New(perMinute, time.Minute, maxClients), slices.Clone(except)
	return func(clientIP, action string) time.Duration {
		addr, ok := Address(clientIP)
		if !ok || slices.ContainsFunc(unlimited, func(p netip.Prefix) bool { return p.Contains(addr) }) {
			return 0
		}
		return limit.Take(Key{Client: ClientOf(addr), Action: action})
	}
}

// ErrRefused means that a client has asked too often.
var ErrRefused = errors.New("ginoidc: too many requests")

// Error is an ErrRefused with the time after which the client may try again.
type Error struct{ Wait time.Duration }

func (e *Error) Error() string { return ErrRefused.Error() }

// Unwrap makes an Error an ErrRefused.
func (e *Error) Unwrap() error { return ErrRefused }
