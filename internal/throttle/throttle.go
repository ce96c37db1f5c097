// Package throttle limits how often each of many clients may do something, in bounded memory.
package throttle

import (
	"net/netip"
	"sync"
	"time"
)

// Key is what one limit counts: what a client at an address does.
type Key struct {
	Client netip.Addr // see ClientOf
	Action string     // of a fixed set
}

// Address reads an address; that of IPv4 in the form of IPv6 is one of IPv4. It returns false if text is none.
func Address(text string) (netip.Addr, bool) {
	addr, err := netip.ParseAddr(text)
	return addr.Unmap(), err == nil
}

// ClientOf returns what stands for the client at an address: of IPv6 the network of 64 bits, of which a client has all
// addresses (RFC 6177), so that it cannot use a new one for each request.
func ClientOf(addr netip.Addr) netip.Addr {
	if !addr.Is6() {
		return addr
	}
	network, _ := addr.Prefix(64) // no error: an IPv6 address has so many bits
	return network.Addr()
}

// Limiter is a token bucket for each key: it allows a number of actions at once, and as many again in the course of a
// period. It is safe for concurrent use and starts no goroutines.
type Limiter struct {
	interval time.Duration // in which one action becomes possible again
	slack    time.Duration // by which the actions of a full bucket may come early
	max      int           // entries of each generation

	start time.Time

	mu sync.Mutex
	// The time since start at which each bucket is full again (the generic cell rate algorithm). When recent has max
	// entries it becomes older, and what was older is forgotten: the clients that have not been seen for the longest time.
	// An attacker who fills the table to be forgotten needs so many addresses that no limit by address would help.
	recent, older map[Key]time.Duration
}

// New returns a Limiter that allows n actions in a period, all at once if need be, and keeps at most 2*max keys. n and
// max are above 0.
func New(n int, period time.Duration, max int) *Limiter {
	interval := period / time.Duration(n)
	return &Limiter{
		interval: interval, slack: interval * time.Duration(n-1), max: max, start: time.Now(),
		recent: map[Key]time.Duration{},
	}
}

// Take counts an action and returns 0 or, if there have been too many, does not count it and returns how long to wait.
func (l *Limiter) Take(k Key) (wait time.Duration) {
	now := time.Since(l.start)
	l.mu.Lock()
	defer l.mu.Unlock()
	full, ok := l.recent[k]
	if !ok {
		full = l.older[k]
		if len(l.recent) >= l.max {
			l.recent, l.older = map[Key]time.Duration{}, l.recent
		}
	}
	full = max(full, now)
	if wait = max(0, full-now-l.slack); wait == 0 {
		full += l.interval
	}
	l.recent[k] = full
	return wait
}

// Len returns the number of keys in memory.
func (l *Limiter) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.recent) + len(l.older)
}
